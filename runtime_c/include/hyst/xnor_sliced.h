/* SPDX-License-Identifier: Apache-2.0 */
/* Primitive: binary dot products with weights stored 32 outputs to a word.
 *
 * A block is k words; bit j of word i is weight i of output j. The set elements of
 * the input become a list of indices, and the listed words are added into counters
 * that are themselves sliced over bits (carry-save), so one word operation serves
 * 32 outputs. */
#ifndef HYST_XNOR_SLICED_H
#define HYST_XNOR_SLICED_H

#include "hyst/elements.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Writes the positions of the ones of a string of k <= 65535 bits; returns their number.
 * With invert the zeros are listed; with mask not NULL only positions where it is 1. */
uint32_t hyst_list_bits(const void *bits, const void *mask, int32_t invert, uint32_t k,
                        uint16_t *list);

/* counts[j] += weight * (listed words with bit j set), modulo 2^32, for all 32 j. */
void hyst_sliced_count(const uint16_t *list, uint32_t length, const void *block, uint32_t weight,
                       uint32_t *counts);

/* acc[j] = sum over elements of x * w[j] for the first rows (<= 32) outputs of a block, which
 * are outputs first.. of sums; acc has 32 entries.
 * sign, mask as in xnor_rows.h; negative: block of the negative plane or NULL.
 * sums: ones of each output (positive minus negative), or NULL. lists: what
 * hyst_sliced_lists wrote for the same sign and mask. */
typedef struct hyst_sliced_input {
    uint32_t k;
    uint32_t set;         /* length of the list of +1 elements */
    uint32_t clear;       /* length of the list of -1 elements */
    int32_t has_clear;    /* 0: that list was left out because sums stand in for it */
    uint16_t *lists;      /* 2 * k entries: +1 list, then -1 list at k */
} hyst_sliced_input;

/* Fills input->set, clear and lists. with_sums (needs mask NULL) leaves the -1 list out. */
void hyst_sliced_lists(hyst_sliced_input *input, const void *sign, const void *mask,
                       int32_t with_sums);

void hyst_xnor_sliced(const hyst_sliced_input *input, const void *block, const void *negative,
                      const void *sums, uint32_t first, uint32_t rows, int32_t *acc);

/* Fills sums[o] (i32) for n outputs of k weights in groups; ternary: with negative plane. */
void hyst_sliced_sums(const void *w, int32_t k, int32_t n, int32_t groups, int32_t ternary,
                      void *sums);

#ifdef __cplusplus
}
#endif

#endif
