/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/xnor_sliced.h"

/* Counters of 17 planes hold any list length: at most 65535 plus a padded batch of 8. */
#define PLANES 17u

uint32_t hyst_list_bits(const void *bits, const void *mask, int32_t invert, uint32_t k,
                        uint16_t *list)
{
    const uint32_t words = (k + 31u) / 32u;
    uint32_t length = 0, i, b;
    for (i = 0; i < words; i++) {
        const uint32_t left = k - i * 32u, last = left < 32u ? left : 32u;
        uint32_t word = hyst_load32(bits, i) ^ (invert ? 0xffffffffu : 0u);
        if (mask) {
            word &= hyst_load32(mask, i);
        }
        for (b = 0; b < last; b++) {
            /* length <= 32 i + b < k: in bounds even where nothing is kept */
            list[length] = (uint16_t)(i * 32u + b);
            length += (word >> b) & 1u;
        }
    }
    return length;
}

/* Carry-save addition of a and b into *sum; returns the carry, of twice the weight. */
static inline uint32_t full_add(uint32_t *sum, uint32_t a, uint32_t b)
{
    const uint32_t half = a ^ b, carry = (a & b) | (*sum & half);
    *sum ^= half;
    return carry;
}

static void add_eight(uint32_t *s, const uint16_t *at, const void *block)
{
    uint32_t a = full_add(&s[0], hyst_load32(block, at[0]), hyst_load32(block, at[1]));
    uint32_t b = full_add(&s[0], hyst_load32(block, at[2]), hyst_load32(block, at[3]));
    const uint32_t low = full_add(&s[1], a, b);
    uint32_t carry, p;
    a = full_add(&s[0], hyst_load32(block, at[4]), hyst_load32(block, at[5]));
    b = full_add(&s[0], hyst_load32(block, at[6]), hyst_load32(block, at[7]));
    carry = full_add(&s[2], low, full_add(&s[1], a, b));
    for (p = 3; p < PLANES && carry != 0u; p++) {
        const uint32_t word = s[p] & carry;
        s[p] ^= carry;
        carry = word;
    }
}

void hyst_sliced_count(const uint16_t *list, uint32_t length, const void *block, uint32_t weight,
                       uint32_t *counts)
{
    uint32_t s[PLANES] = {0};
    uint32_t done = 0, p, j;
    for (; done + 8u <= length; done += 8u) {
        add_eight(s, list + done, block);
    }
    for (; done < length; done++) {
        uint32_t carry = hyst_load32(block, list[done]);
        for (p = 0; p < PLANES && carry != 0u; p++) {
            const uint32_t word = s[p] & carry;
            s[p] ^= carry;
            carry = word;
        }
    }
    for (p = 0; p < PLANES && (length >> p) != 0u; p++) {
        for (j = 0; j < 32u; j++) {
            counts[j] += ((s[p] >> j) & 1u) * (weight << p);
        }
    }
}

void hyst_sliced_lists(hyst_sliced_input *input, const void *sign, const void *mask,
                       int32_t with_sums)
{
    input->set = hyst_list_bits(sign, mask, 0, input->k, input->lists);
    input->has_clear = with_sums ? 0 : 1;
    input->clear = 0;
    if (!with_sums) {
        input->clear = hyst_list_bits(sign, mask, 1, input->k, input->lists + input->k);
    }
}

/* Sum over the list of w, times weight: w is -1/+1, or positive - negative. */
static void add_signed(const uint16_t *list, uint32_t length, const void *block,
                       const void *negative, uint32_t weight, uint32_t *acc)
{
    uint32_t j;
    if (negative) {
        hyst_sliced_count(list, length, block, weight, acc);
        hyst_sliced_count(list, length, negative, 0u - weight, acc);
        return;
    }
    hyst_sliced_count(list, length, block, 2u * weight, acc);
    for (j = 0; j < 32u; j++) {
        acc[j] -= weight * length;
    }
}

void hyst_xnor_sliced(const hyst_sliced_input *input, const void *block, const void *negative,
                      const void *sums, uint32_t first, uint32_t rows, int32_t *acc)
{
    uint32_t total[32] = {0};
    uint32_t j;
    if (!input->has_clear) {
        /* sum x w = 2 (sum over x = +1 of w) - (sum over all of w) */
        add_signed(input->lists, input->set, block, negative, 2u, total);
        for (j = 0; j < rows; j++) {
            const uint32_t ones = hyst_load32(sums, first + j);
            total[j] -= negative ? ones : 2u * ones - input->k;
        }
    } else {
        add_signed(input->lists, input->set, block, negative, 1u, total);
        add_signed(input->lists + input->k, input->clear, block, negative, 0xffffffffu, total);
    }
    for (j = 0; j < 32u; j++) {
        acc[j] = hyst_i32(total[j]);
    }
}

static uint32_t column_ones(const void *block, uint32_t k, uint32_t lane)
{
    uint32_t ones = 0, i;
    for (i = 0; i < k; i++) {
        ones += (hyst_load32(block, i) >> lane) & 1u;
    }
    return ones;
}

void hyst_sliced_sums(const void *w, int32_t k, int32_t n, int32_t groups, int32_t ternary,
                      void *sums)
{
    const uint32_t depth = (uint32_t)k, per_group = (uint32_t)n / (uint32_t)groups;
    const uint32_t blocks = (per_group + 31u) / 32u;
    const uint32_t plane = (uint32_t)groups * blocks * depth * 4u;
    const unsigned char *bytes = (const unsigned char *)w;
    uint32_t o;
    for (o = 0; o < (uint32_t)n; o++) {
        const uint32_t within = o % per_group;
        const unsigned char *block =
            bytes + (o / per_group * blocks + within / 32u) * depth * 4u;
        uint32_t ones = column_ones(block, depth, within % 32u);
        if (ternary) {
            ones -= column_ones(block + plane, depth, within % 32u);
        }
        hyst_store32(sums, o, ones);
    }
}
