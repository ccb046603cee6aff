/* SPDX-License-Identifier: Apache-2.0 */
/* Shortened extended Hamming codes: one error per word corrected, two detected.
 *
 * Data bits stay in place; check bits are stored apart, in the low bits of a word. Every value of
 * data and check is defined and memory-safe; bits above the code word are ignored and kept. Three
 * errors or more may be miscorrected, that is reported as one corrected error. (docs/ecc.md)
 * Sections of words are in hyst/ecc_8_4.h, ecc_39_32.h and ecc_72_64.h. */
#ifndef HYST_ECC_SECDED_H
#define HYST_ECC_SECDED_H

#include "hyst/ecc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
/* Check bits: 4, 7 and 8. data of (72,64): low half first. */
uint32_t hyst_ecc_check_8_4(uint32_t data);
uint32_t hyst_ecc_check_39_32(uint32_t data);
uint32_t hyst_ecc_check_72_64(const uint32_t *data);

/* Corrects data in place; detected words stay as read. Returns HYST_ECC_*. */
uint32_t hyst_ecc_decode_8_4(uint32_t *data, uint32_t check);
uint32_t hyst_ecc_decode_39_32(uint32_t *data, uint32_t check);
uint32_t hyst_ecc_decode_72_64(uint32_t *data, uint32_t check);

/* What a syndrome other than 0 means for a word of 4, 32 or 64 data bits: corrects data (two
 * words long) in place and returns HYST_ECC_*. A correction of a bit outside mask is a detected
 * word: no cell there can be wrong. */
uint32_t hyst_ecc_repair(uint32_t *data, const uint32_t *mask, uint32_t syndrome, uint32_t bits);
/* cffi:end */

/* Check bits of each value of each group of four data bits of (72,64): the sum modulo 2 of the
 * columns of its data bits. Row j of a column says whether the Hamming position has bit j; data
 * bit i sits at the i-th position from 3 that is no power of two. The last row makes every column
 * odd. Shorter codes use the first groups; there only the first hamming rows and the last differ
 * from 0. */
extern const uint8_t hyst_ecc_sums[16][16];

static inline uint32_t hyst_ecc_half(uint32_t x, const uint8_t (*sums)[16])
{
    return (uint32_t)(sums[0][x & 15u] ^ sums[1][(x >> 4) & 15u] ^ sums[2][(x >> 8) & 15u]
                      ^ sums[3][(x >> 12) & 15u] ^ sums[4][(x >> 16) & 15u]
                      ^ sums[5][(x >> 20) & 15u] ^ sums[6][(x >> 24) & 15u] ^ sums[7][x >> 28]);
}

/* Check bits of a word of 4, 32 or 64 data bits in low and high. */
static inline uint32_t hyst_ecc_check(uint32_t low, uint32_t high, uint32_t bits)
{
    uint32_t sums;
    if (bits == 4u) {
        sums = hyst_ecc_sums[0][low & 15u];
        return (sums & 7u) | (sums >> 7 << 3);
    }
    sums = hyst_ecc_half(low, hyst_ecc_sums);
    if (bits == 32u) {
        return (sums & 63u) | (sums >> 7 << 6);
    }
    return sums ^ hyst_ecc_half(high, hyst_ecc_sums + 8);
}

/* Number of check bits. */
static inline uint32_t hyst_ecc_check_bits(uint32_t bits)
{
    return bits == 64u ? 8u : bits == 32u ? 7u : 4u;
}

#ifdef __cplusplus
}
#endif

#endif
