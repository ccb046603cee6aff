/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/op_transpose.h"

#include "hyst/elements.h"

/* Position in x of element at of the output. */
static uint32_t source(const hyst_transpose_params *p, uint32_t at)
{
    const int32_t dims[6] = {p->dim0, p->dim1, p->dim2, p->dim3, p->dim4, p->dim5};
    const int32_t steps[6] = {p->step0, p->step1, p->step2, p->step3, p->step4, p->step5};
    uint32_t from = 0;
    int32_t axis;
    for (axis = 5; axis >= 0; axis--) {
        from += at % (uint32_t)dims[axis] * (uint32_t)steps[axis];
        at /= (uint32_t)dims[axis];
    }
    return from;
}

static void transpose_bits(const hyst_transpose_params *p, const void *x, void *out, uint32_t size)
{
    uint32_t at;
    hyst_clear_bits(out, size);
    for (at = 0; at < size; at++) {
        if (hyst_get_bit(x, source(p, at))) {
            hyst_set_bit(out, at);
        }
    }
}

/* Bytes of up to three axes, rows of the last one: what NCHW inputs need. */
static void transpose_bytes(const hyst_transpose_params *p, const unsigned char *from,
                            unsigned char *to)
{
    int32_t i, j, k;
    for (i = 0; i < p->dim3; i++) {
        for (j = 0; j < p->dim4; j++) {
            const unsigned char *row = from + i * p->step3 + j * p->step4;
            for (k = 0; k < p->dim5; k++) {
                *to++ = row[k * p->step5];
            }
        }
    }
}

void hyst_transpose(const hyst_transpose_params *p, const void *x, void *out, void *scratch)
{
    const unsigned char *from = (const unsigned char *)x;
    unsigned char *to = (unsigned char *)out;
    const uint32_t size = (uint32_t)p->dim0 * (uint32_t)p->dim1 * (uint32_t)p->dim2
                          * (uint32_t)p->dim3 * (uint32_t)p->dim4 * (uint32_t)p->dim5;
    const uint32_t plane = hyst_plane_bytes(size), bytes = hyst_element_bytes(p->x_type);
    uint32_t at;
    (void)scratch;
    if (p->x_type <= HYST_T2) {
        transpose_bits(p, from, to, size);
        if (p->x_type == HYST_T2) {
            transpose_bits(p, from + plane, to + plane, size);
        }
        return;
    }
    if (bytes == 1u && p->dim0 == 1 && p->dim1 == 1 && p->dim2 == 1) {
        transpose_bytes(p, from, to);
        return;
    }
    for (at = 0; at < size; at++) {
        memcpy(to + at * bytes, from + source(p, at) * bytes, (size_t)bytes);
    }
}
