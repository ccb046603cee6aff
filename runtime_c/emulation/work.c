/* SPDX-License-Identifier: Apache-2.0 */
#include "work.h"

#include <string.h>

typedef struct arena {
    unsigned char *base;
    uint64_t used;
} arena;

/* The next bytes, on a cache line; NULL while only counting. */
static void *take(arena *a, uint64_t bytes)
{
    void *place = a->base ? a->base + a->used : NULL;
    a->used += (bytes + 63u) / 64u * 64u;
    return place;
}

static void take_layer(arena *a, const hyst_chain_layer *p, int later, hyst_work_layer *w)
{
    const uint64_t n = p->n, k = p->k, words = hyst_row_words(p->n);
    memset(w, 0, sizeof *w);
    w->start = (uint32_t *)take(a, (n + 1u) * sizeof *w->start);
    w->plus = (uint32_t *)take(a, n * sizeof *w->plus);
    w->mode = (uint8_t *)take(a, n);
    if (later) {
        const uint64_t chunks = (p->padded + HYST_CHUNK - 1u) / HYST_CHUNK;
        w->table = (int8_t *)take(a, chunks * k * HYST_CHUNK);
        w->inv = (uint64_t *)take(a, words * 8u);
        w->below = (int16_t *)take(a, (uint64_t)p->flips * p->padded * sizeof *w->below);
        w->moved = (uint32_t *)take(a, n * sizeof *w->moved);
        w->shift = (int32_t *)take(a, p->flips * n * sizeof *w->shift);
    }
}

uint64_t hyst_work_carve(const hyst_chain *c, void *scratch, hyst_work *work)
{
    arena a;
    uint64_t widest = 0, scores = c->scores;
    uint32_t i;
    a.base = (unsigned char *)scratch;
    a.used = 0;
    for (i = 0; i < c->layers; i++) {
        const hyst_chain_layer *p = &c->layer[i];
        take_layer(&a, p, i > 0u, &work->layer[i]);
        widest = p->padded > widest ? p->padded : widest;
        scores = p->n > scores ? p->n : scores;
    }
    for (i = 0; i < 2u; i++) {
        work->bits[i] = (uint64_t *)take(&a, widest / 8u * HYST_BLOCK);
    }
    work->diff = (uint64_t *)take(&a, 64u * HYST_BLOCK_WORDS * 8u);
    work->steps = (int8_t *)take(&a, HYST_CHUNK);
    work->total = (int16_t *)take(&a, HYST_CHUNK * sizeof *work->total);
    work->acc = (int16_t *)take(&a, HYST_BLOCK * sizeof *work->acc);
    work->wide = (int32_t *)take(&a, HYST_BLOCK * sizeof *work->wide);
    /* kernels write 32 sums at a time */
    work->scores = (int32_t *)take(&a, (scores + 32u) * sizeof *work->scores);
    work->head = (int32_t *)take(&a, (c->classes + 32u) * sizeof *work->head);
    work->base = (int8_t *)take(&a, widest * HYST_BLOCK);
    work->none = (int8_t *)take(&a, HYST_CHUNK);
    work->rows = (int8_t *)take(&a, 16u * HYST_BLOCK);
    work->list = (uint16_t *)take(&a, HYST_LIST * HYST_BLOCK * sizeof *work->list);
    work->gained = (uint16_t *)take(&a, HYST_BLOCK * sizeof *work->gained);
    work->dropped = (uint16_t *)take(&a, HYST_BLOCK * sizeof *work->dropped);
    work->whole = (uint8_t *)take(&a, HYST_BLOCK);
    work->kernel = take(&a, c->kernel_scratch);
    return a.used;
}

/* A wrong weight w moves the sum h by -w x: the input adds where w was -1. */
void hyst_work_lists(const hyst_chain_layer *p, const hyst_chain_faults *f, hyst_work_layer *w)
{
    uint32_t at = 0, o;
    w->most = 0;
    for (o = 0; o < p->n; o++) {
        const int64_t first = (int64_t)o * p->k;
        uint32_t end = at, low = at, high, i;
        while (end < f->count && f->cell[end] < first + p->k) {
            end++;
        }
        high = end;
        for (i = at; i < end; i++) {
            const uint32_t input = (uint32_t)(f->cell[i] - first);
            if (hyst_weight(p, (uint64_t)f->cell[i])) {
                f->list[--high] = input;
            } else {
                f->list[low++] = input;
            }
        }
        w->start[o] = at;
        w->plus[o] = low - at;
        w->most = end - at > w->most ? end - at : w->most;
        at = end;
    }
    w->start[p->n] = at;
}
