/* SPDX-License-Identifier: Apache-2.0 */
/* The popcount limit: XNOR and population count by vpshufb, four rows of 8192 bits at
 * once, all operands in the first-level cache. Returns differing bits so that nothing
 * is optimised away. */
#include <immintrin.h>
#include <stdint.h>

#define VECTORS 32
#define ROWS 16

__attribute__((visibility("default"))) uint64_t limit_run(const uint8_t *x, const uint8_t *w,
                                                          uint64_t repeats);

static __m256i counts(__m256i v)
{
    const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1,
                                           2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i low = _mm256_set1_epi8(15);
    return _mm256_add_epi8(
        _mm256_shuffle_epi8(table, _mm256_and_si256(v, low)),
        _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(v, 4), low)));
}

static __m256i load(const uint8_t *p, int i)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)(p + 32 * i));
}

uint64_t limit_run(const uint8_t *x, const uint8_t *w, uint64_t repeats)
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i total = zero;
    uint64_t parts[4];
    for (uint64_t n = 0; n < repeats; n++) {
        for (int r = 0; r < ROWS; r += 4) {
            const uint8_t *row = w + 32 * VECTORS * r;
            __m256i a = zero, b = zero, c = zero, d = zero;
            for (int half = 0; half < VECTORS; half += 16) { /* 16 * 8 stays below 256 */
                __m256i e = zero, f = zero, g = zero, h = zero;
                for (int i = half; i < half + 16; i++) {
                    const __m256i v = load(x, i);
                    e = _mm256_add_epi8(e, counts(_mm256_xor_si256(v, load(row, i))));
                    f = _mm256_add_epi8(f, counts(_mm256_xor_si256(v, load(row, i + VECTORS))));
                    g = _mm256_add_epi8(g, counts(_mm256_xor_si256(v, load(row, i + 2 * VECTORS))));
                    h = _mm256_add_epi8(h, counts(_mm256_xor_si256(v, load(row, i + 3 * VECTORS))));
                }
                a = _mm256_add_epi64(a, _mm256_sad_epu8(e, zero));
                b = _mm256_add_epi64(b, _mm256_sad_epu8(f, zero));
                c = _mm256_add_epi64(c, _mm256_sad_epu8(g, zero));
                d = _mm256_add_epi64(d, _mm256_sad_epu8(h, zero));
            }
            total = _mm256_add_epi64(total, _mm256_add_epi64(_mm256_add_epi64(a, b),
                                                             _mm256_add_epi64(c, d)));
        }
        __asm__ volatile("" ::: "memory"); /* the next round reads the operands again */
    }
    _mm256_storeu_si256((__m256i *)(void *)parts, total);
    return parts[0] + parts[1] + parts[2] + parts[3];
}
