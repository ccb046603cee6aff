/* SPDX-License-Identifier: Apache-2.0 */
/* Up to eight words of every lane are loaded and transposed: stores are whole vectors. */
#include "hyst/tile_fill.h"

#include "hyst/isa/transpose_avx512.h"

void hyst_tile_fill(const void *x, const uint32_t *from, const hyst_pieces *pieces, void *tile)
{
    unsigned char *to = (unsigned char *)tile;
    uint32_t r, i, n, j;
    for (r = 0; r < pieces->rows; r++) {
        for (i = 0; i < pieces->runs; i++) {
            const unsigned char *at =
                (const unsigned char *)x
                + ((size_t)r * pieces->next_row + (size_t)i * pieces->next_run) * 8u;
            for (n = 0; n < pieces->run; n += 8u, at += 64) {
                const uint32_t words = pieces->run - n < 8u ? pieces->run - n : 8u;
                const __mmask8 some = (__mmask8)(0xffu >> (8u - words));
                __m512i in[8], out[8];
                UNROLL8
                for (j = 0; j < 8u; j++) {
                    in[j] = _mm512_maskz_loadu_epi64(some, at + (size_t)from[j] * 8u);
                }
                transpose8(in, out);
                UNROLL8
                for (j = 0; j < 8u; j++) {
                    if (j < words) {
                        _mm512_storeu_si512(to + (size_t)j * 64u, out[j]);
                    }
                }
                to += (size_t)words * 64u;
            }
        }
    }
}
