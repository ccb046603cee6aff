/* SPDX-License-Identifier: Apache-2.0 */
/* Binary or ternary convolution.
 *
 * x: (in_h, in_w, in_c) bits (t2: two planes). w: out_c outputs of kernel_h * kernel_w *
 * in_c / groups weights as in op_xnor_dense.h, per group. pad_value 0 leaves taps outside
 * the map out of the sum; -1 and +1 are bits. tile >= 1 pixels are gathered
 * at once, or with HYST_SLICED share lists.
 * sums: from hyst_sliced_sums, or NULL. abs(accumulator) <= taps <= 65535 unless layout rows;
 * HYST_SLICED_CT takes b1 only.
 * t: i16 or i32 (planes, flips, channels); inv: each plane's bits padded to 8 bytes; both NULL for
 * HYST_OUT_I32. out1: second output of HYST_OUT_B1X2, else NULL.
 * Buffers are aligned to 8 bytes (4 on 32-bit targets) and do not overlap. Any bytes in
 * constants are memory-safe and defined. */
#ifndef HYST_OP_XNOR_CONV_H
#define HYST_OP_XNOR_CONV_H

#include "hyst/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
typedef struct hyst_xnor_conv_params {
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
} hyst_xnor_conv_params;

void hyst_xnor_conv(const hyst_xnor_conv_params *p, const void *x, hyst_rom w, hyst_rom t,
                    hyst_rom inv, void *out, void *out1, const void *sums, void *scratch);
/* cffi:end */

#ifdef __cplusplus
}
#endif

#endif
