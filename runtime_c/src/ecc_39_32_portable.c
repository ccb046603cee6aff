/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/ecc_39_32.h"

#include "hyst/ecc_walk.h"

uint32_t hyst_ecc_39_32_fetch(const hyst_ecc_section *s, hyst_rom data, hyst_rom check,
                               void *tile, hyst_ecc_counts *counts)
{
    return hyst_ecc_walk_fetch(s, 32, data, check, tile, counts);
}

void hyst_ecc_39_32_scrub(const hyst_ecc_section *s, hyst_rom data, hyst_rom check,
                           hyst_ecc_write write, void *user, hyst_ecc_counts *counts)
{
    hyst_ecc_walk_scrub(s, 32, data, check, write, user, counts);
}
