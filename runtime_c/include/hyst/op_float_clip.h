/* SPDX-License-Identifier: Apache-2.0 */
/* Clipping of floats.
 *
 * lohi: two binary32. NaN passes.
 * Buffers are aligned to 8 bytes (4 on 32-bit targets) and do not overlap. Any bytes in
 * constants are memory-safe and defined. */
#ifndef HYST_OP_FLOAT_CLIP_H
#define HYST_OP_FLOAT_CLIP_H

#include "hyst/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
typedef struct hyst_float_clip_params {
    int32_t count;
} hyst_float_clip_params;

void hyst_float_clip(const hyst_float_clip_params *p, const void *x, hyst_rom lohi, void
                     *out, void *scratch);
/* cffi:end */

#ifdef __cplusplus
}
#endif

#endif
