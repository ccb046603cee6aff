/* SPDX-License-Identifier: Apache-2.0 */
/* AVR: sixteen outputs at a time, so that three planes, the carries on their way and two listed words stay in
 * registers. A block's words are read two bytes at a time, at the same entries as everywhere. */
#include "hyst/xnor_sliced.h"

#include "hyst/carry_save.h"

#define PLANES 16u
/* Entries of one call of add_lanes: its count of batches of 32 has 8 bits. */
#define MOST 4096u

/* Registers: X list, Y planes, Z address; r2:r3 to r8:r9 planes 0 to 3; r22.. base; r20:r21 temporary; r25 count.
 * Arguments come in r24:r25 list, r22:r23 n, then base and planes. */
#if defined(HYST_FAR)
#define PLANES_TO_Y "movw r28, r16\n\t"
#define BASE_TO_R22 "movw r22, r18\n\tmov r24, r20\n\t"
#define FLASH_WORD(low, high)                                                                   \
    "mov r0, r24\n\tadc r0, r1\n\tout 0x3b, r0\n\telpm " low ", Z+\n\telpm " high ", Z\n\t"
#define IN_SRAM(at) (((at) & HYST_SRAM) != 0u)
#define FLASH_ADDRESS(base) (base)
#else
#define PLANES_TO_Y "movw r28, r18\n\t"
#define BASE_TO_R22 "movw r22, r20\n\t"
#define FLASH_WORD(low, high) "lpm " low ", Z+\n\tlpm " high ", Z\n\t"
#define IN_SRAM(at) (((at) & HYST_FLASH_BIT) == 0u)
#define FLASH_ADDRESS(base) ((base) - HYST_FLASH_BIT)
#endif
#define LOAD_WORD(low, high)                                                                    \
    "ld r30, X+\n\tld r31, X+\n\tadd r30, r22\n\tadc r31, r23\n\t" LOAD_AT_Z(low, high)
/* Planes s += a + b; the carries, of twice the weight, in a. See hyst_full_add. */
#define FULL_ADD(s0, s1, a0, a1, b0, b1)                                                        \
    "eor " s0 ", " a0 "\n\teor " s1 ", " a1 "\n\tmovw r20, " s0 "\n\teor " s0 ", " b0 "\n\teor " s1 ", " b1   \
    "\n\teor " b0 ", " a0 "\n\teor " b1 ", " a1 "\n\tand " b0 ", r20\n\tand " b1 ", r21\n\teor " a0 ", " b0    \
    "\n\teor " a1 ", " b1 "\n\t"
#define HALF_ADD(s0, s1)                                                                        \
    "movw r20, " s0 "\n\teor " s0 ", r16\n\teor " s1 ", r17\n\tand r16, r20\n\tand r17, r21\n\t"
#define FOUR(a0, a1)                                                                            \
    LOAD_WORD(a0, a1) LOAD_WORD("r12", "r13") FULL_ADD("r2", "r3", a0, a1, "r12", "r13")        \
    LOAD_WORD("r10", "r11") LOAD_WORD("r12", "r13")                                             \
    FULL_ADD("r2", "r3", "r10", "r11", "r12", "r13") FULL_ADD("r4", "r5", a0, a1, "r10", "r11")
#define PUSH(r) "push r" #r "\n\t"
#define POP(r) "pop r" #r "\n\t"

/* Adds n <= MOST listed words of 16 lanes to the counters at planes, a plane every 4 bytes. Carries of four eights meet
 * in planes 3 and 4; what leaves them runs on upwards until nothing is carried. */
#define ADD_LANES(name)                                                                         \
    __attribute__((naked, noinline)) static void name(                                          \
        const uint16_t *list __attribute__((unused)), uint16_t n __attribute__((unused)),       \
        hyst_address base __attribute__((unused)),                                              \
        unsigned char *planes __attribute__((unused)))                                          \
    {                                                                                           \
        __asm__ volatile(                                                                       \
            PUSH(2) PUSH(3) PUSH(4) PUSH(5) PUSH(6) PUSH(7) PUSH(8) PUSH(9) PUSH(10) PUSH(11)    \
            PUSH(12) PUSH(13) PUSH(14) PUSH(15) PUSH(16) PUSH(17) PUSH(28) PUSH(29)             \
            "movw r26, r24\n\t" PLANES_TO_Y                                                     \
            "mov r16, r22\n\tandi r16, 31\n\tpush r16\n\t"                                      \
            "lsl r22\n\trol r23\n\tlsl r22\n\trol r23\n\tlsl r22\n\trol r23\n\tmov r25, r23\n\t" \
            BASE_TO_R22                                                                         \
            "ld r2, Y\n\tldd r3, Y+1\n\tldd r4, Y+4\n\tldd r5, Y+5\n\t"                         \
            "ldd r6, Y+8\n\tldd r7, Y+9\n\tldd r8, Y+12\n\tldd r9, Y+13\n\t"                    \
            "tst r25\n\tbrne 1f\n\trjmp 2f\n"                                                              \
            "1:\n\t" /* 32 words */                                                             \
            "rcall 7f\n\tmovw r18, r16\n\trcall 7f\n\t"                                         \
            FULL_ADD("r8", "r9", "r18", "r19", "r16", "r17")                                    \
            PUSH(18) PUSH(19)                                                                   \
            "rcall 7f\n\tmovw r18, r16\n\trcall 7f\n\t"                                         \
            FULL_ADD("r8", "r9", "r18", "r19", "r16", "r17")                                    \
            POP(17) POP(16)                                                                     \
            "ldd r10, Y+16\n\tldd r11, Y+17\n\t"                                                \
            FULL_ADD("r10", "r11", "r16", "r17", "r18", "r19")                                  \
            "std Y+16, r10\n\tstd Y+17, r11\n\t"                                                \
            "movw r30, r28\n\tadiw r30, 20\n\trcall 5f\n\t"                                     \
            "dec r25\n\tbreq 2f\n\trjmp 1b\n"                                                            \
            "2:\n\tpop r25\n"                                                                   \
            "3:\n\tcpi r25, 8\n\tbrlo 4f\n\t" /* 8 words */                                     \
            "rcall 7f\n\t" HALF_ADD("r8", "r9")                                                 \
            "movw r30, r28\n\tadiw r30, 16\n\trcall 5f\n\tsubi r25, 8\n\trjmp 3b\n"             \
            "4:\n\ttst r25\n\tbrne 9f\n\trjmp 8f\n9:\n\t" /* one word */                                       \
            LOAD_WORD("r16", "r17")                                                             \
            HALF_ADD("r2", "r3") HALF_ADD("r4", "r5") HALF_ADD("r6", "r7") HALF_ADD("r8", "r9")  \
            "movw r30, r28\n\tadiw r30, 16\n\trcall 5f\n\tdec r25\n\trjmp 4b\n"                 \
            "5:\n\tmov r0, r16\n\tor r0, r17\n\tbreq 6f\n\t" /* r16:r17 goes up from plane Z */  \
            "ld r10, Z\n\tldd r11, Z+1\n\t" HALF_ADD("r10", "r11")                              \
            "st Z, r10\n\tstd Z+1, r11\n\tadiw r30, 4\n\trjmp 5b\n"                             \
            "6:\n\tret\n"                                                                       \
            "7:\n\t" /* eight words; r16:r17 is the carry */                                    \
            FOUR("r16", "r17") FOUR("r14", "r15")                                               \
            FULL_ADD("r6", "r7", "r16", "r17", "r14", "r15")                                    \
            "ret\n"                                                                             \
            "8:\n\t"                                                                            \
            "st Y, r2\n\tstd Y+1, r3\n\tstd Y+4, r4\n\tstd Y+5, r5\n\t"                         \
            "std Y+8, r6\n\tstd Y+9, r7\n\tstd Y+12, r8\n\tstd Y+13, r9\n\t"                    \
            POP(29) POP(28) POP(17) POP(16) POP(15) POP(14) POP(13) POP(12) POP(11) POP(10)      \
            POP(9) POP(8) POP(7) POP(6) POP(5) POP(4) POP(3) POP(2) "ret\n");                   \
    }

#define LOAD_AT_Z(low, high) FLASH_WORD(low, high)
ADD_LANES(add_flash)
#undef LOAD_AT_Z
#define LOAD_AT_Z(low, high) "ld " low ", Z\n\tldd " high ", Z+1\n\t"
ADD_LANES(add_sram)

void hyst_sliced_add(const uint16_t *list, uint32_t length, hyst_address base, uint32_t *planes)
{
    unsigned char *const at = (unsigned char *)planes;
    uint16_t left = (uint16_t)length;
    while (left != 0u) {
        const uint16_t n = left < MOST ? left : MOST;
        const unsigned char in_sram = IN_SRAM(base + list[0]); /* base may lie before the image */
        unsigned char half;
        for (half = 0; half < 4u; half = (unsigned char)(half + 2u)) {
            if (in_sram) {
                add_sram(list, n, base + half, at + half);
            } else {
                add_flash(list, n, FLASH_ADDRESS(base) + half, at + half);
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
