/* SPDX-License-Identifier: Apache-2.0 */
/* Shortened extended Hamming codes: one error per word corrected, two detected.
 *
 * Data bits stay in place; check bits are stored apart, in the low bits of a word. Every value of
 * data and check is defined and memory-safe; bits above the code word are ignored and kept. Three
 * errors or more may be miscorrected, that is reported as one corrected error. (docs/ecc.md) */
#ifndef HYST_ECC_SECDED_H
#define HYST_ECC_SECDED_H

#include "hyst/ecc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
/* Check bits: 4, 7 and 8. data of (72,64): low half first. */
uint32_t hyst_ecc_check_8_4(uint32_t data);
uint32_t hyst_ecc_check_39_32(uint32_t data);
uint32_t hyst_ecc_check_72_64(const uint32_t *data);

/* Corrects data in place; detected words stay as read. Returns HYST_ECC_*. */
uint32_t hyst_ecc_decode_8_4(uint32_t *data, uint32_t check);
uint32_t hyst_ecc_decode_39_32(uint32_t *data, uint32_t check);
uint32_t hyst_ecc_decode_72_64(uint32_t *data, uint32_t check);

/* Decodes a section into tile (4 * words bytes). Check bits are dense: bit n * c + j of check is
 * check bit j of the n-th word with a cell. A correction that points to a padding bit is a
 * detected word. Adds to counts (NULL: does not) and returns the detected words. */
uint32_t hyst_ecc_secded_fetch(const hyst_ecc_section *s, const void *data, const void *check,
                               void *tile, hyst_ecc_counts *counts);

/* Decodes a section and hands each corrected 32-bit data word and each byte of corrected check
 * bits to write (NULL: only counts). Detected words are left alone. */
void hyst_ecc_secded_scrub(const hyst_ecc_section *s, const void *data, const void *check,
                           hyst_ecc_write write, void *user, hyst_ecc_counts *counts);
/* cffi:end */

#ifdef __cplusplus
}
#endif

#endif
