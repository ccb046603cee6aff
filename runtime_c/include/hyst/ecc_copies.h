/* SPDX-License-Identifier: Apache-2.0 */
/* Repetition: a second copy detects, two more copies vote bit by bit.
 *
 * Copies are sections laid out like the data; a word is 32 bits. (docs/ecc.md) */
#ifndef HYST_ECC_COPIES_H
#define HYST_ECC_COPIES_H

#include "hyst/ecc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
/* Decodes a section into tile (4 * words bytes). third is NULL for 2 copies. Words that
 * differ are detected with 2 copies and corrected by the majority of each bit with 3. Adds to
 * counts (NULL: does not) and returns the detected words. */
uint32_t hyst_ecc_copies_fetch(const hyst_ecc_section *s, hyst_rom data, hyst_rom second,
                               hyst_rom third, void *tile, hyst_ecc_counts *counts);

/* Hands each word that differs from the majority to write (NULL: only counts), whichever copy
 * holds it. Two copies are only compared. */
void hyst_ecc_copies_scrub(const hyst_ecc_section *s, hyst_rom data, hyst_rom second,
                           hyst_rom third, hyst_ecc_write write, void *user,
                           hyst_ecc_counts *counts);
/* cffi:end */

#ifdef __cplusplus
}
#endif

#endif
