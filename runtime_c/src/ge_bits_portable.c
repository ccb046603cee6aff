/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/ge_bits.h"

uint32_t hyst_ge_bits(const int32_t *acc, const void *t, int32_t t_type, uint32_t at, uint32_t n)
{
    uint32_t bits = 0, j;
    if (t_type == HYST_I16) {
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
