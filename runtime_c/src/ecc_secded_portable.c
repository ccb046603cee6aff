/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/ecc_secded.h"

/* Row j, low and high half: the data bits whose Hamming position has bit j. Data bit i sits at
 * the i-th position from 3 that is no power of two, so shorter codes use the low bits of the same
 * rows. The last row holds the positions with an even number of ones: it makes every column odd. */
static const uint32_t hyst_ecc_rows[8][2] = {
    {0x56aaad5bu, 0xab555555u},
    {0x9b33366du, 0xcd999999u},
    {0xe3c3c78eu, 0xf1e1e1e1u},
    {0x03fc07f0u, 0x01fe01feu},
    {0x03fff800u, 0x01fffe00u},
    {0xfc000000u, 0x01ffffffu},
    {0x00000000u, 0xfe000000u},
    {0x2da65cb7u, 0x972cd2d3u},
};
#define HYST_ECC_LAST_ROW 7u

static uint32_t hyst_ecc_parity(uint32_t x)
{
    x ^= x >> 16;
    x ^= x >> 8;
    x ^= x >> 4;
    return (0x6996u >> (x & 15u)) & 1u; /* bit i is the parity of i */
}

/* Check bits of a word whose data bits above its length are 0; hamming is 3, 6 or 7. */
static uint32_t hyst_ecc_sums(uint32_t low, uint32_t high, uint32_t hamming)
{
    uint32_t sums = 0, j;
    for (j = 0; j <= hamming; j++) {
        const uint32_t *row = hyst_ecc_rows[j < hamming ? j : HYST_ECC_LAST_ROW];
        sums |= hyst_ecc_parity((low & row[0]) ^ (high & row[1])) << j;
    }
    return sums;
}

/* What a syndrome means; *bit is the data bit to flip, or bits where there is none. */
static uint32_t hyst_ecc_locate(uint32_t syndrome, uint32_t hamming, uint32_t bits, uint32_t *bit)
{
    const uint32_t position = syndrome & ((1u << hamming) - 1u);
    uint32_t powers = 0;
    *bit = bits;
    if (syndrome == 0u) {
        return HYST_ECC_OK;
    }
    if (hyst_ecc_parity(syndrome) == 0u) {
        return HYST_ECC_DETECTED;
    }
    if ((position & (position - 1u)) == 0u) {
        return HYST_ECC_CORRECTED; /* a check bit */
    }
    while ((position >> powers) != 0u) { /* at most 7 rounds */
        powers++;
    }
    /* positions count from 1; powers of two up to this one hold check bits */
    *bit = position - 1u - powers;
    if (*bit >= bits) {
        *bit = bits;
        return HYST_ECC_DETECTED;
    }
    return HYST_ECC_CORRECTED;
}

uint32_t hyst_ecc_check_8_4(uint32_t data)
{
    return hyst_ecc_sums(data & 15u, 0, 3);
}

uint32_t hyst_ecc_check_39_32(uint32_t data)
{
    return hyst_ecc_sums(data, 0, 6);
}

uint32_t hyst_ecc_check_72_64(const uint32_t *data)
{
    return hyst_ecc_sums(data[0], data[1], 7);
}

uint32_t hyst_ecc_decode_8_4(uint32_t *data, uint32_t check)
{
    uint32_t bit;
    const uint32_t syndrome = hyst_ecc_check_8_4(*data) ^ (check & 15u);
    const uint32_t status = hyst_ecc_locate(syndrome, 3, 4, &bit);
    if (bit < 4u) {
        *data ^= 1u << bit;
    }
    return status;
}

uint32_t hyst_ecc_decode_39_32(uint32_t *data, uint32_t check)
{
    uint32_t bit;
    const uint32_t syndrome = hyst_ecc_check_39_32(*data) ^ (check & 127u);
    const uint32_t status = hyst_ecc_locate(syndrome, 6, 32, &bit);
    if (bit < 32u) {
        *data ^= 1u << bit;
    }
    return status;
}

uint32_t hyst_ecc_decode_72_64(uint32_t *data, uint32_t check)
{
    uint32_t bit;
    const uint32_t syndrome = hyst_ecc_check_72_64(data) ^ (check & 255u);
    const uint32_t status = hyst_ecc_locate(syndrome, 7, 64, &bit);
    if (bit < 64u) {
        data[bit >> 5] ^= 1u << (bit & 31u);
    }
    return status;
}
