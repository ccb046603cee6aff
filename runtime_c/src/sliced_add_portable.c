/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/sliced_add.h"

#include "hyst/carry_save.h"

/* Counters of a list of 65535 need 16 planes. */
#define PLANES 16u

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
