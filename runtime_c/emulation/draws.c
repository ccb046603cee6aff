/* SPDX-License-Identifier: Apache-2.0 */
#include "draws.h"

#include "philox.h"

void hyst_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    const uint32_t key0 = key[0], key1 = key[1];
    uint32_t x0 = counter[0], x1 = counter[1], x2 = counter[2], x3 = counter[3];
    HYST_TEN_ROUNDS;
    out[0] = x0;
    out[1] = x1;
    out[2] = x2;
    out[3] = x3;
}

void hyst_draw(const hyst_stream *stream, uint64_t count, uint64_t *out)
{
    uint64_t even[HYST_BLOCKS], odd[HYST_BLOCKS], start, i;
    for (start = 0; start < count; start += 2u * HYST_BLOCKS) {
        const uint64_t left = count - start;
        const uint64_t here = left < 2u * HYST_BLOCKS ? left : 2u * HYST_BLOCKS;
        hyst_draw_blocks(stream, (uint32_t)(start / 2u), even, odd);
        for (i = 0; i + 1 < here; i += 2) {
            out[start + i] = even[i / 2];
            out[start + i + 1] = odd[i / 2];
        }
        if (i < here) {
            out[start + i] = even[i / 2];
        }
    }
}
