/* SPDX-License-Identifier: Apache-2.0 */
/* Integers to binary32.
 *
 * out = f32(num * n - zero_num) / f32(den), or f32(n - zero[c]) * scale[c] when scaled; zero
 * may be NULL: 0. den >= 1.
 * Buffers are aligned to 8 bytes (4 on 32-bit targets) and do not overlap. Any bytes in
 * constants are memory-safe and defined. */
#ifndef HYST_OP_TO_FLOAT_H
#define HYST_OP_TO_FLOAT_H

#include "hyst/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
typedef struct hyst_to_float_params {
    int32_t count;
    int32_t channels;
    int32_t x_type;
    int32_t scaled;
    int32_t num;
    int32_t den;
    int32_t zero_num;
} hyst_to_float_params;

void hyst_to_float(const hyst_to_float_params *p, const void *x, hyst_rom scale, hyst_rom zero,
                   void *out, void *scratch);
/* cffi:end */

#ifdef __cplusplus
}
#endif

#endif
