/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/ecc_secded.h"

/* Check bits of each value of each group of four data bits of (72,64): the sum modulo 2 of the
 * columns of its data bits. Row j of a column says whether the Hamming position has bit j; data
 * bit i sits at the i-th position from 3 that is no power of two. The last row makes every column
 * odd. Shorter codes use the first groups; there only the first hamming rows and the last differ
 * from 0. */
static const uint8_t hyst_ecc_sums_of[16][16] = {
    {0x00, 0x83, 0x85, 0x06, 0x86, 0x05, 0x03, 0x80, 0x07, 0x84, 0x82, 0x01, 0x81, 0x02, 0x04, 0x87},
    {0x00, 0x89, 0x8a, 0x03, 0x0b, 0x82, 0x81, 0x08, 0x8c, 0x05, 0x06, 0x8f, 0x87, 0x0e, 0x0d, 0x84},
    {0x00, 0x0d, 0x0e, 0x03, 0x8f, 0x82, 0x81, 0x8c, 0x91, 0x9c, 0x9f, 0x92, 0x1e, 0x13, 0x10, 0x1d},
    {0x00, 0x92, 0x13, 0x81, 0x94, 0x06, 0x87, 0x15, 0x15, 0x87, 0x06, 0x94, 0x81, 0x13, 0x92, 0x00},
    {0x00, 0x16, 0x97, 0x81, 0x98, 0x8e, 0x0f, 0x19, 0x19, 0x0f, 0x8e, 0x98, 0x81, 0x97, 0x16, 0x00},
    {0x00, 0x1a, 0x9b, 0x81, 0x1c, 0x06, 0x87, 0x9d, 0x9d, 0x87, 0x06, 0x1c, 0x81, 0x9b, 0x1a, 0x00},
    {0x00, 0x9e, 0x1f, 0x81, 0xa1, 0x3f, 0xbe, 0x20, 0xa2, 0x3c, 0xbd, 0x23, 0x03, 0x9d, 0x1c, 0x82},
    {0x00, 0x23, 0xa4, 0x87, 0x25, 0x06, 0x81, 0xa2, 0x26, 0x05, 0x82, 0xa1, 0x03, 0x20, 0xa7, 0x84},
    {0x00, 0xa7, 0xa8, 0x0f, 0x29, 0x8e, 0x81, 0x26, 0x2a, 0x8d, 0x82, 0x25, 0x03, 0xa4, 0xab, 0x0c},
    {0x00, 0xab, 0x2c, 0x87, 0xad, 0x06, 0x81, 0x2a, 0xae, 0x05, 0x82, 0x29, 0x03, 0xa8, 0x2f, 0x84},
    {0x00, 0x2f, 0xb0, 0x9f, 0x31, 0x1e, 0x81, 0xae, 0x32, 0x1d, 0x82, 0xad, 0x03, 0x2c, 0xb3, 0x9c},
    {0x00, 0xb3, 0x34, 0x87, 0xb5, 0x06, 0x81, 0x32, 0xb6, 0x05, 0x82, 0x31, 0x03, 0xb0, 0x37, 0x84},
    {0x00, 0x37, 0x38, 0x0f, 0xb9, 0x8e, 0x81, 0xb6, 0xba, 0x8d, 0x82, 0xb5, 0x03, 0x34, 0x3b, 0x0c},
    {0x00, 0x3b, 0xbc, 0x87, 0x3d, 0x06, 0x81, 0xba, 0x3e, 0x05, 0x82, 0xb9, 0x03, 0x38, 0xbf, 0x84},
    {0x00, 0xbf, 0xc1, 0x7e, 0xc2, 0x7d, 0x03, 0xbc, 0x43, 0xfc, 0x82, 0x3d, 0x81, 0x3e, 0x40, 0xff},
    {0x00, 0xc4, 0x45, 0x81, 0x46, 0x82, 0x03, 0xc7, 0xc7, 0x03, 0x82, 0x46, 0x81, 0x45, 0xc4, 0x00},
};

/* Code words, from the number of their data bits: hamming rows and check bits. */
static uint32_t hyst_ecc_hamming(uint32_t bits)
{
    return bits == 64u ? 7u : bits == 32u ? 6u : 3u;
}

static uint32_t hyst_ecc_parity(uint32_t x)
{
    x ^= x >> 4;
    return (0x6996u >> (x & 15u)) & 1u; /* bit i is the parity of i; x is below 256 */
}

static uint32_t hyst_ecc_half(uint32_t x, const uint8_t (*sums)[16])
{
    return (uint32_t)(sums[0][x & 15u] ^ sums[1][(x >> 4) & 15u] ^ sums[2][(x >> 8) & 15u]
                      ^ sums[3][(x >> 12) & 15u] ^ sums[4][(x >> 16) & 15u]
                      ^ sums[5][(x >> 20) & 15u] ^ sums[6][(x >> 24) & 15u] ^ sums[7][x >> 28]);
}

/* Check bits of a word of 4, 32 or 64 data bits. */
static uint32_t hyst_ecc_check(const uint32_t *data, uint32_t bits)
{
    uint32_t sums;
    if (bits == 4u) {
        sums = hyst_ecc_sums_of[0][data[0] & 15u];
        return (sums & 7u) | (sums >> 7 << 3);
    }
    sums = hyst_ecc_half(data[0], hyst_ecc_sums_of);
    if (bits == 32u) {
        return (sums & 63u) | (sums >> 7 << 6);
    }
    return sums ^ hyst_ecc_half(data[1], hyst_ecc_sums_of + 8);
}

/* What a syndrome other than 0 means; *bit is the data bit to flip, or bits where there is none. */
static uint32_t hyst_ecc_locate(uint32_t syndrome, uint32_t bits, uint32_t *bit)
{
    const uint32_t position = syndrome & ((1u << hyst_ecc_hamming(bits)) - 1u);
    uint32_t powers = 0;
    *bit = bits;
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

/* Corrects data in place; check holds exactly the check bits. */
static uint32_t hyst_ecc_decode(uint32_t *data, uint32_t check, uint32_t bits)
{
    const uint32_t syndrome = hyst_ecc_check(data, bits) ^ check;
    uint32_t bit, status;
    if (syndrome == 0u) {
        return HYST_ECC_OK;
    }
    status = hyst_ecc_locate(syndrome, bits, &bit);
    if (bit < bits) {
        data[bit >> 5] ^= 1u << (bit & 31u);
    }
    return status;
}

uint32_t hyst_ecc_check_8_4(uint32_t data)
{
    return hyst_ecc_check(&data, 4);
}

uint32_t hyst_ecc_check_39_32(uint32_t data)
{
    return hyst_ecc_check(&data, 32);
}

uint32_t hyst_ecc_check_72_64(const uint32_t *data)
{
    return hyst_ecc_check(data, 64);
}

uint32_t hyst_ecc_decode_8_4(uint32_t *data, uint32_t check)
{
    return hyst_ecc_decode(data, check & 15u, 4);
}

uint32_t hyst_ecc_decode_39_32(uint32_t *data, uint32_t check)
{
    return hyst_ecc_decode(data, check & 127u, 32);
}

uint32_t hyst_ecc_decode_72_64(uint32_t *data, uint32_t check)
{
    return hyst_ecc_decode(data, check & 255u, 64);
}

/* One or two data words with the check bits of the code words in them. */
typedef struct hyst_ecc_chunk {
    uint32_t mask[2]; /* cells */
    uint32_t data[2]; /* as read, then decoded */
    uint32_t check;   /* as read, then what fits the data */
    uint32_t check_bits;
    uint32_t words, corrected, detected;
} hyst_ecc_chunk;

/* n bits from bit at of check, 1 <= n <= 32; reads only words that hold them. */
static uint32_t hyst_ecc_take(const void *check, uint32_t at, uint32_t n)
{
    const uint32_t shift = at & 31u;
    uint32_t value = hyst_load32(check, at >> 5) >> shift;
    if (shift + n > 32u) {
        value |= hyst_load32(check, (at >> 5) + 1u) << (32u - shift);
    }
    return value & (0xffffffffu >> (32u - n));
}

/* Decodes one code word of a chunk, two data words long. Returns its check bits as they should be. */
static uint32_t hyst_ecc_word(hyst_ecc_chunk *c, const hyst_ecc_section *s, uint32_t *data,
                              const uint32_t *mask, uint32_t check)
{
    const uint32_t low = data[0], high = data[1];
    uint32_t status = hyst_ecc_decode(data, check, s->code);
    c->words++;
    if (status == HYST_ECC_OK) {
        return check;
    }
    if (((data[0] & ~mask[0]) | (data[1] & ~mask[1])) != 0u) {
        status = HYST_ECC_DETECTED; /* no cell there can be wrong */
        data[0] = low;
        data[1] = high;
    }
    if (status == HYST_ECC_CORRECTED) {
        c->corrected++;
        return hyst_ecc_check(data, s->code);
    }
    c->detected++;
    if (s->policy == HYST_ECC_ZERO) {
        data[0] = data[1] = 0;
    }
    return check;
}

/* Eight code words of (8,4) in one data word; those without a cell have no check bits. */
static void hyst_ecc_nibbles(hyst_ecc_chunk *c, const hyst_ecc_section *s, const void *check,
                             uint32_t at)
{
    uint32_t shift;
    for (shift = 0; shift < 32u; shift += 4u) {
        uint32_t mask[2] = { 0, 0 }, data[2] = { 0, 0 }, read;
        mask[0] = (c->mask[0] >> shift) & 15u;
        data[0] = (c->data[0] >> shift) & 15u;
        if (mask[0] != 0u) {
            read = hyst_ecc_take(check, at + c->check_bits, 4);
            c->check |= hyst_ecc_word(c, s, data, mask, read) << c->check_bits;
            c->data[0] = (c->data[0] & ~(15u << shift)) | (data[0] << shift);
            c->check_bits += 4u;
        }
    }
}

/* Loads the next data words (two of (72,64), else one) and decodes them; at is the bit position
 * of their check bits. */
static void hyst_ecc_next_chunk(hyst_ecc_chunk *c, const hyst_ecc_section *s,
                                hyst_ecc_place *place, const void *data, const void *check,
                                uint32_t at)
{
    const uint32_t first = place->index;
    c->words = c->corrected = c->detected = 0;
    c->mask[0] = hyst_ecc_next(s, place);
    c->data[0] = hyst_load32(data, first) & c->mask[0];
    c->mask[1] = c->data[1] = c->check = c->check_bits = 0;
    if (s->code == 64u) {
        c->mask[1] = hyst_ecc_next(s, place);
        c->data[1] = hyst_load32(data, first + 1u) & c->mask[1];
    }
    if ((c->mask[0] | c->mask[1]) == 0u) {
        return;
    }
    if (s->code == 4u) {
        hyst_ecc_nibbles(c, s, check, at);
        return;
    }
    c->check_bits = hyst_ecc_hamming(s->code) + 1u;
    c->check = hyst_ecc_word(c, s, c->data, c->mask, hyst_ecc_take(check, at, c->check_bits));
}

uint32_t hyst_ecc_secded_fetch(const hyst_ecc_section *s, const void *data, const void *check,
                               void *tile, hyst_ecc_counts *counts)
{
    hyst_ecc_place place = { 0, 0 };
    hyst_ecc_chunk c;
    uint32_t at = 0, words = 0, corrected = 0, detected = 0;
    while (place.index < s->words) {
        const uint32_t first = place.index;
        hyst_ecc_next_chunk(&c, s, &place, data, check, at);
        at += c.check_bits;
        hyst_store32(tile, first, c.data[0]);
        if (s->code == 64u) {
            hyst_store32(tile, first + 1u, c.data[1]);
        }
        words += c.words;
        corrected += c.corrected;
        detected += c.detected;
    }
    hyst_ecc_add(counts, words, corrected, detected);
    return detected;
}

/* Check bits on their way to whole bytes: fill of them wait in bits, index counts full bytes. */
typedef struct hyst_ecc_stream {
    uint32_t bits, fill, index;
} hyst_ecc_stream;

/* Appends n bits and hands each finished byte that differs from the stored one to write. */
static void hyst_ecc_append(hyst_ecc_stream *to, const hyst_ecc_section *s,
                            const unsigned char *stored, uint32_t value, uint32_t n,
                            hyst_ecc_write write, void *user)
{
    while (n > 0u) {
        const uint32_t room = 8u - to->fill, step = n < room ? n : room;
        to->bits |= (value & ((1u << step) - 1u)) << to->fill;
        to->fill += step;
        value >>= step; /* step is at most 8 */
        n -= step;
        if (to->fill == 8u) {
            const unsigned char byte = (unsigned char)to->bits;
            if (byte != stored[to->index] && write != NULL) {
                write(user, s->check_region[0], s->check_offset[0] + to->index, &byte, 1);
            }
            to->index++;
            to->bits = to->fill = 0;
        }
    }
}

void hyst_ecc_secded_scrub(const hyst_ecc_section *s, const void *data, const void *check,
                           hyst_ecc_write write, void *user, hyst_ecc_counts *counts)
{
    hyst_ecc_section plain = *s; /* detected words are left as they are */
    const unsigned char *stored = (const unsigned char *)check;
    hyst_ecc_stream stream = { 0, 0, 0 };
    hyst_ecc_place place = { 0, 0 };
    hyst_ecc_chunk c;
    uint32_t at = 0, i;
    plain.policy = HYST_ECC_AS_READ;
    while (place.index < s->words) {
        const uint32_t first = place.index;
        hyst_ecc_next_chunk(&c, &plain, &place, data, check, at);
        at += c.check_bits;
        for (i = 0; i < place.index - first; i++) {
            if (c.data[i] != (hyst_load32(data, first + i) & c.mask[i])) {
                hyst_ecc_put(write, user, s->region, s->offset + 4u * (first + i), c.data[i]);
            }
        }
        hyst_ecc_append(&stream, s, stored, c.check, c.check_bits, write, user);
        hyst_ecc_add(counts, c.words, c.corrected, c.detected);
    }
    if (stream.fill > 0u) { /* the last byte keeps its padding */
        const uint32_t rest = (uint32_t)stored[stream.index] >> stream.fill;
        hyst_ecc_append(&stream, s, stored, rest, 8u - stream.fill, write, user);
    }
}
