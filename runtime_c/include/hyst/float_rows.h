/* SPDX-License-Identifier: Apache-2.0 */
/* Weights of float kernels: rows of binary32 or of bits. */
#ifndef HYST_FLOAT_ROWS_H
#define HYST_FLOAT_ROWS_H

#include "hyst/float_guard.h"

#include "hyst/elements.h"

/* Outputs that are accumulated side by side; each keeps its own order. */
#define HYST_LANES 8u

/* Weights of one layer: n rows of k. */
typedef struct hyst_float_weights {
    hyst_rom w;
    int32_t type; /* HYST_F32, HYST_B1 or HYST_T2 */
    uint32_t n, k;
} hyst_float_weights;

static inline float hyst_float_weight(const hyst_float_weights *q, uint32_t o, uint32_t i)
{
    hyst_rom row;
    if (q->type == HYST_F32) {
        return hyst_rom_f32(q->w, o * q->k + i);
    }
    row = hyst_rom_at(q->w, o * hyst_plane_bytes(q->k));
    if (q->type == HYST_B1) {
        return hyst_rom_bit(row, i) ? 1.0f : -1.0f;
    }
    return (float)((int32_t)hyst_rom_bit(row, i)
                   - (int32_t)hyst_rom_bit(hyst_rom_at(row, q->n * hyst_plane_bytes(q->k)), i));
}

/* acc[j] += x * w[o + j][i] for j < count, each step rounded. */
static inline void hyst_float_tap(const hyst_float_weights *q, uint32_t o, uint32_t count,
                                  uint32_t i, float x, float *acc)
{
    uint32_t j;
    for (j = 0; j < count; j++) {
        const float product = x * hyst_float_weight(q, o + j, i);
        acc[j] = acc[j] + product;
    }
}

#endif
