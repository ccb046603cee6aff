/* SPDX-License-Identifier: Apache-2.0 */
/* A later layer by difference: kept margins, steps from wrong weights on clean inputs, steps
 * from changed inputs on present weights. */
#include "work.h"

#include <string.h>

#include "hyst/isa.h"
#include "hyst/op_xnor_dense.h"

/* Costs in 32-byte additions, measured: one listed input per 32 outputs is 1. */
#define SAMPLE_COST 6u  /* per sample and 32 outputs: margins, compare */
#define VOTE_COST 4u    /* per wrong weight and 32 samples */
#define TURN_COST 2u    /* per output and 32 samples */
#define WORD_COST 2u    /* per output and 256 inputs of the plain product */

static int8_t *entry(const hyst_chain_layer *p, const hyst_work_layer *w, uint32_t o, uint32_t i)
{
    return w->table + ((size_t)(o / HYST_CHUNK) * p->k + i) * HYST_CHUNK + o % HYST_CHUNK;
}

/* Turns the listed weights over; twice gives the clean table. */
static void turn_over(const hyst_chain_layer *p, const hyst_chain_faults *f, hyst_work_layer *w)
{
    uint32_t o, j;
    for (o = 0; o < p->n; o++) {
        for (j = w->start[o]; j < w->start[o + 1u]; j++) {
            int8_t *weight = entry(p, w, o, f->list[j]);
            *weight = (int8_t)-*weight;
        }
    }
}

/* What became of an output's threshold f: 1 or 0 where it decides alone, 2 where the shift
 * lane follows it, 3 where only the whole sum does. */
static int follow(const hyst_chain_layer *p, const hyst_chain_faults *f, uint32_t at, int64_t *shift)
{
    *shift = hyst_later_limit(p, p->t[at]) - hyst_later_limit(p, f->t[at]);
    if (*shift == 0) {
        return 2;
    }
    if (p->low[at] + *shift >= (int64_t)HYST_STEPS_MOST) {
        return 1;
    }
    if (p->high[at] + *shift < -(int64_t)HYST_STEPS_MOST) {
        return 0;
    }
    /* the kept margin must not have been saturated */
    return *shift >= -127 && *shift <= 127 && p->low[at] >= -128 && p->high[at] <= 127 ? 2 : 3;
}

static void set_thresholds(const hyst_chain_layer *p, const hyst_chain_faults *f,
                           hyst_work_layer *w, uint32_t o)
{
    const uint64_t bit = (uint64_t)1 << (o % 64u);
    uint32_t i, known = 0, value = 0, hard = 0;
    for (i = 0; i < p->flips; i++) {
        int64_t shift;
        const int how = follow(p, f, i * p->n + o, &shift);
        w->shift[i * p->padded + o] = (int8_t)(how == 2 ? shift : 0);
        known += how < 2;
        value ^= how == 1;
        hard |= how == 3;
    }
    if (f->inv[o]) {
        w->inv[o / 64u] |= bit;
    }
    if (known == p->flips) {
        w->keep[o / 64u] &= ~bit;
        w->fixed[o / 64u] |= value ? bit : 0u;
    } else if (hard || known > 0u) {
        w->keep[o / 64u] &= ~bit;
        w->hard[w->hard_count++] = o;
    }
}

/* row = the present weights of one output. */
static void hard_row(const hyst_chain_layer *p, const hyst_work_layer *w, uint32_t o, uint64_t *row)
{
    uint32_t i;
    memset(row, 0, (size_t)hyst_row_words(p->k) * 8u);
    for (i = 0; i < p->k; i++) {
        row[i / 64u] |= (uint64_t)(*entry(p, w, o, i) > 0) << (i % 64u);
    }
}

void hyst_later_begin(const hyst_chain_layer *p, const hyst_chain_faults *f, hyst_work_layer *w)
{
    const uint32_t words = hyst_row_words(p->n);
    uint32_t o;
    hyst_work_lists(p, f, w);
    memset(w->shift, 0, (size_t)p->flips * p->padded);
    memset(w->inv, 0, (size_t)words * 8u);
    memset(w->keep, 0xff, (size_t)words * 8u);
    memset(w->fixed, 0, (size_t)words * 8u);
    w->hard_count = 0;
    for (o = 0; o < p->n; o++) {
        set_thresholds(p, f, w, o);
    }
    turn_over(p, f, w);
    w->fits = w->most < HYST_STEPS_MOST && w->hard_count <= hyst_hard_most(p);
    for (o = 0; w->fits && o < w->hard_count; o++) {
        hard_row(p, w, w->hard[o], w->row + (size_t)o * hyst_row_words(p->k));
    }
}

void hyst_later_end(const hyst_chain_layer *p, const hyst_chain_faults *f, hyst_work_layer *w)
{
    turn_over(p, f, w);
}

/* Lists what changed in one sample's inputs: gained from the front, dropped before the end. */
static void list_changes(const uint64_t *now, const uint64_t *clean, uint32_t words, uint32_t room,
                         hyst_work *work, uint32_t s)
{
    uint16_t *front = work->list + (size_t)s * HYST_LIST, *back = front + HYST_LIST;
    uint32_t i, count = 0;
    for (i = 0; i < words; i++) {
        count += hyst_popcount(now[i] ^ clean[i]);
    }
    work->whole[s] = count > room;
    work->gained[s] = work->dropped[s] = 0;
    if (count > room) {
        return;
    }
    for (i = 0; i < words; i++) {
        uint64_t changed = now[i] ^ clean[i];
        for (; changed; changed &= changed - 1u) {
            const uint64_t low = changed & (0u - changed);
            const uint16_t input = (uint16_t)(64u * i + hyst_popcount(low - 1u));
            if (now[i] & low) {
                *front++ = input;
                work->gained[s]++;
            } else {
                *--back = input;
                work->dropped[s]++;
            }
        }
    }
}

/* work->base = steps from wrong weights, by sample. */
static void count_steps(const hyst_chain_layer *p, const hyst_chain_layer *before,
                        const hyst_chain_faults *f, hyst_work *work, const hyst_work_layer *w,
                        uint32_t block)
{
    const uint64_t *rows = before->by_output + (size_t)block * p->k * HYST_BLOCK_WORDS;
    uint32_t first, o;
    for (first = 0; first < p->padded; first += 16u) {
        memset(work->rows, 0, 16u * HYST_BLOCK);
        for (o = first; o < first + 16u && o < p->n; o++) {
            hyst_signed_list list;
            list.row = f->list + w->start[o];
            list.plus = w->plus[o];
            list.count = w->start[o + 1u] - w->start[o];
            if (list.count) {
                hyst_lanes_votes(rows, &list, work->rows + (o - first) * HYST_BLOCK);
            }
        }
        hyst_lanes_turn(work->rows, work->base + first, p->padded);
    }
}

static void by_steps(const hyst_chain_layer *p, hyst_work *work, const hyst_work_layer *w,
                     uint32_t first_sample, uint32_t here, uint64_t *out)
{
    const uint32_t words = hyst_row_words(p->n);
    hyst_delta q;
    uint32_t first, s, i;
    q.flips = p->flips;
    for (first = 0; first < p->padded; first += HYST_CHUNK) {
        q.table = w->table + (size_t)(first / HYST_CHUNK) * p->k * HYST_CHUNK;
        q.width = p->padded - first < HYST_CHUNK ? p->padded - first : HYST_CHUNK;
        for (s = 0; s < here; s++) {
            if (work->whole[s]) {
                continue;
            }
            q.list = work->list + (size_t)s * HYST_LIST;
            q.end = q.list + HYST_LIST;
            q.plus = work->gained[s];
            q.minus = work->dropped[s];
            q.base = work->base + (size_t)s * p->padded + first;
            for (i = 0; i < p->flips; i++) {
                q.margin[i] = p->margin +
                              ((size_t)(first_sample + s) * p->flips + i) * p->padded + first;
                q.shift[i] = w->shift + (size_t)i * p->padded + first;
            }
            hyst_lanes_delta(&q, out + (size_t)s * words + first / 64u);
        }
    }
}

/* Overwrites outputs that steps do not decide; applies the inversions. */
static void finish(const hyst_chain_layer *p, const hyst_chain_faults *f, hyst_work *work,
                   const hyst_work_layer *w, const uint64_t *in, uint32_t here, uint64_t *out)
{
    const uint32_t words = hyst_row_words(p->n), in_words = hyst_row_words(p->k);
    uint32_t s, i, h, j;
    for (s = 0; s < here; s++) {
        for (i = 0; i < words && !work->whole[s]; i++) {
            uint64_t *word = out + (size_t)s * words + i;
            *word = ((*word & w->keep[i]) | w->fixed[i]) ^ w->inv[i];
        }
    }
    for (h = 0; h < w->hard_count; h++) {
        const uint32_t o = w->hard[h];
        const uint64_t *row = w->row + (size_t)h * in_words;
        for (s = 0; s < here; s++) {
            const uint64_t *x = in + (size_t)s * in_words;
            int32_t sum = (int32_t)p->k;
            uint64_t bit = 0;
            for (i = 0; i < in_words; i++) {
                sum -= 2 * (int32_t)hyst_popcount(x[i] ^ row[i]);
            }
            for (j = 0; j < p->flips; j++) {
                bit ^= sum >= f->t[j * p->n + o];
            }
            if (!work->whole[s]) {
                out[(size_t)s * words + o / 64u] ^= bit << (o % 64u);
            }
        }
    }
}

/* Chooses, by cost, the samples that the plain kernel answers; returns how many do not. */
static uint32_t choose(const hyst_chain_layer *p, hyst_work *work, const hyst_work_layer *w,
                       const uint64_t *in, const uint64_t *clean, uint32_t here)
{
    const uint32_t words = hyst_row_words(p->k), vectors = p->padded / 32u;
    const uint64_t plain = (uint64_t)p->n * ((p->k + 255u) / 256u) * WORD_COST;
    const uint64_t worth = plain / vectors > SAMPLE_COST ? plain / vectors - SAMPLE_COST : 0u;
    const uint64_t room = w->fits ? HYST_STEPS_MOST - w->most : 0u;
    uint64_t steps = 0, saved = 0;
    uint32_t s, left = 0;
    for (s = 0; s < here; s++) {
        list_changes(in + (size_t)s * words, clean + (size_t)s * words, words,
                     (uint32_t)(worth < room ? worth : room), work, s);
        if (!w->fits) {
            work->whole[s] = 1;
        } else if (!work->whole[s]) {
            steps += (work->gained[s] + work->dropped[s] + SAMPLE_COST) * (uint64_t)vectors +
                     w->hard_count * (uint64_t)words;
            saved += plain;
            left++;
        }
    }
    if (left && w->most) {
        steps += (uint64_t)w->start[p->n] * (HYST_BLOCK / 32u) * VOTE_COST +
                 (uint64_t)p->padded * (HYST_BLOCK / 32u) * TURN_COST;
    }
    if (steps >= saved) {
        memset(work->whole, 1, here);
        left = 0;
    }
    return left;
}

void hyst_later_block(const hyst_chain *c, uint32_t number, const hyst_chain_faults *f,
                      hyst_work *work, uint32_t block, const uint64_t *in, uint64_t *out)
{
    const hyst_chain_layer *p = &c->layer[number], *before = p - 1;
    const hyst_work_layer *w = &work->layer[number];
    const uint32_t words = hyst_row_words(p->n), in_words = hyst_row_words(p->k);
    const uint32_t first = block * HYST_BLOCK, here = hyst_here(c, block);
    uint32_t s;
    if (choose(p, work, w, in, before->by_sample + (size_t)first * in_words, here)) {
        if (w->most) {
            count_steps(p, before, f, work, w, block);
        } else {
            memset(work->base, 0, (size_t)p->padded * HYST_BLOCK);
        }
        by_steps(p, work, w, first, here, out);
        finish(p, f, work, w, in, here, out);
    }
    for (s = 0; s < here; s++) {
        if (work->whole[s]) {
            hyst_xnor_dense((const hyst_xnor_dense_params *)(const void *)p->bits_params,
                            in + (size_t)s * in_words, f->w_bytes, f->t_bytes, f->inv_bytes,
                            out + (size_t)s * words, NULL, NULL, work->kernel);
        }
    }
}
