/* SPDX-License-Identifier: Apache-2.0 */
/* Images: what the compiler knows of them, their checksums, and the transport container.
 *
 * A container (.hyst) carries the images of all regions over an untrusted link:
 *
 *   byte  0  magic "HYST"
 *         4  u16 version (1), u16 number of regions R
 *         8  layout id, 32 bytes
 *        40  u32 number of sections S, u32 0
 *        48  u32 region length in bytes, R times
 *            u32 CRC-32 of each section, S times
 *            u32 CRC-32 of all bytes before this one
 *            zeros up to a multiple of 8
 *            the images, region after region
 *
 * Numbers are little-endian. Offsets, types and shapes are not in the file: they
 * belong to the layout that the receiver was compiled with. */
#ifndef HYST_CONTAINER_H
#define HYST_CONTAINER_H

#include "hyst/abi.h"
#include "hyst/crc32.h"
#include "hyst/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* hyst_crc32 of bytes of an image. */
uint32_t hyst_image_crc(uint32_t crc, hyst_rom at, uint32_t bytes);

/* cffi:begin */
typedef struct hyst_section {
    uint32_t region; /* index of the region */
    uint32_t offset; /* bytes from the region's start, a multiple of 8 */
    uint32_t bytes;  /* length, a multiple of 8 */
    uint32_t crc;    /* CRC-32 of the built-in bytes */
} hyst_section;

typedef struct hyst_layout {
    uint8_t id[32];
    uint32_t regions;
    uint32_t sections;
    const uint32_t *region_bytes; /* regions entries */
    const hyst_section *section;  /* sections entries */
} hyst_layout;

/* Compares every section of images (regions pointers, none NULL) with the
 * checksum compiled in. HYST_OK or HYST_ERR_IMAGE. */
hyst_status hyst_image_check(const hyst_layout *layout, const hyst_image *images);

/* Validates a container of any content and any length: magic, version, layout
 * id, lengths and checksums. On HYST_OK images[r] points into data; on
 * HYST_ERR_IMAGE, HYST_ERR_ALIGN (data not aligned like a pointer) or
 * HYST_ERR_NULL nothing is written. */
hyst_status hyst_container_open(const hyst_layout *layout, const void *data, size_t bytes,
                                hyst_image *images);
/* cffi:end */

#ifdef __cplusplus
}
#endif
#endif
