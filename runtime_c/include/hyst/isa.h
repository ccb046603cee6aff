/* SPDX-License-Identifier: Apache-2.0 */
/* The machine word, loads and population count.
 *
 * HYST_WORD_BITS is 64 where pointers are 64 bits wide, else 32; it may be set
 * from outside. Bytes are little-endian either way, so buffers do not change.
 * The population count never becomes a library call: without a native
 * instruction it is the SWAR sum. */
#ifndef HYST_ISA_H
#define HYST_ISA_H

#include <stdint.h>
#include <string.h>

#include "hyst/abi.h"

#if defined(__BYTE_ORDER__) && defined(__ORDER_BIG_ENDIAN__)
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#error "hysteron buffers are little-endian"
#endif
#endif

#ifndef HYST_WORD_BITS
#if UINTPTR_MAX > 0xffffffffu
#define HYST_WORD_BITS 64
#else
#define HYST_WORD_BITS 32
#endif
#endif

#if HYST_WORD_BITS == 64
typedef uint64_t hyst_word;
#elif HYST_WORD_BITS == 32
typedef uint32_t hyst_word;
#else
#error "HYST_WORD_BITS must be 32 or 64"
#endif

#define HYST_WORD_BYTES ((uint32_t)sizeof(hyst_word))
#define HYST_ALL_ONES ((hyst_word)~(hyst_word)0)

/* Buffers are aligned to 4 bytes at least; telling the compiler keeps Cortex-M0
 * from loading single bytes. memcpy keeps the access defined for any object. */
#if defined(__GNUC__)
#define HYST_ALIGNED(p) __builtin_assume_aligned((p), 4)
/* stays a load or store under -ffreestanding, where memcpy would become a call */
#define HYST_COPY(to, from, bytes) __builtin_memcpy((to), (from), (bytes))
#else
#define HYST_ALIGNED(p) (p)
#define HYST_COPY(to, from, bytes) memcpy((to), (from), (bytes))
#endif

static inline hyst_word hyst_load(const void *base, uint32_t index)
{
    hyst_word word;
    HYST_COPY(&word, (const unsigned char *)HYST_ALIGNED(base) + index * HYST_WORD_BYTES,
              sizeof word);
    return word;
}

static inline void hyst_store(void *base, uint32_t index, hyst_word word)
{
    HYST_COPY((unsigned char *)HYST_ALIGNED(base) + index * HYST_WORD_BYTES, &word, sizeof word);
}

static inline uint32_t hyst_load32(const void *base, uint32_t index)
{
    uint32_t word;
    HYST_COPY(&word, (const unsigned char *)HYST_ALIGNED(base) + index * 4u, sizeof word);
    return word;
}

static inline void hyst_store32(void *base, uint32_t index, uint32_t word)
{
    HYST_COPY((unsigned char *)HYST_ALIGNED(base) + index * 4u, &word, sizeof word);
}

#if defined(__AVR__)
/* Ones of a byte: pairs, then fours, then all eight. */
static inline unsigned char hyst_ones8(unsigned char b)
{
    b = (unsigned char)(b - ((b >> 1) & 0x55u));
    b = (unsigned char)((b & 0x33u) + ((b >> 2) & 0x33u));
    return (unsigned char)((unsigned char)(b + (b >> 4)) & 15u);
}
#endif

static inline uint32_t hyst_popcount(hyst_word x)
{
#if defined(__AVR__)
    uint32_t ones = 0;
    for (; x != 0u; x >>= 8) {
        ones += hyst_ones8((unsigned char)x);
    }
    return ones;
#elif defined(__GNUC__) \
    && (defined(__POPCNT__) || defined(__ARM_FEATURE_SVE) || defined(__riscv_zbb))
    return (uint32_t)(HYST_WORD_BITS == 64 ? __builtin_popcountll(x)
                                           : __builtin_popcount((uint32_t)x));
#else
    /* all ones / 3, / 5, / 17 and / 255: alternating groups of 1, 2, 4 and 8 bits */
    x = x - ((x >> 1) & (HYST_ALL_ONES / 3));
    x = (x & (HYST_ALL_ONES / 5)) + ((x >> 2) & (HYST_ALL_ONES / 5));
    x = (x + (x >> 4)) & (HYST_ALL_ONES / 17);
    return (uint32_t)((hyst_word)(x * (HYST_ALL_ONES / 255)) >> (HYST_WORD_BITS - 8));
#endif
}

/* Before a short loop over lanes: GCC would unroll it whole before its vectoriser sees it. */
#if defined(__GNUC__) && __GNUC__ >= 8 && !defined(__clang__)
#define HYST_VECTOR_LOOP _Pragma("GCC unroll 1")
#else
#define HYST_VECTOR_LOOP
#endif

static inline uint32_t hyst_load8(const void *at)
{
    return *(const unsigned char *)at;
}

/* Words that hold n bits. */
static inline uint32_t hyst_words(uint32_t bits)
{
    return (bits + (HYST_WORD_BITS - 1u)) / HYST_WORD_BITS;
}

/* Bytes of a plane or row of n bits: a multiple of 8. n <= 2^32 - 64. */
static inline uint32_t hyst_plane_bytes(uint32_t bits)
{
    return (bits + 63u) / 64u * 8u;
}

/* Ones at the valid bits of the last word of n > 0 bits. */
static inline hyst_word hyst_tail_mask(uint32_t bits)
{
    return HYST_ALL_ONES >> ((0u - bits) % HYST_WORD_BITS);
}

#endif
