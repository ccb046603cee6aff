/* SPDX-License-Identifier: Apache-2.0 */
/* A 16550 UART with byte registers, as on QEMU's RISC-V virt board, at HYST_UART. The emulator sends at any speed: no
 * divisor is set, which a real one would need. */
#include "hyst/serial.h"

#define REGISTER(offset) (*(volatile uint8_t *)(HYST_UART + (offset)))
#define DATA REGISTER(0u)
#define FIFO_CONTROL REGISTER(2u)
#define LINE_CONTROL REGISTER(3u)
#define LINE_STATUS REGISTER(5u)
enum { DATA_READY = 0x01, TX_EMPTY = 0x20, FIFO_ENABLE = 0x01, EIGHT_BITS = 0x03 };

void hyst_board_open(void)
{
    LINE_CONTROL = EIGHT_BITS;
    FIFO_CONTROL = FIFO_ENABLE;
}

int hyst_board_read(void)
{
    return (LINE_STATUS & DATA_READY) != 0 ? DATA : -1;
}

void hyst_board_write(uint8_t byte)
{
    while ((LINE_STATUS & TX_EMPTY) == 0) {
    }
    DATA = byte;
}
