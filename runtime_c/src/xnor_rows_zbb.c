/* SPDX-License-Identifier: Apache-2.0 */
/* RISC-V with Zbb: a word of x is loaded once for four rows; a word of a row costs lw, xor, cpop and
 * add. Four words at a time, so that the pointers move once in four words. */
#include "hyst/carry_save.h"
#include "hyst/xnor_rows.inc"

typedef struct rows {
    const unsigned char *x, *mask, *row[4];
    uint32_t counted, differ[4]; /* each <= k */
} rows;

/* Counts word i of four rows at its valid bits. */
HYST_ALWAYS_INLINE void count(rows *r, const unsigned char *mask, uint32_t i, hyst_word valid)
{
    const hyst_word x = hyst_load(r->x, i);
    if (mask) {
        valid &= hyst_load(r->mask, i);
        r->counted += hyst_popcount(valid);
    }
    r->differ[0] += hyst_popcount((x ^ hyst_load(r->row[0], i)) & valid);
    r->differ[1] += hyst_popcount((x ^ hyst_load(r->row[1], i)) & valid);
    r->differ[2] += hyst_popcount((x ^ hyst_load(r->row[2], i)) & valid);
    r->differ[3] += hyst_popcount((x ^ hyst_load(r->row[3], i)) & valid);
}

/* The compiler would rather add one index to every base than move the bases: HYST_STAYS hides
 * where a pointer came from. */
#define HYST_STAYS(p) __asm__("" : "+r"(p))

HYST_ALWAYS_INLINE void move(rows *r, const unsigned char *mask, uint32_t bytes)
{
    r->x += bytes;
    r->row[0] += bytes;
    r->row[1] += bytes;
    r->row[2] += bytes;
    r->row[3] += bytes;
    HYST_STAYS(r->x);
    HYST_STAYS(r->row[0]);
    HYST_STAYS(r->row[1]);
    HYST_STAYS(r->row[2]);
    HYST_STAYS(r->row[3]);
    if (mask) {
        r->mask += bytes;
        HYST_STAYS(r->mask);
    }
}

/* Four neighbouring rows; mask is what r->mask starts with, or a constant NULL. */
HYST_ALWAYS_INLINE void four_rows(const void *sign, const unsigned char *mask,
                                  const unsigned char *row, uint32_t k, int32_t *acc)
{
    const uint32_t stride = hyst_plane_bytes(k);
    uint32_t left = k / HYST_WORD_BITS;
    rows r;
    r.x = (const unsigned char *)sign;
    r.mask = mask;
    r.row[0] = row;
    r.row[1] = row + stride;
    r.row[2] = r.row[1] + stride;
    r.row[3] = r.row[2] + stride;
    r.counted = mask ? 0u : k;
    r.differ[0] = r.differ[1] = r.differ[2] = r.differ[3] = 0;
    for (; left >= 4u; left -= 4u) {
        count(&r, mask, 0, HYST_ALL_ONES);
        count(&r, mask, 1, HYST_ALL_ONES);
        count(&r, mask, 2, HYST_ALL_ONES);
        count(&r, mask, 3, HYST_ALL_ONES);
        move(&r, mask, 4u * HYST_WORD_BYTES);
    }
    for (; left != 0u; left--) {
        count(&r, mask, 0, HYST_ALL_ONES);
        move(&r, mask, HYST_WORD_BYTES);
    }
    if (k % HYST_WORD_BITS != 0u) {
        count(&r, mask, 0, hyst_tail_mask(k));
    }
    acc[0] = (int32_t)r.counted - 2 * (int32_t)r.differ[0];
    acc[1] = (int32_t)r.counted - 2 * (int32_t)r.differ[1];
    acc[2] = (int32_t)r.counted - 2 * (int32_t)r.differ[2];
    acc[3] = (int32_t)r.counted - 2 * (int32_t)r.differ[3];
}

/* Rows of binary weights; returns how many were done. */
static uint32_t binary_rows(const void *sign, const void *mask, const unsigned char *row,
                            uint32_t k, uint32_t rows_left, int32_t *acc)
{
    const uint32_t stride = hyst_plane_bytes(k);
    uint32_t r = 0;
    for (; r + 4u <= rows_left; r += 4u, row += 4u * stride) {
        if (mask) {
            four_rows(sign, (const unsigned char *)mask, row, k, acc + r);
        } else {
            four_rows(sign, NULL, row, k, acc + r);
        }
    }
    return r;
}

void hyst_xnor_rows(const void *sign, const void *mask, const void *rows_w, const void *negative,
                    uint32_t k, uint32_t rows_n, int32_t *acc)
{
    const unsigned char *row = (const unsigned char *)rows_w;
    const unsigned char *other = (const unsigned char *)negative;
    const uint32_t stride = hyst_plane_bytes(k);
    uint32_t r = negative ? 0u : binary_rows(sign, mask, row, k, rows_n, acc);
    for (; r < rows_n; r++) {
        acc[r] = one_row(sign, mask, row + r * stride, other ? other + r * stride : NULL, k);
    }
}
