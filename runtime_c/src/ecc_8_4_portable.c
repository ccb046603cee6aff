/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/ecc_8_4.h"

#include "hyst/ecc_walk.h"

uint32_t hyst_ecc_8_4_fetch(const hyst_ecc_section *s, hyst_rom data, hyst_rom check,
                               void *tile, hyst_ecc_counts *counts)
{
    return hyst_ecc_walk_fetch(s, 4, data, check, tile, counts);
}

void hyst_ecc_8_4_scrub(const hyst_ecc_section *s, hyst_rom data, hyst_rom check,
                           hyst_ecc_write write, void *user, hyst_ecc_counts *counts)
{
    hyst_ecc_walk_scrub(s, 4, data, check, write, user, counts);
}
