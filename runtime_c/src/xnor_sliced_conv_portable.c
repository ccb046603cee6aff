/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/xnor_sliced_conv.h"

typedef struct run {
    const hyst_geometry *g;
    const hyst_sliced_layer *l;
    const void *x;
    uint32_t depth, blocks, group;
    int32_t column, columns; /* the tile's first column and how many */
    uint32_t flip, listed_at; /* bit position of the group's first channel */
    hyst_range h;             /* taps of the row inside the map */
    uint32_t *start;
    uint16_t *list;
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

/* First bit of the group's channels of tap row kh at a column inside the map. */
static uint32_t bit_at(const run *r, int32_t top, int32_t kh, int32_t column)
{
    const uint32_t y = (uint32_t)(top + kh * r->g->dilation_h);
    return (y * (uint32_t)r->g->in_w + (uint32_t)column) * (uint32_t)r->g->in_c + r->listed_at;
}

/* Decides whether ones or zeros are fewer under the tile. */
static void choose(run *r, int32_t top)
{
    const hyst_range w = hyst_range_inside(r->column, 1, r->columns, r->g->in_w);
    const uint32_t taken = (uint32_t)(hyst_range_size(w) * hyst_range_size(r->h)) * r->depth;
    uint32_t all = (uint32_t)(r->columns * r->g->kernel_h) * r->depth, ones = 0;
    int32_t kh, c;
    for (kh = r->h.first; kh < r->h.last; kh++) {
        if (r->g->groups == 1) {
            const uint32_t n = (uint32_t)hyst_range_size(w) * r->depth;
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
                end = hyst_list_run(r->x, bit_at(r, top, kh, column), r->depth, r->flip, entry,
                                    end);
            } else if (pads) {
                for (i = 0; i < r->depth; i++) {
                    *end++ = (uint16_t)(entry + i * 4u);
                }
            }
        }
    }
    r->start[c] = (uint32_t)(end - r->list);
}

static void one_pixel(run *r, int32_t oy, int32_t ox)
{
    const hyst_geometry *g = r->g;
    const int32_t left = ox * g->stride_w - g->pad_left;
    const hyst_range w = g->pad_value == 0 ? hyst_range_inside(left, 1, g->kernel_w, g->in_w)
                                      : hyst_range_inside(0, 1, g->kernel_w, g->kernel_w);
    const int32_t rows = g->pad_value == 0 ? hyst_range_size(r->h) : g->kernel_h;
    const uint32_t valid = (uint32_t)(rows * hyst_range_size(w)) * r->depth;
    const int32_t from = left + w.first - r->column;
    const uint32_t first = hyst_range_size(w) > 0 ? r->start[from] : 0u;
    const uint32_t listed =
        hyst_range_size(w) > 0 ? r->start[from + hyst_range_size(w)] - first : 0u;
    const hyst_address shift =
        (hyst_address)(r->column - left) * (hyst_address)(r->depth * 4u);
    const unsigned char *extra = valid < r->l->k ? hyst_border_sums(&r->border, r->h, w) : NULL;
    uint32_t start[HYST_SLICED_PLANES], x[HYST_SLICED_PLANES], b;
    hyst_sliced_start(r->l, r->l->k + valid - 2u * listed, start);
    for (b = 0; b < r->blocks; b++) {
        hyst_sliced_copy(r->l, start, x);
        if (extra) {
            hyst_border_add(&r->border, extra, b, x);
        }
        hyst_sliced_add(r->list + first, listed,
                        (hyst_address)hyst_sliced_block(r->l, r->group * r->blocks + b) + shift,
                        x + 2);
        hyst_sliced_put(r->l, r->flip, r->group, b, (uint32_t)(oy * g->out_w + ox), x);
    }
}

static void one_tile(run *r, int32_t oy, int32_t first, int32_t last)
{
    const hyst_geometry *g = r->g;
    const int32_t top = oy * g->stride_h - g->pad_top;
    int32_t ox, end = (last - 1) * g->stride_w - g->pad_left + g->kernel_w;
    r->h = hyst_range_inside(top, g->dilation_h, g->kernel_h, g->in_h);
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
    unsigned char *slots;
    int32_t oy, ox;
    run r;
    r.g = g;
    r.l = layer;
    r.x = x;
    r.depth = (uint32_t)g->in_c / (uint32_t)g->groups;
    r.blocks = hyst_sliced_blocks(layer->n);
    r.start = (uint32_t *)scratch;
    slots = (unsigned char *)(r.start + tile_columns(g, tile) + 1u);
    r.list = (uint16_t *)(void *)(slots + HYST_BORDER_SLOTS * r.blocks * layer->planes * 4u);
    for (r.group = 0; r.group < (uint32_t)g->groups; r.group++) {
        r.listed_at = r.group * r.depth;
        hyst_border_begin(&r.border, g, layer, r.group, slots);
        for (oy = 0; oy < g->out_h; oy++) {
            for (ox = 0; ox < g->out_w; ox += step) {
                one_tile(&r, oy, ox, ox + step < g->out_w ? ox + step : g->out_w);
            }
        }
    }
}
