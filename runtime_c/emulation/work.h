/* SPDX-License-Identifier: Apache-2.0 */
/* What one thread needs while it answers for a chip; carved out of one scratch buffer. */
#ifndef HYST_EMULATION_WORK_H
#define HYST_EMULATION_WORK_H

#include "chain.h"
#include "lanes.h"

/* Asks for a cache line that will be read soon. */
#if defined(__GNUC__)
#define HYST_ASK(p) __builtin_prefetch((p), 0, 3)
#else
#define HYST_ASK(p) ((void)(p))
#endif

/* Inputs a sample may have changed and still be answered by steps. */
#define HYST_LIST 1024u

/* How an output of the first layer is computed in this trial. */
enum { HYST_SAME = 0, HYST_NARROW = 1, HYST_WIDE = 2 };

enum { HYST_KEPT = 2 };

/* One layer in one trial. */
typedef struct hyst_work_layer {
    uint32_t *start;    /* (n + 1) where each output's wrong weights begin in the list */
    uint32_t *plus;     /* (n) how many of them add */
    uint8_t *mode;      /* (n) HYST_SAME or how to compute it */
    uint32_t most;      /* wrong weights of the worst output */
    int8_t *table;      /* later: (chunks, k, CHUNK) present weights */
    uint64_t *inv;      /* later: (words) */
    int16_t *below;     /* later: (flips, padded) present limit - 1, saturated */
    uint32_t *moved;    /* later: (n) outputs with other thresholds, ascending */
    uint32_t moved_count;
    int32_t *shift;     /* later: (flips, n) clean limit - present one, by moved output */
    uint32_t changed;   /* later: 1 when any constant is another */
} hyst_work_layer;

typedef struct hyst_work {
    hyst_work_layer layer[HYST_CHAIN_LAYERS];
    uint64_t *bits[2];  /* (BLOCK, words) present outputs of a block, in turns */
    uint64_t *diff;     /* (64, BLOCK_WORDS) changed outputs of the first layer */
    int8_t *steps;      /* (CHUNK) of one sample */
    int16_t *total;     /* (CHUNK) of one sample */
    int16_t *acc;       /* (BLOCK) */
    int32_t *wide;      /* (BLOCK) */
    int32_t *scores;    /* the larger of n and scores; then classes */
    int32_t *head;      /* (classes) */
    int8_t *base;       /* (BLOCK, padded) steps from wrong weights */
    int8_t *none;       /* (CHUNK) zeros */
    int8_t *rows;       /* (16, BLOCK) */
    uint16_t *list;     /* (BLOCK, LIST) changed inputs */
    uint16_t *gained;   /* (BLOCK) */
    uint16_t *dropped;  /* (BLOCK) */
    uint8_t *whole;     /* (BLOCK) 1: the plain kernel answers; HYST_KEPT: nothing changed */
    void *kernel;
} hyst_work;

static inline uint32_t hyst_row_words(uint32_t bits)
{
    return (bits + 63u) / 64u;
}

static inline uint32_t hyst_weight(const hyst_chain_layer *p, uint64_t cell)
{
    return (uint32_t)p->weights[cell / 8u] >> (cell % 8u) & 1u;
}

/* A sum s of -1/+1 weighted inputs is 2 h + parity. [s >= t] is [h + parity >= limit] for odd
 * t, [h >= limit] for even t. Sums of no weights (thresholds alone) are taken as they are. */
static inline int64_t hyst_limit_of(const hyst_chain_layer *p, int32_t t)
{
    return p->dense ? ((int64_t)t + (t & 1)) / 2 : t;
}

/* The same where the parity is k's: binary inputs. */
static inline int64_t hyst_later_limit(const hyst_chain_layer *p, int32_t t)
{
    return hyst_limit_of(p, t) - (int64_t)((uint32_t)t & p->k & 1u);
}

/* Sum minus limit, saturated: added to at most HYST_STEPS_MOST steps it has the right sign. */
static inline int8_t hyst_margin(int32_t h, int64_t limit)
{
    const int64_t m = h - limit;
    return (int8_t)(m < -128 ? -128 : m > 127 ? 127 : m);
}

/* Carves the work out of scratch (NULL: only counts); returns the bytes. */
uint64_t hyst_work_carve(const hyst_chain *c, void *scratch, hyst_work *work);

/* Sorts a layer's wrong weights by output and sign. */
void hyst_work_lists(const hyst_chain_layer *p, const hyst_chain_faults *f, hyst_work_layer *w);

/* First layer: how each output is computed; then one block of output bits by sample. */
void hyst_first_begin(const hyst_chain_layer *p, const hyst_chain_faults *f, hyst_work_layer *w);
void hyst_first_block(const hyst_chain_layer *p, const hyst_chain_faults *f, hyst_work *work,
                      uint32_t block, uint64_t *out);

/* Later layers: the same from the inputs' present bits; end undoes begin. */
void hyst_later_begin(const hyst_chain_layer *p, const hyst_chain_faults *f, hyst_work_layer *w);
void hyst_later_block(const hyst_chain *c, uint32_t number, const hyst_chain_faults *f,
                      hyst_work *work, uint32_t block, const uint64_t *in, uint64_t *out);
void hyst_later_end(const hyst_chain_layer *p, const hyst_chain_faults *f, hyst_work_layer *w);

/* Samples of a block that are real. */
static inline uint32_t hyst_here(const hyst_chain *c, uint32_t block)
{
    const uint32_t left = c->samples - block * HYST_BLOCK;
    return left < HYST_BLOCK ? left : HYST_BLOCK;
}

#endif
