/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/sliced_border.h"

hyst_range hyst_range_inside(int32_t first, int32_t step, int32_t count, int32_t size)
{
    hyst_range r = {0, 0};
    r.last = count;
    while (r.first < count && first + r.first * step < 0) {
        r.first++;
    }
    while (r.last > r.first && first + (r.last - 1) * step >= size) {
        r.last--;
    }
    return r;
}

void hyst_border_begin(hyst_border *border, const hyst_geometry *g, const hyst_sliced_layer *layer,
                       uint32_t group, unsigned char *slots)
{
    uint32_t i;
    border->g = g;
    border->layer = layer;
    border->group = group;
    border->depth = (uint32_t)g->in_c / (uint32_t)g->groups;
    border->blocks = hyst_sliced_blocks(layer->n);
    border->slots = slots;
    for (i = 0; i < HYST_BORDER_SLOTS; i++) {
        border->filled[i] = 0;
    }
}

static int32_t same(hyst_range a, hyst_range b)
{
    return a.first == b.first && a.last == b.last;
}

static void fill(const hyst_border *border, hyst_range h, hyst_range w, uint32_t b,
                 unsigned char *to)
{
    const hyst_geometry *g = border->g;
    const uint32_t block = border->group * border->blocks + b;
    hyst_address word = (hyst_address)hyst_sliced_block(border->layer, block);
    uint32_t sum[HYST_SLICED_PLANES] = {0};
    uint32_t p;
    int32_t kh, kw;
    for (kh = 0; kh < g->kernel_h; kh++) {
        const int32_t row = kh >= h.first && kh < h.last;
        for (kw = 0; kw < g->kernel_w; kw++, word += (hyst_address)(border->depth * 4u)) {
            if (!row || kw < w.first || kw >= w.last) {
                hyst_sliced_add_run(border->depth, word, sum);
            }
        }
    }
    for (p = 0; p < border->layer->planes; p++) {
        hyst_store32(to, p, sum[p]);
    }
}

const unsigned char *hyst_border_sums(hyst_border *border, hyst_range h, hyst_range w)
{
    const uint32_t at = w.first > 0 ? 0u : w.last < border->g->kernel_w ? 1u : 2u;
    const uint32_t bytes = border->layer->planes * 4u;
    unsigned char *slot = border->slots + at * border->blocks * bytes;
    uint32_t b;
    if (border->filled[at] && same(border->h[at], h) && same(border->w[at], w)) {
        return slot;
    }
    border->h[at] = h;
    border->w[at] = w;
    border->filled[at] = 1;
    for (b = 0; b < border->blocks; b++) {
        fill(border, h, w, b, slot + b * bytes);
    }
    return slot;
}

void hyst_border_add(const hyst_border *border, const unsigned char *slot, uint32_t b, uint32_t *x)
{
    const uint32_t planes = border->layer->planes;
    uint32_t carry = 0, p;
    for (p = 1; p < planes; p++) {
        const uint32_t a = hyst_load32(slot, b * planes + p - 1u), half = a ^ x[p];
        const uint32_t next = (a & x[p]) | (carry & half);
        x[p] = half ^ carry;
        carry = next;
    }
}
