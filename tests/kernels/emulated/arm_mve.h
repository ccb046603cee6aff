/* The MVE intrinsics that *_mve.c use, lane by lane in C: sanitizers see every access of the same files. */
#ifndef EMULATED_ARM_MVE_H
#define EMULATED_ARM_MVE_H

#include <stdint.h>
#include <string.h>

/* Never inlined: a tree of adders, sanitized and unrolled, takes minutes to compile. */
#define EMULATED_FUNCTION __attribute__((noinline, unused)) static

typedef struct { uint32_t u[4]; } uint32x4_t;
typedef struct { int32_t s[4]; } int32x4_t;
/* Four bits for each lane of 32. */
typedef uint16_t mve_pred16_t;

#define EACH(result, lane) \
    do { \
        unsigned i; \
        for (i = 0; i < 4u; i++) { \
            (result)[i] = (lane); \
        } \
    } while (0)

EMULATED_FUNCTION int emulated_on(mve_pred16_t p, unsigned i)
{
    return (p >> (4u * i)) & 1;
}

EMULATED_FUNCTION uint32_t emulated_load(const void *base, uint32_t offset)
{
    uint32_t word;
    memcpy(&word, (const void *)((uintptr_t)base + offset), sizeof word);
    return word;
}

EMULATED_FUNCTION uint32_t emulated_half(const uint16_t *at)
{
    uint16_t half;
    memcpy(&half, at, sizeof half);
    return half;
}

/* A left shift by a negative number is one to the right. */
EMULATED_FUNCTION uint32_t emulated_shift(uint32_t value, int32_t by)
{
    return by >= 32 || by <= -32 ? 0u : by >= 0 ? value << by : value >> -by;
}

#define BINARY(name, expression) \
    EMULATED_FUNCTION uint32x4_t name(uint32x4_t a, uint32x4_t b) \
    { \
        uint32x4_t r; \
        EACH(r.u, expression); \
        return r; \
    }
BINARY(vandq_u32, a.u[i] & b.u[i])
BINARY(veorq_u32, a.u[i] ^ b.u[i])
BINARY(vorrq_u32, a.u[i] | b.u[i])

EMULATED_FUNCTION uint32x4_t vmvnq_u32(uint32x4_t a)
{
    EACH(a.u, ~a.u[i]);
    return a;
}

EMULATED_FUNCTION uint32x4_t vdupq_n_u32(uint32_t value)
{
    uint32x4_t r;
    EACH(r.u, value);
    return r;
}

EMULATED_FUNCTION int32x4_t vdupq_n_s32(int32_t value)
{
    int32x4_t r;
    EACH(r.s, value);
    return r;
}

EMULATED_FUNCTION uint32x4_t vidupq_n_u32(uint32_t start, uint32_t step)
{
    uint32x4_t r;
    EACH(r.u, start + i * step);
    return r;
}

EMULATED_FUNCTION uint32x4_t vmulq_n_u32(uint32x4_t a, uint32_t by)
{
    EACH(a.u, a.u[i] * by);
    return a;
}

EMULATED_FUNCTION uint32x4_t vsetq_lane_u32(uint32_t value, uint32x4_t a, int lane)
{
    a.u[lane] = value;
    return a;
}

EMULATED_FUNCTION uint32x4_t vreinterpretq_u32_s32(int32x4_t a)
{
    uint32x4_t r;
    memcpy(&r, &a, sizeof r);
    return r;
}

EMULATED_FUNCTION int32x4_t vreinterpretq_s32_u32(uint32x4_t a)
{
    int32x4_t r;
    memcpy(&r, &a, sizeof r);
    return r;
}

EMULATED_FUNCTION int32x4_t vsubq_s32(int32x4_t a, int32x4_t b)
{
    EACH(a.s, a.s[i] - b.s[i]);
    return a;
}

EMULATED_FUNCTION uint32x4_t vshlq_u32(uint32x4_t a, int32x4_t by)
{
    EACH(a.u, emulated_shift(a.u[i], by.s[i]));
    return a;
}

EMULATED_FUNCTION uint32x4_t vshlq_n_u32(uint32x4_t a, int by)
{
    EACH(a.u, a.u[i] << by);
    return a;
}

EMULATED_FUNCTION int32x4_t vshrq_n_s32(int32x4_t a, int by)
{
    EACH(a.s, a.s[i] >> by);
    return a;
}

/* Lanes below n. */
EMULATED_FUNCTION mve_pred16_t vctp32q(uint32_t n)
{
    return (mve_pred16_t)(n >= 4u ? 0xffffu : (1u << (4u * n)) - 1u);
}

EMULATED_FUNCTION uint32x4_t vldrwq_gather_offset_z_u32(const uint32_t *base, uint32x4_t offset,
                                                    mve_pred16_t p)
{
    uint32x4_t r;
    EACH(r.u, emulated_on(p, i) ? emulated_load(base, offset.u[i]) : 0u);
    return r;
}

EMULATED_FUNCTION uint32x4_t vldrwq_gather_offset_u32(const uint32_t *base, uint32x4_t offset)
{
    return vldrwq_gather_offset_z_u32(base, offset, 0xffffu);
}

EMULATED_FUNCTION uint32x4_t vldrwq_z_u32(const uint32_t *base, mve_pred16_t p)
{
    return vldrwq_gather_offset_z_u32(base, vidupq_n_u32(0, 4), p);
}

EMULATED_FUNCTION uint32x4_t vld1q_u32(const uint32_t *base)
{
    return vldrwq_z_u32(base, 0xffffu);
}

EMULATED_FUNCTION uint32x4_t vldrhq_z_u32(const uint16_t *base, mve_pred16_t p)
{
    uint32x4_t r;
    EACH(r.u, emulated_on(p, i) ? emulated_half(base + i) : 0u);
    return r;
}

EMULATED_FUNCTION uint32x4_t vldrhq_u32(const uint16_t *base)
{
    return vldrhq_z_u32(base, 0xffffu);
}

EMULATED_FUNCTION void vstrwq_scatter_offset_u32(uint32_t *base, uint32x4_t offset, uint32x4_t value)
{
    unsigned i;
    for (i = 0; i < 4u; i++) {
        memcpy((unsigned char *)base + offset.u[i], &value.u[i], sizeof value.u[i]);
    }
}

EMULATED_FUNCTION void vst1q_u32(uint32_t *base, uint32x4_t value)
{
    memcpy(base, &value, sizeof value);
}

#endif
