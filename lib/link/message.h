/* SPDX-License-Identifier: GPL-3.0-or-later */
/* message - CoAP messages to and from bytes (RFC 7252; RFC 8323 over TCP); the one door to libcoap. */
#ifndef LINK_MESSAGE_H
#define LINK_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/reason.h"
#include "link/channel.h"

#define CODE(class, detail) ((class) << 5 | (detail))
enum { METHOD_GET = 1, METHOD_POST, METHOD_PUT, METHOD_DELETE, METHOD_FETCH, METHOD_PATCH, METHOD_IPATCH };
enum message_type { MESSAGE_CON, MESSAGE_NON, MESSAGE_ACK, MESSAGE_RST };
#define CONTENT_FORMAT_DOTS_CBOR 271
#define MESSAGE_MAX_SEGMENTS 16      /* Uri-Path or Uri-Query options of one request */

struct block { bool present, more; uint32_t num; uint8_t szx; };

struct message {
	uint8_t type;                        /* enum message_type; meaningless over TCP */
	uint8_t code;                        /* class << 5 | detail */
	uint16_t id;                         /* Message ID; 0 over TCP */
	uint8_t token[8], token_len;
	const char *path[MESSAGE_MAX_SEGMENTS];    /* Uri-Path, each NUL-terminated; one with a NUL inside is refused */
	size_t n_path;
	const char *query[MESSAGE_MAX_SEGMENTS];
	size_t n_query;
	int content_format;                  /* -1 absent */
	int64_t observe;                     /* -1 absent, else the 24-bit value */
	int64_t max_age;                     /* -1 absent */
	int hop_limit;                       /* -1 absent */
	bool if_match, if_match_empty;
	uint8_t etag[8], etag_len;
	struct block block1, block2;
	int64_t size2;                       /* -1 absent */
	int64_t csm_max_message_size;        /* 7.01 only; -1 absent */
	bool csm_block;
	const uint8_t *payload;
	size_t payload_len;
	char text[1400];                     /* where parsed path and query strings live */
};

void message_init(struct message *m);    /* an empty NON with every option absent */
/* Path and query of the copy point into the copy; the payload is shared. */
void message_copy(struct message *to, const struct message *from);

enum { MESSAGE_REFUSED = -1, MESSAGE_MALFORMED = -2 };
/* Parses one datagram or one complete TCP frame. payload points into data. 0, or negative with *why:
   MESSAGE_REFUSED: to be answered with why->code (4.02 for an unknown critical option, RFC 7252, 5.4.1; 4.06, 5.05, 4.00);
   MESSAGE_MALFORMED: no CoAP message; a CON is rejected with RST (RFC 7252, 4.2).
   m->code, type, id and token are valid when *header_ok, so that a RST or an error can be sent. */
int message_parse(enum transport t, const uint8_t *data, size_t len, struct message *m, bool *header_ok, struct reason *why);
/* Appends the message; sticky error in out. */
void message_build(enum transport t, const struct message *m, struct buf *out);
/* Bytes of the TCP frame that starts at data: 0 = more bytes are needed to know, -1 = longer than max. */
long message_frame_len(const uint8_t *data, size_t len, size_t max);
/* "4.09" and "Conflict". Static storage. */
const char *code_text(uint8_t code, char out[8]);
const char *code_name(uint8_t code);

#endif
