/* SPDX-License-Identifier: Apache-2.0 */
/* 32-bit integers to 16 bits.
 *
 * out = x as i16, saturating at -32768 and 32767.
 * Buffers are aligned to 8 bytes (4 on 32-bit targets) and do not overlap. */
#ifndef HYST_OP_NARROW_H
#define HYST_OP_NARROW_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
typedef struct hyst_narrow_params {
    int32_t count;
} hyst_narrow_params;

void hyst_narrow(const hyst_narrow_params *p, const void *x, void *out, void *scratch);
/* cffi:end */

#ifdef __cplusplus
}
#endif

#endif
