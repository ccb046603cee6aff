/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/ge_bits.h"

/* All 32 at once: fixed loops over arrays, so that compilers vectorise them. */
static uint32_t all_ge(const int32_t *acc, const int32_t *limit)
{
    uint32_t bits = 0, j;
    for (j = 0; j < 32u; j++) {
        bits |= (uint32_t)(acc[j] >= limit[j]) << j;
    }
    return bits;
}

static void read_all(hyst_rom t, int32_t t_type, uint32_t at, int32_t *limit)
{
    const unsigned char *bytes = (const unsigned char *)t;
    if (t_type == HYST_I16) {
        int16_t narrow[32];
        uint32_t j;
        memcpy(narrow, bytes + (size_t)at * sizeof narrow[0], sizeof narrow);
        for (j = 0; j < 32u; j++) {
            limit[j] = narrow[j];
        }
    } else {
        memcpy(limit, bytes + (size_t)at * sizeof limit[0], 32u * sizeof limit[0]);
    }
}

uint32_t hyst_ge_bits(const int32_t *acc, hyst_rom t, int32_t t_type, uint32_t at, uint32_t n)
{
    uint32_t bits = 0, j;
    if (HYST_WORD_BITS == 64 && n == 32u) {
        int32_t limit[32];
        read_all(t, t_type, at, limit);
        bits = all_ge(acc, limit);
    } else if (t_type == HYST_I16) {
        for (j = 0; j < n; j++) {
            bits |= (uint32_t)(acc[j] >= hyst_rom_i16(t, at + j)) << j;
        }
    } else {
        for (j = 0; j < n; j++) {
            bits |= (uint32_t)(acc[j] >= hyst_rom_i32(t, at + j)) << j;
        }
    }
    return bits;
}

void hyst_ge_bits_of(const int32_t *acc, uint32_t count, hyst_rom t, int32_t t_type, uint32_t at,
                     uint32_t n, uint32_t *bits)
{
    int32_t limit[32];
    uint32_t p;
    if (n < 32u) {
        for (p = 0; p < count; p++) {
            bits[p] = hyst_ge_bits(acc + 32u * p, t, t_type, at, n);
        }
        return;
    }
    read_all(t, t_type, at, limit);
    for (p = 0; p < count; p++) {
        bits[p] = all_ge(acc + 32u * p, limit);
    }
}
