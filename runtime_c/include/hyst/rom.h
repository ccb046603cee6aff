/* SPDX-License-Identifier: Apache-2.0 */
/* Reads of images. Where code and data are one address space they are plain loads. */
#ifndef HYST_ROM_H
#define HYST_ROM_H

#include "hyst/isa.h"

#ifdef __cplusplus
extern "C" {
#endif

/* bytes behind an address of an image. */
#if defined(HYST_FAR)
static inline hyst_rom hyst_rom_at(hyst_rom base, uint32_t bytes)
{
    return base + bytes;
}
#else
static inline hyst_rom hyst_rom_at(hyst_rom base, uint32_t bytes)
{
    return (const unsigned char *)base + bytes;
}
#endif

/* Parameters of a layer: a constant, on AVR in flash and copied to the stack while its layer runs. */
#if defined(__AVR__)
#define HYST_PARAMS_SECTION HYST_IMAGE_SECTION
#define HYST_PARAMS(type, name, stored)                                                            \
    type name##_copy;                                                                              \
    const type *const name =                                                                       \
        (const type *)hyst_rom_copy(&name##_copy, HYST_BUILT_IN(stored), (uint16_t)sizeof(type))
#else
#define HYST_PARAMS_SECTION
#define HYST_PARAMS(type, name, stored) const type *const name = &(stored)
#endif

#if defined(__AVR__)

/* The address says where the bytes are; see hyst/abi.h. hyst_rom_copy returns to. */
const void *hyst_rom_copy(void *to, hyst_rom from, uint16_t bytes);
unsigned char hyst_rom_load8(hyst_rom at);
uint16_t hyst_rom_load16(hyst_rom at);
uint32_t hyst_rom_load32_at(hyst_rom at);

static inline uint32_t hyst_rom_load32(hyst_rom base, uint32_t index)
{
    return hyst_rom_load32_at(hyst_rom_at(base, index * 4u));
}

static inline hyst_word hyst_rom_load(hyst_rom base, uint32_t index)
{
    return hyst_rom_load32(base, index);
}

static inline int32_t hyst_rom_i16(hyst_rom base, uint32_t at)
{
    return (int16_t)hyst_rom_load16(hyst_rom_at(base, at * 2u));
}

static inline int32_t hyst_rom_i32(hyst_rom base, uint32_t at)
{
    return (int32_t)hyst_rom_load32(base, at);
}

static inline float hyst_rom_f32(hyst_rom base, uint32_t at)
{
    const uint32_t bits = hyst_rom_load32(base, at);
    float value;
    HYST_COPY(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t hyst_rom_bit(hyst_rom base, uint32_t at)
{
    return ((uint32_t)hyst_rom_load8(hyst_rom_at(base, at >> 3)) >> (at & 7u)) & 1u;
}

/* n bits from position at, 1 <= n <= 32; touches only words that hold them. */
static inline hyst_word hyst_rom_bits(hyst_rom base, uint32_t at, uint32_t n)
{
    const uint32_t index = at / 32u, shift = at % 32u;
    hyst_word value = hyst_rom_load(base, index) >> shift;
    if (shift + n > 32u) {
        value |= hyst_rom_load(base, index + 1u) << (32u - shift);
    }
    return value & (HYST_ALL_ONES >> (32u - n));
}

#else

#define hyst_rom_load8(at) hyst_load8(at)
#define hyst_rom_load(base, index) hyst_load((base), (index))
#define hyst_rom_load32(base, index) hyst_load32((base), (index))
#define hyst_rom_i16(base, at) hyst_get_i16((base), (at))
#define hyst_rom_i32(base, at) hyst_get_i32((base), (at))
#define hyst_rom_f32(base, at) hyst_get_f32((base), (at))
#define hyst_rom_bit(base, at) hyst_get_bit((base), (at))
#define hyst_rom_bits(base, at, n) hyst_get_bits((base), (at), (n))

#endif

#ifdef __cplusplus
}
#endif

#endif
