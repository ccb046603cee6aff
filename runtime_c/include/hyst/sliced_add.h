/* SPDX-License-Identifier: Apache-2.0 */
/* Primitive: listed words added into 32 counters that are sliced over bits (xnor_sliced.h). */
#ifndef HYST_SLICED_ADD_H
#define HYST_SLICED_ADD_H

#include "hyst/rom.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Adds the listed words at address base to the counters: bit j of planes[p] is bit p of counter j.
 * Planes beyond those that the largest possible sum needs are neither read nor written;
 * four exist at least. length <= 65535. */
void hyst_sliced_add(const uint16_t *list, uint32_t length, hyst_address base, uint32_t *planes);

#ifdef __cplusplus
}
#endif

#endif
