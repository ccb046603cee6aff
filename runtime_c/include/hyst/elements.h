/* SPDX-License-Identifier: Apache-2.0 */
/* One element of a tensor of any integer encoding, for kernels that are not hot.
 *
 * Bits go through HYST_ALIGNED words; integers through memcpy, because image and
 * arena are byte arrays to the compiler. */
#ifndef HYST_ELEMENTS_H
#define HYST_ELEMENTS_H

#include "hyst/bits.h"
#include "hyst/rom.h"
#include "hyst/types.h"

/* Two's complement reading of 32 bits (what every supported compiler does). */
static inline int32_t hyst_i32(uint32_t bits)
{
    int32_t value;
    HYST_COPY(&value, &bits, sizeof value);
    return value;
}

static inline int32_t hyst_get_i32(const void *base, uint32_t at)
{
    return hyst_i32(hyst_load32(base, at));
}

static inline void hyst_put_i32(void *base, uint32_t at, int32_t value)
{
    hyst_store32(base, at, (uint32_t)value);
}

static inline int32_t hyst_get_i16(const void *base, uint32_t at)
{
    int16_t value;
#if defined(__GNUC__)
    base = __builtin_assume_aligned(base, 2);
#endif
    HYST_COPY(&value, (const unsigned char *)base + at * 2u, sizeof value);
    return value;
}

static inline float hyst_get_f32(const void *base, uint32_t at)
{
    float value;
    HYST_COPY(&value, (const unsigned char *)HYST_ALIGNED(base) + at * 4u, sizeof value);
    return value;
}

static inline void hyst_put_f32(void *base, uint32_t at, float value)
{
    HYST_COPY((unsigned char *)HYST_ALIGNED(base) + at * 4u, &value, sizeof value);
}

/* Element at of a tensor of size elements; size only matters for the planes of t2. */
static inline int32_t hyst_get(const void *base, int32_t type, uint32_t size, uint32_t at)
{
    const unsigned char *bytes = (const unsigned char *)base;
    switch (type) {
    case HYST_B1:
        return (int32_t)(2u * hyst_get_bit(base, at)) - 1;
    case HYST_T2:
        return (int32_t)hyst_get_bit(base, at)
               - (int32_t)hyst_get_bit(bytes + hyst_plane_bytes(size), at);
    case HYST_U8:
        return bytes[at];
    case HYST_I8:
        return (int32_t)(bytes[at] ^ 0x80u) - 0x80;
    case HYST_I16:
        return hyst_get_i16(base, at);
    default:
        return hyst_get_i32(base, at);
    }
}

/* Bytes of one element of the byte-sized encodings. */
static inline uint32_t hyst_element_bytes(int32_t type)
{
    return type <= HYST_I8 ? 1u : type == HYST_I16 ? 2u : 4u;
}

#endif
