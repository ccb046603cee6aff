/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32 as in IEEE 802.3 and zlib: polynomial 0x04c11db7 reflected, all ones before and after. */
#ifndef HYST_CRC32_H
#define HYST_CRC32_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* cffi:begin */
/* Continues from crc (0 at the start); hyst_crc32(0, "123456789", 9) == 0xcbf43926. */
uint32_t hyst_crc32(uint32_t crc, const void *data, size_t bytes);
/* cffi:end */

#ifdef __cplusplus
}
#endif
#endif
