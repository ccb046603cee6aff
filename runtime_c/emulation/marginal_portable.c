/* SPDX-License-Identifier: Apache-2.0 */
#include "philox.h"

uint64_t hyst_marginal(const hyst_stream *stream, const uint8_t *stored, uint64_t count,
                       const hyst_limit limit[2], int64_t *cell, uint64_t *depth)
{
    return hyst_marginal_from(stream, stored, 0, count, limit, cell, depth, 0);
}
