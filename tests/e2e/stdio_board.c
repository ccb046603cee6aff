/* The board's side of the line on standard input and output: the firmware as a program of this machine. */
#include "hyst/serial.h"

#include <stdio.h>
#include <stdlib.h>

void hyst_board_open(void)
{
    fputs("boot: text like that of many boards\r\n", stdout);
    setvbuf(stdin, NULL, _IONBF, 0);
}

int hyst_board_read(void)
{
    int byte;
    fflush(stdout);
    byte = getchar();
    if (byte == EOF) {
        exit(0);
    }
    return byte;
}

void hyst_board_write(uint8_t byte)
{
    putchar(byte);
}

/* Ten more at each call. */
uint32_t hyst_board_cycles(void);
uint32_t hyst_board_cycles(void)
{
    static uint32_t now = 0xfffffffbu;
    now += 10u;
    return now;
}
