/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over windows.
 *
 * x: (in_h, in_w, channels) of any integer encoding; out i32, modulo 2^32.
 * Buffers are aligned to 8 bytes (4 on 32-bit targets) and do not overlap. Any bytes in
 * constants are memory-safe and defined. */
#ifndef HYST_OP_SUM_POOL_H
#define HYST_OP_SUM_POOL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
typedef struct hyst_sum_pool_params {
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
} hyst_sum_pool_params;

void hyst_sum_pool(const hyst_sum_pool_params *p, const void *x, void *out, void *scratch);
/* cffi:end */

#ifdef __cplusplus
}
#endif

#endif
