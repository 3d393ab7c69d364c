/* SPDX-License-Identifier: GPL-3.0-or-later */
/* observe - who wants to be told of changes (RFC 7641), and when he may be told: always by NON, and not faster than one per 3 s (RFC 9132, 4.4.2.1). */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "link/session_private.h"

#define N_IDS 4                      /* a RST comes soon after the notification that it answers */

struct observer {
	struct observer *next;
	int64_t sent;                /* when it was last told */
	uint16_t ids[N_IDS];
	uint8_t token[8], token_len, n_ids;
	bool changed;
	size_t len;
	uint8_t request[];           /* as built: a struct message would be ten times as big */
};

struct observers {
	unsigned n;
	uint32_t seq;
	struct loop_timer timer;
	struct observer *list;
};

static bool read_request(const struct observer *o, struct message *m)
{
	bool header_ok;
	return message_parse(TRANSPORT_UDP, o->request, o->len, m, &header_ok, NULL) == 0;
}

static struct observer **find(struct session *s, const uint8_t *token, size_t token_len)
{
	struct observer **o = &s->observers->list;
	while (*o && ((*o)->token_len != token_len || memcmp((*o)->token, token, token_len) != 0))
		o = &(*o)->next;
	return o;
}

static void drop(struct session *s, struct observer **o)
{
	struct observer *gone = *o;
	*o = gone->next;
	s->observers->n--;
	free(gone);
}

void observe_forget(struct session *s, const uint8_t *token, size_t token_len)
{
	if (!s->observers)
		return;
	struct observer **o = find(s, token, token_len);
	if (*o)
		drop(s, o);
}

bool observe_reset(struct session *s, uint16_t id)
{
	for (struct observer **o = s->observers ? &s->observers->list : NULL; o && *o; o = &(*o)->next)
		for (unsigned i = 0; i < (*o)->n_ids; i++)
			if ((*o)->ids[i] == id) {
				drop(s, o);
				return true;
			}
	return false;
}

void observe_free(struct session *s)
{
	if (!s->observers)
		return;
	loop_timer_stop(s->loop, &s->observers->timer);
	while (s->observers->list)
		drop(s, &s->observers->list);
	free(s->observers);
	s->observers = NULL;
}

static uint32_t next_seq(struct observers *all)
{
	return all->seq = (all->seq + 1) & 0xffffff;
}

static void send_notification(struct session *s, struct observer *o, const struct message *request, const struct response *r)
{
	struct message m;
	struct buf out = { 0 };
	message_init(&m);
	m.code = r->code;
	memcpy(m.token, o->token, m.token_len = o->token_len);
	m.id = session_next_id(s);
	m.max_age = r->max_age;
	m.payload = r->payload;
	m.payload_len = r->payload_len;
	if (r->dots_cbor && r->payload_len)
		m.content_format = CONTENT_FORMAT_DOTS_CBOR;
	if (code_is_success(r->code)) {
		m.observe = next_seq(s->observers);
	} else if (!r->payload_len) {
		m.payload = (const uint8_t *)code_name(r->code);
		m.payload_len = strlen(code_name(r->code));
	}
	message_build(s->transport, &m, &out);
	if (out.len > s->max_message) {
		buf_reset(&out);
		if (block_slice(s, request, &m))
			message_build(s->transport, &m, &out);
		else
			log_debug("a notification of %zu bytes does not fit a message to the peer", r->payload_len);
	}
	if (out.len && !out.failed)
		session_send(s, out.data, out.len);
	buf_free(&out);
	memmove(o->ids + 1, o->ids, sizeof o->ids - sizeof *o->ids);
	o->ids[0] = m.id;
	if (o->n_ids < N_IDS)
		o->n_ids++;
}

/* Tells one observer. The program's render may end the session, or this observation. */
static void notify(struct session *s, struct observer *o)
{
	struct message request;
	struct buf payload = { 0 };
	struct response r = { .code = CODE(5, 0), .max_age = -1 };
	o->changed = false;
	o->sent = loop_now(s->loop);
	if (!read_request(o, &request))
		return;
	session_hold(s);
	s->handler->render(s->arg, s, &request, &r, &payload);
	struct observer **at = s->over ? NULL : find(s, request.token, request.token_len);
	if (at && *at && payload.failed) {
		log_error("a notification could not be made: out of memory");
	} else if (at && *at) {
		r.payload = payload.data;
		r.payload_len = payload.len;
		send_notification(s, *at, &request, &r);
		if (!code_is_success(r.code))
			drop(s, at);
	}
	buf_free(&payload);
	session_release(s);
}

/* Tells those whose time has come, and waits for the next one's. */
static void tell_all(struct session *s)
{
	int64_t now = loop_now(s->loop), next = INT64_MAX;
	for (struct observer *o = s->observers->list; o;) {
		if (o->changed && now - o->sent >= COAP_NON_INTERVAL_MS) {
			notify(s, o);
			if (s->over)
				return;
			o = s->observers->list;      /* the list may have changed; this one is not `changed` any more */
			continue;
		}
		o = o->next;
	}
	for (struct observer *o = s->observers->list; o; o = o->next)
		if (o->changed && o->sent + COAP_NON_INTERVAL_MS < next)
			next = o->sent + COAP_NON_INTERVAL_MS;
	if (next != INT64_MAX)
		loop_timer_set(s->loop, &s->observers->timer, next - now);
}

static void timer_due(void *arg)
{
	struct session *s = arg;
	session_hold(s);
	tell_all(s);
	session_release(s);
}

void session_notify(struct session *s, bool (*match)(void *arg, const struct message *registered), void *arg)
{
	struct message m;
	if (s->over || !s->observers)
		return;
	session_hold(s);
	for (struct observer *o = s->observers->list; o; o = o->next)
		if (!o->changed && read_request(o, &m) && match(arg, &m))
			o->changed = true;
	tell_all(s);
	session_release(s);
}

static struct observers *observers_new(struct session *s)
{
	struct observers *all = calloc(1, sizeof *all);
	if (all)
		loop_timer_init(&all->timer, timer_due, s);
	return all;
}

int64_t observe_register(struct session *s, const struct message *request)
{
	struct buf out = { 0 };
	if (!s->observers && !(s->observers = observers_new(s)))
		return -1;
	observe_forget(s, request->token, request->token_len);       /* the same token replaces (RFC 7641, 4.1) */
	if (s->observers->n >= SESSION_MAX_OBSERVERS)
		return -1;
	message_build(TRANSPORT_UDP, request, &out);
	struct observer *o = out.failed ? NULL : malloc(sizeof *o + out.len);
	if (o) {
		*o = (struct observer){ .next = s->observers->list, .sent = loop_now(s->loop), .token_len = request->token_len, .len = out.len };
		memcpy(o->token, request->token, o->token_len);
		memcpy(o->request, out.data, out.len);
		s->observers->list = o;
		s->observers->n++;
	}
	buf_free(&out);
	return o ? (int64_t)next_seq(s->observers) : -1;
}
