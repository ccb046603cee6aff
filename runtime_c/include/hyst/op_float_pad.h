/* SPDX-License-Identifier: Apache-2.0 */
/* A constant border around a float map.
 *
 * out (out_h, out_w, channels) = x (in_h, in_w, channels) at row pad_top, column pad_left,
 * value[0] elsewhere.
 * Preconditions: pad_top + in_h <= out_h, pad_left + in_w <= out_w. Buffers are aligned to
 * 8 bytes (4 on 32-bit targets) and do not overlap. */
#ifndef HYST_OP_FLOAT_PAD_H
#define HYST_OP_FLOAT_PAD_H

#include "hyst/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
typedef struct hyst_float_pad_params {
    int32_t in_h;
    int32_t in_w;
    int32_t channels;
    int32_t pad_top;
    int32_t pad_left;
    int32_t out_h;
    int32_t out_w;
} hyst_float_pad_params;

void hyst_float_pad(const hyst_float_pad_params *p, const void *x, hyst_rom value, void *out,
                    void *scratch);
/* cffi:end */

#ifdef __cplusplus
}
#endif

#endif
