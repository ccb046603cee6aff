/* SPDX-License-Identifier: Apache-2.0 */
/* Sections protected by the SECDED code (72,64). (docs/ecc.md) */
#ifndef HYST_ECC_72_64_H
#define HYST_ECC_72_64_H

#include "hyst/ecc_secded.h"

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
/* Decodes a section into tile (4 * words bytes). Check bits are dense: bit n * c + j of check is
 * check bit j of the n-th word with a cell. A correction that points to a padding bit is a
 * detected word. Adds to counts (NULL: does not) and returns the detected words. */
uint32_t hyst_ecc_72_64_fetch(const hyst_ecc_section *s, hyst_rom data, hyst_rom check,
                               void *tile, hyst_ecc_counts *counts);

/* Decodes a section and hands each corrected 32-bit data word and each byte of corrected check
 * bits to write (NULL: only counts). Detected words are left alone. */
void hyst_ecc_72_64_scrub(const hyst_ecc_section *s, hyst_rom data, hyst_rom check,
                           hyst_ecc_write write, void *user, hyst_ecc_counts *counts);
/* cffi:end */

#ifdef __cplusplus
}
#endif

#endif
