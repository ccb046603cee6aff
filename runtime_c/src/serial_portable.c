/* SPDX-License-Identifier: Apache-2.0 */
#include "hyst/serial.h"

#include "hyst/crc32.h"
#include "hyst/rom.h"

/* COBS (Cheshire and Baker, "Consistent overhead byte stuffing", 1999): a code byte n stands for n - 1 bytes as they
 * are and a zero, 255 for 254 bytes without one; the zero of the last block is not part of the frame. */
enum { RECEIVING = 0, SKIPPING = 1, STARTING = 2, SENDING = 3, ENDING = 4 };

#define LONGEST 254u
#define CRC_BYTES 4u

uint32_t hyst_serial_get(const uint8_t *at, uint8_t bytes)
{
    uint32_t value = 0;
    for (uint8_t i = bytes; i > 0u; i--) {
        value = value << 8 | at[i - 1u];
    }
    return value;
}

void hyst_serial_put(uint8_t *at, uint32_t value, uint8_t bytes)
{
    for (uint8_t i = 0; i < bytes; i++) {
        at[i] = (uint8_t)(value >> 8 * i);
    }
}

static void receive(hyst_serial *link)
{
    link->used = 0;
    link->left = 0;
    link->zero = 0;
    link->state = RECEIVING;
}

/* One decoded byte; what does not fit makes the rest of the frame garbage. */
static void keep(hyst_serial *link, uint8_t byte)
{
    if (link->used < HYST_SERIAL_FRAME_BYTES) {
        link->frame[link->used++] = byte;
    } else {
        link->state = SKIPPING;
    }
}

static int is_whole(const hyst_serial *link)
{
    if (link->state != RECEIVING || link->left != 0u || link->used < HYST_SERIAL_HEADER + CRC_BYTES) {
        return 0;
    }
    const uint16_t end = (uint16_t)(link->used - CRC_BYTES);
    return hyst_crc32(0u, link->frame, end) == hyst_serial_get(link->frame + end, CRC_BYTES);
}

int hyst_serial_take(hyst_serial *link, uint8_t byte)
{
    if (link->state != RECEIVING && link->state != SKIPPING) {
        receive(link); /* a caller that did not send everything loses its reply, nothing else */
    }
    if (byte == 0u) {
        const int nothing = link->state == RECEIVING && link->used == 0u && link->left == 0u && link->zero == 0u;
        if (nothing) {
            return 0;
        }
        if (!is_whole(link)) {
            hyst_serial_put(link->frame + 2, 0u, 2u);
            hyst_serial_refuse(link, HYST_SERIAL_BAD_FRAME);
            return 0;
        }
        link->used = (uint16_t)(link->used - CRC_BYTES);
        if (link->frame[0] != HYST_SERIAL_VERSION) {
            hyst_serial_refuse(link, HYST_SERIAL_BAD_VERSION);
            return 0;
        }
        return 1;
    }
    if (link->state == SKIPPING) {
        return 0;
    }
    if (link->left == 0u) {
        if (link->zero != 0u) {
            keep(link, 0u);
        }
        link->left = (uint8_t)(byte - 1u);
        link->zero = byte <= LONGEST;
    } else {
        link->left--;
        keep(link, byte);
    }
    return 0;
}

void hyst_serial_reply(hyst_serial *link, uint16_t bytes)
{
    const uint16_t end = (uint16_t)(HYST_SERIAL_HEADER + (bytes < HYST_SERIAL_PAYLOAD ? bytes : HYST_SERIAL_PAYLOAD));
    link->frame[0] = HYST_SERIAL_VERSION;
    link->frame[1] |= HYST_SERIAL_REPLY;
    hyst_serial_put(link->frame + end, hyst_crc32(0u, link->frame, end), CRC_BYTES);
    link->used = (uint16_t)(end + CRC_BYTES);
    link->at = 0;
    link->left = 0;
    link->state = STARTING;
}

void hyst_serial_refuse(hyst_serial *link, uint8_t code)
{
    link->frame[1] = HYST_SERIAL_REFUSAL;
    link->frame[HYST_SERIAL_HEADER] = code;
    hyst_serial_reply(link, 1u);
}

/* The code byte of the block that starts at link->at. */
static int next_code(hyst_serial *link)
{
    uint8_t run = 0;
    while (run < LONGEST && link->at + run < link->used && link->frame[link->at + run] != 0u) {
        run++;
    }
    link->left = run;
    link->zero = run < LONGEST;
    if (link->at + run == link->used) {
        link->state = run == 0u ? ENDING : SENDING;
        link->zero = 2; /* the last block */
    } else if (run == 0u) {
        link->at++; /* the zero that this block stands for */
    }
    return run + 1;
}

int hyst_serial_next(hyst_serial *link)
{
    if (link->state == ENDING) {
        receive(link);
        return 0;
    }
    if (link->state == STARTING) {
        link->state = SENDING;
        return 0; /* ends what else was printed on this line */
    }
    if (link->state != SENDING) {
        return -1;
    }
    if (link->left == 0u) {
        return next_code(link);
    }
    const uint8_t byte = link->frame[link->at++];
    link->left--;
    if (link->left == 0u && link->zero == 2u) {
        link->state = ENDING;
    } else if (link->left == 0u && link->zero == 1u) {
        link->at++;
    }
    return byte;
}

static void read_space(hyst_serial *link, const hyst_serial_memory *memory)
{
    uint8_t *payload = link->frame + HYST_SERIAL_HEADER;
    const uint8_t space = payload[0];
    const uint32_t offset = hyst_serial_get(payload + 1, 4u);
    const uint16_t bytes = (uint16_t)hyst_serial_get(payload + 5, 2u);
    if (link->used != HYST_SERIAL_HEADER + 7u || space >= HYST_SERIAL_SPACES || bytes > HYST_SERIAL_PAYLOAD ||
        offset > memory->bytes[space] || bytes > memory->bytes[space] - offset) {
        hyst_serial_refuse(link, HYST_SERIAL_BAD_PAYLOAD);
        return;
    }
    for (uint16_t i = 0; i < bytes; i++) {
        payload[i] = (uint8_t)hyst_rom_load8(hyst_rom_at(memory->space[space], offset + i));
    }
    hyst_serial_reply(link, bytes);
}

static void write_input(hyst_serial *link, const hyst_serial_memory *memory)
{
    const uint8_t *payload = link->frame + HYST_SERIAL_HEADER;
    const uint32_t offset = hyst_serial_get(payload, 4u);
    const uint16_t given = (uint16_t)(link->used - HYST_SERIAL_HEADER);
    if (given < 4u || offset > memory->input_bytes || given - 4u > memory->input_bytes - offset) {
        hyst_serial_refuse(link, HYST_SERIAL_BAD_PAYLOAD);
        return;
    }
    unsigned char *to = (unsigned char *)memory->input + offset;
    for (uint16_t i = 4u; i < given; i++) {
        *to++ = payload[i];
    }
    hyst_serial_reply(link, 0u);
}

int hyst_serial_access(hyst_serial *link, const hyst_serial_memory *memory)
{
    if (link->frame[1] == HYST_SERIAL_READ) {
        read_space(link, memory);
    } else if (link->frame[1] == HYST_SERIAL_WRITE) {
        write_input(link, memory);
    } else {
        return 0;
    }
    return 1;
}
