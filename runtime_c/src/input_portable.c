/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/input.h"

#include "hyst/isa.h"

int32_t hyst_has_nan(const void *x, int32_t count)
{
    int32_t i;
    for (i = 0; i < count; i++) {
        if ((hyst_load32(x, (uint32_t)i) & 0x7fffffffu) > 0x7f800000u) {
            return 1;
        }
    }
    return 0;
}
