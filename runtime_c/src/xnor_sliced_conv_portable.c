/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/xnor_sliced_conv.h"

/* Sums over taps outside the map are kept for a left, a right and a middle position. */
#define SLOTS 3

typedef struct range {
    int32_t first, last; /* taps first .. last - 1 */
} range;

typedef struct outside {
    range h, w; /* the taps inside that the sums were made for */
    int32_t filled;
} outside;

typedef struct run {
    const hyst_geometry *g;
    const hyst_sliced_layer *l;
    const void *x;
    uint32_t depth, blocks;
    uint32_t group;
    int32_t column, columns; /* the tile's first column and how many */
    uint32_t flip, listed_at; /* bit position of the group's first channel */
    range h;                 /* taps of the row inside the map */
    uint32_t *start;
    unsigned char *slots;
    uint16_t *list;
    outside known[SLOTS];
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

/* The taps at first + i * step, i < count, that lie in 0 .. size - 1. */
static range inside(int32_t first, int32_t step, int32_t count, int32_t size)
{
    range r = {0, count};
    while (r.first < count && first + r.first * step < 0) {
        r.first++;
    }
    while (r.last > r.first && first + (r.last - 1) * step >= size) {
        r.last--;
    }
    return r;
}

static int32_t taps_of(range r)
{
    return r.last - r.first;
}

/* First bit of the group's channels of tap row kh at a column inside the map. */
static uint32_t bit_at(const run *r, int32_t top, int32_t kh, int32_t column)
{
    const uint32_t y = (uint32_t)(top + kh * r->g->dilation_h);
    return (y * (uint32_t)r->g->in_w + (uint32_t)column) * (uint32_t)r->g->in_c + r->listed_at;
}

/* Decides whether ones or zeros are fewer under the tile. */
static void choose(run *r, int32_t top)
{
    const range w = inside(r->column, 1, r->columns, r->g->in_w);
    const uint32_t taken = (uint32_t)(taps_of(w) * taps_of(r->h)) * r->depth;
    uint32_t all = (uint32_t)(r->columns * r->g->kernel_h) * r->depth, ones = 0;
    int32_t kh, c;
    for (kh = r->h.first; kh < r->h.last; kh++) {
        if (r->g->groups == 1) {
            const uint32_t n = (uint32_t)taps_of(w) * r->depth;
            ones += n ? hyst_count_ones(r->x, bit_at(r, top, kh, r->column + w.first), n) : 0u;
            continue;
        }
        for (c = w.first; c < w.last; c++) {
            ones += hyst_count_ones(r->x, bit_at(r, top, kh, r->column + c), r->depth);
        }
    }
    if (r->g->pad_value == 0) {
        all = taken;
    } else if (r->g->pad_value > 0) {
        ones += all - taken;
    }
    r->flip = 2u * ones > all ? 0xffffffffu : 0u;
}

/* Lists the tile column by column. */
static void list_tile(run *r, int32_t top)
{
    const uint32_t row = (uint32_t)r->g->kernel_w * r->depth * 4u;
    const int32_t pads = r->flip ? r->g->pad_value < 0 : r->g->pad_value > 0;
    uint16_t *end = r->list;
    int32_t c, kh;
    uint32_t i;
    for (c = 0; c < r->columns; c++) {
        const int32_t column = r->column + c;
        const int32_t real = column >= 0 && column < r->g->in_w;
        uint32_t entry = (uint32_t)c * r->depth * 4u;
        r->start[c] = (uint32_t)(end - r->list);
        for (kh = 0; kh < r->g->kernel_h; kh++, entry += row) {
            if (real && kh >= r->h.first && kh < r->h.last) {
                end = hyst_list_run(r->x, bit_at(r, top, kh, column), r->depth, r->flip, entry, end);
            } else if (pads) {
                for (i = 0; i < r->depth; i++) {
                    *end++ = (uint16_t)(entry + i * 4u);
                }
            }
        }
    }
    r->start[c] = (uint32_t)(end - r->list);
}

/* Planes of the ones of the taps outside, of all blocks of the group. */
static const unsigned char *sums_outside(run *r, range w)
{
    const uint32_t at = w.first > 0 ? 0u : w.last < r->g->kernel_w ? 1u : 2u;
    const uint32_t planes = r->l->planes;
    unsigned char *to = r->slots + at * r->blocks * planes * 4u;
    outside *known = &r->known[at];
    uint32_t b, p;
    if (known->filled && known->h.first == r->h.first && known->h.last == r->h.last
        && known->w.first == w.first && known->w.last == w.last) {
        return to;
    }
    known->h = r->h;
    known->w = w;
    known->filled = 1;
    for (b = 0; b < r->blocks; b++) {
        uintptr_t word = (uintptr_t)hyst_sliced_block(r->l, r->group * r->blocks + b);
        uint32_t sum[HYST_SLICED_PLANES] = {0};
        int32_t kh, kw;
        for (kh = 0; kh < r->g->kernel_h; kh++) {
            const int32_t row = kh >= r->h.first && kh < r->h.last;
            for (kw = 0; kw < r->g->kernel_w; kw++, word += r->depth * 4u) {
                if (!row || kw < w.first || kw >= w.last) {
                    hyst_sliced_add_run(r->depth, word, sum);
                }
            }
        }
        for (p = 0; p < planes; p++) {
            hyst_store32(to, b * planes + p, sum[p]);
        }
    }
    return to;
}

/* x += 2 * sum. */
static void add_doubled(const unsigned char *sum, uint32_t planes, uint32_t *x)
{
    uint32_t carry = 0, p;
    for (p = 1; p < planes; p++) {
        const uint32_t a = hyst_load32(sum, p - 1u), half = a ^ x[p];
        const uint32_t next = (a & x[p]) | (carry & half);
        x[p] = half ^ carry;
        carry = next;
    }
}

static void one_pixel(run *r, int32_t oy, int32_t ox)
{
    const hyst_geometry *g = r->g;
    const int32_t left = ox * g->stride_w - g->pad_left;
    const range w = g->pad_value == 0 ? inside(left, 1, g->kernel_w, g->in_w)
                                      : inside(0, 1, g->kernel_w, g->kernel_w);
    const int32_t rows = g->pad_value == 0 ? taps_of(r->h) : g->kernel_h;
    const uint32_t valid = (uint32_t)(rows * taps_of(w)) * r->depth;
    const int32_t from = left + w.first - r->column;
    const uint32_t first = taps_of(w) > 0 ? r->start[from] : 0u;
    const uint32_t listed = taps_of(w) > 0 ? r->start[from + taps_of(w)] - first : 0u;
    const uintptr_t shift = (uintptr_t)(r->column - left) * (r->depth * 4u);
    const unsigned char *extra = valid < r->l->k ? sums_outside(r, w) : NULL;
    uint32_t x[HYST_SLICED_PLANES], b;
    for (b = 0; b < r->blocks; b++) {
        hyst_sliced_start(r->l, r->l->k + valid - 2u * listed, x);
        if (extra) {
            add_doubled(extra + b * r->l->planes * 4u, r->l->planes, x);
        }
        hyst_sliced_add(r->list + first, listed,
                        (uintptr_t)hyst_sliced_block(r->l, r->group * r->blocks + b) + shift, x + 2);
        hyst_sliced_put(r->l, r->flip, r->group, b, (uint32_t)(oy * g->out_w + ox), x);
    }
}

static void one_tile(run *r, int32_t oy, int32_t first, int32_t last)
{
    const hyst_geometry *g = r->g;
    const int32_t top = oy * g->stride_h - g->pad_top;
    int32_t ox, end = (last - 1) * g->stride_w - g->pad_left + g->kernel_w;
    r->h = inside(top, g->dilation_h, g->kernel_h, g->in_h);
    r->column = first * g->stride_w - g->pad_left;
    if (g->pad_value == 0) {
        r->column = r->column < 0 ? 0 : r->column;
        end = end > g->in_w ? g->in_w : end;
    }
    r->columns = end > r->column ? end - r->column : 0;
    choose(r, top);
    list_tile(r, top);
    for (ox = first; ox < last; ox++) {
        one_pixel(r, oy, ox);
    }
}

void hyst_xnor_sliced_conv(const hyst_geometry *g, const hyst_sliced_layer *layer, const void *x,
                           uint32_t tile, void *scratch)
{
    const int32_t step = tile < (uint32_t)g->out_w ? (int32_t)tile : g->out_w;
    int32_t oy, ox, i;
    run r;
    r.g = g;
    r.l = layer;
    r.x = x;
    r.depth = (uint32_t)g->in_c / (uint32_t)g->groups;
    r.blocks = hyst_sliced_blocks(layer->n);
    r.start = (uint32_t *)scratch;
    r.slots = (unsigned char *)(r.start + tile_columns(g, tile) + 1u);
    r.list = (uint16_t *)(void *)(r.slots + SLOTS * r.blocks * layer->planes * 4u);
    for (r.group = 0; r.group < (uint32_t)g->groups; r.group++) {
        r.listed_at = r.group * r.depth;
        for (i = 0; i < SLOTS; i++) {
            r.known[i].filled = 0;
        }
        for (oy = 0; oy < g->out_h; oy++) {
            for (ox = 0; ox < g->out_w; ox += step) {
                one_tile(&r, oy, ox, ox + step < g->out_w ? ox + step : g->out_w);
            }
        }
    }
}
