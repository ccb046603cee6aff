/* SPDX-License-Identifier: Apache-2.0 */
/* Integer vector times weights in the sliced layout (see xnor_sliced.h). */
#ifndef HYST_INT_SLICED_H
#define HYST_INT_SLICED_H

#include "hyst/xnor_sliced.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Sum of the elements of x (HYST_U8, I8 or I16); abs < 2^31. */
int32_t hyst_int_total(const void *x, int32_t type, uint32_t k);

/* Most blocks of one call: its lists are shared by all of them. */
#define HYST_INT_BLOCKS 8u

/* acc[32 i + j] for the 32 outputs of each of blocks <= HYST_INT_BLOCKS neighbouring
 * blocks: for each bit of x the words of the elements that have it are counted. list
 * holds k entries; negative (first block of the negative plane) may be NULL. */
void hyst_int_sliced(const void *x, int32_t type, int32_t total, uint32_t k, hyst_rom block,
                     hyst_rom negative, uint32_t blocks, uint16_t *list, int32_t *acc);

#ifdef __cplusplus
}
#endif

#endif
