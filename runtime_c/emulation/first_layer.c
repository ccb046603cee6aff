/* SPDX-License-Identifier: Apache-2.0 */
/* The first layer by difference: kept sums, plus the inputs of wrong weights, compared anew. */
#include "work.h"

#include <string.h>

#include "hyst/types.h"

#define AHEAD 4u /* outputs whose rows are asked for in advance */

static const int16_t none[HYST_BLOCK];

static hyst_signed_list list_of(const hyst_chain_faults *f, const hyst_work_layer *w, uint32_t o)
{
    hyst_signed_list list;
    list.row = f->list + w->start[o];
    list.plus = w->plus[o];
    list.count = w->start[o + 1u] - w->start[o];
    return list;
}

/* Whether kept sum, inputs and parity stay within 16 bits at every sample. */
static int is_narrow(const hyst_chain_layer *p, uint32_t o, const hyst_signed_list *list)
{
    int64_t reach = 1;
    uint32_t j;
    if (p->wide || p->x_type == HYST_I16) {
        return 0;
    }
    for (j = 0; j < list->count; j++) {
        reach += p->peak[list->row[j]];
    }
    return (int64_t)p->low[o] - p->centre[o] - reach >= INT16_MIN &&
           (int64_t)p->high[o] - p->centre[o] + reach <= INT16_MAX;
}

void hyst_first_begin(const hyst_chain_layer *p, const hyst_chain_faults *f, hyst_work_layer *w)
{
    uint32_t o, i;
    hyst_work_lists(p, f, w);
    for (o = 0; o < p->n; o++) {
        const hyst_signed_list list = list_of(f, w, o);
        int same = list.count == 0u && f->inv[o] == p->inv[o];
        for (i = 0; i < p->flips; i++) {
            same &= f->t[i * p->n + o] == p->t[i * p->n + o];
        }
        w->mode[o] = (uint8_t)(same ? HYST_SAME : is_narrow(p, o, &list) ? HYST_NARROW : HYST_WIDE);
    }
}

/* Inputs of 8 bits whose sum fits 16 bits whatever they are: 128 * 255 < 2^15. */
#define SHORT_LIST 128u

static void add_bytes(const hyst_chain_layer *p, const hyst_signed_list *list, const int8_t *x,
                      hyst_work *work)
{
    uint32_t first, i;
    for (first = 0; first < list->count; first += SHORT_LIST) {
        const uint32_t left = list->count - first;
        hyst_signed_list part;
        part.row = list->row + first;
        part.count = left < SHORT_LIST ? left : SHORT_LIST;
        part.plus = list->plus > first ? list->plus - first : 0u;
        part.plus = part.plus < part.count ? part.plus : part.count;
        hyst_lanes_add(none, x, p->x_type != HYST_U8, &part, work->acc);
        for (i = 0; i < HYST_BLOCK; i++) {
            work->wide[i] += work->acc[i];
        }
    }
}

/* work->wide = the whole sums of output o: abs(h) <= 2^30, as every choice of weights gives one. */
static void add_wide(const hyst_chain_layer *p, const hyst_signed_list *list, uint32_t block,
                     uint32_t o, hyst_work *work)
{
    const size_t at = ((size_t)block * p->n + o) * HYST_BLOCK;
    const size_t inputs = (size_t)block * p->k * HYST_BLOCK;
    uint32_t i, j;
    for (i = 0; i < HYST_BLOCK; i++) {
        work->wide[i] = p->wide ? ((const int32_t *)p->sums)[at + i]
                                : ((const int16_t *)p->sums)[at + i] + p->centre[o];
    }
    if (p->x_type != HYST_I16) {
        add_bytes(p, list, (const int8_t *)p->x + inputs, work);
        return;
    }
    for (j = 0; j < list->count; j++) {
        const int16_t *x = (const int16_t *)p->x + inputs + (size_t)list->row[j] * HYST_BLOCK;
        const int32_t sign = j < list->plus ? 1 : -1;
        for (i = 0; i < HYST_BLOCK; i++) {
            work->wide[i] += sign * x[i];
        }
    }
}

static int32_t cut(int64_t value, int32_t most)
{
    return value > most ? most : value < -most ? -most : (int32_t)value;
}

/* bits = the output's present bits in the block. */
static void output_bits(const hyst_chain_layer *p, const hyst_chain_faults *f, hyst_work *work,
                        uint32_t block, uint32_t o, uint64_t *bits)
{
    const hyst_work_layer *w = &work->layer[0];
    const hyst_signed_list list = list_of(f, w, o);
    const size_t x_block = (size_t)block * p->k * HYST_BLOCK;
    uint32_t i, j;
    for (i = 0; i < HYST_BLOCK_WORDS; i++) {
        bits[i] = f->inv[o] ? ~(uint64_t)0 : 0u;
    }
    if (w->mode[o] == HYST_NARROW) {
        const int16_t *sums = (const int16_t *)p->sums + ((size_t)block * p->n + o) * HYST_BLOCK;
        hyst_lanes_add(sums, (const int8_t *)p->x + x_block, p->x_type != HYST_U8, &list, work->acc);
    } else {
        add_wide(p, &list, block, o, work);
    }
    for (i = 0; i < p->flips; i++) {
        const int32_t t = f->t[i * p->n + o];
        const int16_t *odd = p->dense && (t & 1) ? p->odd + (size_t)block * HYST_BLOCK : none;
        const int64_t limit = hyst_limit_of(p, t);
        if (w->mode[o] == HYST_NARROW) {
            hyst_lanes_ge(work->acc, odd, cut(limit - p->centre[o], 1 << 16), bits);
            continue;
        }
        for (j = 0; j < HYST_BLOCK; j++) {
            const uint64_t reached = work->wide[j] + odd[j] >= cut(limit, INT32_MAX);
            bits[j / 64u] ^= reached << (j % 64u);
        }
    }
}

/* Rows of touched outputs and wrong inputs lie where the processor does not foresee them. */
static void ask_ahead(const hyst_chain_layer *p, const hyst_chain_faults *f,
                      const hyst_work_layer *w, uint32_t block, uint32_t o)
{
    const size_t sum_bytes = HYST_BLOCK * (p->wide ? sizeof(int32_t) : sizeof(int16_t));
    const size_t x_bytes = HYST_BLOCK * (p->x_type == HYST_I16 ? 2u : 1u);
    const char *sums = (const char *)p->sums + ((size_t)block * p->n + o) * sum_bytes;
    const char *x = (const char *)p->x + (size_t)block * p->k * x_bytes;
    size_t at;
    uint32_t j;
    for (at = 0; at < sum_bytes; at += 64u) {
        HYST_ASK(sums + at);
    }
    for (j = w->start[o]; j < w->start[o + 1u]; j++) {
        for (at = 0; at < x_bytes; at += 64u) {
            HYST_ASK(x + f->list[j] * x_bytes + at);
        }
    }
}

/* Gives 64 outputs' changes to the block's samples. */
static void give(const hyst_chain_layer *p, const uint64_t *diff, uint32_t block, uint32_t group,
                 uint64_t *out)
{
    const uint32_t words = hyst_row_words(p->n);
    const uint64_t *clean = p->by_sample + (size_t)block * HYST_BLOCK * words;
    uint64_t word[64];
    uint32_t part, i;
    for (part = 0; part < HYST_BLOCK_WORDS; part++) {
        for (i = 0; i < 64u; i++) {
            word[i] = diff[i * HYST_BLOCK_WORDS + part];
        }
        hyst_lanes_turn_bits(word);
        for (i = 0; i < 64u; i++) {
            const size_t at = (size_t)(64u * part + i) * words + group;
            out[at] = clean[at] ^ word[i];
        }
    }
}

void hyst_first_block(const hyst_chain_layer *p, const hyst_chain_faults *f, hyst_work *work,
                      uint32_t block, uint64_t *out)
{
    const hyst_work_layer *w = &work->layer[0];
    const uint32_t words = hyst_row_words(p->n);
    uint32_t group, o, i;
    memcpy(out, p->by_sample + (size_t)block * HYST_BLOCK * words, (size_t)HYST_BLOCK * words * 8u);
    for (group = 0; group < words; group++) {
        const uint32_t left = p->n - 64u * group, count = left < 64u ? left : 64u;
        int changed = 0;
        memset(work->diff, 0, 64u * HYST_BLOCK_WORDS * sizeof *work->diff);
        for (i = 0; i < count; i++) {
            uint64_t *diff = work->diff + i * HYST_BLOCK_WORDS;
            uint32_t part;
            o = 64u * group + i;
            if (o + AHEAD < p->n && w->mode[o + AHEAD] != HYST_SAME) {
                ask_ahead(p, f, w, block, o + AHEAD);
            }
            if (w->mode[o] == HYST_SAME) {
                continue;
            }
            output_bits(p, f, work, block, o, diff);
            for (part = 0; part < HYST_BLOCK_WORDS; part++) {
                diff[part] ^=
                    p->by_output[((size_t)block * p->n + o) * HYST_BLOCK_WORDS + part];
            }
            changed = 1;
        }
        if (changed) {
            give(p, work->diff, block, group, out);
        }
    }
}
