/* Functions whose stack is known, and functions that have no bound. */
#include <stdint.h>

#define KEEP __attribute__((noinline))

typedef void (*write_fn)(int32_t value);

int32_t leaf(int32_t x);
int32_t large_frame(int32_t n);
int32_t huge_frame(int32_t n);
int32_t chain(int32_t n);
int32_t two_ways(int32_t n);
int32_t tail(int32_t n);
int32_t table(int32_t n, int32_t x);
int32_t recursive(int32_t n);
int32_t even(int32_t n);
int32_t odd(int32_t n);
int32_t variable_frame(int32_t n);
int32_t callback(write_fn write, int32_t n);
int32_t quotient(uint32_t high, uint32_t low, uint32_t by);

int32_t leaf(int32_t x)
{
    return x + 1;
}

KEEP int32_t large_frame(int32_t n)
{
    volatile uint8_t bytes[200];
    int32_t i;
    for (i = 0; i < 200; i++) {
        bytes[i] = (uint8_t)(n + i);
    }
    return bytes[n & 127];
}

/* More than any addition of one instruction takes. */
KEEP int32_t huge_frame(int32_t n)
{
    volatile uint8_t bytes[1300];
    int32_t i;
    for (i = 0; i < 1300; i++) {
        bytes[i] = (uint8_t)(n + i);
    }
    return bytes[n & 127];
}

KEEP int32_t chain(int32_t n)
{
    return large_frame(n) + huge_frame(n + 1);
}

int32_t two_ways(int32_t n)
{
    if (n == 0) {
        return 7;
    }
    return n > 3 ? chain(n) - n : large_frame(n) + n;
}

int32_t tail(int32_t n)
{
    return huge_frame(n * 3);
}

int32_t table(int32_t n, int32_t x)
{
    switch (n) {
    case 0: return large_frame(x);
    case 1: return x * 3;
    case 2: return large_frame(x + 2) ^ 5;
    case 3: return x - 11;
    case 4: return x / 7;
    case 5: return huge_frame(x);
    case 6: return x << 3;
    case 7: return large_frame(x * 5) - 9;
    case 8: return x ^ 0x55;
    default: return -1;
    }
}

int32_t recursive(int32_t n)
{
    return n > 0 ? large_frame(recursive(n - 1)) + 1 : 0;
}

KEEP int32_t odd(int32_t n)
{
    return n > 0 ? large_frame(even(n - 1)) + 1 : 0;
}

KEEP int32_t even(int32_t n)
{
    return n > 0 ? large_frame(odd(n - 1)) + 2 : 1;
}

int32_t variable_frame(int32_t n)
{
    volatile uint8_t bytes[n];
    int32_t i;
    for (i = 0; i < n; i++) {
        bytes[i] = (uint8_t)i;
    }
    return bytes[n - 1];
}

int32_t callback(write_fn write, int32_t n)
{
    volatile uint8_t bytes[64];
    bytes[n & 63] = 1;
    write(n);
    return bytes[0];
}

int32_t quotient(uint32_t high, uint32_t low, uint32_t by)
{
    return (int32_t)((((uint64_t)high << 32) | low) / by);
}
