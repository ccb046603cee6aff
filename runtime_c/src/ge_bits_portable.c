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

static uint32_t all_ge_i16(const int32_t *acc, const void *t, uint32_t at)
{
    int16_t limit[32];
    int32_t wide[32];
    uint32_t j;
    memcpy(limit, (const unsigned char *)t + (size_t)at * sizeof limit[0], sizeof limit);
    for (j = 0; j < 32u; j++) {
        wide[j] = limit[j];
    }
    return all_ge(acc, wide);
}

static uint32_t all_ge_i32(const int32_t *acc, const void *t, uint32_t at)
{
    int32_t limit[32];
    memcpy(limit, (const unsigned char *)t + (size_t)at * sizeof limit[0], sizeof limit);
    return all_ge(acc, limit);
}

uint32_t hyst_ge_bits(const int32_t *acc, const void *t, int32_t t_type, uint32_t at, uint32_t n)
{
    uint32_t bits = 0, j;
    if (HYST_WORD_BITS == 64 && n == 32u) {
        bits = t_type == HYST_I16 ? all_ge_i16(acc, t, at) : all_ge_i32(acc, t, at);
    } else if (t_type == HYST_I16) {
        for (j = 0; j < n; j++) {
            bits |= (uint32_t)(acc[j] >= hyst_get_i16(t, at + j)) << j;
        }
    } else {
        for (j = 0; j < n; j++) {
            bits |= (uint32_t)(acc[j] >= hyst_get_i32(t, at + j)) << j;
        }
    }
    return bits;
}
