/* SPDX-License-Identifier: Apache-2.0 */
/* The clean results of all samples, by the product's own kernels. */
#include <string.h>

#include "hyst/bits.h"
#include "hyst/elements.h"
#include "hyst/op_int_dense.h"
#include "hyst/op_xnor_dense.h"
#include "hyst/types.h"
#include "work.h"

/* sums[o] of one sample; abs(sum) < 2^31 (checked by the compiler). */
static void first_sums(const hyst_chain_layer *p, const void *x, const void *w, void *kernel,
                       int32_t *sums)
{
    uint32_t o;
    if (!p->dense) {
        for (o = 0; o < p->n; o++) {
            sums[o] = hyst_get(x, p->x_type, p->k, o);
        }
    } else if (p->x_type == HYST_B1) {
        hyst_xnor_dense((const hyst_xnor_dense_params *)(const void *)p->sums_params, x, w, NULL,
                        NULL, sums, NULL, NULL, kernel);
    } else {
        hyst_int_dense((const hyst_int_dense_params *)(const void *)p->sums_params, x, w, NULL,
                       NULL, sums, NULL, kernel);
    }
}

static int32_t parity(const hyst_chain_layer *p, const void *x)
{
    uint32_t total = 0, i;
    for (i = 0; p->dense && i < p->k; i++) {
        total += (uint32_t)hyst_get(x, p->x_type, p->k, i);
    }
    return (int32_t)(total & 1u);
}

/* h of a sum 2 h + parity, or the sum itself. */
static int32_t kept(const hyst_chain_layer *p, int32_t sum, int32_t odd)
{
    return p->dense ? (sum - odd) / 2 : sum;
}

void hyst_chain_range(const hyst_chain *c, const void *rows, uint32_t row_bytes,
                      const void *w_bytes, void *scratch)
{
    const hyst_chain_layer *p = &c->layer[0];
    hyst_work work;
    uint32_t s, i;
    (void)hyst_work_carve(c, scratch, &work);
    for (s = 0; s < c->samples; s++) {
        const unsigned char *x = (const unsigned char *)rows + (size_t)s * row_bytes;
        const int32_t odd = parity(p, x);
        first_sums(p, x, w_bytes, work.kernel, work.scores);
        for (i = 0; i < p->n; i++) {
            const int32_t h = kept(p, work.scores[i], odd);
            p->low[i] = s == 0u || h < p->low[i] ? h : p->low[i];
            p->high[i] = s == 0u || h > p->high[i] ? h : p->high[i];
        }
        for (i = 0; i < p->k; i++) {
            const int32_t value = hyst_get(x, p->x_type, p->k, i);
            const uint32_t size = (uint32_t)(value < 0 ? -value : value);
            p->peak[i] = size > p->peak[i] ? size : p->peak[i];
        }
    }
}

static void put_bit(const hyst_chain_layer *p, uint32_t s, uint32_t o, uint32_t bit)
{
    const size_t output = ((size_t)(s / HYST_BLOCK) * p->n + o) * HYST_BLOCK_WORDS;
    const uint32_t in_block = s % HYST_BLOCK;
    p->by_output[output + in_block / 64u] |= (uint64_t)bit << (in_block % 64u);
    p->by_sample[(size_t)s * hyst_row_words(p->n) + o / 64u] |= (uint64_t)bit << (o % 64u);
}

static void keep_first(const hyst_chain_layer *p, const void *x, uint32_t s, const int32_t *sums)
{
    const size_t block = s / HYST_BLOCK, at = s % HYST_BLOCK;
    const int32_t odd = parity(p, x);
    uint32_t o, i;
    p->odd[s] = (int16_t)odd;
    for (i = 0; p->dense && i < p->k; i++) {
        const size_t place = (block * p->k + i) * HYST_BLOCK + at;
        const int32_t value = hyst_get(x, p->x_type, p->k, i);
        if (p->x_type == HYST_I16) {
            ((int16_t *)p->x)[place] = (int16_t)value;
        } else {
            ((uint8_t *)p->x)[place] = (uint8_t)((uint32_t)value & 255u);
        }
    }
    for (o = 0; o < p->n; o++) {
        const size_t place = (block * p->n + o) * HYST_BLOCK + at;
        const int32_t h = kept(p, sums[o], odd);
        uint32_t bit = p->inv[o];
        if (p->wide) {
            ((int32_t *)p->sums)[place] = h;
        } else {
            ((int16_t *)p->sums)[place] = (int16_t)(h - p->centre[o]);
        }
        for (i = 0; i < p->flips; i++) {
            bit ^= sums[o] >= p->t[i * p->n + o];
        }
        put_bit(p, s, o, bit);
    }
}

static void keep_later(const hyst_chain_layer *p, uint32_t s, const int32_t *sums)
{
    const int32_t odd = (int32_t)(p->k & 1u);
    uint32_t o, i;
    for (o = 0; o < p->n; o++) {
        /* abs(sum) <= k <= 65533, so abs(h) < 2^15 */
        const int32_t h = kept(p, sums[o], odd);
        uint32_t bit = p->inv[o];
        ((int16_t *)p->sums)[(size_t)s * p->padded + o] = (int16_t)h;
        for (i = 0; i < p->flips; i++) {
            const int32_t t = p->t[i * p->n + o];
            p->margin[((size_t)s * p->flips + i) * p->padded + o] =
                hyst_margin(h, hyst_later_limit(p, t));
            bit ^= sums[o] >= t;
        }
        put_bit(p, s, o, bit);
    }
}

void hyst_chain_prepare(const hyst_chain *c, const void *rows, uint32_t row_bytes,
                        const void *const *w_bytes, void *scratch)
{
    hyst_work work;
    uint32_t s, i;
    (void)hyst_work_carve(c, scratch, &work);
    for (i = 0; i < c->layers; i++) {
        const hyst_chain_layer *p = &c->layer[i];
        for (s = 0; s < c->samples; s++) {
            if (i == 0u) {
                const unsigned char *x = (const unsigned char *)rows + (size_t)s * row_bytes;
                first_sums(p, x, w_bytes[0], work.kernel, work.scores);
                keep_first(p, x, s, work.scores);
            } else {
                const uint64_t *x = p[-1].by_sample + (size_t)s * hyst_row_words(p->k);
                hyst_xnor_dense((const hyst_xnor_dense_params *)(const void *)p->sums_params, x,
                                w_bytes[i], NULL, NULL, work.scores, NULL, NULL, work.kernel);
                keep_later(p, s, work.scores);
            }
        }
    }
}
