/* SPDX-License-Identifier: Apache-2.0 */
/* Max-pooling on bits.
 *
 * out = (OR over the window of x0) XOR (the same of x1, unless NULL) XOR inv[channel].
 * Taps outside the map are 0. inv: channels bits.
 * Buffers are aligned to 8 bytes (4 on 32-bit targets) and do not overlap. Any bytes in
 * constants are memory-safe and defined. */
#ifndef HYST_OP_BIT_POOL_H
#define HYST_OP_BIT_POOL_H

#include "hyst/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
typedef struct hyst_bit_pool_params {
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
} hyst_bit_pool_params;

void hyst_bit_pool(const hyst_bit_pool_params *p, const void *x0, const void *x1, hyst_rom inv, void *out, void *scratch);
/* cffi:end */

#ifdef __cplusplus
}
#endif

#endif
