/* SPDX-License-Identifier: Apache-2.0 */
/* Primitive: the set bits of a string as a list of offsets into words of weights. */
#ifndef HYST_SLICED_LIST_H
#define HYST_SLICED_LIST_H

#include "hyst/bits.h"

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

#ifdef __cplusplus
}
#endif

#endif
