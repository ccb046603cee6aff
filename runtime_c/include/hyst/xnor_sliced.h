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
#include "hyst/sliced_add.h"
#include "hyst/sliced_list.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Adds all parts of a list of the words of a block (hyst_sliced_add). */
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

/* Adds n neighbouring words from address base. */
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
