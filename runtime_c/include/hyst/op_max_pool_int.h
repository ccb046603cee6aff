/* SPDX-License-Identifier: Apache-2.0 */
/* Max- or min-pooling of integers.
 *
 * x: (in_h, in_w, channels) of u8, i8, i16 or i32. Taps outside the map do not count; a
 * window without taps gives the smallest (minimum 0) or largest (minimum 1) value.
 * Buffers are aligned to 8 bytes (4 on 32-bit targets) and do not overlap. Any bytes in
 * constants are memory-safe and defined. */
#ifndef HYST_OP_MAX_POOL_INT_H
#define HYST_OP_MAX_POOL_INT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
typedef struct hyst_max_pool_int_params {
    int32_t in_h;
    int32_t in_w;
    int32_t channels;
    int32_t out_h;
    int32_t out_w;
    int32_t kernel_h;
    int32_t kernel_w;
    int32_t stride_h;
    int32_t stride_w;
    int32_t pad_top;
    int32_t pad_left;
    int32_t dilation_h;
    int32_t dilation_w;
    int32_t x_type;
    int32_t minimum;
} hyst_max_pool_int_params;

void hyst_max_pool_int(const hyst_max_pool_int_params *p, const void *x, void *out, void
                       *scratch);
/* cffi:end */

#ifdef __cplusplus
}
#endif

#endif
