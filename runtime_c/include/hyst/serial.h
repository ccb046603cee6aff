/* SPDX-License-Identifier: Apache-2.0 */
/* Answers to a host over a serial line: frames, checksums, and memory a host may read and write.
 *
 * On the wire every frame is COBS-encoded and ended by a zero byte; a zero byte before it is allowed, and replies have
 * one. Decoded it is
 *
 *   byte 0  protocol version (1)
 *        1  type: a request, or the same plus 0x80 in its reply; 0xff is a refusal
 *        2  u16 sequence number: a reply repeats that of its request
 *        4  payload, at most HYST_SERIAL_PAYLOAD bytes
 *        n  u32 CRC-32 of all bytes before it (hyst/crc32.h)
 *
 * Numbers are little-endian. Every request may be sent again when its reply is lost: doing it twice
 * changes nothing. Any byte stream is safe: garbage is answered by a refusal at the next zero byte.
 *
 *   request     payload                                reply's payload
 *   HELLO  01   -                                      u16 HYST_SERIAL_PAYLOAD, u16 HYST_ABI, u32 bytes of
 *                                                      facts, u32 CRC-32 of the images as they are now,
 *                                                      u32 features (bit 0: RUN counts cycles)
 *   READ   02   u8 space, u32 offset, u16 bytes        the bytes
 *   WRITE  03   u32 offset, bytes of the input struct  -
 *   RUN    04   -                                      i32 status, u32 cycles (0 without a counter)
 *   BEGIN  05   -                                      i32 status
 *   STEP   06   u16 layer                              i32 status
 *   RESULT 07   -                                      i32 status
 *   refusal     -                                      u8 code (HYST_SERIAL_BAD_...) */
#ifndef HYST_SERIAL_H
#define HYST_SERIAL_H

#include "hyst/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HYST_SERIAL_VERSION 1u

/* The longest payload, both ways: what the link costs in RAM. */
#ifndef HYST_SERIAL_PAYLOAD
#if defined(__AVR__)
#define HYST_SERIAL_PAYLOAD 64u
#else
#define HYST_SERIAL_PAYLOAD 256u
#endif
#endif
#if HYST_SERIAL_PAYLOAD < 32 || HYST_SERIAL_PAYLOAD > 32768
#error "HYST_SERIAL_PAYLOAD is 32 to 32768"
#endif

#define HYST_SERIAL_HEADER 4u
#define HYST_SERIAL_FRAME_BYTES (HYST_SERIAL_HEADER + HYST_SERIAL_PAYLOAD + 4u)

/* What you write for a board (docs/board.md). */
void hyst_board_open(void);          /* clock, pins and UART; called once, by board/main.c only */
int hyst_board_read(void);           /* the next received byte, or -1 when there is none */
void hyst_board_write(uint8_t byte); /* sends one byte; waits while there is no room */
uint32_t hyst_board_cycles(void);    /* a free-running counter; only called with -DHYST_BOARD_CYCLES */

enum {
    HYST_SERIAL_HELLO = 1,
    HYST_SERIAL_READ = 2,
    HYST_SERIAL_WRITE = 3,
    HYST_SERIAL_RUN = 4,
    HYST_SERIAL_BEGIN = 5,
    HYST_SERIAL_STEP = 6,
    HYST_SERIAL_RESULT = 7,
    HYST_SERIAL_REPLY = 0x80,
    HYST_SERIAL_REFUSAL = 0xff
};

enum {
    HYST_SERIAL_BAD_FRAME = 1,   /* broken code, length or checksum: send it again */
    HYST_SERIAL_BAD_VERSION = 2, /* the reply's header says which one this is */
    HYST_SERIAL_BAD_TYPE = 3,
    HYST_SERIAL_BAD_PAYLOAD = 4, /* too short, or outside of the space */
    HYST_SERIAL_BAD_ORDER = 5    /* STEP of a layer that is not next */
};

enum { HYST_SERIAL_FACTS = 0, HYST_SERIAL_OUTPUT = 1, HYST_SERIAL_ARENA = 2, HYST_SERIAL_SPACES = 3 };

/* One end of a line; all zeros at the start. */
typedef struct hyst_serial {
    uint8_t frame[HYST_SERIAL_FRAME_BYTES]; /* decoded: a request, then its reply in its place */
    uint16_t used;                          /* bytes in frame */
    uint16_t at;                            /* next byte to send */
    uint8_t left;                           /* bytes before the next code byte */
    uint8_t zero;                           /* a zero goes before that code byte */
    uint8_t state;                          /* receiving, or how far sending is */
} hyst_serial;

/* Memory by space, as the kernels read images (hyst/rom.h), and the one struct that a host writes. */
typedef struct hyst_serial_memory {
    hyst_rom space[HYST_SERIAL_SPACES];
    uint32_t bytes[HYST_SERIAL_SPACES];
    void *input;
    uint32_t input_bytes;
} hyst_serial_memory;

/* Takes one received byte. 1: frame holds a request of a known version with the right checksum, used is
 * its length without the checksum; answer it with one of the three functions below. 0: nothing to do but
 * to send what hyst_serial_next gives. */
int hyst_serial_take(hyst_serial *link, uint8_t byte);

/* Makes frame the reply to the request in it; its payload is there already, bytes long. */
void hyst_serial_reply(hyst_serial *link, uint16_t bytes);
void hyst_serial_refuse(hyst_serial *link, uint8_t code);
/* Answers READ and WRITE and returns 1; 0 for other requests. */
int hyst_serial_access(hyst_serial *link, const hyst_serial_memory *memory);

/* The next byte to send, or -1. Take no byte before it is -1. */
int hyst_serial_next(hyst_serial *link);

/* Little-endian numbers in frames. */
uint32_t hyst_serial_get(const uint8_t *at, uint8_t bytes);
void hyst_serial_put(uint8_t *at, uint32_t value, uint8_t bytes);

#ifdef __cplusplus
}
#endif
#endif
