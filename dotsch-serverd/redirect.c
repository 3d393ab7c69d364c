/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "redirect.h"

#include <stdlib.h>
#include <string.h>

#include "base/host.h"
#include "dots/cbor.h"

void redirect_init(struct redirection *r)
{
	memset(r, 0, sizeof(*r));
}

void redirect_free(struct redirection *r)
{
	if (r == NULL)
		return;
	free(r->name);
	text_list_free(&r->hosts);
	redirect_init(r);
}

static int read_body(const struct message *m, struct body *body, struct reason *why)
{
	const struct redirect *r = &body->redirect;
	const char *fault;

	if (m->content_format != CONTENT_FORMAT_DOTS_CBOR)
		return reason_set(why, CODE_UNSUPPORTED_FORMAT, "Content-Format", "RFC 9132, 4.1", "%d: must be 271, application/dots+cbor", m->content_format);
	if (dots_cbor_decode(m->payload, m->payload_len, BODY_REQUEST, body, why) != 0)
		return -1;
	if (body->kind != BODY_REDIRECTED_SIGNAL)
		return reason_set(why, REASON_BAD_REQUEST, "redirected-signal", "RFC 9066, 5.2.2", "missing");
	if (r->alt_ch_client == NULL)
		return reason_set(why, REASON_BAD_REQUEST, "alt-ch-client", "RFC 9066, 5.2.2", "missing");
	fault = host_fault(r->alt_ch_client);
	if (fault != NULL)
		return reason_set(why, REASON_BAD_REQUEST, "alt-ch-client", "RFC 9066, 5.2.2", "\"%.80s\" cannot be dialled: %s", r->alt_ch_client, fault);
	if (r->alt_server != NULL || r->alt_server_record.n > 0)
		return reason_set(why, REASON_BAD_REQUEST, "alt-server", "RFC 9066, 5.2.2", "does not belong into a Call Home redirection");
	for (size_t i = 0; i < r->alt_ch_client_record.n; i++)
		if (prefix_forbidden(&r->alt_ch_client_record.v[i]) != NULL)
			return reason_set(why, REASON_BAD_REQUEST, "alt-ch-client-record", "RFC 9066, 5.2.2", "a %s address cannot be dialled",
			    prefix_forbidden(&r->alt_ch_client_record.v[i]));
	return 0;
}

static int take(const struct redirect *from, struct redirection *out)
{
	char text[PREFIX_TEXT_MAX];

	out->name = strdup(from->alt_ch_client);
	out->ttl = from->has_ttl ? from->ttl : 0;
	if (out->name == NULL)
		return -1;
	for (size_t i = 0; i < from->alt_ch_client_record.n; i++) {
		addr_format(&from->alt_ch_client_record.v[i], text);
		if (text_list_add(&out->hosts, text, strlen(text)) != 0)
			return -1;
	}
	return out->hosts.n > 0 ? 0 : text_list_add(&out->hosts, out->name, strlen(out->name));
}

void redirect_request(const struct message *m, int64_t since_s, struct redirection *out, struct reply *reply)
{
	struct reason why;
	struct body body;

	redirect_init(out);
	if (m->code != METHOD_PUT) {
		reply_text(reply, CODE_METHOD_NOT_ALLOWED, "redirect takes PUT (RFC 9066, 5.2.2)");
		return;
	}
	body_init(&body);
	if (read_body(m, &body, &why) != 0) {
		reply_refuse(reply, &why);
	} else if (since_s >= 0 && since_s < REDIRECT_PAUSE_S) {
		reply_text(reply, REASON_BAD_REQUEST, "redirected %lld s ago; not again within %d s", (long long)since_s, REDIRECT_PAUSE_S);
	} else if (take(&body.redirect, out) != 0) {
		redirect_free(out);
		reply_unavailable(reply, 60, "out of memory");
	} else {
		reply_empty(reply, CODE_CREATED);
	}
	body_free(&body);
}
