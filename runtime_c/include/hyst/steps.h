/* SPDX-License-Identifier: Apache-2.0 */
/* From accumulators to outputs: raw i32, or threshold bits packed 32 at a time.
 *
 * Plane p of channel c is XOR_f [acc >= t[p,f,c]] XOR inv[p,c]. t is i16 or i32
 * (P,F,C); inv holds each plane's C bits padded to 8 bytes. */
#ifndef HYST_STEPS_H
#define HYST_STEPS_H

#include "hyst/elements.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hyst_sink {
    int32_t out_kind; /* HYST_OUT_* */
    int32_t t_type;   /* HYST_I16 or HYST_I32 */
    uint32_t flips;   /* F */
    uint32_t channels;
    uint32_t size; /* elements of one output: pixels * channels */
    hyst_rom t;
    hyst_rom inv;
    void *out[2];
} hyst_sink;

/* Planes of a packed output; 0 for HYST_OUT_I32. */
static inline uint32_t hyst_sink_planes(const hyst_sink *sink)
{
    return sink->out_kind == HYST_OUT_I32 ? 0u : sink->out_kind == HYST_OUT_B1 ? 1u : 2u;
}

/* Clears packed outputs; call once per kernel run. out[1] of t2 is the second plane. */
void hyst_sink_begin(hyst_sink *sink);

/* Writes n (1..32) neighbouring channels from c0 of one pixel. acc has 32 entries. */
void hyst_sink_put(const hyst_sink *sink, uint32_t pixel, uint32_t c0, uint32_t n,
                   const int32_t *acc);

/* The same for count <= 16 positions: pixel_of[p] < 0 is none, acc has 32 entries for each. */
void hyst_sink_put_all(const hyst_sink *sink, const int32_t *pixel_of, uint32_t count, uint32_t c0,
                       uint32_t n, const int32_t *acc);

/* 1 when an output is [acc >= t] XOR inv alone: one plane, one flip. */
static inline int32_t hyst_sink_is_plain(const hyst_sink *sink)
{
    return sink->out_kind == HYST_OUT_B1 && sink->flips == 1u;
}

/* Writes comparisons of count positions, plain sinks only: bits[p] holds those of n channels. */
void hyst_sink_put_words(const hyst_sink *sink, const int32_t *pixel_of, uint32_t count,
                         uint32_t c0, uint32_t n, const uint32_t *bits);

/* Writes bits of plane p < 2 of the same channels: XOR_f [acc >= t[p,f,c]], before inversion.
 * Bits from n on are ignored. */
void hyst_sink_bits(const hyst_sink *sink, uint32_t pixel, uint32_t c0, uint32_t n, uint32_t p,
                    uint32_t bits);

#ifdef __cplusplus
}
#endif

#endif
