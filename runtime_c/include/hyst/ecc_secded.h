/* SPDX-License-Identifier: Apache-2.0 */
/* Shortened extended Hamming codes: one error per word corrected, two detected.
 *
 * Data bits stay in place; check bits are stored apart, in the low bits of a word. Every value of
 * data and check is defined and memory-safe; bits above the code word are ignored and kept. Three
 * errors or more may be miscorrected, that is reported as one corrected error. (docs/ecc.md) */
#ifndef HYST_ECC_SECDED_H
#define HYST_ECC_SECDED_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
enum { HYST_ECC_OK = 0, HYST_ECC_CORRECTED = 1, HYST_ECC_DETECTED = 2 };

/* Check bits: 4, 7 and 8. data of (72,64): low half first. */
uint32_t hyst_ecc_check_8_4(uint32_t data);
uint32_t hyst_ecc_check_39_32(uint32_t data);
uint32_t hyst_ecc_check_72_64(const uint32_t *data);

/* Corrects data in place; detected words stay as read. Returns HYST_ECC_*. */
uint32_t hyst_ecc_decode_8_4(uint32_t *data, uint32_t check);
uint32_t hyst_ecc_decode_39_32(uint32_t *data, uint32_t check);
uint32_t hyst_ecc_decode_72_64(uint32_t *data, uint32_t check);
/* cffi:end */

#ifdef __cplusplus
}
#endif

#endif
