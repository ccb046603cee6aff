/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/tile_fill.h"

#include "hyst/xnor_tile.h"

#define LANES ((uint32_t)HYST_TILE_LANES)

void hyst_tile_fill(const void *x, const uint32_t *from, const hyst_pieces *pieces, void *tile)
{
    uint32_t to = 0, r, i, n, p;
    for (r = 0; r < pieces->rows; r++) {
        for (i = 0; i < pieces->runs; i++) {
            const uint32_t at = r * pieces->next_row + i * pieces->next_run;
            for (n = at; n < at + pieces->run; n++) {
                for (p = 0; p < LANES; p++) {
                    hyst_store(tile, to++, hyst_load(x, from[p] + n));
                }
            }
        }
    }
}
