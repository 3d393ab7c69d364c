/* SPDX-License-Identifier: GPL-3.0-or-later */
/* reason - why something from outside was refused: the field, what is wrong with it, and the RFC section. */
#ifndef BASE_REASON_H
#define BASE_REASON_H

#include <stdint.h>

/* Plain memory, no ownership: copy it freely. */
struct reason {
	uint8_t code;        /* CoAP code byte to answer with (class * 32 + detail), e.g. 128 = 4.00 */
	char field[48];      /* the name of the offending field as a user knows it, may be "" */
	char section[32];    /* "RFC 9132, 4.4.1", may be "" */
	char text[300];      /* what is wrong and what would be right, with the value */
};

#define REASON_BAD_REQUEST 128  /* 4.00, the usual answer to a malformed request (RFC 9132, 4.4.1) */

/* Fills *why (NULL is allowed: then nothing is kept). Always returns -1, so that callers `return reason_set(…)`.
   Control characters and broken UTF-8 are replaced by '?', since the text ends up in logs, on terminals and in JSON strings. */
int reason_set(struct reason *why, uint8_t code, const char *field, const char *section, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* "field: text (section)", leaving out what is empty. Returns out. */
const char *reason_format(const struct reason *why, char *out, unsigned long cap);

#endif
