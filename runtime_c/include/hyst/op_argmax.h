/* SPDX-License-Identifier: Apache-2.0 */
/* Index of the largest element.
 *
 * Lowest index of the largest of count >= 1 elements; moves only to strictly larger ones.
 * Buffers are aligned to 8 bytes (4 on 32-bit targets) and do not overlap. Any bytes in
 * constants are memory-safe and defined. */
#ifndef HYST_OP_ARGMAX_H
#define HYST_OP_ARGMAX_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
typedef struct hyst_argmax_params {
    int32_t count;
    int32_t x_type;
} hyst_argmax_params;

void hyst_argmax(const hyst_argmax_params *p, const void *x, void *out, void *scratch);
/* cffi:end */

#ifdef __cplusplus
}
#endif

#endif
