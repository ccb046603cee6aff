/* SPDX-License-Identifier: Apache-2.0 */
/* Primitive: up to 32 dot products of an integer vector with rows of binary weights.
 *
 * hyst_int_planes rearranges the vector once into the form the variant likes
 * (portable: bit planes; AVX2: bytes in the order in which 64 weight bits spread);
 * both take 64 bytes per 64 elements, 128 for i16. hyst_int_rows then serves any
 * number of rows. Rows and negative planes as in xnor_rows.h. */
#ifndef HYST_INT_ROWS_H
#define HYST_INT_ROWS_H

#include "hyst/elements.h"

#ifdef __cplusplus
extern "C" {
#endif

/* type is HYST_U8, I8 or I16. Returns the sum of the elements, exact: abs < 2^31. */
int32_t hyst_int_planes(const void *x, int32_t type, uint32_t k, void *planes);

/* acc[r] = sum over k of x * w[r], for r < rows <= 32 (acc has 32 entries); w is -1/+1, or positive - negative.
 * total is what hyst_int_planes returned. */
void hyst_int_rows(const void *planes, int32_t type, int32_t total, hyst_rom rows_w,
                   hyst_rom negative, uint32_t k, uint32_t rows, int32_t *acc);

#ifdef __cplusplus
}
#endif

#endif
