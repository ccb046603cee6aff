/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/xnor_sliced.h"

#include "hyst/carry_save.h"

/* Counters of a list of 65535 need 16 planes. */
#define PLANES 16u

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
