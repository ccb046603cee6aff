/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/op_narrow.h"

#include "hyst/elements.h"

void hyst_narrow(const hyst_narrow_params *p, const void *x, void *out, void *scratch)
{
    const uint32_t count = (uint32_t)p->count;
    uint32_t i;
    (void)scratch;
    for (i = 0; i < count; i++) {
        const int32_t wide = hyst_get_i32(x, i);
        const int16_t value =
            (int16_t)(wide < INT16_MIN ? INT16_MIN : wide > INT16_MAX ? INT16_MAX : wide);
        HYST_COPY((unsigned char *)out + i * 2u, &value, sizeof value);
    }
}
