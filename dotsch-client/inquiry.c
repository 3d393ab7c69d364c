/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "inquiry.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "dots/cbor.h"
#include "dots/envelope.h"
#include "tell.h"
#include "uri.h"

struct inquiry {
	struct inquiry *next, **link;
	struct router *router;
	struct console *asked;
	char ref[REF_MAX_BYTES + 1];
	const char *method, *resource;
	bool with_cuid, own;
	int64_t mid;
	void (*answered)(struct router *r, const struct response *response, const struct body *body);
};

static void finish(struct inquiry *q, bool good)
{
	console_paid(q->asked, good);
	*q->link = q->next;
	if (q->next)
		q->next->link = q->link;
	free(q);
}

static void unanswered(struct inquiry *q, enum exchange_event event)
{
	struct reason why;
	reason_set(&why, REASON_BAD_REQUEST, "", "", "%s %s: %s %s", q->method, q->resource, q->router->name,
	           event == EXCHANGE_TIMEOUT ? "has not answered" : event == EXCHANGE_RESET ? "has reset the request" : "has gone before it answered");
	json_t *line = envelope_error(&why, NULL);
	json_put_string(line, "ref", *q->ref ? q->ref : NULL);
	json_put_string(line, "peer", q->router->name);
	if (q->asked)
		console_error(q->asked, line);
	else
		json_decref(line);
}

static void decode_quietly(const struct inquiry *q, const struct response *r, struct body *body)
{
	struct reason why;
	body_init(body);
	if (r->dots_cbor && r->payload_len && dots_cbor_decode(r->payload, r->payload_len, BODY_RESPONSE, body, &why) < 0)
		log_warning("%s: %s %s: the answer cannot be read: %s", q->router->name, q->method, q->resource, why.text);
	else if (r->code >> 5 != 2)
		log_info("%s: %s %s: %u.%02u", q->router->name, q->method, q->resource, r->code >> 5, r->code & 31);
}

static void event_came(void *arg, struct exchange *x, enum exchange_event event, const struct response *r)
{
	struct inquiry *q = arg;
	struct body body;
	(void)x;
	if (event != EXCHANGE_RESPONSE) {
		unanswered(q, event);
		finish(q, false);
		return;
	}
	struct answer a = {
		.agent = q->router->agent, .asked = q->asked, .peer = q->router->name, .ref = q->ref, .cuid = q->with_cuid ? q->router->cuid : NULL,
		.method = q->method, .resource = q->resource, .mid = q->mid, .response = r,
	};
	/* What the agent asks on its own is nobody's answer. */
	if (q->own)
		decode_quietly(q, r, &body);
	else
		tell_answer(&a, &body);
	if (q->answered)
		q->answered(q->router, r, &body);
	body_free(&body);
	finish(q, r->code >> 5 == 2);
}

static uint8_t method_of(const char *name)
{
	return !strcmp(name, "GET") ? METHOD_GET : !strcmp(name, "PUT") ? METHOD_PUT : METHOD_DELETE;
}

int inquiry_send(struct router *r, const struct inquiry_request *in, struct reason *why)
{
	char content[4] = { 'c', '=', in->content, '\0' };
	const char *query[1] = { content };
	struct uri uri;
	struct buf payload = { 0 };
	if (!r->session)
		return reason_set(why, REASON_BAD_REQUEST, "to", "", "%s is not connected", r->name);
	struct inquiry *q = calloc(1, sizeof *q);
	if (!q)
		return reason_set(why, REASON_BAD_REQUEST, "", "", "out of memory");
	*q = (struct inquiry){ .router = r, .asked = in->asked, .own = !in->asked, .method = in->method, .resource = in->resource, .with_cuid = in->with_cuid,
		               .mid = in->with_mid ? (int64_t)in->number : -1, .answered = in->answered };
	snprintf(q->ref, sizeof q->ref, "%s", in->ref ? in->ref : "");
	uri_start(&uri, in->resource);
	if (in->with_cuid)
		uri_cuid(&uri, r->cuid);
	if (in->with_mid || in->with_sid)
		uri_number(&uri, in->with_mid ? "mid" : "sid", in->number);
	if (in->body)
		dots_cbor_encode(in->body, &payload);
	struct request request = {
		.method = method_of(in->method), .confirmable = !strcmp(in->resource, "config"), .path = uri.path, .n_path = uri.n,
		.query = query, .n_query = in->content ? 1 : 0, .observe = -1, .payload = payload.data, .payload_len = payload.len,
	};
	reason_set(why, REASON_BAD_REQUEST, "", "", "out of memory");
	struct exchange *x = payload.failed ? NULL : session_request(r->session, &request, event_came, q, why);
	buf_free(&payload);
	if (!x) {
		free(q);
		return -1;
	}
	q->link = &r->agent->inquiries;
	q->next = *q->link;
	if (q->next)
		q->next->link = &q->next;
	*q->link = q;
	console_owe(q->asked);
	return 0;
}

void inquiry_unfinished(const struct agent *a, const struct console *c, json_t *array)
{
	for (const struct inquiry *q = a->inquiries; q; q = q->next)
		if (q->asked == c) {
			json_t *o = json_object();
			json_put_string(o, "peer", q->router->name);
			json_put_string(o, "ref", *q->ref ? q->ref : NULL);
			json_put_string(o, "method", q->method);
			json_put_string(o, "resource", q->resource);
			json_array_append_new(array, o);
		}
}

void inquiry_forget(struct agent *a, struct console *c)
{
	for (struct inquiry *q = a->inquiries; q; q = q->next)
		if (q->asked == c)
			q->asked = NULL;
}
