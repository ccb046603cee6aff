/* The only part of <string.h> that generated code may use, for toolchains that come without a C library. */
#ifndef HYST_FREESTANDING_STRING_H
#define HYST_FREESTANDING_STRING_H

#include <stddef.h>

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif
