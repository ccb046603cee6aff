/* SPDX-License-Identifier: Apache-2.0 */
/* USART0 of ATmega48 to 328P, 640 to 2561 and 1284P: the two functions of hyst/serial.h, by polling. The receiver holds
 * two bytes while a request is worked on, which is enough: a host sends the next one after the reply. */
#include "hyst/serial.h"

#ifndef F_CPU
#define F_CPU 16000000UL
#endif
#ifndef HYST_BAUD
#define HYST_BAUD 115200UL
#endif

#define UCSR0A (*(volatile uint8_t *)0xc0)
#define UCSR0B (*(volatile uint8_t *)0xc1)
#define UCSR0C (*(volatile uint8_t *)0xc2)
#define UBRR0L (*(volatile uint8_t *)0xc4)
#define UBRR0H (*(volatile uint8_t *)0xc5)
#define UDR0 (*(volatile uint8_t *)0xc6)
enum { U2X = 0x02, UDRE = 0x20, RXC = 0x80, TXEN = 0x08, RXEN = 0x10, EIGHT_BITS = 0x06 };

/* Double speed: 8 clocks a sample, rounded to the nearest rate (2.1 % off at 16 MHz and 115200, as on any Arduino). */
#define DIVIDER ((F_CPU + 4UL * HYST_BAUD) / (8UL * HYST_BAUD) - 1UL)

void hyst_board_open(void)
{
    UBRR0H = (uint8_t)(DIVIDER >> 8);
    UBRR0L = (uint8_t)(DIVIDER & 0xffUL);
    UCSR0A = U2X;
    UCSR0C = EIGHT_BITS;
    UCSR0B = TXEN | RXEN;
}

int hyst_board_read(void)
{
    return (UCSR0A & RXC) != 0 ? UDR0 : -1;
}

void hyst_board_write(uint8_t byte)
{
    while ((UCSR0A & UDRE) == 0) {
    }
    UDR0 = byte;
}
