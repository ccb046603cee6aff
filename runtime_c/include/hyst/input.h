/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of caller data. */
#ifndef HYST_INPUT_H
#define HYST_INPUT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* 1 when one of count binary32 values is a NaN. x is aligned to 4 bytes. */
int32_t hyst_has_nan(const void *x, int32_t count);

#ifdef __cplusplus
}
#endif

#endif
