/* SPDX-License-Identifier: Apache-2.0 */
/* Version of the contract between generated code and runtime_c: parameter
 * structs, buffer layouts and argument order. Generated code refuses another. */
#ifndef HYST_ABI_H
#define HYST_ABI_H

#define HYST_ABI 1

/* Buffers start on this boundary, bit rows and planes are padded to it. */
#define HYST_ALIGN_BYTES 8

/* Where built-in images live and how their addresses are written down. On AVR they stay in flash, which is another
 * address space: bit 15 marks it (SRAM ends far below), so images lie in the first 32 KB of flash. An image of your
 * own in flash is passed as HYST_BUILT_IN(image). */
#if defined(__AVR__)
#define HYST_FLASH_BIT 0x8000u
#define HYST_IMAGE_SECTION __attribute__((section(".progmem.data")))
#define HYST_BUILT_IN(image) ((const uint32_t *)((const unsigned char *)(image) + HYST_FLASH_BIT))
#else
#define HYST_IMAGE_SECTION
#define HYST_BUILT_IN(image) (image)
#endif

#endif
