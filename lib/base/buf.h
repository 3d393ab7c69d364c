/* SPDX-License-Identifier: GPL-3.0-or-later */
/* buf - a growing byte buffer and a reading cursor, both with a sticky error: many calls, one check at the end. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-initialise, then put. `max` 0 means no bound but memory. The caller owns it and calls buf_free. */
struct buf {
	uint8_t *data;
	size_t len, cap, max;
	bool failed;         /* out of memory, or past `max`; every later put is ignored */
};

void buf_free(struct buf *b);                       /* b may be NULL; leaves it empty and usable */
void buf_reset(struct buf *b);                      /* keeps the memory, clears length and error */
void buf_put(struct buf *b, const void *data, size_t len);
void buf_u8(struct buf *b, uint8_t v);
void buf_be16(struct buf *b, uint16_t v);
void buf_be32(struct buf *b, uint32_t v);
void buf_be64(struct buf *b, uint64_t v);
void buf_text(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_consume(struct buf *b, size_t n);          /* drops n bytes from the front; n <= len */
bool buf_reserve(struct buf *b, size_t n);          /* room for n more bytes at data + len; false sets failed */

/* A cursor over bytes that somebody else owns. Reading past the end sets `failed` and yields zeros. */
struct cursor {
	const uint8_t *p;
	size_t left;
	bool failed;
};

struct cursor cursor_of(const void *data, size_t len);
const uint8_t *cursor_take(struct cursor *c, size_t n);  /* NULL past the end */
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_be16(struct cursor *c);
uint32_t cursor_be32(struct cursor *c);
uint64_t cursor_be64(struct cursor *c);

/* Hexadecimal text to bytes; blanks are skipped. Returns the length, or -1 on a bad digit, an odd count or too little room. */
long hex_decode(const char *text, size_t len, uint8_t *out, size_t cap);
/* out needs 2 * len + 1. Returns out. */
char *hex_encode(const void *data, size_t len, char *out);
/* base64url without padding (RFC 4648, 5); out needs (len * 4 + 2) / 3 + 1. Returns out. */
char *base64url_encode(const void *data, size_t len, char *out);

#endif
