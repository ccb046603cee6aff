/* SPDX-License-Identifier: Apache-2.0 */
/* The UART of Nordic's nRF51 (reference manual 3.0, chapter 29) at HYST_UART, pins as after reset: for the emulated
 * board. A real one needs PSELTXD and PSELRXD as well. */
#include "hyst/serial.h"

#define REGISTER(offset) (*(volatile uint32_t *)(HYST_UART + (offset)))
#define START_RX REGISTER(0x000u)
#define START_TX REGISTER(0x008u)
#define RX_READY REGISTER(0x108u)
#define TX_READY REGISTER(0x11cu)
#define ENABLE REGISTER(0x500u)
#define RXD REGISTER(0x518u)
#define TXD REGISTER(0x51cu)
#define BAUD_RATE REGISTER(0x524u)

void hyst_board_open(void)
{
    BAUD_RATE = 0x01d7e000u; /* 115200 */
    ENABLE = 4u;
    START_RX = 1u;
    START_TX = 1u;
}

int hyst_board_read(void)
{
    if (RX_READY == 0u) {
        return -1;
    }
    RX_READY = 0u;
    return (int)(RXD & 0xffu);
}

void hyst_board_write(uint8_t byte)
{
    TX_READY = 0u;
    TXD = byte;
    while (TX_READY == 0u) {
    }
}
