/* SPDX-License-Identifier: Apache-2.0 */
/* Integer inputs, binary or ternary weights.
 *
 * x: k elements of u8, i8 or i16. w as in op_xnor_dense.h.
 * abs(accumulator) <= k * max abs(x) < 2^31 (checked by the compiler).
 * HYST_SLICED: shared <= HYST_INT_BLOCKS blocks of 32 outputs share lists; scratch: their sums, 128
 * bytes each, then k entries u16.
 * t: i16 or i32 (planes, flips, channels); inv: each plane's bits padded to 8 bytes; both NULL for
 * HYST_OUT_I32. out1: second output of HYST_OUT_B1X2, else NULL.
 * Buffers are aligned to 8 bytes (4 on 32-bit targets) and do not overlap. Any bytes in
 * constants are memory-safe and defined. */
#ifndef HYST_OP_INT_DENSE_H
#define HYST_OP_INT_DENSE_H

#include "hyst/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
typedef struct hyst_int_dense_params {
    int32_t k;
    int32_t n;
    int32_t x_type;
    int32_t w_type;
    int32_t t_type;
    int32_t out_kind;
    int32_t flips;
    int32_t layout;
    int32_t shared;
} hyst_int_dense_params;

void hyst_int_dense(const hyst_int_dense_params *p, const void *x, hyst_rom w, hyst_rom t,
                    hyst_rom inv, void *out, void *out1, void *scratch);
/* cffi:end */

#ifdef __cplusplus
}
#endif

#endif
