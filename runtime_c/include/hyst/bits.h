/* SPDX-License-Identifier: Apache-2.0 */
/* Flat little-endian bit strings: bit e is bit e%8 of byte e/8.
 *
 * Reads touch only words that hold requested bits. Writers OR into zeroed
 * memory, so a string is cleared first (hyst_clear_bits). */
#ifndef HYST_BITS_H
#define HYST_BITS_H

#include "hyst/isa.h"

static inline uint32_t hyst_get_bit(const void *base, uint32_t at)
{
    return (hyst_load32(base, at >> 5) >> (at & 31u)) & 1u;
}

static inline void hyst_set_bit(void *base, uint32_t at)
{
    hyst_store32(base, at >> 5, hyst_load32(base, at >> 5) | ((uint32_t)1 << (at & 31u)));
}

/* n bits from position at, 1 <= n <= HYST_WORD_BITS. */
static inline hyst_word hyst_get_bits(const void *base, uint32_t at, uint32_t n)
{
    const uint32_t index = at / HYST_WORD_BITS, shift = at % HYST_WORD_BITS;
    hyst_word value = hyst_load(base, index) >> shift;
    if (shift + n > HYST_WORD_BITS) {
        value |= hyst_load(base, index + 1u) << (HYST_WORD_BITS - shift);
    }
    return value & (HYST_ALL_ONES >> (HYST_WORD_BITS - n));
}

/* ORs the low n bits of value in; its higher bits must be 0. 1 <= n <= HYST_WORD_BITS. */
static inline void hyst_or_bits(void *base, uint32_t at, hyst_word value, uint32_t n)
{
    const uint32_t index = at / HYST_WORD_BITS, shift = at % HYST_WORD_BITS;
    hyst_store(base, index, hyst_load(base, index) | (hyst_word)(value << shift));
    if (shift + n > HYST_WORD_BITS) {
        const hyst_word high = value >> (HYST_WORD_BITS - shift);
        hyst_store(base, index + 1u, hyst_load(base, index + 1u) | high);
    }
}

/* Zeroes a string of n bits up to its padding. */
static inline void hyst_clear_bits(void *base, uint32_t n)
{
    memset(base, 0, (size_t)hyst_plane_bytes(n));
}

/* Copies n bits into zeroed bits of another string. */
static inline void hyst_copy_bits(void *to, uint32_t to_at, const void *from, uint32_t from_at,
                                  uint32_t n)
{
    if (((to_at | from_at) % HYST_WORD_BITS) == 0u) {
        uint32_t i;
        to_at /= HYST_WORD_BITS;
        from_at /= HYST_WORD_BITS;
        for (i = 0; n >= HYST_WORD_BITS; i++, n -= HYST_WORD_BITS) {
            hyst_store(to, to_at + i, hyst_load(from, from_at + i));
        }
        if (n > 0u) {
            const hyst_word part = hyst_load(from, from_at + i) & hyst_tail_mask(n);
            hyst_store(to, to_at + i, hyst_load(to, to_at + i) | part);
        }
        return;
    }
    while (n > 0u) {
        const uint32_t step = n < HYST_WORD_BITS ? n : HYST_WORD_BITS;
        hyst_or_bits(to, to_at, hyst_get_bits(from, from_at, step), step);
        to_at += step;
        from_at += step;
        n -= step;
    }
}

/* Sets n zeroed bits to one. */
static inline void hyst_fill_ones(void *to, uint32_t at, uint32_t n)
{
    while (n > 0u) {
        const uint32_t step = n < HYST_WORD_BITS ? n : HYST_WORD_BITS;
        hyst_or_bits(to, at, HYST_ALL_ONES >> (HYST_WORD_BITS - step), step);
        at += step;
        n -= step;
    }
}

#endif
