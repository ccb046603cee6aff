/* SPDX-License-Identifier: Apache-2.0 */
/* Permutation of axes.
 *
 * Output axis j has dimJ elements, stepJ elements apart in x; axis 5 is innermost.
 * Buffers are aligned to 8 bytes (4 on 32-bit targets) and do not overlap. Any bytes in
 * constants are memory-safe and defined. */
#ifndef HYST_OP_TRANSPOSE_H
#define HYST_OP_TRANSPOSE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
typedef struct hyst_transpose_params {
    int32_t x_type;
    int32_t dim0;
    int32_t dim1;
    int32_t dim2;
    int32_t dim3;
    int32_t dim4;
    int32_t dim5;
    int32_t step0;
    int32_t step1;
    int32_t step2;
    int32_t step3;
    int32_t step4;
    int32_t step5;
} hyst_transpose_params;

void hyst_transpose(const hyst_transpose_params *p, const void *x, void *out, void *scratch);
/* cffi:end */

#ifdef __cplusplus
}
#endif

#endif
