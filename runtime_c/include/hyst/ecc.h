/* SPDX-License-Identifier: Apache-2.0 */
/* Protected sections: what all error-correcting codes share (docs/ecc.md).
 *
 * A section of data words is decoded into a tile in RAM before a layer reads it; memory is never
 * written. Padding bits are no cells: they count as 0 and become 0 in the tile. Every byte pattern
 * of data and checks is safe, and no length comes from them. */
#ifndef HYST_ECC_H
#define HYST_ECC_H

#include "hyst/rom.h"

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
/* What a decoder saw in a word. A miscorrection cannot be seen: it counts as corrected. */
enum { HYST_ECC_OK = 0, HYST_ECC_CORRECTED = 1, HYST_ECC_DETECTED = 2 };

/* What a detected word becomes in the tile: what was read, or all data bits 0. */
enum { HYST_ECC_AS_READ = 0, HYST_ECC_ZERO = 1 };

/* Code words decoded, and how many of them were corrected or found uncorrectable. */
typedef struct hyst_ecc_counts {
    uint32_t words, corrected, detected;
} hyst_ecc_counts;

/* Is told the right content of n bytes at an offset of a region; it may write them there. */
typedef void (*hyst_ecc_write)(void *user, uint32_t region, uint32_t offset, const void *bytes,
                               uint32_t n);

/* Where a section lies and which of its bits are cells: of the first cell_words 32-bit words,
 * each block begins with full words of cells, then tail words with the cells of tail_mask; its
 * other words and the words after cell_words hold none. */
typedef struct hyst_ecc_section {
    uint32_t words; /* even */
    uint32_t cell_words;
    uint32_t block;
    uint32_t full;
    uint32_t tail;
    uint32_t tail_mask;
    uint32_t copies; /* of hyst/ecc_copies.h: 2 or 3 of them; 1 for other codes */
    uint32_t policy; /* HYST_ECC_AS_READ or HYST_ECC_ZERO */
    uint32_t region, offset;
    uint32_t check_region[2], check_offset[2]; /* the second one only for 3 copies */
} hyst_ecc_section;
/* cffi:end */

/* The loop of a fetch is its cost, so what both it and scrub use is inlined into each. */
#if defined(__GNUC__)
#define HYST_ECC_INLINE static inline __attribute__((always_inline))
#else
#define HYST_ECC_INLINE static inline
#endif

/* Position of a walk over the words of a section: start with { 0, 0 }. */
typedef struct hyst_ecc_place {
    uint32_t index, in_block;
} hyst_ecc_place;

/* The cells of the word at a place, which then moves on. */
HYST_ECC_INLINE uint32_t hyst_ecc_next(const hyst_ecc_section *s, hyst_ecc_place *place)
{
    const uint32_t at = place->in_block;
    uint32_t mask = 0u;
    if (place->index < s->cell_words && at < s->full + s->tail) {
        mask = at < s->full ? 0xffffffffu : s->tail_mask;
    }
    place->index++;
    place->in_block = at + 1u == s->block ? 0u : at + 1u;
    return mask;
}

/* Adds to counts where there are any. */
static inline void hyst_ecc_add(hyst_ecc_counts *counts, uint32_t words, uint32_t corrected,
                                uint32_t detected)
{
    if (counts != NULL) {
        counts->words += words;
        counts->corrected += corrected;
        counts->detected += detected;
    }
}

/* Hands a word to a callback, where there is one, as bytes of memory. */
static inline void hyst_ecc_put(hyst_ecc_write write, void *user, uint32_t region,
                                uint32_t offset, uint32_t word)
{
    uint32_t bytes[1];
    if (write != NULL) {
        hyst_store32(bytes, 0, word);
        write(user, region, offset, bytes, 4);
    }
}

#ifdef __cplusplus
}
#endif

#endif
