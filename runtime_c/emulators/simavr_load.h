/* SPDX-License-Identifier: Apache-2.0 */
/* The flash of an emulated AVR from a file of raw bytes. */
#ifndef HYST_SIMAVR_LOAD_H
#define HYST_SIMAVR_LOAD_H

#include <simavr/sim_avr.h>
#include <stdio.h>

static int load(avr_t *avr, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return -1;
    }
    const size_t bytes = fread(avr->flash, 1, avr->flashend + 1u, file);
    const int whole = fgetc(file) == EOF;
    avr->codeend = (avr_flashaddr_t)bytes;
    return fclose(file) == 0 && whole ? 0 : -1;
}

#endif
