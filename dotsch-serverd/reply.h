/* SPDX-License-Identifier: GPL-3.0-or-later */
/* reply - the answer to one request while it is being made: code, options, payload. */
#ifndef SERVERD_REPLY_H
#define SERVERD_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/reason.h"
#include "dots/body.h"
#include "link/message.h"
#include "settings.h"

#define CODE_CREATED CODE(2, 1)
#define CODE_DELETED CODE(2, 2)
#define CODE_CHANGED CODE(2, 4)
#define CODE_CONTENT CODE(2, 5)
#define CODE_NOT_FOUND CODE(4, 4)
#define CODE_METHOD_NOT_ALLOWED CODE(4, 5)
#define CODE_CONFLICT CODE(4, 9)
#define CODE_UNSUPPORTED_FORMAT CODE(4, 15)
#define CODE_UNPROCESSABLE CODE(4, 22)
#define CODE_UNAVAILABLE CODE(5, 3)

struct reply {
	uint8_t code;                /* 0 = this request gets no answer (RFC 9132, 4.4.3) */
	bool dots_cbor, observe;
	int64_t max_age;             /* seconds, -1 absent */
	struct buf payload;
};

void reply_init(struct reply *r);
void reply_free(struct reply *r);
void reply_empty(struct reply *r, uint8_t code);
void reply_body(struct reply *r, uint8_t code, const struct body *body);
/* A diagnostic payload; every 4.xx and 5.xx has one. Replaces what stood in the reply. */
void reply_refuse(struct reply *r, const struct reason *why);
void reply_text(struct reply *r, uint8_t code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* 5.03 that names the server to go to (RFC 9132, 4.6). */
void reply_redirect(struct reply *r, const struct listen_settings *l);
/* 5.03 with the seconds after which to try again (RFC 9132, 4.4.1). */
void reply_unavailable(struct reply *r, unsigned retry_s, const char *why);

#endif
