/* SPDX-License-Identifier: Apache-2.0 */
/* Version of the contract between generated code and runtime_c: parameter
 * structs, buffer layouts and argument order. Generated code refuses another. */
#ifndef HYST_ABI_H
#define HYST_ABI_H

#include <stdint.h>

#define HYST_ABI 1

/* Buffers start on this boundary, bit rows and planes are padded to it. */
#define HYST_ALIGN_BYTES 8

/* Where built-in images live, and how addresses of images are written down: hyst_rom within, hyst_image for a whole
 * one. On AVR images stay in flash, which is another address space. Parts with more than 64 KB of it count bytes of
 * flash and put SRAM at 0x800000, as linkers do; on the others bit 15 of a pointer marks flash (SRAM ends far below),
 * so images lie in the first 32 KB. An image of your own is passed as HYST_BUILT_IN(image) when it is an array in
 * flash and as HYST_IN_SRAM(image) elsewhere. */
#if defined(__AVR_HAVE_ELPM__)
#define HYST_FAR 1
#define HYST_SRAM 0x800000u
typedef uint32_t hyst_rom;
typedef uint32_t hyst_image;
typedef uint32_t hyst_address; /* hyst_rom as a number */
#define HYST_IN_SRAM(p) ((uint32_t)(uintptr_t)(p) | HYST_SRAM)
/* No constant of C is wider than a pointer; the linker knows all 24 bits. */
#define HYST_BUILT_IN(image)                                                                       \
    __extension__({                                                                                \
        uint32_t hyst_at;                                                                          \
        __asm__("ldi %A0, lo8(%1)\n\tldi %B0, hi8(%1)\n\tldi %C0, hh8(%1)\n\tclr %D0"             \
                : "=d"(hyst_at)                                                                    \
                : "p"(&(image)));                                                                  \
        hyst_at;                                                                                   \
    })
#else
typedef const void *hyst_rom;
typedef const uint32_t *hyst_image;
typedef uintptr_t hyst_address;
#define HYST_IN_SRAM(p) (p)
#if defined(__AVR__)
#define HYST_FLASH_BIT 0x8000u
#define HYST_BUILT_IN(image) ((const uint32_t *)(const void *)((const unsigned char *)&(image) + HYST_FLASH_BIT))
#else
#define HYST_BUILT_IN(image) (image)
#endif
#endif

#if defined(__AVR__)
#define HYST_IMAGE_SECTION __attribute__((section(".progmem.data")))
#else
#define HYST_IMAGE_SECTION
#endif

#endif
