/* Small functions whose instruction counts, stack and results the runner's tests know. */
#include <stdint.h>
#include <string.h>

#define KEEP __attribute__((noinline))

static const uint32_t table[4] = {0x0000000fu, 0x000000ffu, 0xffffffffu, 0x00000000u};
static uint32_t calls = 7u;
static uint32_t zeroed[16];

int32_t popcount_words(const uint32_t *words, int32_t n);
int32_t popcount_table(void);
int32_t count_calls(void);
int32_t sum_of_ten(int32_t a, int32_t b, int32_t c, int32_t d, int32_t e, int32_t f, int32_t g, int32_t h, int32_t i,
                   int32_t j);
int32_t hang(int32_t n);
int32_t layer_double(int32_t x);
int32_t layer_next(int32_t x);
int32_t two_layers(int32_t x);
int32_t tail_called(int32_t x);
int32_t deep_stack(int32_t n);
int32_t read_at(uint32_t address);
int32_t write_at(uint32_t address);
int32_t half_of_product(float *a, const float *b);
int32_t copies(uint8_t *dst, const uint8_t *src, int32_t n);
int32_t wide_quotient(uint32_t high, uint32_t low, uint32_t by);
void nops_0(void);
void nops_100(void);

int32_t popcount_words(const uint32_t *words, int32_t n)
{
    int32_t i, count = 0;
    for (i = 0; i < n; i++) {
        uint32_t word = words[i];
        while (word != 0u) {
            word &= word - 1u;
            count++;
        }
    }
    return count;
}

int32_t popcount_table(void)
{
    return popcount_words(table, 4);
}

int32_t count_calls(void)
{
    zeroed[calls & 15u]++;
    return (int32_t)(calls++ + zeroed[3]);
}

int32_t sum_of_ten(int32_t a, int32_t b, int32_t c, int32_t d, int32_t e, int32_t f, int32_t g, int32_t h, int32_t i,
                   int32_t j)
{
    return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j;
}

int32_t hang(int32_t n)
{
    volatile int32_t x = n;
    while (x == n) {
    }
    return x;
}

KEEP int32_t layer_double(int32_t x)
{
    return x * 2;
}

KEEP int32_t layer_next(int32_t x)
{
    int32_t i;
    for (i = 0; i < 10; i++) {
        __asm__ volatile("" : "+r"(x));
    }
    return x + 1;
}

KEEP int32_t tail_called(int32_t x)
{
    return layer_next(x);
}

int32_t two_layers(int32_t x)
{
    return layer_double(layer_next(layer_double(x))) + tail_called(x);
}

int32_t deep_stack(int32_t n)
{
    volatile uint8_t bytes[256];
    int32_t i;
    for (i = 0; i < 256; i++) {
        bytes[i] = (uint8_t)(n + i);
    }
    return n > 0 ? deep_stack(n - 1) + bytes[0] : bytes[255];
}

int32_t read_at(uint32_t address)
{
    return *(volatile const int32_t *)address;
}

int32_t write_at(uint32_t address)
{
    *(volatile int32_t *)address = 1;
    return 0;
}

int32_t half_of_product(float *a, const float *b)
{
    *a = *a * *b / 2.0f;
    return *a > 1.0f;
}

int32_t copies(uint8_t *dst, const uint8_t *src, int32_t n)
{
    memset(dst, 0x55, (size_t)n + 1u);
    memcpy(dst, src, (size_t)n);
    memmove(dst + 1, dst, (size_t)n - 1u);
    return memcmp(dst + 1, src, (size_t)n - 1u);
}

int32_t wide_quotient(uint32_t high, uint32_t low, uint32_t by)
{
    return (int32_t)((((uint64_t)high << 32) | low) / by);
}

void nops_0(void)
{
}

void nops_100(void)
{
    __asm__ volatile(".rept 100\n\tnop\n\t.endr");
}
