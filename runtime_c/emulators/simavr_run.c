/* SPDX-License-Identifier: Apache-2.0 */
/* Runs an AVR image in simavr: files by a port of three registers, cycles and lowest stack pointer of watched functions.
 *
 *   simavr_run MCU FLASH WATCH COUNTS BUDGET
 *
 * FLASH is the flash from address 0. WATCH and COUNTS are as in qemu_count.c, with lines "LEVEL ID INSTRUCTIONS CYCLES
 * STACK": STACK is how far the stack pointer fell, the return address included. A program that executes more than
 * BUDGET instructions is ended with the line "budget" and status 97, one whose stack leaves its room inside a watched
 * function (the line "stack LOWEST" of WATCH) with status 96. The port is GPIOR0 (operation, written last),
 * GPIOR1 and GPIOR2 (address of the argument block); see boot_avr.c. */
#include <simavr/sim_avr.h>
#include <simavr/sim_core.h>
#include <simavr/sim_io.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simavr_load.h"

enum { OPERATION = 0x3e, BLOCK_LOW = 0x4a, BLOCK_HIGH = 0x4b };
enum { SYS_OPEN = 0x01, SYS_WRITE = 0x05, SYS_READ = 0x06, SYS_EXIT_EXTENDED = 0x20 };
enum { MAX_WINDOWS = 4096, MAX_HOMES = 64, LEVELS = 2, MAX_FILES = 4, DEEP = 96, HUNG = 97, BROKEN = 98 };

typedef struct {
    int level;
    long id;
    uint32_t entry;
} window;

static window windows[MAX_WINDOWS];
static struct {
    uint32_t low, high;
} homes[LEVELS][MAX_HOMES];
static int window_count, home_count[LEVELS];
static uint32_t stack_limit;
static struct {
    const window *open;
    uint64_t instructions, cycles;
    uint32_t entry_stack, lowest;
} level_state[LEVELS];
static FILE *files[MAX_FILES];
static int file_count;

static uint32_t word(const avr_t *avr, uint32_t at)
{
    return (uint32_t)avr->data[at] | (uint32_t)avr->data[at + 1u] << 8;
}

static uint32_t stack_pointer(const avr_t *avr)
{
    return word(avr, R_SPL);
}

/* The result goes back through the port's block registers. */
static void on_operation(avr_t *avr, avr_io_addr_t addr, uint8_t operation, void *param)
{
    const uint32_t block = (uint32_t)avr->data[BLOCK_LOW] | (uint32_t)avr->data[BLOCK_HIGH] << 8;
    uint32_t arg[3], i, result = 0xffffu;
    (void)addr;
    (void)param;
    for (i = 0; i < 3u; i++) {
        arg[i] = block + 6u <= avr->ramend + 1u ? word(avr, block + 2u * i) : 0u;
    }
    if (operation == SYS_EXIT_EXTENDED) {
        exit((int)arg[1]);
    }
    if (operation == SYS_OPEN && arg[0] <= avr->ramend && file_count < MAX_FILES) {
        files[file_count] = fopen((const char *)avr->data + arg[0], arg[1] == 1u ? "rb" : "wb");
        result = files[file_count] != NULL ? (uint32_t)file_count++ : 0xffffu;
    } else if (arg[0] < (uint32_t)file_count && arg[1] + arg[2] <= avr->ramend + 1u) {
        void *place = avr->data + arg[1];
        const size_t done =
            operation == SYS_READ ? fread(place, 1, arg[2], files[arg[0]]) : fwrite(place, 1, arg[2], files[arg[0]]);
        result = arg[2] - (uint32_t)done;
    }
    avr->data[BLOCK_LOW] = (uint8_t)result;
    avr->data[BLOCK_HIGH] = (uint8_t)(result >> 8);
}

static int read_watch(const char *path)
{
    char line[128];
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return -1;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        int level;
        long id;
        long long low, high;
        if (sscanf(line, "home %d %lli %lli", &level, &low, &high) == 3) {
            if (level < 0 || level >= LEVELS || home_count[level] == MAX_HOMES) {
                break;
            }
            homes[level][home_count[level]].low = (uint32_t)low;
            homes[level][home_count[level]++].high = (uint32_t)high;
        } else if (sscanf(line, "stack %lli", &low) == 1) {
            stack_limit = (uint32_t)low;
        } else if (sscanf(line, "%d %ld %lli", &level, &id, &low) == 3) {
            if (level < 0 || level >= LEVELS || window_count == MAX_WINDOWS) {
                break;
            }
            windows[window_count++] = (window){level, id, (uint32_t)low};
        }
    }
    return feof(file) != 0 && fclose(file) == 0 ? 0 : -1;
}

static int at_home(int level, uint32_t at)
{
    for (int i = 0; i < home_count[level]; i++) {
        if (at >= homes[level][i].low && at < homes[level][i].high) {
            return 1;
        }
    }
    return 0;
}

/* Before the instruction at avr->pc executes. */
static void watch(const avr_t *avr, uint64_t instructions, FILE *out)
{
    for (int level = 0; level < LEVELS; level++) {
        const window *open = level_state[level].open;
        const uint32_t sp = stack_pointer(avr);
        if (open != NULL && at_home(level, avr->pc)) {
            fprintf(out, "%d %ld %llu %llu %u\n", level, open->id,
                    (unsigned long long)(instructions - level_state[level].instructions),
                    (unsigned long long)(avr->cycle - level_state[level].cycles),
                    level_state[level].entry_stack - level_state[level].lowest + avr->address_size);
            level_state[level].open = NULL;
        } else if (open != NULL && sp < level_state[level].lowest) {
            level_state[level].lowest = sp;
            if (sp + 1u < stack_limit) {
                exit(DEEP);
            }
        }
    }
    for (int i = 0; i < window_count; i++) {
        if (windows[i].entry == avr->pc && level_state[windows[i].level].open != &windows[i]) {
            level_state[windows[i].level].open = &windows[i];
            level_state[windows[i].level].instructions = instructions;
            level_state[windows[i].level].cycles = avr->cycle;
            level_state[windows[i].level].entry_stack = stack_pointer(avr);
            level_state[windows[i].level].lowest = stack_pointer(avr);
        }
    }
}

int main(int argc, char **argv)
{
    avr_t *avr = argc == 6 ? avr_make_mcu_by_name(argv[1]) : NULL;
    FILE *out = argc == 6 ? fopen(argv[4], "w") : NULL;
    const uint64_t budget = argc == 6 ? strtoull(argv[5], NULL, 10) : 0;
    if (avr == NULL || out == NULL || avr_init(avr) != 0 || load(avr, argv[2]) != 0 || read_watch(argv[3]) != 0) {
        fprintf(stderr, "cannot start\n");
        return BROKEN;
    }
    avr_register_io_write(avr, OPERATION, on_operation, NULL);
    avr->state = cpu_Running;
    for (uint64_t instructions = 0; instructions <= budget; instructions++) {
        watch(avr, instructions, out);
        avr->run_cycle_count = 1; /* one instruction at a time */
        avr->pc = avr_run_one(avr);
        if (avr->state != cpu_Running) {
            fprintf(stderr, "stopped at %#x\n", avr->pc);
            return BROKEN;
        }
    }
    fprintf(out, "budget\n");
    return HUNG;
}
