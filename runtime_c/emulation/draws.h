/* SPDX-License-Identifier: Apache-2.0 */
/* Counter-based random draws of the fault emulation, on the host only: no firmware holds this.
 *
 * Philox4x32-10: J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random
 * numbers: as easy as 1, 2, 3", SC'11. compiler/hysteron/chips/philox.py says the same in
 * NumPy; the two agree bit for bit. Counter word 0 is half the cell number, words 1 to 3
 * are section, chip and purpose: one block gives the 64-bit draws of two cells. */
#ifndef HYST_EMULATION_DRAWS_H
#define HYST_EMULATION_DRAWS_H

#include <stdint.h>

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* cffi:begin */
typedef struct hyst_stream {
    uint32_t key[2];
    uint32_t section;
    uint32_t chip;
    uint32_t purpose;
} hyst_stream;

/* Draws up to and including last are errors; with some == 0 none is. */
typedef struct hyst_limit {
    uint64_t last;
    uint64_t some;
} hyst_limit;

/* out[0..3] = Philox4x32-10 of one counter. */
void hyst_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* out[i] = the draw of cell i, for count <= 2^33 cells. */
void hyst_draw(const hyst_stream *stream, uint64_t count, uint64_t *out);

/* List the wrong cells of the marginal engine, in ascending order; return how many.
 *
 * Bit i % 8 of stored[i / 8] is what cell i holds; it selects the limit. The depth of a cell
 * is its draw u where 1 is stored (errors downwards take the low end) and 2^64-1-u where 0
 * is. cell and depth hold count elements. */
uint64_t hyst_marginal(const hyst_stream *stream, const uint8_t *stored, uint64_t count,
                       const hyst_limit limit[2], int64_t *cell, uint64_t *depth);
/* cffi:end */

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
