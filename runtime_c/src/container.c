/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/container.h"

#include "hyst/rom.h"

#define HYST_CONTAINER_HEADER 48u

uint32_t hyst_image_crc(uint32_t crc, hyst_rom at, uint32_t bytes)
{
#if defined(__AVR__)
    unsigned char byte;
    for (; bytes != 0u; bytes--, at = hyst_rom_at(at, 1)) {
        byte = hyst_rom_load8(at);
        crc = hyst_crc32(crc, &byte, 1);
    }
    return crc;
#else
    return hyst_crc32(crc, at, bytes);
#endif
}

hyst_status hyst_image_check(const hyst_layout *layout, const hyst_image *images)
{
    for (uint32_t i = 0; i < layout->sections; i++) {
        const hyst_section *s = &layout->section[i];
        if (hyst_image_crc(0u, hyst_rom_at(images[s->region], s->offset), s->bytes) != s->crc) {
            return HYST_ERR_IMAGE;
        }
    }
    return HYST_OK;
}

static uint32_t read_u32(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* 1 when the fixed part of the header is the one this layout wants. */
static int header_fits(const hyst_layout *layout, const unsigned char *data)
{
    static const unsigned char magic[4] = {0x48u, 0x59u, 0x53u, 0x54u};
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < 4u; i++) {
        wrong |= (uint32_t)data[i] ^ magic[i];
    }
    wrong |= read_u32(data + 4) ^ (1u | layout->regions << 16);
    for (uint32_t i = 0; i < 32u; i++) {
        wrong |= (uint32_t)data[8u + i] ^ layout->id[i];
    }
    wrong |= read_u32(data + 40) ^ layout->sections;
    wrong |= read_u32(data + 44);
    return wrong == 0u;
}

/* Bytes before the images. The tables are the receiver's own, so nothing overflows:
 * both counts were compiled in and their tables exist in memory. */
static size_t header_bytes(const hyst_layout *layout)
{
    const size_t words = (size_t)layout->regions + (size_t)layout->sections + 1u;
    return (HYST_CONTAINER_HEADER + 4u * words + 7u) / 8u * 8u;
}

/* 1 when the region lengths fit the layout and, with the header, make up the file. */
static int lengths_fit(const hyst_layout *layout, const unsigned char *data, size_t bytes)
{
    size_t left = bytes - header_bytes(layout);
    for (uint32_t r = 0; r < layout->regions; r++) {
        const uint32_t length = read_u32(data + HYST_CONTAINER_HEADER + 4u * (size_t)r);
        if (length != layout->region_bytes[r] || length > left) {
            return 0;
        }
        left -= (size_t)length; /* at most left */
    }
    return left == 0u;
}

/* 1 when header and sections have the checksums that the container states. */
static int checksums_fit(const hyst_layout *layout, const unsigned char *data)
{
    const size_t table = HYST_CONTAINER_HEADER + 4u * (size_t)layout->regions;
    const size_t end = table + 4u * (size_t)layout->sections;
    if (hyst_crc32(0u, data, end) != read_u32(data + end)) {
        return 0;
    }
    for (uint32_t i = 0; i < layout->sections; i++) {
        const hyst_section *s = &layout->section[i];
        size_t start = header_bytes(layout);
        for (uint32_t r = 0; r < s->region; r++) {
            start += (size_t)layout->region_bytes[r];
        }
        if (hyst_crc32(0u, data + start + s->offset, (size_t)s->bytes) !=
            read_u32(data + table + 4u * (size_t)i)) {
            return 0;
        }
    }
    return 1;
}

hyst_status hyst_container_open(const hyst_layout *layout, const void *data, size_t bytes,
                                hyst_image *images)
{
    const unsigned char *file = (const unsigned char *)data;
    if (layout == NULL || data == NULL || images == NULL) {
        return HYST_ERR_NULL;
    }
    if (((uintptr_t)data & (sizeof(void *) - 1u)) != 0u) {
        return HYST_ERR_ALIGN;
    }
    if (bytes < header_bytes(layout) || !header_fits(layout, file) ||
        !lengths_fit(layout, file, bytes) || !checksums_fit(layout, file)) {
        return HYST_ERR_IMAGE;
    }
    size_t start = header_bytes(layout);
    for (uint32_t r = 0; r < layout->regions; r++) {
        /* header and region lengths are multiples of 8, so data's alignment carries over */
        images[r] = (hyst_image)HYST_IN_SRAM((const void *)(file + start));
        start += (size_t)layout->region_bytes[r];
    }
    return HYST_OK;
}
