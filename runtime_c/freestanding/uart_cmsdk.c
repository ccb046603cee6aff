/* SPDX-License-Identifier: Apache-2.0 */
/* The UART of Arm's CMSDK (DDI 0479, "APB UART"), on the MPS2 and MPS3 boards that QEMU emulates, at HYST_UART. */
#include "hyst/serial.h"

#define REGISTER(offset) (*(volatile uint32_t *)(HYST_UART + (offset)))
#define DATA REGISTER(0x00u)
#define STATE REGISTER(0x04u)
#define CONTROL REGISTER(0x08u)
#define BAUD_DIVIDER REGISTER(0x10u)
enum { TX_FULL = 1, RX_FULL = 2, TX_ENABLE = 1, RX_ENABLE = 2 };

void hyst_board_open(void)
{
    BAUD_DIVIDER = 16u; /* the least that the unit takes; the emulator sends at any speed */
    CONTROL = TX_ENABLE | RX_ENABLE;
}

int hyst_board_read(void)
{
    return (STATE & RX_FULL) != 0u ? (int)(DATA & 0xffu) : -1;
}

void hyst_board_write(uint8_t byte)
{
    while ((STATE & TX_FULL) != 0u) {
    }
    DATA = byte;
}
