/* SPDX-License-Identifier: Apache-2.0 */
/* AVR: the portable algorithm in 16 bits, because products of 32 bits are calls. The map lies in SRAM, so its bits are
 * fewer than 2^16; sizes and pads are, too. */
#include "hyst/xnor_sliced_conv.h"

typedef struct range16 {
    int16_t first, last;
} range16;

typedef struct run {
    const hyst_geometry *g;
    const hyst_sliced_layer *l;
    const void *x;
    int16_t in_h, in_w, kernel_h, kernel_w, stride_w, pad_left, dilation_h;
    int16_t column, columns; /* the tile's first column and how many */
    uint16_t in_c, depth, blocks, group, listed_at;
    signed char pad; /* -1, 0 or 1 */
    uint32_t flip;
    range16 h; /* taps of the row inside the map */
    hyst_address weights; /* of the group */
    uint16_t *start, *list;
    hyst_border border;
} run;

/* Columns under a tile; with pads of -1 or +1 those outside the map exist too. */
static uint32_t tile_columns(const hyst_geometry *g, uint32_t tile)
{
    const uint32_t pixels = tile < (uint32_t)g->out_w ? tile : (uint32_t)g->out_w;
    const uint32_t columns = (pixels - 1u) * (uint32_t)g->stride_w + (uint32_t)g->kernel_w;
    return g->pad_value == 0 && columns > (uint32_t)g->in_w ? (uint32_t)g->in_w : columns;
}

int32_t hyst_sliced_conv_fits(const hyst_geometry *g, uint32_t tile)
{
    const uint32_t depth = (uint32_t)g->in_c / (uint32_t)g->groups;
    const uint32_t rows = (uint32_t)(g->kernel_h - 1) * (uint32_t)g->kernel_w;
    return g->dilation_w == 1 && (rows + tile_columns(g, tile)) * depth <= HYST_LIST_SPAN;
}

/* See hyst_range_inside. */
static range16 inside(int16_t first, int16_t step, int16_t count, int16_t size)
{
    range16 r = {0, 0};
    int16_t i, at = first;
    for (i = 0; i < count; i++, at = (int16_t)(at + step)) {
        if (at < 0) {
            r.first = (int16_t)(i + 1);
        }
        if (at < size) {
            r.last = (int16_t)(i + 1);
        }
    }
    if (r.last < r.first) {
        r.last = r.first;
    }
    return r;
}

static inline uint16_t size_of(range16 r)
{
    return (uint16_t)(r.last - r.first);
}

/* First bit of the group's channels of tap row kh at a column inside the map. */
static uint16_t bit_at(const run *r, int16_t top, int16_t kh, int16_t column)
{
    const uint16_t y = (uint16_t)(top + kh * r->dilation_h);
    return (uint16_t)((uint16_t)(y * (uint16_t)r->in_w + (uint16_t)column) * r->in_c + r->listed_at);
}

/* Decides whether ones or zeros are fewer under the tile. */
static void choose(run *r, int16_t top)
{
    const range16 w = inside(r->column, 1, r->columns, r->in_w);
    const uint16_t taken = (uint16_t)(size_of(w) * size_of(r->h) * r->depth);
    uint16_t all = (uint16_t)((uint16_t)r->columns * (uint16_t)r->kernel_h * r->depth), ones = 0;
    int16_t kh, c;
    for (kh = r->h.first; kh < r->h.last; kh++) {
        const uint16_t n = (uint16_t)(size_of(w) * r->depth);
        if (r->group == 0u && r->depth == r->in_c) {
            ones = (uint16_t)(ones
                              + hyst_count_ones(r->x, bit_at(r, top, kh, (int16_t)(r->column + w.first)), n));
            continue;
        }
        for (c = w.first; c < w.last; c++) {
            ones = (uint16_t)(ones
                              + hyst_count_ones(r->x, bit_at(r, top, kh, (int16_t)(r->column + c)), r->depth));
        }
    }
    if (r->pad == 0) {
        all = taken;
    } else if (r->pad > 0) {
        ones = (uint16_t)(ones + (all - taken));
    }
    r->flip = ones > (uint16_t)(all - ones) ? 0xffffffffu : 0u;
}

/* Lists the tile column by column. */
static void list_tile(run *r, int16_t top)
{
    const uint16_t row = (uint16_t)((uint16_t)r->kernel_w * r->depth * 4u);
    const unsigned char pads = r->flip ? r->pad < 0 : r->pad > 0;
    uint16_t *end = r->list, *start = r->start, first = 0;
    int16_t c, column = r->column, kh;
    for (c = 0; c < r->columns; c++, column++, first = (uint16_t)(first + r->depth * 4u)) {
        const unsigned char real = column >= 0 && column < r->in_w;
        uint16_t entry = first, i;
        *start++ = (uint16_t)(end - r->list);
        for (kh = 0; kh < r->kernel_h; kh++, entry = (uint16_t)(entry + row)) {
            if (real && kh >= r->h.first && kh < r->h.last) {
                end = hyst_list_run(r->x, bit_at(r, top, kh, column), r->depth, r->flip, entry, end);
            } else if (pads) {
                for (i = 0; i < r->depth; i++) {
                    *end++ = (uint16_t)(entry + i * 4u);
                }
            }
        }
    }
    *start = (uint16_t)(end - r->list);
}

static hyst_range wide(range16 r)
{
    hyst_range found;
    found.first = r.first;
    found.last = r.last;
    return found;
}

static void one_pixel(run *r, int16_t ox, uint16_t pixel)
{
    const int16_t left = (int16_t)(ox * r->stride_w - r->pad_left);
    const range16 w = inside(r->pad == 0 ? left : 0, 1, r->kernel_w, r->pad == 0 ? r->in_w : r->kernel_w);
    const uint16_t rows = r->pad == 0 ? size_of(r->h) : (uint16_t)r->kernel_h;
    const uint16_t valid = (uint16_t)(rows * size_of(w) * r->depth), k = (uint16_t)r->l->k;
    const uint16_t *start = r->start + (left + w.first - r->column);
    const uint16_t first = size_of(w) ? start[0] : 0u;
    const uint16_t listed = size_of(w) ? (uint16_t)(start[size_of(w)] - first) : 0u;
    const unsigned char *extra =
        valid < k ? hyst_border_sums(&r->border, wide(r->h), wide(w)) : NULL;
    hyst_address at = r->weights
                      + (hyst_address)((int32_t)(r->column - left) * (int32_t)(r->depth * 4u));
    uint32_t x[HYST_SLICED_PLANES];
    uint16_t b;
    for (b = 0; b < r->blocks; b++, at += (hyst_address)k * 4u) {
        hyst_sliced_start(r->l, (uint32_t)k + valid - 2u * (uint32_t)listed, x);
        if (extra) {
            hyst_border_add(&r->border, extra, b, x);
        }
        hyst_sliced_add(r->list + first, listed, at, x + 2);
        hyst_sliced_put(r->l, r->flip, r->group, b, pixel, x);
    }
}

/* Pixels first .. last - 1 of row oy. */
static void one_tile(run *r, int16_t oy, int16_t first, int16_t last)
{
    const hyst_geometry *g = r->g;
    const int16_t top = (int16_t)(oy * (int16_t)g->stride_h - (int16_t)g->pad_top);
    uint16_t pixel = (uint16_t)((uint16_t)oy * (uint16_t)g->out_w + (uint16_t)first);
    int16_t end = (int16_t)((last - 1) * r->stride_w - r->pad_left + r->kernel_w);
    r->h = inside(top, r->dilation_h, r->kernel_h, r->in_h);
    r->column = (int16_t)(first * r->stride_w - r->pad_left);
    if (r->pad == 0) {
        r->column = r->column < 0 ? 0 : r->column;
        end = end > r->in_w ? r->in_w : end;
    }
    r->columns = end > r->column ? (int16_t)(end - r->column) : 0;
    choose(r, top);
    list_tile(r, top);
    for (; first < last; first++) {
        one_pixel(r, first, pixel++);
    }
}

static void begin(run *r, const hyst_geometry *g, const hyst_sliced_layer *layer, const void *x)
{
    r->g = g;
    r->l = layer;
    r->x = x;
    r->in_h = (int16_t)g->in_h;
    r->in_w = (int16_t)g->in_w;
    r->in_c = (uint16_t)g->in_c;
    r->kernel_h = (int16_t)g->kernel_h;
    r->kernel_w = (int16_t)g->kernel_w;
    r->stride_w = (int16_t)g->stride_w;
    r->pad_left = (int16_t)g->pad_left;
    r->dilation_h = (int16_t)g->dilation_h;
    r->pad = (signed char)g->pad_value;
    r->depth = (uint16_t)(r->in_c / (uint16_t)g->groups);
    r->blocks = (uint16_t)hyst_sliced_blocks(layer->n);
}

void hyst_xnor_sliced_conv(const hyst_geometry *g, const hyst_sliced_layer *layer, const void *x,
                           uint32_t tile, void *scratch)
{
    const int16_t out_w = (int16_t)g->out_w, step = tile < (uint32_t)g->out_w ? (int16_t)tile : out_w;
    unsigned char *const slots = (unsigned char *)scratch + (uint16_t)(tile_columns(g, tile) + 1u) * 4u;
    int16_t oy, ox;
    run r;
    begin(&r, g, layer, x);
    r.start = (uint16_t *)scratch;
    r.list = (uint16_t *)(void *)(slots + HYST_BORDER_SLOTS * r.blocks * (uint16_t)layer->planes * 4u);
    for (r.group = 0; r.group < (uint16_t)g->groups; r.group++) {
        r.listed_at = (uint16_t)(r.group * r.depth);
        r.weights = (hyst_address)hyst_sliced_block(layer, (uint32_t)r.group * r.blocks);
        hyst_border_begin(&r.border, g, layer, r.group, slots);
        for (oy = 0; oy < (int16_t)g->out_h; oy++) {
            for (ox = 0; ox < out_w; ox = (int16_t)(ox + step)) {
                one_tile(&r, oy, ox, ox + step < out_w ? (int16_t)(ox + step) : out_w);
            }
        }
    }
}
