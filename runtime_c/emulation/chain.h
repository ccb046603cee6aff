/* SPDX-License-Identifier: Apache-2.0 */
/* The incremental engine: how a chain of dense layers answers when some cells are wrong.
 *
 * A chain is a first layer (integer or binary inputs, or thresholds alone), later XNOR
 * layers and a head. The clean results of all samples are kept, and a trial computes only
 * what its wrong cells change; docs/incremental.md has the identities and their bounds.
 * Classes equal those of the generated C on the same bytes. Samples come in blocks of
 * HYST_BLOCK (lanes.h); the last one is padded. Arrays are 64-byte aligned. */
#ifndef HYST_EMULATION_CHAIN_H
#define HYST_EMULATION_CHAIN_H

#include <stdint.h>

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* cffi:begin */
/* One hidden layer: shape, clean constants, clean results. words(n) = (n + 63) / 64. */
typedef struct hyst_chain_layer {
    uint32_t k;                 /* inputs, at most 65533 in later layers */
    uint32_t n;                 /* outputs */
    uint32_t padded;            /* n rounded up to 64 */
    uint32_t flips;             /* thresholds per output, 1 or 2 */
    int32_t dense;              /* 0: the sums are the inputs (n == k) */
    int32_t x_type;             /* HYST_B1, HYST_U8, HYST_I8 or HYST_I16 */
    int32_t wide;               /* first layer: sums hold int32_t, else int16_t */
    const int32_t *sums_params; /* of its kernel with HYST_OUT_I32 */
    const int32_t *bits_params; /* of its kernel as compiled */
    const uint8_t *weights;     /* weight o * k + i is bit % 8 of byte / 8 */
    const int32_t *t;           /* (flips, n) */
    const uint8_t *inv;         /* (n) 0 or 1 */
    int32_t *low;               /* first: (n) smallest and largest sum */
    int32_t *high;
    int32_t *centre;            /* first: (n) subtracted from the kept sums */
    uint32_t *peak;             /* first: (k) largest abs(x) */
    int16_t *odd;               /* first: (blocks, BLOCK) parity of the inputs' total */
    void *x;                    /* first: (blocks, k, BLOCK) inputs; binary ones as int8_t */
    void *sums;                 /* first: (blocks, n, BLOCK); later: (blocks * BLOCK, padded)
                                   int16_t */
    int8_t *margin;             /* later: (blocks * BLOCK, flips, padded) sum minus limit, saturated */
    uint64_t *by_output;        /* (blocks, n, BLOCK / 64) clean bits */
    uint64_t *by_sample;        /* (blocks * BLOCK, words(n)) the same bits, padded with 0 */
} hyst_chain_layer;

typedef struct hyst_chain {
    uint32_t samples;
    uint32_t layers;              /* hidden ones, 1 to HYST_CHAIN_LAYERS */
    const hyst_chain_layer *layer;
    const int32_t *sums_params;   /* of the last hyst_xnor_dense */
    const int32_t *head_params;   /* of hyst_fixed_head, NULL without one */
    const int32_t *argmax_params;
    uint32_t scores;              /* outputs of the last dense layer */
    uint32_t classes;             /* entries the maximum is taken over */
    uint32_t kernel_scratch;      /* bytes the product's kernels need */
    const int32_t *clean;         /* (samples) classes without errors; NULL before they are known */
} hyst_chain;

/* What one chip holds instead of the clean constants of one layer. */
typedef struct hyst_chain_faults {
    const int64_t *cell; /* wrong weights, ascending */
    uint32_t count;
    uint32_t *list;      /* room for count entries */
    const int32_t *t;    /* as in hyst_chain_layer */
    const uint8_t *inv;
    const void *w_bytes; /* the same constants as the chip stores them, 8-byte aligned */
    const void *t_bytes;
    const void *inv_bytes;
} hyst_chain_faults;

typedef struct hyst_chain_trial {
    const hyst_chain_faults *layer;
    const void *w_bytes; /* last layer and head, as stored */
    const void *m_bytes;
    const void *d_bytes;
    const void *breaks_bytes;
    int32_t same_head;   /* 1: last layer and head hold what they should */
    int32_t *sums;       /* (samples, scores) sums of the last layer of every sample, or NULL */
} hyst_chain_trial;

/* Bytes of scratch for one thread. */
uint64_t hyst_chain_scratch(const hyst_chain *c);

/* Finds low, high and peak of the first layer, sums not centred. rows: one packed sample per
 * row_bytes (a multiple of 8); w_bytes: the clean weights. */
void hyst_chain_range(const hyst_chain *c, const void *rows, uint32_t row_bytes,
                      const void *w_bytes, void *scratch);

/* Fills the clean results of every layer; w_bytes: one pointer per hidden layer. */
void hyst_chain_prepare(const hyst_chain *c, const void *rows, uint32_t row_bytes,
                        const void *const *w_bytes, void *scratch);

/* Makes a scratch ready for trials: once for each. */
void hyst_chain_begin(const hyst_chain *c, void *scratch);

/* Writes the class of every sample on the trial's chip; the scratch is as before after it. */
void hyst_chain_classes(const hyst_chain *c, const hyst_chain_trial *trial, void *scratch,
                        int32_t *classes);
/* cffi:end */

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#define HYST_CHAIN_LAYERS 16u

#endif
