/* SPDX-License-Identifier: Apache-2.0 */
/* Runs an AVR image in simavr with USART0 on a pseudo-terminal.
 *
 *   simavr_uart MCU FLASH CLOCK_HZ
 *
 * FLASH is the flash from address 0. The first line on standard output is the terminal's name; the program runs until it
 * is killed, until its parent closes standard input, or until the image stops. Bytes take the time of the baud rate that
 * the image has set, in the part's cycles, both ways. */
#define _XOPEN_SOURCE 600
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <simavr/avr_uart.h>
#include <simavr/sim_avr.h>
#include <simavr/sim_io.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "simavr_load.h"

enum { BROKEN = 98, STEPS = 2000 };

static int terminal;
static int is_full;

static void on_output(avr_irq_t *irq, uint32_t value, void *param)
{
    const uint8_t byte = (uint8_t)value;
    (void)irq;
    (void)param;
    while (write(terminal, &byte, 1) != 1 && (errno == EINTR || errno == EAGAIN)) {
        struct pollfd room = {terminal, POLLOUT, 0};
        if (poll(&room, 1, 1000) == 0) {
            return; /* nobody reads: lost, as on a wire */
        }
    }
}

static void on_room(avr_irq_t *irq, uint32_t value, void *param)
{
    (void)irq;
    (void)value;
    is_full = param != NULL;
}

static int open_terminal(void)
{
    struct termios mode;
    terminal = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0) {
        return -1;
    }
    /* Held open here: without any other end reads would fail before a host comes. */
    const int other = open(ptsname(terminal), O_RDWR | O_NOCTTY);
    if (other < 0 || tcgetattr(other, &mode) != 0) {
        return -1;
    }
    mode.c_lflag &= (tcflag_t) ~(ECHO | ICANON | ISIG | IEXTEN);
    mode.c_iflag &= (tcflag_t) ~(ICRNL | IXON | BRKINT | INPCK | ISTRIP);
    mode.c_oflag &= (tcflag_t)~OPOST;
    if (tcsetattr(other, TCSANOW, &mode) != 0) {
        return -1;
    }
    puts(ptsname(terminal));
    return fflush(stdout);
}

static void connect_uart(avr_t *avr)
{
    const uint32_t irqs = AVR_IOCTL_UART_GETIRQ('0');
    uint32_t flags = 0; /* no copy on standard output, no sleeping while the image polls */
    avr_ioctl(avr, AVR_IOCTL_UART_SET_FLAGS('0'), &flags);
    avr_irq_register_notify(avr_io_getirq(avr, irqs, UART_IRQ_OUTPUT), on_output, NULL);
    avr_irq_register_notify(avr_io_getirq(avr, irqs, UART_IRQ_OUT_XON), on_room, NULL);
    avr_irq_register_notify(avr_io_getirq(avr, irqs, UART_IRQ_OUT_XOFF), on_room, &is_full);
}

/* Returns -1 when the parent is gone. */
static int exchange(avr_t *avr)
{
    uint8_t byte;
    int given = 0;
    struct pollfd parent = {STDIN_FILENO, POLLIN, 0};
    while (is_full == 0 && read(terminal, &byte, 1) == 1) {
        avr_raise_irq(avr_io_getirq(avr, AVR_IOCTL_UART_GETIRQ('0'), UART_IRQ_INPUT), byte);
        given = 1;
    }
    return given == 0 && poll(&parent, 1, 0) > 0 && read(STDIN_FILENO, &byte, 1) == 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
    avr_t *avr = argc == 4 ? avr_make_mcu_by_name(argv[1]) : NULL;
    if (avr == NULL || avr_init(avr) != 0 || load(avr, argv[2]) != 0 || open_terminal() != 0) {
        fprintf(stderr, "cannot start\n");
        return BROKEN;
    }
    avr->frequency = (uint32_t)strtoul(argv[3], NULL, 10);
    connect_uart(avr);
    avr->state = cpu_Running;
    while (exchange(avr) == 0) {
        for (int i = 0; i < STEPS; i++) {
            const int state = avr_run(avr);
            if (state == cpu_Done || state == cpu_Crashed) {
                fprintf(stderr, "stopped at %#x\n", avr->pc);
                return BROKEN;
            }
        }
    }
    return 0;
}
