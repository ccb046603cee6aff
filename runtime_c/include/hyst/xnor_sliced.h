/* SPDX-License-Identifier: Apache-2.0 */
/* Primitive: binary dot products with weights stored 32 outputs to a word.
 *
 * A block is k words; bit j of word i is weight i of output j. The set elements of
 * the input become a list, and the listed words are added into counters that are
 * themselves sliced over bits (carry-save), so one word operation serves 32 outputs.
 * docs/kernels.md has the algebra and the counts. */
#ifndef HYST_XNOR_SLICED_H
#define HYST_XNOR_SLICED_H

#include "hyst/elements.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An entry is 4 * (word index), 16 bits: one part of a list reaches so many words. */
#define HYST_LIST_SPAN 16384u
/* Parts that cover k <= 65535 words. */
#define HYST_LIST_PARTS 4u

/* Part i lists words i * HYST_LIST_SPAN onwards; its entries start at at + i * HYST_LIST_SPAN,
 * so at has room for k entries (or, where part 0 is all, for as many as it lists). */
typedef struct hyst_sliced_list {
    uint16_t *at;
    uint32_t parts;
    uint32_t length[HYST_LIST_PARTS];
} hyst_sliced_list;

/* Appends offset + 4 i for each of n bits from position at that is 1 (flip 0) or 0 (flip all
 * ones); returns the end of the list. */
uint16_t *hyst_list_run(const void *bits, uint32_t at, uint32_t n, uint32_t flip, uint32_t offset,
                        uint16_t *list);

/* Lists the ones (flip: the zeros) of a string of k <= 65535 bits, where mask is 1 unless NULL. */
void hyst_list_bits(const void *bits, const void *mask, uint32_t flip, uint32_t k,
                    hyst_sliced_list *list);

/* Ones among n bits from position at. */
uint32_t hyst_count_ones(const void *bits, uint32_t at, uint32_t n);

/* Adds the listed words at address base to the counters: bit j of planes[p] is bit p of counter j.
 * Planes beyond those that the largest possible sum needs are neither read nor written;
 * four exist at least. length <= 65535. */
void hyst_sliced_add(const uint16_t *list, uint32_t length, hyst_address base, uint32_t *planes);

/* The same for all parts of a list of the words of a block. */
static inline void hyst_sliced_add_list(const hyst_sliced_list *list, hyst_rom block,
                                        uint32_t *planes)
{
    const uint32_t *const end = list->length + list->parts;
    const uint32_t *length = list->length;
    const uint16_t *at = list->at;
    hyst_address base = (hyst_address)block;
    for (; length != end; at += HYST_LIST_SPAN, base += HYST_LIST_SPAN * 4u) {
        hyst_sliced_add(at, *length++, base, planes);
    }
}

/* The same for n neighbouring words from address base. */
void hyst_sliced_add_run(uint32_t n, hyst_address base, uint32_t *planes);

/* values[j] = the counter of lane j, for all 32 lanes of count <= 32 planes. */
void hyst_sliced_values(const uint32_t *planes, uint32_t count, uint32_t *values);

/* total[j] += weight * (listed words with bit j set), modulo 2^32, for all 32 j. */
void hyst_sliced_count(const hyst_sliced_list *list, hyst_rom block, uint32_t weight,
                       uint32_t *total);

/* acc[j] = (sum over set of w[j]) - (sum over clear of w[j]) for all 32 outputs of a block; w is
 * -1/+1, or with a block of the negative plane positive - negative. clear, negative: or NULL. */
void hyst_xnor_sliced(const hyst_sliced_list *set, const hyst_sliced_list *clear,
                      hyst_rom block, hyst_rom negative, int32_t *acc);

#ifdef __cplusplus
}
#endif

#endif
