/* SPDX-License-Identifier: Apache-2.0 */
/* Primitives: 32 comparisons at once, of one or several positions. */
#ifndef HYST_GE_BITS_H
#define HYST_GE_BITS_H

#include "hyst/elements.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Thresholds from element at of an array t of type HYST_I16 or HYST_I32. */
typedef struct hyst_limits {
    hyst_rom t;
    int32_t type;
    uint32_t at;
} hyst_limits;

/* Bit j = [acc[j] >= t[at + j]] for j < n, 0 above; 1 <= n <= 32. acc has 32 entries;
 * only n thresholds are read. */
uint32_t hyst_ge_bits(const int32_t *acc, hyst_rom t, int32_t t_type, uint32_t at, uint32_t n);

/* bits[p] = hyst_ge_bits(acc + 32 * p, t, t_type, at, n) for p < count: the thresholds are read
 * once. */
void hyst_ge_bits_of(const int32_t *acc, uint32_t count, hyst_rom t, int32_t t_type, uint32_t at,
                     uint32_t n, uint32_t *bits);

#ifdef __cplusplus
}
#endif

#endif
