/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/xnor_sliced.h"

#include "hyst/carry_save.h"
#include "hyst/clz.h"

/* Counters of a list of 65535 need 16 planes. */
#define PLANES 16u

/* Appends offset + 4 i for each bit i of word that is 1. */
HYST_ALWAYS_INLINE uint16_t *list_word(uint32_t word, uint32_t offset, uint16_t *list)
{
    if (HYST_FAST_CLZ) {
        while (word != 0u) {
            const uint32_t zeros = hyst_leading_zeros(word);
            word &= ~(0x80000000u >> zeros);
            *list++ = (uint16_t)(offset + 124u - 4u * zeros);
        }
        return list;
    }
    for (; word != 0u; word >>= 8, offset += 32u) {
        if (word & 1u) {
            *list++ = (uint16_t)(offset);
        }
        if (word & 2u) {
            *list++ = (uint16_t)(offset + 4u);
        }
        if (word & 4u) {
            *list++ = (uint16_t)(offset + 8u);
        }
        if (word & 8u) {
            *list++ = (uint16_t)(offset + 12u);
        }
        if (word & 16u) {
            *list++ = (uint16_t)(offset + 16u);
        }
        if (word & 32u) {
            *list++ = (uint16_t)(offset + 20u);
        }
        if (word & 64u) {
            *list++ = (uint16_t)(offset + 24u);
        }
        if (word & 128u) {
            *list++ = (uint16_t)(offset + 28u);
        }
    }
    return list;
}

uint16_t *hyst_list_run(const void *bits, uint32_t at, uint32_t n, uint32_t flip, uint32_t offset,
                        uint16_t *list)
{
    if (at % 32u == 0u) {
        for (; n >= 32u; n -= 32u, at += 32u, offset += 128u) {
            list = list_word(hyst_load32(bits, at / 32u) ^ flip, offset, list);
        }
    }
    while (n > 0u) {
        const uint32_t step = n < 32u ? n : 32u;
        const uint32_t word = (uint32_t)hyst_get_bits(bits, at, step) ^ (flip >> (32u - step));
        list = list_word(word, offset, list);
        at += step;
        n -= step;
        offset += 128u;
    }
    return list;
}

void hyst_list_bits(const void *bits, const void *mask, uint32_t flip, uint32_t k,
                    hyst_sliced_list *list)
{
    uint32_t part, at = 0;
    list->parts = (k + HYST_LIST_SPAN - 1u) / HYST_LIST_SPAN;
    for (part = 0; part < list->parts; part++) {
        const uint32_t left = k - at, n = left < HYST_LIST_SPAN ? left : HYST_LIST_SPAN;
        uint16_t *const start = list->at + at;
        uint16_t *end = start;
        uint32_t i;
        if (!mask) {
            end = hyst_list_run(bits, at, n, flip, 0, start);
        }
        for (i = 0; mask && i < n; i += 32u) {
            const uint32_t valid = n - i < 32u ? ((uint32_t)1 << (n - i)) - 1u : 0xffffffffu;
            const uint32_t word = (hyst_load32(bits, (at + i) / 32u) ^ flip)
                                  & hyst_load32(mask, (at + i) / 32u) & valid;
            end = list_word(word, i * 4u, end);
        }
        list->length[part] = (uint32_t)(end - start);
        at += n;
    }
}

uint32_t hyst_count_ones(const void *bits, uint32_t at, uint32_t n)
{
    uint32_t ones = 0;
    if (at % HYST_WORD_BITS == 0u) {
        for (; n >= HYST_WORD_BITS; n -= HYST_WORD_BITS, at += HYST_WORD_BITS) {
            ones += hyst_popcount(hyst_load(bits, at / HYST_WORD_BITS));
        }
    }
    while (n > 0u) {
        const uint32_t step = n < HYST_WORD_BITS ? n : HYST_WORD_BITS;
        ones += hyst_popcount(hyst_get_bits(bits, at, step));
        at += step;
        n -= step;
    }
    return ones;
}

static inline uint32_t word_at(hyst_address base, uint32_t offset)
{
    return hyst_rom_load32((hyst_rom)(hyst_address)(base + offset), 0);
}

HYST_ALWAYS_INLINE uint32_t add_four(uint32_t *s, const uint16_t *list, hyst_address base)
{
    const uint32_t a = hyst_full_add(&s[0], word_at(base, list[0]), word_at(base, list[1]));
    const uint32_t b = hyst_full_add(&s[0], word_at(base, list[2]), word_at(base, list[3]));
    return hyst_full_add(&s[1], a, b);
}

HYST_ALWAYS_INLINE uint32_t add_eight(uint32_t *s, const uint16_t *list, hyst_address base)
{
    const uint32_t a = add_four(s, list, base);
    const uint32_t b = add_four(s, list + 4, base);
    return hyst_full_add(&s[2], a, b);
}

HYST_ALWAYS_INLINE uint32_t add_sixteen(uint32_t *s, const uint16_t *list, hyst_address base)
{
    const uint32_t a = add_eight(s, list, base);
    const uint32_t b = add_eight(s, list + 8, base);
    return hyst_full_add(&s[3], a, b);
}

/* Adds a word of weight 2^level up to where nothing is carried any more. */
static inline void ripple(uint32_t *planes, uint32_t level, uint32_t carry)
{
    for (; carry != 0u; level++) {
        carry = hyst_half_add(&planes[level], carry);
    }
}

/* Batches of 32 leave a carry of weight 32 each: of every four, two carries wait in registers for
 * their pair, then hyst_hold_carry goes on from weight 128. */
void hyst_sliced_add(const uint16_t *list, uint32_t length, hyst_address base, uint32_t *planes)
{
    uint32_t held[PLANES - 7u];
    uint32_t s[4];
    const uint32_t batches = length / 32u;
    uint32_t batch, level, carry, one = 0, two = 0;
    s[0] = planes[0], s[1] = planes[1], s[2] = planes[2], s[3] = planes[3];
    for (batch = 0; batch < batches; batch++, list += 32) {
        const uint32_t a = add_sixteen(s, list, base);
        const uint32_t b = add_sixteen(s, list + 16, base);
        carry = hyst_full_add(&planes[4], a, b);
        if (!(batch & 1u)) {
            one = carry;
            continue;
        }
        carry = hyst_full_add(&planes[5], one, carry);
        if (!(batch & 2u)) {
            two = carry;
            continue;
        }
        carry = hyst_full_add(&planes[6], two, carry);
        hyst_hold_carry(batch >> 2, carry, held, planes + 7);
    }
    carry = (batches & 1u) ? hyst_half_add(&planes[5], one) : 0u;
    carry = hyst_full_add(&planes[6], (batches & 2u) ? two : 0u, carry);
    carry = hyst_release_carries(batches >> 2, carry, held, planes + 7, &level);
    ripple(planes, 7u + level, carry);
    for (length %= 32u; length >= 4u; length -= 4u, list += 4) {
        carry = hyst_half_add(&s[2], add_four(s, list, base));
        ripple(planes, 4, hyst_half_add(&s[3], carry));
    }
    for (; length != 0u; length--, list++) {
        carry = hyst_half_add(&s[1], hyst_half_add(&s[0], word_at(base, *list)));
        ripple(planes, 4, hyst_half_add(&s[3], hyst_half_add(&s[2], carry)));
    }
    planes[0] = s[0], planes[1] = s[1], planes[2] = s[2], planes[3] = s[3];
}

#define FOUR(i) 4u * (i), 4u * (i) + 4u, 4u * (i) + 8u, 4u * (i) + 12u

void hyst_sliced_add_run(uint32_t n, hyst_address base, uint32_t *planes)
{
    static const uint16_t all[32] = {FOUR(0), FOUR(4), FOUR(8), FOUR(12),
                                     FOUR(16), FOUR(20), FOUR(24), FOUR(28)};
    uint32_t step;
    for (; n > 0u; n -= step, base += 128u) {
        step = n < 32u ? n : 32u;
        hyst_sliced_add(all, step, base, planes);
    }
}

/* Bits j, j + 8, j + 16 and j + 24 of eight planes become the bytes of one word. */
void hyst_sliced_values(const uint32_t *planes, uint32_t count, uint32_t *values)
{
    uint32_t first, p, j;
    for (j = 0; j < 32u; j++) {
        values[j] = 0;
    }
    for (first = 0; first < count; first += 8u) {
        const uint32_t n = count - first < 8u ? count - first : 8u;
        for (j = 0; j < 8u; j++) {
            uint32_t four = 0;
            for (p = 0; p < n; p++) {
                four |= ((planes[first + p] >> j) & 0x01010101u) << p;
            }
            values[j] |= (four & 255u) << first;
            values[j + 8u] |= (four >> 8 & 255u) << first;
            values[j + 16u] |= (four >> 16 & 255u) << first;
            values[j + 24u] |= (four >> 24) << first;
        }
    }
}

void hyst_sliced_count(const hyst_sliced_list *list, hyst_rom block, uint32_t weight,
                       uint32_t *total)
{
    uint32_t planes[PLANES] = {0}, values[32];
    uint32_t j;
    hyst_sliced_add_list(list, block, planes);
    hyst_sliced_values(planes, PLANES, values);
    for (j = 0; j < 32u; j++) {
        total[j] += weight * values[j];
    }
}

static void add_signed(const hyst_sliced_list *list, hyst_rom block, hyst_rom negative,
                       uint32_t weight, uint32_t *total)
{
    uint32_t j, length = 0;
    if (negative) {
        hyst_sliced_count(list, block, weight, total);
        hyst_sliced_count(list, negative, 0u - weight, total);
        return;
    }
    for (j = 0; j < list->parts; j++) {
        length += list->length[j];
    }
    hyst_sliced_count(list, block, 2u * weight, total);
    for (j = 0; j < 32u; j++) {
        total[j] -= weight * length;
    }
}

void hyst_xnor_sliced(const hyst_sliced_list *set, const hyst_sliced_list *clear,
                      hyst_rom block, hyst_rom negative, int32_t *acc)
{
    uint32_t total[32] = {0};
    uint32_t j;
    add_signed(set, block, negative, 1u, total);
    if (clear) {
        add_signed(clear, block, negative, 0xffffffffu, total);
    }
    for (j = 0; j < 32u; j++) {
        acc[j] = hyst_i32(total[j]);
    }
}
