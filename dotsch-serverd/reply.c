/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dots/cbor.h"

void reply_init(struct reply *r)
{
	memset(r, 0, sizeof(*r));
	r->max_age = -1;
}

void reply_free(struct reply *r)
{
	buf_free(&r->payload);
}

void reply_empty(struct reply *r, uint8_t code)
{
	buf_reset(&r->payload);
	r->code = code;
	r->dots_cbor = r->observe = false;
	r->max_age = -1;
}

void reply_body(struct reply *r, uint8_t code, const struct body *body)
{
	reply_empty(r, code);
	r->dots_cbor = true;
	dots_cbor_encode(body, &r->payload);
	if (r->payload.failed)
		reply_unavailable(r, 60, "out of memory");
}

void reply_refuse(struct reply *r, const struct reason *why)
{
	char text[512];

	reply_text(r, why->code != 0 ? why->code : REASON_BAD_REQUEST, "%s", reason_format(why, text, sizeof(text)));
}

void reply_text(struct reply *r, uint8_t code, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	reply_empty(r, code);
	buf_text(&r->payload, text);
}

void reply_redirect(struct reply *r, const struct listen_settings *l)
{
	/* A view: the strings are the configuration's. */
	struct body body = { .kind = BODY_REDIRECTED_SIGNAL, .redirect = { .alt_server = (char *)(uintptr_t)l->alt_server, .alt_server_record = l->alt_records } };

	reply_body(r, CODE_UNAVAILABLE, &body);
	r->max_age = l->alt_ttl;
}

void reply_unavailable(struct reply *r, unsigned retry_s, const char *why)
{
	reply_text(r, CODE_UNAVAILABLE, "%s; try again in %u s", why, retry_s);
	r->max_age = retry_s;
}
