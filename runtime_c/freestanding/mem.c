/* memcpy, memmove, memset and memcmp for links without a C library. Compilers call these even in freestanding code
 * (C99 4p6 leaves it open; GCC and Clang document it). Linked by the emulator runner only, never part of a project. */
#include "string.h"

/* GCC would turn each loop below into a call of the function it implements. */
#if defined(__GNUC__) && !defined(__clang__)
#define HYST_PLAIN_LOOP __attribute__((optimize("no-tree-loop-distribute-patterns")))
#else
#define HYST_PLAIN_LOOP __attribute__((no_builtin))
#endif

HYST_PLAIN_LOOP void *memcpy(void *dst, const void *src, size_t n)
{
    unsigned char *d = (unsigned char *)dst;
    const unsigned char *s = (const unsigned char *)src;
    size_t i;
    for (i = 0; i < n; i++) {
        d[i] = s[i];
    }
    return dst;
}

HYST_PLAIN_LOOP void *memmove(void *dst, const void *src, size_t n)
{
    unsigned char *d = (unsigned char *)dst;
    const unsigned char *s = (const unsigned char *)src;
    size_t i;
    if (d < s) {
        for (i = 0; i < n; i++) {
            d[i] = s[i];
        }
    } else {
        for (i = n; i > 0; i--) {
            d[i - 1] = s[i - 1];
        }
    }
    return dst;
}

HYST_PLAIN_LOOP void *memset(void *dst, int value, size_t n)
{
    unsigned char *d = (unsigned char *)dst;
    size_t i;
    for (i = 0; i < n; i++) {
        d[i] = (unsigned char)value;
    }
    return dst;
}

HYST_PLAIN_LOOP int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *p = (const unsigned char *)a;
    const unsigned char *q = (const unsigned char *)b;
    size_t i;
    for (i = 0; i < n; i++) {
        if (p[i] != q[i]) {
            return p[i] < q[i] ? -1 : 1;
        }
    }
    return 0;
}
