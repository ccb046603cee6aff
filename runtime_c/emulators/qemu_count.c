/* SPDX-License-Identifier: Apache-2.0 */
/* A TCG plugin for QEMU 7.2 and 8: executed instructions, loads and stores of watched functions.
 *
 *   -plugin libqemu_count.so,watch=FILE,out=FILE,budget=N
 *
 * The watch file has one window per line: "LEVEL ID ENTRY". A window of a level opens when ENTRY executes and closes
 * when an instruction of one of that level's homes executes: "home LEVEL LOW HIGH" (HIGH excluded). So a function's own
 * count needs no marker in the program: its callers are the homes. Each closed window is a line of the output:
 * "LEVEL ID INSTRUCTIONS LOADS STORES". An instruction in an IT block counts whether or not its condition held. A
 * program that executes more than N instructions is ended with the line "budget".
 *
 * QEMU's header is not packaged by distributions; what is used of its interface (version 1) is declared here. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t plugin_id;
typedef uint32_t memory_info;
enum { NO_REGISTERS = 0, ADD_U64 = 0, READS_AND_WRITES = 3 };

__attribute__((visibility("default"))) extern int qemu_plugin_version;
__attribute__((visibility("default"))) int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*cb)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, void (*cb)(unsigned, void *), int flags,
                                          void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, void (*cb)(unsigned, void *), int flags,
                                            void *data);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op, void *counter, uint64_t add);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
                                      void (*cb)(unsigned, memory_info, uint64_t, void *), int flags, int kind,
                                      void *data);
bool qemu_plugin_mem_is_store(memory_info info);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t at);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

int qemu_plugin_version = 1;

enum { MAX_WINDOWS = 4096, MAX_HOMES = 64, LEVELS = 2 };

typedef struct {
    int level;
    long id;
    uint64_t entry;
} window;

typedef struct {
    uint64_t low, high;
} home;

static window windows[MAX_WINDOWS];
static home homes[LEVELS][MAX_HOMES];
static int window_count, home_count[LEVELS];
static const window *open_window[LEVELS];
static uint64_t start[LEVELS][3];
static uint64_t counted[3]; /* instructions, loads, stores */
static uint64_t budget = UINT64_MAX;
static FILE *out;

static void on_entry(unsigned cpu, void *data)
{
    const window *w = (const window *)data;
    (void)cpu;
    open_window[w->level] = w;
    memcpy(start[w->level], counted, sizeof counted);
    counted[0]++;
}

static void on_home(unsigned cpu, void *data)
{
    int level = (int)(intptr_t)data;
    const window *w = open_window[level];
    (void)cpu;
    if (w != NULL) {
        open_window[level] = NULL;
        fprintf(out, "%d %ld %llu %llu %llu\n", level, w->id, (unsigned long long)(counted[0] - start[level][0]),
                (unsigned long long)(counted[1] - start[level][1]), (unsigned long long)(counted[2] - start[level][2]));
        fflush(out);
    }
}

static void on_own(unsigned cpu, void *data)
{
    (void)cpu;
    (void)data;
    counted[0]++;
}

/* A callback, because QEMU 7.2's inline counters of memory accesses do not tell loads from stores. */
static void on_access(unsigned cpu, memory_info info, uint64_t at, void *data)
{
    (void)cpu;
    (void)at;
    (void)data;
    counted[qemu_plugin_mem_is_store(info) ? 2 : 1]++;
}

static void on_block(unsigned cpu, void *data)
{
    (void)cpu;
    (void)data;
    if (counted[0] > budget) {
        fprintf(out, "budget\n");
        fclose(out);
        _exit(97);
    }
}

static const window *entered(uint64_t at)
{
    for (int i = 0; i < window_count; i++) {
        if (windows[i].entry == at) {
            return &windows[i];
        }
    }
    return NULL;
}

/* Returns the number of callbacks set, so that a watched instruction is counted by them and only once. */
static int watch_homes(struct qemu_plugin_insn *insn, uint64_t at)
{
    int found = 0;
    for (int level = 0; level < LEVELS; level++) {
        for (int i = 0; i < home_count[level]; i++) {
            if (at >= homes[level][i].low && at < homes[level][i].high) {
                qemu_plugin_register_vcpu_insn_exec_cb(insn, on_home, NO_REGISTERS, (void *)(intptr_t)level);
                found++;
            }
        }
    }
    return found;
}

static void on_translated(plugin_id id, struct qemu_plugin_tb *tb)
{
    size_t count = qemu_plugin_tb_n_insns(tb);
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, NO_REGISTERS, NULL);
    for (size_t i = 0; i < count; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint64_t at = qemu_plugin_insn_vaddr(insn);
        const window *w = entered(at);
        int watched = watch_homes(insn, at);
        if (w != NULL) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_entry, NO_REGISTERS, (void *)(uintptr_t)w);
        } else if (watched > 0) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_own, NO_REGISTERS, NULL);
        } else {
            qemu_plugin_register_vcpu_insn_exec_inline(insn, ADD_U64, &counted[0], 1);
        }
        qemu_plugin_register_vcpu_mem_cb(insn, on_access, NO_REGISTERS, READS_AND_WRITES, NULL);
    }
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
        unsigned long long low, high;
        if (sscanf(line, "home %d %lli %lli", &level, (long long *)&low, (long long *)&high) == 3) {
            if (level < 0 || level >= LEVELS || home_count[level] == MAX_HOMES) {
                break;
            }
            homes[level][home_count[level]++] = (home){low, high};
        } else if (sscanf(line, "%d %ld %lli", &level, &id, (long long *)&low) == 3) {
            if (level < 0 || level >= LEVELS || window_count == MAX_WINDOWS) {
                break;
            }
            windows[window_count++] = (window){level, id, low};
        }
    }
    return feof(file) != 0 && fclose(file) == 0 ? 0 : -1;
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    int status = -1;
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "watch=", 6) == 0) {
            status = read_watch(argv[i] + 6);
        } else if (strncmp(argv[i], "out=", 4) == 0) {
            out = fopen(argv[i] + 4, "w");
        } else if (strncmp(argv[i], "budget=", 7) == 0) {
            budget = strtoull(argv[i] + 7, NULL, 10);
        }
    }
    if (status != 0 || out == NULL) {
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translated);
    return 0;
}
