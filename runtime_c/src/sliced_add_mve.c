/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/sliced_add.h"

#include "hyst/mve.h"
#include "hyst/sliced_lanes.h"

/* Planes of the count of a list of 65535. */
#define LANE_PLANES 16u

/* Stores carries of four planes one plane up and returns those into the same four. */
HYST_ALWAYS_INLINE hyst_vec shift_up(uint32_t *carries, hyst_vec carry)
{
    vst1q_u32(carries + 1, carry);
    return vld1q_u32(carries);
}

/* planes += the sum over lanes; width planes hold it. Four planes at a time: carry-save additions
 * leave two numbers, one chain of carries adds those. */
static void add_lanes(const uint32_t *lanes, uint32_t width, uint32_t *planes)
{
    uint32_t sums[LANE_PLANES], up0[LANE_PLANES + 1u], up1[LANE_PLANES + 1u];
    uint32_t up2[LANE_PLANES + 1u], carry = 0, p;
    up0[0] = up1[0] = up2[0] = 0;
    for (p = 0; p < width; p += 4u) {
        const hyst_vec given = vldrwq_z_u32(planes + p, vctp32q(width - p));
        hyst_vec sum = vld1q_u32(lanes + p), next;
        next = shift_up(up0 + p, hyst_full_add4(&sum, vld1q_u32(lanes + LANE_PLANES + p),
                                             vld1q_u32(lanes + 2u * LANE_PLANES + p)));
        next = shift_up(up1 + p, hyst_full_add4(&sum, vld1q_u32(lanes + 3u * LANE_PLANES + p), next));
        vst1q_u32(up2 + p + 1u, hyst_full_add4(&sum, given, next));
        vst1q_u32(sums + p, sum);
    }
    for (p = 0; p < width; p++) {
        uint32_t sum = sums[p];
        carry = hyst_full_add(&sum, up2[p], carry);
        planes[p] = sum;
    }
    /* below 2^(width + 1): of what weighs 2^width one is set at most */
    carry |= up2[width] | ((width % 4u) ? sums[width] : up0[width] | up1[width]);
    for (; carry != 0u; width++) {
        carry = hyst_half_add(&planes[width], carry);
    }
}

void hyst_sliced_add(const uint16_t *list, uint32_t length, hyst_address base, uint32_t *planes)
{
    const uint32_t width = 32u - (uint32_t)__builtin_clz(length | 1u);
    uint32_t lanes[HYST_LANES * LANE_PLANES];
    hyst_lanes_count(list, length, base, NULL, (width + 3u) / 4u * 4u, lanes, 1, LANE_PLANES);
    add_lanes(lanes, width, planes);
}
