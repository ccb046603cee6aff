/* SPDX-License-Identifier: Apache-2.0 */
/* Fetch and scrub of a section of SECDED words, as inline functions: each code has a source file
 * that gives its number of data bits, 4, 32 or 64, so that its loops are its own. */
#ifndef HYST_ECC_WALK_H
#define HYST_ECC_WALK_H

#include "hyst/ecc_secded.h"

/* One or two data words with the check bits of the code words in them. */
typedef struct hyst_ecc_chunk {
    uint32_t mask[2]; /* cells */
    uint32_t data[2]; /* as read, then decoded */
    uint32_t check;   /* as read, then what fits the data */
    uint32_t check_bits;
    uint32_t words, corrected, detected;
} hyst_ecc_chunk;

/* n bits from bit at of check, 1 <= n <= 8; reads only words that hold them. */
HYST_ECC_INLINE uint32_t hyst_ecc_take(hyst_rom check, uint32_t at, uint32_t n)
{
    const uint32_t shift = at & 31u;
    uint32_t value = hyst_rom_load32(check, at >> 5) >> shift;
    if (shift + n > 32u) {
        value |= hyst_rom_load32(check, (at >> 5) + 1u) << (32u - shift);
    }
    return value & (((uint32_t)1 << n) - 1u);
}

/* Decodes one code word of a chunk. Returns its check bits as they should be. */
HYST_ECC_INLINE uint32_t hyst_ecc_word(hyst_ecc_chunk *c, uint32_t policy, uint32_t bits,
                                     uint32_t *low, uint32_t *high, uint32_t low_mask,
                                     uint32_t high_mask, uint32_t check)
{
    const uint32_t syndrome = hyst_ecc_check(*low, *high, bits) ^ check;
    c->words++;
    if (syndrome != 0u) {
        uint32_t data[2], mask[2];
        data[0] = *low;
        data[1] = *high;
        mask[0] = low_mask;
        mask[1] = high_mask;
        if (hyst_ecc_repair(data, mask, syndrome, bits) == HYST_ECC_CORRECTED) {
            c->corrected++;
            check = hyst_ecc_check(data[0], data[1], bits);
        } else {
            c->detected++;
            if (policy == HYST_ECC_ZERO) {
                data[0] = data[1] = 0;
            }
        }
        *low = data[0];
        *high = data[1];
    }
    return check;
}

/* Eight code words of (8,4) in one data word; those without a cell have no check bits. */
HYST_ECC_INLINE void hyst_ecc_nibbles(hyst_ecc_chunk *c, uint32_t policy, hyst_rom check,
                                    uint32_t at)
{
    uint32_t shift;
    for (shift = 0; shift < 32u; shift += 4u) {
        const uint32_t mask = (c->mask[0] >> shift) & 15u;
        uint32_t data = (c->data[0] >> shift) & 15u, none = 0, read;
        if (mask != 0u) {
            read = hyst_ecc_take(check, at + c->check_bits, 4);
            read = hyst_ecc_word(c, policy, 4, &data, &none, mask, 0, read);
            c->check |= read << c->check_bits;
            c->data[0] = (c->data[0] & ~((uint32_t)15 << shift)) | (data << shift);
            c->check_bits += 4u;
        }
    }
}

/* Loads the next data words (two of 64 data bits, else one) and decodes them; at is the bit
 * position of their check bits. */
HYST_ECC_INLINE void hyst_ecc_next_chunk(hyst_ecc_chunk *c, const hyst_ecc_section *s,
                                       uint32_t policy, uint32_t bits, hyst_ecc_place *place,
                                       hyst_rom data, hyst_rom check, uint32_t at)
{
    const uint32_t first = place->index;
    c->words = c->corrected = c->detected = 0;
    c->mask[1] = c->data[1] = c->check = c->check_bits = 0;
    c->mask[0] = hyst_ecc_next(s, place);
    c->data[0] = hyst_rom_load32(data, first) & c->mask[0];
    if (bits == 64u) {
        c->mask[1] = hyst_ecc_next(s, place);
        c->data[1] = hyst_rom_load32(data, first + 1u) & c->mask[1];
    }
    if ((c->mask[0] | c->mask[1]) == 0u) {
        return;
    }
    if (bits == 4u) {
        hyst_ecc_nibbles(c, policy, check, at);
        return;
    }
    c->check_bits = hyst_ecc_check_bits(bits);
    c->check = hyst_ecc_take(check, at, c->check_bits);
    c->check = hyst_ecc_word(c, policy, bits, &c->data[0], &c->data[1], c->mask[0], c->mask[1],
                             c->check);
}

/* See hyst/ecc_39_32.h. */
static inline uint32_t hyst_ecc_walk_fetch(const hyst_ecc_section *s, uint32_t bits,
                                           hyst_rom data, hyst_rom check, void *tile,
                                           hyst_ecc_counts *counts)
{
    hyst_ecc_place place = {0, 0};
    hyst_ecc_chunk c;
    uint32_t at = 0, words = 0, corrected = 0, detected = 0;
    while (place.index < s->words) {
        const uint32_t first = place.index;
        hyst_ecc_next_chunk(&c, s, s->policy, bits, &place, data, check, at);
        at += c.check_bits;
        hyst_store32(tile, first, c.data[0]);
        if (bits == 64u) {
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
static inline void hyst_ecc_append(hyst_ecc_stream *to, const hyst_ecc_section *s,
                                   hyst_rom stored, uint32_t value, uint32_t n,
                                   hyst_ecc_write write, void *user)
{
    while (n > 0u) {
        const uint32_t room = 8u - to->fill, step = n < room ? n : room;
        to->bits |= (value & (((uint32_t)1 << step) - 1u)) << to->fill;
        to->fill += step;
        value >>= step; /* step is at most 8 */
        n -= step;
        if (to->fill == 8u) {
            const unsigned char byte = (unsigned char)to->bits;
            if (byte != hyst_rom_load8(hyst_rom_at(stored, to->index)) && write != NULL) {
                write(user, s->check_region[0], s->check_offset[0] + to->index, &byte, 1);
            }
            to->index++;
            to->bits = to->fill = 0;
        }
    }
}

/* See hyst/ecc_39_32.h. */
static inline void hyst_ecc_walk_scrub(const hyst_ecc_section *s, uint32_t bits, hyst_rom data,
                                       hyst_rom check, hyst_ecc_write write, void *user,
                                       hyst_ecc_counts *counts)
{
        hyst_ecc_stream stream = {0, 0, 0};
    hyst_ecc_place place = {0, 0};
    hyst_ecc_chunk c;
    uint32_t at = 0, rest = 0, n = 0, i;
    while (place.index < s->words) {
        const uint32_t first = place.index;
        /* detected words are left as they are */
        hyst_ecc_next_chunk(&c, s, HYST_ECC_AS_READ, bits, &place, data, check, at);
        at += c.check_bits;
        for (i = 0; i < place.index - first; i++) {
            if (c.data[i] != (hyst_rom_load32(data, first + i) & c.mask[i])) {
                hyst_ecc_put(write, user, s->region, s->offset + 4u * (first + i), c.data[i]);
            }
        }
        hyst_ecc_append(&stream, s, check, c.check, c.check_bits, write, user);
        hyst_ecc_add(counts, c.words, c.corrected, c.detected);
    }
    if (stream.fill > 0u) { /* the last byte keeps its padding */
        n = 8u - stream.fill;
        rest = (uint32_t)hyst_rom_load8(hyst_rom_at(check, stream.index)) >> stream.fill;
    }
    hyst_ecc_append(&stream, s, check, rest, n, write, user);
}

#endif
