/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/patch.h"

uint32_t hyst_geometry_taps(const hyst_geometry *g)
{
    return (uint32_t)g->kernel_h * (uint32_t)g->kernel_w * ((uint32_t)g->in_c / (uint32_t)g->groups);
}

void hyst_walk_begin(hyst_walk *walk, const hyst_geometry *g, int32_t oy, int32_t ox,
                     int32_t group)
{
    walk->g = g;
    walk->top = oy * g->stride_h - g->pad_top;
    walk->left = ox * g->stride_w - g->pad_left;
    walk->kh = 0;
    walk->kw = 0;
    walk->depth = (uint32_t)g->in_c / (uint32_t)g->groups;
    walk->channel = (uint32_t)group * walk->depth;
    walk->whole = g->groups == 1 && g->dilation_w == 1;
    walk->complete = walk->top >= 0 && walk->left >= 0
                     && walk->top + (g->kernel_h - 1) * g->dilation_h < g->in_h
                     && walk->left + (g->kernel_w - 1) * g->dilation_w < g->in_w;
}

/* The valid taps of row kh as one run; 0 when there are none. */
static int32_t row_run(const hyst_walk *walk, int32_t y, hyst_run *run)
{
    const hyst_geometry *g = walk->g;
    const int32_t skip = walk->left < 0 ? -walk->left : 0;
    const int32_t room = g->in_w - walk->left;
    const int32_t stop = room < g->kernel_w ? room : g->kernel_w;
    if (skip >= stop) {
        return 0;
    }
    run->from = ((uint32_t)y * (uint32_t)g->in_w + (uint32_t)(walk->left + skip)) * walk->depth;
    run->to = ((uint32_t)walk->kh * (uint32_t)g->kernel_w + (uint32_t)skip) * walk->depth;
    run->count = (uint32_t)(stop - skip) * walk->depth;
    return 1;
}

int32_t hyst_walk_next(hyst_walk *walk, hyst_run *run)
{
    const hyst_geometry *g = walk->g;
    for (; walk->kh < g->kernel_h; walk->kh++, walk->kw = 0) {
        const int32_t y = walk->top + walk->kh * g->dilation_h;
        if (y < 0 || y >= g->in_h) {
            continue;
        }
        if (walk->whole && walk->kw == 0) {
            walk->kw = g->kernel_w;
            if (row_run(walk, y, run)) {
                return 1;
            }
        }
        while (walk->kw < g->kernel_w) {
            const int32_t kw = walk->kw++, x = walk->left + kw * g->dilation_w;
            if (x >= 0 && x < g->in_w) {
                run->from = ((uint32_t)y * (uint32_t)g->in_w + (uint32_t)x) * (uint32_t)g->in_c
                            + walk->channel;
                run->to = ((uint32_t)walk->kh * (uint32_t)g->kernel_w + (uint32_t)kw) * walk->depth;
                run->count = walk->depth;
                return 1;
            }
        }
    }
    return 0;
}

/* A patch without taps outside whose pixels fill whole words: rows of words, nothing to clear. */
static void whole_words(const hyst_walk *walk, const void *x, void *patch)
{
    const hyst_geometry *g = walk->g;
    const uint32_t pixel = walk->depth / HYST_WORD_BITS, row = (uint32_t)g->kernel_w * pixel;
    uint32_t to = 0, i;
    int32_t kh;
    for (kh = 0; kh < g->kernel_h; kh++) {
        const int32_t y = walk->top + kh * g->dilation_h;
        const uint32_t from = (uint32_t)(y * g->in_w + walk->left) * pixel;
        for (i = 0; i < row; i++) {
            hyst_store(patch, to++, hyst_load(x, from + i));
        }
    }
}

int32_t hyst_patch_bits(const hyst_geometry *g, const void *x, int32_t oy, int32_t ox,
                        int32_t group, int32_t fill, void *patch)
{
    hyst_walk walk;
    hyst_run run;
    uint32_t end = 0;
    hyst_walk_begin(&walk, g, oy, ox, group);
    if (walk.complete && walk.whole && walk.depth % HYST_WORD_BITS == 0u) {
        whole_words(&walk, x, patch);
        return 1;
    }
    hyst_clear_bits(patch, hyst_geometry_taps(g));
    while (hyst_walk_next(&walk, &run)) {
        if (fill && run.to > end) {
            hyst_fill_ones(patch, end, run.to - end);
        }
        hyst_copy_bits(patch, run.to, x, run.from, run.count);
        end = run.to + run.count;
    }
    if (fill) {
        hyst_fill_ones(patch, end, hyst_geometry_taps(g) - end);
    }
    return walk.complete;
}

void hyst_patch_mask(const hyst_geometry *g, int32_t oy, int32_t ox, int32_t group, void *mask)
{
    hyst_walk walk;
    hyst_run run;
    hyst_walk_begin(&walk, g, oy, ox, group);
    hyst_clear_bits(mask, hyst_geometry_taps(g));
    while (hyst_walk_next(&walk, &run)) {
        hyst_fill_ones(mask, run.to, run.count);
    }
}

static void fill_ints(unsigned char *patch, int32_t type, int32_t value, uint32_t n)
{
    const int16_t wide = (int16_t)value;
    uint32_t i;
    if (type != HYST_I16) {
        memset(patch, value & 0xff, (size_t)n);
        return;
    }
    for (i = 0; i < n; i++) {
        memcpy(patch + 2u * i, &wide, sizeof wide);
    }
}

/* Runs are a few pixels: a call of memcpy would take longer. */
static void copy_few(unsigned char *to, const unsigned char *from, uint32_t bytes)
{
    uint32_t at = 0;
    for (; at + 8u <= bytes; at += 8u) {
        HYST_COPY(to + at, from + at, 8u);
    }
    for (; at < bytes; at++) {
        to[at] = from[at];
    }
}

/* A patch without taps outside whose rows are runs. */
static void whole_rows(const hyst_walk *walk, const unsigned char *x, uint32_t bytes,
                       unsigned char *patch)
{
    const hyst_geometry *g = walk->g;
    const uint32_t row = (uint32_t)g->kernel_w * walk->depth * bytes;
    int32_t kh;
    for (kh = 0; kh < g->kernel_h; kh++, patch += row) {
        const int32_t y = walk->top + kh * g->dilation_h;
        const uint32_t from = (uint32_t)(y * g->in_w + walk->left) * walk->depth;
        copy_few(patch, x + (size_t)from * bytes, row);
    }
}

void hyst_patch_ints(const hyst_geometry *g, const void *x, int32_t type, int32_t oy, int32_t ox,
                     int32_t group, void *patch)
{
    const uint32_t bytes = hyst_element_bytes(type);
    const unsigned char *from = (const unsigned char *)x;
    unsigned char *to = (unsigned char *)patch;
    hyst_walk walk;
    hyst_run run;
    hyst_walk_begin(&walk, g, oy, ox, group);
    if (HYST_WORD_BITS == 64 && walk.complete && walk.whole) {
        whole_rows(&walk, from, bytes, to);
        return;
    }
    if (!walk.complete) {
        fill_ints(to, type, g->pad_value, hyst_geometry_taps(g));
    }
    while (hyst_walk_next(&walk, &run)) {
        memcpy(to + run.to * bytes, from + run.from * bytes, (size_t)(run.count * bytes));
    }
}
