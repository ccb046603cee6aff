/* SPDX-License-Identifier: Apache-2.0 */
/* Primitive: eight patches without taps outside, interleaved by words as in xnor_tile.h. */
#ifndef HYST_TILE_FILL_H
#define HYST_TILE_FILL_H

#include "hyst/isa.h"

#ifdef __cplusplus
extern "C" {
#endif

/* rows * runs pieces of run words each, one after another in every lane. Piece (r, i) of lane p
 * starts at word from[p] + r * next_row + i * next_run of x. */
typedef struct hyst_pieces {
    uint32_t rows, runs, run;
    uint32_t next_row, next_run;
} hyst_pieces;

void hyst_tile_fill(const void *x, const uint32_t *from, const hyst_pieces *pieces, void *tile);

#ifdef __cplusplus
}
#endif

#endif
