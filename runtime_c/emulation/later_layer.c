/* SPDX-License-Identifier: Apache-2.0 */
/* A later layer by difference: kept margins, steps from wrong weights on clean inputs, steps
 * from changed inputs on present weights. */
#include "work.h"

#include <string.h>

#include "hyst/isa.h"
#include "hyst/op_xnor_dense.h"

/* Costs in 32-byte additions, measured: one listed input per 32 outputs is 1. */
#define SAMPLE_COST 12u /* per sample and 32 outputs: margins, compare */
#define VOTE_COST 4u    /* per wrong weight and 32 samples */
#define TURN_COST 4u    /* per output and 32 samples */
#define MOVE_COST 8u    /* per sample and moved threshold */
#define PLAIN_COST 5u   /* per output and 256 inputs of the plain product */

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

void hyst_later_begin(const hyst_chain_layer *p, const hyst_chain_faults *f, hyst_work_layer *w)
{
    uint32_t o, i;
    hyst_work_lists(p, f, w);
    for (i = 0; i < p->flips * p->padded; i++) {
        w->below[i] = INT16_MAX; /* padding is never above */
    }
    memset(w->inv, 0, (size_t)hyst_row_words(p->n) * 8u);
    w->moved_count = 0;
    w->changed = f->count > 0u;
    for (o = 0; o < p->n; o++) {
        int same = 1;
        for (i = 0; i < p->flips; i++) {
            const int64_t below = hyst_later_limit(p, f->t[i * p->n + o]) - 1;
            w->below[i * p->padded + o] = (int16_t)(below > INT16_MAX   ? INT16_MAX
                                                    : below < INT16_MIN ? INT16_MIN
                                                                        : below);
            same &= f->t[i * p->n + o] == p->t[i * p->n + o];
        }
        for (i = 0; i < p->flips && !same; i++) {
            const uint32_t at = i * p->n + o;
            w->shift[i * p->n + w->moved_count] =
                (int32_t)(hyst_later_limit(p, p->t[at]) - hyst_later_limit(p, f->t[at]));
        }
        if (!same) {
            w->moved[w->moved_count++] = o;
        }
        w->inv[o / 64u] |= (uint64_t)f->inv[o] << (o % 64u);
        w->changed |= !same || f->inv[o] != p->inv[o];
    }
    turn_over(p, f, w);
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
    uint32_t i, gained = 0, dropped = 0;
    for (i = 0; i < words; i++) {
        uint64_t gain = now[i] & ~clean[i], loss = clean[i] & ~now[i];
        gained += hyst_popcount(gain);
        dropped += hyst_popcount(loss);
        if (gained + dropped > room) {
            break;
        }
        for (; gain; gain &= gain - 1u) {
            *front++ = (uint16_t)(64u * i + hyst_popcount((gain - 1u) & ~gain));
        }
        for (; loss; loss &= loss - 1u) {
            *--back = (uint16_t)(64u * i + hyst_popcount((loss - 1u) & ~loss));
        }
    }
    work->whole[s] = i < words;
    work->gained[s] = (uint16_t)gained;
    work->dropped[s] = (uint16_t)dropped;
}

/* work->base = steps from wrong weights, by sample. */
static void count_steps(const hyst_chain_layer *p, const hyst_chain_layer *before,
                        const hyst_chain_faults *f, hyst_work *work, const hyst_work_layer *w,
                        uint32_t block)
{
    const uint64_t *rows = before->by_output + (size_t)block * p->k * HYST_BLOCK_WORDS;
    uint32_t first, o;
    for (first = 0; first < p->padded; first += 16u) {
        for (o = first; o < first + 16u; o++) {
            int8_t *row = work->rows + (o - first) * HYST_BLOCK;
            hyst_signed_list list;
            if (o >= p->n || w->start[o + 1u] == w->start[o]) {
                memset(row, 0, HYST_BLOCK);
                continue;
            }
            list.row = f->list + w->start[o];
            list.plus = w->plus[o];
            list.count = w->start[o + 1u] - w->start[o];
            hyst_lanes_votes(rows, &list, row);
        }
        hyst_lanes_turn(work->rows, work->base + first, p->padded);
    }
}

/* Decides the chunk's moved outputs anew: their own limits on the steps just counted. A margin
 * that was not saturated still tells the sum; the sums themselves are seldom in the cache. */
static void decide_moved(const hyst_chain_layer *p, const hyst_work_layer *w, const uint32_t *range,
                         const hyst_delta *q, const int16_t *sums, const int8_t *steps,
                         uint64_t *bits)
{
    uint32_t m, i;
    for (m = range[0]; m < range[1]; m++) {
        const uint32_t o = w->moved[m], at = o % HYST_CHUNK, shift = at % 64u;
        uint64_t bit = 0;
        for (i = 0; i < p->flips; i++) {
            const int32_t margin = q->margin[i][at];
            if (margin > -128 && margin < 127) {
                bit ^= margin + steps[at] + w->shift[i * p->n + m] >= 0;
            } else {
                bit ^= sums[at] + steps[at] > w->below[i * p->padded + o];
            }
        }
        bits[at / 64u] = (bits[at / 64u] & ~((uint64_t)1 << shift)) | bit << shift;
    }
}

/* More steps than 8 bits hold: counted in parts, compared in 16 bits. */
static void by_many_steps(const hyst_chain_layer *p, hyst_work *work, const hyst_work_layer *w,
                          hyst_delta *q, uint32_t first, const int16_t *sums, uint64_t *to)
{
    uint32_t gained = q->plus, dropped = q->minus, room = HYST_STEPS_MOST - w->most, i;
    memset(work->total, 0, HYST_CHUNK * sizeof *work->total);
    while (gained + dropped > 0u || q->base != work->none) {
        q->plus = gained < room ? gained : room;
        q->minus = dropped < room - q->plus ? dropped : room - q->plus;
        hyst_lanes_delta(q, work->steps, to);
        for (i = 0; i < q->width; i++) {
            work->total[i] = (int16_t)(work->total[i] + work->steps[i]);
        }
        q->list += q->plus;
        q->end -= q->minus;
        gained -= q->plus;
        dropped -= q->minus;
        q->base = work->none;
        room = HYST_STEPS_MOST;
    }
    memset(to, 0, q->width / 8u);
    for (i = 0; i < p->flips; i++) {
        hyst_lanes_above(sums, work->total, w->below + (size_t)i * p->padded + first, q->width, to);
    }
}

/* One sample at one chunk. range: its moved outputs. */
static void answer(const hyst_chain_layer *p, hyst_work *work, const hyst_work_layer *w,
                   hyst_delta *q, const uint32_t *range, uint32_t first, size_t sample, uint32_t s,
                   uint64_t *to)
{
    const int16_t *sums = (const int16_t *)p->sums + sample * p->padded + first;
    uint32_t i;
    q->list = work->list + (size_t)s * HYST_LIST;
    q->end = q->list + HYST_LIST;
    q->plus = work->gained[s];
    q->minus = work->dropped[s];
    q->base = w->most ? work->base + (size_t)s * p->padded + first : work->none;
    for (i = 0; i < p->flips; i++) {
        q->margin[i] = p->margin + (sample * p->flips + i) * p->padded + first;
    }
    if (q->plus + q->minus + w->most <= HYST_STEPS_MOST) {
        hyst_lanes_delta(q, work->steps, to);
        decide_moved(p, w, range, q, sums, work->steps, to);
    } else {
        by_many_steps(p, work, w, q, first, sums, to);
    }
    for (i = 0; i < q->width / 64u; i++) {
        to[i] ^= w->inv[first / 64u + i];
    }
}

static void by_steps(const hyst_chain_layer *p, hyst_work *work, const hyst_work_layer *w,
                     uint32_t block, uint32_t here, uint64_t *out)
{
    const uint32_t words = hyst_row_words(p->n);
    uint32_t first, s, range[2];
    hyst_delta q;
    q.flips = p->flips;
    range[1] = 0;
    for (first = 0; first < p->padded; first += HYST_CHUNK) {
        range[0] = range[1];
        while (range[1] < w->moved_count && w->moved[range[1]] < first + HYST_CHUNK) {
            range[1]++;
        }
        q.table = w->table + (size_t)(first / HYST_CHUNK) * p->k * HYST_CHUNK;
        q.width = p->padded - first < HYST_CHUNK ? p->padded - first : HYST_CHUNK;
        for (s = 0; s < here; s++) {
            if (!work->whole[s]) {
                answer(p, work, w, &q, range, first, (size_t)block * HYST_BLOCK + s, s,
                       out + (size_t)s * words + first / 64u);
            }
        }
    }
}

/* Chooses, by cost, the samples that the plain kernel answers; returns how many do not. */
static uint32_t choose(const hyst_chain_layer *p, hyst_work *work, const hyst_work_layer *w,
                       const uint64_t *in, const uint64_t *clean, uint32_t block, uint32_t here,
                       uint64_t *out)
{
    const uint32_t out_words = hyst_row_words(p->n);
    const uint64_t *by_sample = p->by_sample + (size_t)block * HYST_BLOCK * out_words;
    const uint32_t words = hyst_row_words(p->k), vectors = p->padded / 32u;
    const uint64_t plain = (uint64_t)p->n * ((p->k + 255u) / 256u) * PLAIN_COST;
    const uint64_t worth = plain / vectors > SAMPLE_COST ? plain / vectors - SAMPLE_COST : 0u;
    const uint32_t room = worth < HYST_LIST ? (uint32_t)worth : HYST_LIST;
    uint64_t steps = 0, saved = 0;
    uint32_t s, left = 0;
    for (s = 0; s < here; s++) {
        list_changes(in + (size_t)s * words, clean + (size_t)s * words, words, room,
                     work, s);
        work->whole[s] |= w->most >= HYST_STEPS_MOST;
        if (work->gained[s] + work->dropped[s] == 0u && !w->changed) {
            memcpy(out + (size_t)s * out_words, by_sample + (size_t)s * out_words, out_words * 8u);
            work->whole[s] = HYST_KEPT;
        } else if (!work->whole[s]) {
            steps += (work->gained[s] + work->dropped[s] + SAMPLE_COST) * (uint64_t)vectors;
            steps += (uint64_t)w->moved_count * p->flips * MOVE_COST;
            saved += plain;
            left++;
        }
    }
    if (left && w->most) {
        steps += (uint64_t)w->start[p->n] * (HYST_BLOCK / 32u) * VOTE_COST +
                 (uint64_t)p->padded * (HYST_BLOCK / 32u) * TURN_COST;
    }
    for (s = 0; s < here && steps >= saved; s++) {
        work->whole[s] |= !work->whole[s];
    }
    return steps >= saved ? 0u : left;
}

void hyst_later_block(const hyst_chain *c, uint32_t number, const hyst_chain_faults *f,
                      hyst_work *work, uint32_t block, const uint64_t *in, uint64_t *out)
{
    const hyst_chain_layer *p = &c->layer[number], *before = p - 1;
    const hyst_work_layer *w = &work->layer[number];
    const uint32_t words = hyst_row_words(p->n), in_words = hyst_row_words(p->k);
    const uint32_t first = block * HYST_BLOCK, here = hyst_here(c, block);
    uint32_t s;
    if (choose(p, work, w, in, before->by_sample + (size_t)first * in_words, block, here, out)) {
        if (w->most) {
            count_steps(p, before, f, work, w, block);
        }
        by_steps(p, work, w, block, here, out);
    }
    for (s = 0; s < here; s++) {
        if (work->whole[s] == 1u) {
            hyst_xnor_dense((const hyst_xnor_dense_params *)(const void *)p->bits_params,
                            in + (size_t)s * in_words, f->w_bytes, f->t_bytes, f->inv_bytes,
                            out + (size_t)s * words, NULL, NULL, work->kernel);
        }
    }
}
