/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/xnor_sliced.h"

#include "hyst/carry_save.h"

#define PLANES 16u

void hyst_sliced_add_run(uint32_t n, hyst_address base, uint32_t *planes)
{
    uint16_t all[16], i, left = (uint16_t)n;
    for (i = 0; i < 16u; i++) {
        all[i] = (uint16_t)(4u * i);
    }
    for (; left > 16u; left = (uint16_t)(left - 16u), base += 64u) {
        hyst_sliced_add(all, 16, base, planes);
    }
    hyst_sliced_add(all, left, base, planes);
}

/* Shifts the bits of a byte, the lowest first, into eight values. */
HYST_ALWAYS_INLINE void shift_in(unsigned char byte, unsigned char *b)
{
#define SHIFT_IN(value) "lsr %8\n\trol %" value "\n\t"
    __asm__(SHIFT_IN("0") SHIFT_IN("1") SHIFT_IN("2") SHIFT_IN("3") SHIFT_IN("4") SHIFT_IN("5")
                SHIFT_IN("6") SHIFT_IN("7")
            : "+r"(b[0]), "+r"(b[1]), "+r"(b[2]), "+r"(b[3]), "+r"(b[4]), "+r"(b[5]), "+r"(b[6]),
              "+r"(b[7]), "+r"(byte));
}

/* v[j] = the counter of lane 8 column + j. */
static void column_values(const uint32_t *planes, unsigned char count, unsigned char column,
                          uint32_t *v)
{
    unsigned char *to = (unsigned char *)v, first;
    memset(v, 0, 32);
    for (first = 0; first < count; first = (unsigned char)(first + 8u), to++) {
        unsigned char p = (unsigned char)(count - first), b[8] = {0};
        const unsigned char *from = (const unsigned char *)(planes + first) + column;
        p = p < 8u ? p : 8u;
        from += 4u * p;
        for (; p != 0u; p--) {
            shift_in(*(from -= 4), b);
        }
        to[0] = b[0], to[4] = b[1], to[8] = b[2], to[12] = b[3];
        to[16] = b[4], to[20] = b[5], to[24] = b[6], to[28] = b[7];
    }
}

void hyst_sliced_values(const uint32_t *planes, uint32_t count, uint32_t *values)
{
    unsigned char column;
    for (column = 0; column < 4u; column++) {
        column_values(planes, (unsigned char)count, column, values + 8u * column);
    }
}

void hyst_sliced_count(const hyst_sliced_list *list, hyst_rom block, uint32_t weight,
                       uint32_t *total)
{
    uint32_t planes[PLANES] = {0}, values[8];
    unsigned char column, j;
    hyst_sliced_add_list(list, block, planes);
    for (column = 0; column < 4u; column++) {
        column_values(planes, PLANES, column, values);
        for (j = 0; j < 8u; j++) {
            *total++ += weight * values[j];
        }
    }
}

static void add_signed(const hyst_sliced_list *list, hyst_rom block, hyst_rom negative,
                       uint32_t weight, uint32_t *total)
{
    uint32_t length = 0;
    unsigned char j;
    if (negative) {
        hyst_sliced_count(list, block, weight, total);
        hyst_sliced_count(list, negative, 0u - weight, total);
        return;
    }
    for (j = 0; j < list->parts; j++) {
        length += weight * list->length[j];
    }
    hyst_sliced_count(list, block, 2u * weight, total);
    for (j = 0; j < 32u; j++) {
        total[j] -= length;
    }
}

void hyst_xnor_sliced(const hyst_sliced_list *set, const hyst_sliced_list *clear,
                      hyst_rom block, hyst_rom negative, int32_t *acc)
{
    uint32_t *const total = (uint32_t *)acc; /* the unsigned type of the same objects */
    memset(total, 0, 32u * sizeof total[0]);
    add_signed(set, block, negative, 1u, total);
    if (clear) {
        add_signed(clear, block, negative, 0xffffffffu, total);
    }
}
