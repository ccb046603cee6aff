/* SPDX-License-Identifier: Apache-2.0 */
/* Float inputs, convolution.
 *
 * x: (in_h, in_w, in_c) binary32; w as in op_float_dense.h. Taps outside the map are
 * skipped for pad_value 0, else multiplied as f32(pad_value).
 * Buffers are aligned to 8 bytes (4 on 32-bit targets) and do not overlap. Any bytes in
 * constants are memory-safe and defined. */
#ifndef HYST_OP_FLOAT_CONV_H
#define HYST_OP_FLOAT_CONV_H

#include "hyst/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
typedef struct hyst_float_conv_params {
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
    int32_t w_type;
} hyst_float_conv_params;

void hyst_float_conv(const hyst_float_conv_params *p, const void *x, hyst_rom w, void *out,
                     void *scratch);
/* cffi:end */

#ifdef __cplusplus
}
#endif

#endif
