/* SPDX-License-Identifier: Apache-2.0 */
#include "chain.h"

#include <string.h>

#include "hyst/op_argmax.h"
#include "hyst/op_fixed_head.h"
#include "hyst/op_xnor_dense.h"
#include "work.h"

void hyst_chain_begin(const hyst_chain *c, void *scratch)
{
    hyst_work work;
    uint32_t i, o, k;
    (void)hyst_work_carve(c, scratch, &work);
    memset(work.none, 0, HYST_CHUNK);
    for (i = 1; i < c->layers; i++) {
        const hyst_chain_layer *p = &c->layer[i];
        int8_t *table = work.layer[i].table;
        const uint32_t chunks = (p->padded + HYST_CHUNK - 1u) / HYST_CHUNK;
        memset(table, 0, (size_t)chunks * p->k * HYST_CHUNK);
        for (o = 0; o < p->n; o++) {
            int8_t *column = table + (size_t)(o / HYST_CHUNK) * p->k * HYST_CHUNK + o % HYST_CHUNK;
            for (k = 0; k < p->k; k++) {
                column[(size_t)k * HYST_CHUNK] =
                    (int8_t)(2 * (int32_t)hyst_weight(p, (uint64_t)o * p->k + k) - 1);
            }
        }
    }
}

uint64_t hyst_chain_scratch(const hyst_chain *c)
{
    hyst_work work;
    return hyst_work_carve(c, NULL, &work);
}

/* The product's own last layer and head on one sample's bits. */
static int32_t class_of(const hyst_chain *c, const hyst_chain_trial *trial, hyst_work *work,
                        const uint64_t *bits)
{
    const void *scores = work->scores;
    int32_t winner;
    hyst_xnor_dense((const hyst_xnor_dense_params *)(const void *)c->sums_params, bits,
                    trial->w_bytes, NULL, NULL, work->scores, NULL, NULL, work->kernel);
    if (c->head_params) {
        hyst_fixed_head((const hyst_fixed_head_params *)(const void *)c->head_params, scores,
                        trial->m_bytes, trial->d_bytes, trial->breaks_bytes, work->head,
                        work->kernel);
        scores = work->head;
    }
    hyst_argmax((const hyst_argmax_params *)(const void *)c->argmax_params, scores, &winner,
                work->kernel);
    return winner;
}

void hyst_chain_classes(const hyst_chain *c, const hyst_chain_trial *trial, void *scratch,
                        int32_t *classes)
{
    const uint32_t blocks = (c->samples + HYST_BLOCK - 1u) / HYST_BLOCK;
    const hyst_chain_layer *last = &c->layer[c->layers - 1u];
    const uint32_t words = hyst_row_words(last->n);
    hyst_work work;
    uint32_t block, i, s;
    (void)hyst_work_carve(c, scratch, &work);
    hyst_first_begin(&c->layer[0], &trial->layer[0], &work.layer[0]);
    for (i = 1; i < c->layers; i++) {
        hyst_later_begin(&c->layer[i], &trial->layer[i], &work.layer[i]);
    }
    for (block = 0; block < blocks; block++) {
        const uint64_t *bits = work.bits[0];
        hyst_first_block(&c->layer[0], &trial->layer[0], &work, block, work.bits[0]);
        for (i = 1; i < c->layers; i++) {
            hyst_later_block(c, i, &trial->layer[i], &work, block, bits, work.bits[i % 2u]);
            bits = work.bits[i % 2u];
        }
        for (s = 0; s < hyst_here(c, block); s++) {
            const size_t sample = (size_t)block * HYST_BLOCK + s;
            const uint64_t *row = bits + (size_t)s * words;
            const int known = c->clean && trial->same_head && !trial->sums &&
                              memcmp(row, last->by_sample + sample * words, words * 8u) == 0;
            classes[sample] = known ? c->clean[sample] : class_of(c, trial, &work, row);
            if (trial->sums) {
                memcpy(trial->sums + sample * c->scores, work.scores, c->scores * sizeof(int32_t));
            }
        }
    }
    for (i = 1; i < c->layers; i++) {
        hyst_later_end(&c->layer[i], &trial->layer[i], &work.layer[i]);
    }
}
