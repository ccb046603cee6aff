/* SPDX-License-Identifier: Apache-2.0 */
/* The registers of AVR hold four planes of 16 lanes, the carries on their way and two listed words; so the sum over a
 * list is one function in assembly, and a byte of flash costs its three cycles, eight of adding and little else.
 *
 * X list, Y planes, Z address; r2:r3 to r8:r9 planes 0 to 3; r10:r17 words and carries; r18:r19 a carry that waits;
 * r20:r21 temporary; r22.. base; r25 count. Arguments come in r24:r25 list, r22:r23 n, then base and planes. */
#include "hyst/add_lanes.h"

#if defined(HYST_FAR)
#define PLANES_TO_Y "movw r28, r16\n\t"
#define BASE_TO_R22 "movw r22, r18\n\tmov r24, r20\n\t"
/* RAMPZ (0x3b) takes the upper byte; r1 is zero in C. */
#define FLASH_WORD(low, high)                                                                      \
    "mov r0, r24\n\tadc r0, r1\n\tout 0x3b, r0\n\telpm " low ", Z+\n\telpm " high ", Z\n\t"
#else
#define PLANES_TO_Y "movw r28, r18\n\t"
#define BASE_TO_R22 "movw r22, r20\n\t"
#define FLASH_WORD(low, high) "lpm " low ", Z+\n\tlpm " high ", Z\n\t"
#endif
#define SRAM_WORD(low, high) "ld " low ", Z\n\tldd " high ", Z+1\n\t"

#define PUSH(r) "push r" #r "\n\t"
#define POP(r) "pop r" #r "\n\t"

#define LOAD(word, low, high)                                                                      \
    "ld r30, X+\n\tld r31, X+\n\tadd r30, r22\n\tadc r31, r23\n\t" word(low, high)

/* Plane s += a + b; the carry, of twice the weight, in a. See hyst_full_add. */
#define FULL_ADD(s0, s1, a0, a1, b0, b1)                                                           \
    "eor " s0 ", " a0 "\n\teor " s1 ", " a1 "\n\tmovw r20, " s0 "\n\t"                             \
    "eor " s0 ", " b0 "\n\teor " s1 ", " b1 "\n\teor " b0 ", " a0 "\n\teor " b1 ", " a1 "\n\t"      \
    "and " b0 ", r20\n\tand " b1 ", r21\n\teor " a0 ", " b0 "\n\teor " a1 ", " b1 "\n\t"

/* Plane s += r16:r17; the carry there. */
#define HALF_ADD(s0, s1)                                                                           \
    "movw r20, " s0 "\n\teor " s0 ", r16\n\teor " s1 ", r17\n\tand r16, r20\n\tand r17, r21\n\t"

#define FOUR(word, a0, a1)                                                                         \
    LOAD(word, a0, a1) LOAD(word, "r12", "r13") FULL_ADD("r2", "r3", a0, a1, "r12", "r13")         \
    LOAD(word, "r10", "r11") LOAD(word, "r12", "r13")                                              \
    FULL_ADD("r2", "r3", "r10", "r11", "r12", "r13") FULL_ADD("r4", "r5", a0, a1, "r10", "r11")

#define BEGIN                                                                                      \
    PUSH(2) PUSH(3) PUSH(4) PUSH(5) PUSH(6) PUSH(7) PUSH(8) PUSH(9) PUSH(10) PUSH(11) PUSH(12)      \
    PUSH(13) PUSH(14) PUSH(15) PUSH(16) PUSH(17) PUSH(28) PUSH(29)                                 \
    "movw r26, r24\n\t" PLANES_TO_Y                                                                \
    "mov r16, r22\n\tandi r16, 31\n\tpush r16\n\t" /* words after the batches of 32 */             \
    "lsl r22\n\trol r23\n\tlsl r22\n\trol r23\n\tlsl r22\n\trol r23\n\tmov r25, r23\n\t"            \
    BASE_TO_R22                                                                                    \
    "ld r2, Y\n\tldd r3, Y+1\n\tldd r4, Y+4\n\tldd r5, Y+5\n\t"                                    \
    "ldd r6, Y+8\n\tldd r7, Y+9\n\tldd r8, Y+12\n\tldd r9, Y+13\n\t"

/* Batches of 32: two eights meet in plane 3, two sixteens in plane 4. */
#define BATCHES                                                                                    \
    "tst r25\n\tbrne 1f\n\trjmp 2f\n"                                                              \
    "1:\n\trcall 7f\n\tmovw r18, r16\n\trcall 7f\n\t"                                              \
    FULL_ADD("r8", "r9", "r18", "r19", "r16", "r17") PUSH(18) PUSH(19)                             \
    "rcall 7f\n\tmovw r18, r16\n\trcall 7f\n\t"                                                    \
    FULL_ADD("r8", "r9", "r18", "r19", "r16", "r17") POP(17) POP(16)                               \
    "ldd r10, Y+16\n\tldd r11, Y+17\n\t" FULL_ADD("r10", "r11", "r16", "r17", "r18", "r19")        \
    "std Y+16, r10\n\tstd Y+17, r11\n\t"                                                           \
    "movw r30, r28\n\tadiw r30, 20\n\trcall 5f\n\t"                                                \
    "dec r25\n\tbreq 2f\n\trjmp 1b\n"                                                              \
    "2:\n\tpop r25\n"

/* The rest by eights and one by one; 5 carries r16:r17 upwards from plane Z until nothing is left. */
#define REST(word)                                                                                 \
    "3:\n\tcpi r25, 8\n\tbrlo 4f\n\trcall 7f\n\t" HALF_ADD("r8", "r9")                             \
    "movw r30, r28\n\tadiw r30, 16\n\trcall 5f\n\tsubi r25, 8\n\trjmp 3b\n"                        \
    "4:\n\ttst r25\n\tbrne 9f\n\trjmp 8f\n"                                                        \
    "9:\n\t" LOAD(word, "r16", "r17")                                                              \
    HALF_ADD("r2", "r3") HALF_ADD("r4", "r5") HALF_ADD("r6", "r7") HALF_ADD("r8", "r9")             \
    "movw r30, r28\n\tadiw r30, 16\n\trcall 5f\n\tdec r25\n\trjmp 4b\n"                            \
    "5:\n\tmov r0, r16\n\tor r0, r17\n\tbreq 6f\n\t"                                               \
    "ld r10, Z\n\tldd r11, Z+1\n\t" HALF_ADD("r10", "r11")                                         \
    "st Z, r10\n\tstd Z+1, r11\n\tadiw r30, 4\n\trjmp 5b\n"                                        \
    "6:\n\tret\n"

/* Eight words; the carry of planes 0 to 2 in r16:r17. */
#define EIGHT(word)                                                                                \
    "7:\n\t" FOUR(word, "r16", "r17") FOUR(word, "r14", "r15")                                     \
    FULL_ADD("r6", "r7", "r16", "r17", "r14", "r15") "ret\n"

#define END                                                                                        \
    "8:\n\tst Y, r2\n\tstd Y+1, r3\n\tstd Y+4, r4\n\tstd Y+5, r5\n\t"                              \
    "std Y+8, r6\n\tstd Y+9, r7\n\tstd Y+12, r8\n\tstd Y+13, r9\n\t"                               \
    POP(29) POP(28) POP(17) POP(16) POP(15) POP(14) POP(13) POP(12) POP(11) POP(10) POP(9) POP(8)   \
    POP(7) POP(6) POP(5) POP(4) POP(3) POP(2) "ret\n"

__attribute__((naked)) void hyst_add_flash_lanes(const uint16_t *list __attribute__((unused)),
                                                 uint16_t n __attribute__((unused)),
                                                 hyst_address base __attribute__((unused)),
                                                 unsigned char *planes __attribute__((unused)))
{
    __asm__ volatile(BEGIN BATCHES REST(FLASH_WORD) EIGHT(FLASH_WORD) END);
}

__attribute__((naked)) void hyst_add_sram_lanes(const uint16_t *list __attribute__((unused)),
                                                uint16_t n __attribute__((unused)),
                                                hyst_address base __attribute__((unused)),
                                                unsigned char *planes __attribute__((unused)))
{
    __asm__ volatile(BEGIN BATCHES REST(SRAM_WORD) EIGHT(SRAM_WORD) END);
}
