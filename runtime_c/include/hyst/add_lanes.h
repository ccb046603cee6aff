/* SPDX-License-Identifier: Apache-2.0 */
/* Primitive of AVR alone: sixteen of the 32 lanes of listed words. */
#ifndef HYST_ADD_LANES_H
#define HYST_ADD_LANES_H

#include "hyst/rom.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Entries of one call: its count of batches of 32 has 8 bits. */
#define HYST_LANES_MOST 4096u

/* Adds n <= HYST_LANES_MOST words of 16 lanes at list[i] + base to the counters at planes, a plane every 4 bytes;
 * planes as in hyst_sliced_add. base is a plain address of flash (24 bits where HYST_FAR) or of SRAM. */
void hyst_add_flash_lanes(const uint16_t *list, uint16_t n, hyst_address base, unsigned char *planes);
void hyst_add_sram_lanes(const uint16_t *list, uint16_t n, hyst_address base, unsigned char *planes);

#ifdef __cplusplus
}
#endif

#endif
