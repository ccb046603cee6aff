/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution of integers with binary or ternary weights.
 *
 * x: (in_h, in_w, in_c) elements of u8, i8 or i16. w as in op_xnor_conv.h; taps outside
 * the map read as pad_value. abs(accumulator) <= taps * max abs(x) < 2^31.
 * t: i16 or i32 (planes, flips, channels); inv: each plane's bits padded to 8 bytes; both NULL for
 * HYST_OUT_I32. out1: second output of HYST_OUT_B1X2, else NULL. tile: 1 to 32 positions gathered
 * at once, in layout rows on 64-bit hosts.
 * Buffers are aligned to 8 bytes (4 on 32-bit targets) and do not overlap. Any bytes in
 * constants are memory-safe and defined. */
#ifndef HYST_OP_INT_CONV_H
#define HYST_OP_INT_CONV_H

#include "hyst/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
typedef struct hyst_int_conv_params {
    int32_t in_h;
    int32_t in_w;
    int32_t in_c;
    int32_t out_h;
    int32_t out_w;
    int32_t out_c;
    int32_t kernel_h;
    int32_t kernel_w;
    int32_t stride_h;
    int32_t stride_w;
    int32_t pad_top;
    int32_t pad_left;
    int32_t dilation_h;
    int32_t dilation_w;
    int32_t pad_value;
    int32_t groups;
    int32_t x_type;
    int32_t w_type;
    int32_t t_type;
    int32_t out_kind;
    int32_t flips;
    int32_t layout;
    int32_t tile;
    int32_t shared;
} hyst_int_conv_params;

void hyst_int_conv(const hyst_int_conv_params *p, const void *x, hyst_rom w, hyst_rom t,
                   hyst_rom inv, void *out, void *out1, void *scratch);
/* cffi:end */

#ifdef __cplusplus
}
#endif

#endif
