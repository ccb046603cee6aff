/* SPDX-License-Identifier: Apache-2.0 */
/* AVR: sixteen outputs at a time (add_lanes_avr.c). A block's words are read two bytes at a time, at the same entries
 * as everywhere. */
#include "hyst/xnor_sliced.h"

#include "hyst/add_lanes.h"
#include "hyst/carry_save.h"

#define PLANES 16u

#if defined(HYST_FAR)
#define IN_SRAM(at) (((at) & HYST_SRAM) != 0u)
#define FLASH_ADDRESS(base) (base)
#else
#define IN_SRAM(at) (((at) & HYST_FLASH_BIT) == 0u)
#define FLASH_ADDRESS(base) ((base) - HYST_FLASH_BIT)
#endif

void hyst_sliced_add(const uint16_t *list, uint32_t length, hyst_address base, uint32_t *planes)
{
    unsigned char *const at = (unsigned char *)planes;
    uint16_t left = (uint16_t)length;
    while (left != 0u) {
        const uint16_t n = left < HYST_LANES_MOST ? left : HYST_LANES_MOST;
        const unsigned char in_sram = IN_SRAM(base + list[0]); /* base may lie before the image */
        unsigned char half;
        for (half = 0; half < 4u; half = (unsigned char)(half + 2u)) {
            if (in_sram) {
                hyst_add_sram_lanes(list, n, base + half, at + half);
            } else {
                hyst_add_flash_lanes(list, n, FLASH_ADDRESS(base) + half, at + half);
            }
        }
        list += n;
        left = (uint16_t)(left - n);
    }
}

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

/* A bit string read byte by byte from any position. */
typedef struct reader {
    const unsigned char *from;
    unsigned char shift, factor; /* 2^(8 - shift): one product shifts both halves of a byte */
} reader;

static reader read_from(const void *bits, uint32_t at)
{
    reader r;
    r.from = (const unsigned char *)bits + (uint16_t)(at / 8u);
    r.shift = (unsigned char)at & 7u;
    r.factor = (unsigned char)(0x100u >> r.shift);
    return r;
}

/* The next n <= 8 bits, zeros above. */
HYST_ALWAYS_INLINE unsigned char next_bits(reader *r, unsigned char n)
{
    unsigned char byte = *r->from++;
    if (r->shift != 0u) {
        byte = (unsigned char)((uint16_t)(byte * r->factor) >> 8);
        if ((unsigned char)(r->shift + n) > 8u) {
            byte = (unsigned char)(byte | (unsigned char)(*r->from * r->factor));
        }
    }
    return n < 8u ? (unsigned char)(byte & ((1u << n) - 1u)) : byte;
}

/* Appends offset + 4 i for each bit i of byte that is 1. */
static uint16_t *list_byte(unsigned char byte, uint16_t offset, uint16_t *list)
{
#define LIST_BIT(bit) \
    "sbrc %1, " bit "\n\tst %a0+, %A2\n\tsbrc %1, " bit "\n\tst %a0+, %B2\n\tadiw %2, 4\n\t"
    __asm__ volatile(LIST_BIT("0") LIST_BIT("1") LIST_BIT("2") LIST_BIT("3") LIST_BIT("4")
                         LIST_BIT("5") LIST_BIT("6") LIST_BIT("7")
                     : "+e"(list), "+r"(byte), "+w"(offset)
                     :
                     : "memory");
    return list;
}

uint16_t *hyst_list_run(const void *bits, uint32_t at, uint32_t n, uint32_t flip, uint32_t offset,
                        uint16_t *list)
{
    reader r = read_from(bits, at);
    uint16_t left = (uint16_t)n, entry = (uint16_t)offset;
    for (; left >= 8u; left = (uint16_t)(left - 8u), entry = (uint16_t)(entry + 32u)) {
        list = list_byte((unsigned char)(next_bits(&r, 8) ^ flip), entry, list);
    }
    if (left != 0u) {
        const unsigned char step = (unsigned char)left;
        const unsigned char ones = (unsigned char)(flip & ((1u << step) - 1u));
        list = list_byte((unsigned char)(next_bits(&r, step) ^ ones), entry, list);
    }
    return list;
}

void hyst_list_bits(const void *bits, const void *mask, uint32_t flip, uint32_t k,
                    hyst_sliced_list *list)
{
    const unsigned char *x = (const unsigned char *)bits, *m = (const unsigned char *)mask;
    uint16_t left = (uint16_t)k;
    uint16_t *start = list->at;
    list->parts = 0;
    while (left != 0u) {
        uint16_t n = left < HYST_LIST_SPAN ? left : (uint16_t)HYST_LIST_SPAN, entry = 0;
        uint16_t *end = start;
        left = (uint16_t)(left - n);
        if (!m) {
            end = hyst_list_run(x, 0, n, flip, 0, end);
            x += HYST_LIST_SPAN / 8u;
            n = 0;
        }
        for (; n != 0u; entry = (uint16_t)(entry + 32u)) {
            const unsigned char step = n < 8u ? (unsigned char)n : 8u;
            const unsigned char byte = (unsigned char)((*x++ ^ flip) & *m++ & (0xffu >> (8u - step)));
            end = list_byte(byte, entry, end);
            n = (uint16_t)(n - step);
        }
        list->length[list->parts++] = (uint32_t)(end - start);
        start += HYST_LIST_SPAN;
    }
}

uint32_t hyst_count_ones(const void *bits, uint32_t at, uint32_t n)
{
    reader r = read_from(bits, at);
    uint16_t left = (uint16_t)n, ones = 0;
    while (left != 0u) {
        const unsigned char step = left < 8u ? (unsigned char)left : 8u;
        ones = (uint16_t)(ones + hyst_ones8(next_bits(&r, step)));
        left = (uint16_t)(left - step);
    }
    return ones;
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
