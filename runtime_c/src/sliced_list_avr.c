/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/sliced_list.h"

#include "hyst/carry_save.h"

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
