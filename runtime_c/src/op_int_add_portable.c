/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/op_int_add.h"

#include "hyst/elements.h"

void hyst_int_add(const hyst_int_add_params *p, const void *a, const void *b, void *out,
                  void *scratch)
{
    const uint32_t count = (uint32_t)p->count;
    uint32_t i;
    (void)scratch;
    for (i = 0; i < count; i++) {
        hyst_store32(out, i,
                     (uint32_t)p->p * (uint32_t)hyst_get(a, p->a_type, count, i)
                         + (uint32_t)p->q * (uint32_t)hyst_get(b, p->b_type, count, i));
    }
}
