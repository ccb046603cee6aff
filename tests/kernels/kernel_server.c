/* Calls kernels on an emulated part: in.bin is a list of jobs, out.bin the memory they left behind.
 *
 * A job is "bytes calls from length", the arena's contents, and for each call "function mask" with ten
 * arguments; bit i of mask says that argument i is an offset into the arena. Its answer is the length
 * bytes of the arena at from. calls.inc, written by boot_harness.py, declares FUNCTIONS. */
#include "semihosting.h"

#include "calls.inc"

#define ARENA (1u << 20)

typedef void (*function)(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t,
                         uintptr_t, uintptr_t);

static uint64_t arena[ARENA / 8u];
static const function functions[] = {FUNCTIONS};

static int serve(int in, int out)
{
    uint32_t job[4], call[12], i, c;
    if (hyst_host_read(in, job, sizeof job) != 0 || job[0] > ARENA || hyst_host_read(in, arena, job[0]) != 0) {
        return 1;
    }
    for (c = 0; c < job[1]; c++) {
        if (hyst_host_read(in, call, sizeof call) != 0) {
            return 2;
        }
        for (i = 0; i < 10u; i++) {
            call[2u + i] += ((call[1] >> i) & 1u) ? (uint32_t)(uintptr_t)arena : 0u;
        }
        functions[call[0]](call[2], call[3], call[4], call[5], call[6], call[7], call[8], call[9], call[10], call[11]);
    }
    return hyst_host_write(out, (const unsigned char *)arena + job[2], job[3]);
}

int main(void)
{
    const int in = hyst_host_open("in.bin", 6u, 1), out = hyst_host_open("out.bin", 7u, 5);
    uint32_t jobs;
    int status = hyst_host_read(in, &jobs, 4u);
    for (; status == 0 && jobs != 0u; jobs--) {
        status = serve(in, out);
    }
    return status;
}
