/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/op_concat.h"

#include "hyst/elements.h"

#define INPUTS 8

typedef struct parts {
    const unsigned char *x[INPUTS];
    uint32_t run[INPUTS];
    uint32_t outer, size; /* size: elements of the output */
} parts;

/* plane: 0, or 1 for the negative plane of t2. */
static void join_bits(const parts *q, uint32_t plane, unsigned char *out)
{
    uint32_t at = 0, o;
    int32_t i;
    hyst_clear_bits(out, q->size);
    for (o = 0; o < q->outer; o++) {
        for (i = 0; i < INPUTS; i++) {
            if (q->run[i] > 0u) {
                const uint32_t skip = plane * hyst_plane_bytes(q->outer * q->run[i]);
                hyst_copy_bits(out, at, q->x[i] + skip, o * q->run[i], q->run[i]);
                at += q->run[i];
            }
        }
    }
}

static void join_bytes(const parts *q, uint32_t bytes, unsigned char *out)
{
    uint32_t o;
    int32_t i;
    for (o = 0; o < q->outer; o++) {
        for (i = 0; i < INPUTS; i++) {
            if (q->run[i] > 0u) {
                memcpy(out, q->x[i] + o * q->run[i] * bytes, (size_t)(q->run[i] * bytes));
                out += q->run[i] * bytes;
            }
        }
    }
}

void hyst_concat(const hyst_concat_params *p, const void *x0, const void *x1, const void *x2,
                 const void *x3, const void *x4, const void *x5, const void *x6, const void *x7,
                 void *out, void *scratch)
{
    const void *const x[INPUTS] = {x0, x1, x2, x3, x4, x5, x6, x7};
    const int32_t run[INPUTS] = {p->run0, p->run1, p->run2, p->run3,
                                 p->run4, p->run5, p->run6, p->run7};
    parts q;
    int32_t i;
    (void)scratch;
    q.outer = (uint32_t)p->outer;
    q.size = 0;
    for (i = 0; i < INPUTS; i++) {
        q.x[i] = (const unsigned char *)x[i];
        q.run[i] = (uint32_t)run[i];
        q.size += q.outer * q.run[i];
    }
    if (p->x_type > HYST_T2) {
        join_bytes(&q, hyst_element_bytes(p->x_type), (unsigned char *)out);
        return;
    }
    join_bits(&q, 0, (unsigned char *)out);
    if (p->x_type == HYST_T2) {
        join_bits(&q, 1, (unsigned char *)out + hyst_plane_bytes(q.size));
    }
}
