/* SPDX-License-Identifier: Apache-2.0 */
/* Binary or ternary dense layer.
 *
 * x: bit string of k elements (t2: two planes). w: n rows, or blocks of 32 outputs;
 * t2: positive plane, then negative. sums: from hyst_sliced_sums, or NULL.
 * abs(accumulator) <= k. k <= 65535 unless layout rows; HYST_SLICED_CT takes b1 only.
 * t: i16 or i32 (planes, flips, channels); inv: each plane's bits padded to 8 bytes; both NULL for
 * HYST_OUT_I32. out1: second output of HYST_OUT_B1X2, else NULL.
 * Buffers are aligned to 8 bytes (4 on 32-bit targets) and do not overlap. Any bytes in
 * constants are memory-safe and defined. */
#ifndef HYST_OP_XNOR_DENSE_H
#define HYST_OP_XNOR_DENSE_H

#include "hyst/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
typedef struct hyst_xnor_dense_params {
    int32_t k;
    int32_t n;
    int32_t x_type;
    int32_t w_type;
    int32_t t_type;
    int32_t out_kind;
    int32_t flips;
    int32_t layout;
} hyst_xnor_dense_params;

void hyst_xnor_dense(const hyst_xnor_dense_params *p, const void *x, hyst_rom w, hyst_rom t, hyst_rom inv, void *out, void *out1, const void *sums, void
                     *scratch);
/* cffi:end */

#ifdef __cplusplus
}
#endif

#endif
