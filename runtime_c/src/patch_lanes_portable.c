/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/patch_lanes.h"

int32_t hyst_lane_fits(const hyst_geometry *g)
{
    return g->groups == 1 && (uint32_t)g->in_c % HYST_WORD_BITS == 0u;
}

int32_t hyst_lane_complete(const hyst_geometry *g, int32_t oy, int32_t ox)
{
    const int32_t top = oy * g->stride_h - g->pad_top, left = ox * g->stride_w - g->pad_left;
    return top >= 0 && left >= 0 && top + (g->kernel_h - 1) * g->dilation_h < g->in_h
           && left + (g->kernel_w - 1) * g->dilation_w < g->in_w;
}

static void copy(const void *x, uint32_t from, uint32_t count, uint32_t step, unsigned char *to)
{
    uint32_t i;
    for (i = 0; i < count; i++) {
        hyst_store(to, i * step, hyst_load(x, from + i));
    }
}

static void fill_words(uint32_t count, uint32_t step, hyst_word value, unsigned char *to)
{
    uint32_t i;
    for (i = 0; i < count; i++) {
        hyst_store(to, i * step, value);
    }
}

uint32_t hyst_lane_from(const hyst_geometry *g, int32_t oy, int32_t ox)
{
    const int32_t y = oy * g->stride_h - g->pad_top, x = ox * g->stride_w - g->pad_left;
    return (uint32_t)(y * g->in_w + x) * ((uint32_t)g->in_c / HYST_WORD_BITS);
}

void hyst_lane_pieces(const hyst_geometry *g, hyst_pieces *pieces)
{
    const uint32_t pixel = (uint32_t)g->in_c / HYST_WORD_BITS, taps = (uint32_t)g->kernel_w;
    pieces->rows = (uint32_t)g->kernel_h;
    pieces->runs = g->dilation_w == 1 ? 1u : taps;
    pieces->run = taps / pieces->runs * pixel;
    pieces->next_row = (uint32_t)g->dilation_h * (uint32_t)g->in_w * pixel;
    pieces->next_run = (uint32_t)g->dilation_w * pixel;
}

uint32_t hyst_lane_put(const hyst_geometry *g, const void *x, int32_t oy, int32_t ox, uint32_t step,
                       hyst_word fill, void *sign, void *mask)
{
    const uint32_t pixel = (uint32_t)g->in_c / HYST_WORD_BITS, next = pixel * step * HYST_WORD_BYTES;
    const int32_t top = oy * g->stride_h - g->pad_top, left = ox * g->stride_w - g->pad_left;
    unsigned char *bits = (unsigned char *)sign, *valid = (unsigned char *)mask;
    uint32_t inside = 0;
    int32_t kh, kw;
    for (kh = 0; kh < g->kernel_h; kh++) {
        const int32_t y = top + kh * g->dilation_h, row = y >= 0 && y < g->in_h;
        for (kw = 0; kw < g->kernel_w; kw++, bits += next) {
            const int32_t at = left + kw * g->dilation_w;
            const int32_t has = row && at >= 0 && at < g->in_w;
            if (has) {
                copy(x, (uint32_t)(y * g->in_w + at) * pixel, pixel, step, bits);
            } else {
                fill_words(pixel, step, fill, bits);
            }
            if (mask) {
                fill_words(pixel, step, has ? HYST_ALL_ONES : 0u, valid);
                valid += next;
            }
            inside += has ? (uint32_t)g->in_c : 0u;
        }
    }
    return inside;
}
