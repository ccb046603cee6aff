/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/ecc_copies.h"

/* The words at one place of up to three copies, cells only, and what they vote for. */
typedef struct hyst_ecc_votes {
    uint32_t copy[3], good, status;
} hyst_ecc_votes;

HYST_ECC_INLINE hyst_ecc_votes hyst_ecc_vote(const hyst_rom *copies, uint32_t index, uint32_t mask)
{
    hyst_ecc_votes v;
    v.copy[0] = hyst_rom_load32(copies[0], index) & mask;
    v.copy[1] = hyst_rom_load32(copies[1], index) & mask;
    if (copies[2] == 0) {
        v.copy[2] = v.good = v.copy[0];
        v.status = v.copy[0] == v.copy[1] ? HYST_ECC_OK : HYST_ECC_DETECTED;
        return v;
    }
    v.copy[2] = hyst_rom_load32(copies[2], index) & mask;
    v.good = (v.copy[0] & v.copy[1]) | (v.copy[0] & v.copy[2]) | (v.copy[1] & v.copy[2]);
    v.status = v.copy[0] == v.copy[1] && v.copy[0] == v.copy[2] ? HYST_ECC_OK : HYST_ECC_CORRECTED;
    return v;
}

uint32_t hyst_ecc_copies_fetch(const hyst_ecc_section *s, hyst_rom data, hyst_rom second,
                               hyst_rom third, void *tile, hyst_ecc_counts *counts)
{
    hyst_rom copies[3];
    hyst_ecc_place place = {0, 0};
    uint32_t i, words = 0, corrected = 0, detected = 0;
    copies[0] = data;
    copies[1] = second;
    copies[2] = s->copies == 3u ? third : 0;
    for (i = 0; i < s->words; i++) {
        const uint32_t mask = hyst_ecc_next(s, &place);
        uint32_t good = 0;
        if (mask != 0u) {
            const hyst_ecc_votes v = hyst_ecc_vote(copies, i, mask);
            words++;
            corrected += v.status == HYST_ECC_CORRECTED;
            detected += v.status == HYST_ECC_DETECTED;
            good = v.status == HYST_ECC_DETECTED && s->policy == HYST_ECC_ZERO ? 0u : v.good;
        }
        hyst_store32(tile, i, good);
    }
    hyst_ecc_add(counts, words, corrected, detected);
    return detected;
}

void hyst_ecc_copies_scrub(const hyst_ecc_section *s, hyst_rom data, hyst_rom second,
                           hyst_rom third, hyst_ecc_write write, void *user,
                           hyst_ecc_counts *counts)
{
    hyst_rom copies[3];
    hyst_ecc_place place = {0, 0};
    uint32_t i, c;
    copies[0] = data;
    copies[1] = second;
    copies[2] = s->copies == 3u ? third : 0;
    for (i = 0; i < s->words; i++) {
        const uint32_t mask = hyst_ecc_next(s, &place);
        hyst_ecc_votes v;
        if (mask == 0u) {
            continue;
        }
        v = hyst_ecc_vote(copies, i, mask);
        hyst_ecc_add(counts, 1, v.status == HYST_ECC_CORRECTED, v.status == HYST_ECC_DETECTED);
        for (c = 0; v.status == HYST_ECC_CORRECTED && c < 3u; c++) {
            if (v.copy[c] != v.good) {
                hyst_ecc_put(write, user, c == 0u ? s->region : s->check_region[c - 1u],
                             (c == 0u ? s->offset : s->check_offset[c - 1u]) + 4u * i, v.good);
            }
        }
    }
}
