/* SPDX-License-Identifier: GPL-3.0-or-later */
/* exchange - our requests: sent in their turn, repeated until answered, matched with their answers; observations as their client sees them. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "link/session_private.h"

#define SEND_RETRY_MS 1000           /* over TCP, when the queue below is full */
#define N_IDS (sizeof ((struct exchange *)0)->ids / sizeof(uint16_t))

static void unlink_exchange(struct exchange *x)
{
	struct session *s = x->session;
	assert(!x->gone);
	*x->link = x->next;
	if (x->next)
		x->next->link = x->link;
	x->gone = true;
	s->n_exchanges--;
	loop_timer_stop(s->loop, &x->timer);
	block_drop(x);
}

static void __attribute__((noinline)) exchange_free(struct exchange *x)
{
	free(x->data);
	free(x);
}

/* Ends a hold of x->busy: what was dropped meanwhile goes now. */
static void release(struct exchange *x)
{
	if (--x->busy == 0 && x->gone)
		exchange_free(x);
}

void exchange_drop(struct exchange *x)
{
	if (x->gone)
		return;
	unlink_exchange(x);
	if (!x->busy)
		exchange_free(x);
}

void exchange_finish(struct exchange *x, enum exchange_event event, const struct response *r)
{
	if (x->gone)
		return;
	unlink_exchange(x);
	x->busy++;
	if (x->parent)
		block_failed(x, event);
	else if (x->fn)
		x->fn(x->arg, x, event, r);
	release(x);
}

void exchange_close_all(struct session *s)
{
	while (s->exchanges)
		exchange_finish(s->exchanges, EXCHANGE_CLOSED, NULL);
}

/* The timer stands for the next repeat, or for the end if that is earlier. */
static void arm(struct exchange *x, int64_t after)
{
	int64_t left = x->deadline - loop_now(x->session->loop);
	loop_timer_set(x->session->loop, &x->timer, after < left ? after : left);
}

static bool transmit(struct exchange *x)
{
	struct session *s = x->session;
	int64_t now = loop_now(s->loop);
	if (s->transport == TRANSPORT_UDP) {
		uint16_t id = session_next_id(s);
		x->data[2] = (uint8_t)(id >> 8);
		x->data[3] = (uint8_t)id;
		memmove(x->ids + 1, x->ids, sizeof x->ids - sizeof *x->ids);
		x->ids[0] = id;
	}
	if (!session_send(s, x->data, x->len) && s->transport == TRANSPORT_TCP)
		return false;        /* a datagram that did not go is as good as lost: it is repeated */
	x->state = EXCHANGE_SENT;
	if (x->sends++ == 0)
		x->deadline = now + (int64_t)x->timeout_s * 1000;
	if (s->transport == TRANSPORT_TCP) {
		arm(x, INT64_MAX);
	} else if (x->confirmable) {
		arm(x, x->interval = session_ack_timeout(s));
	} else {
		s->non_sent = now;
		s->non_clear = false;
		x->interval = x->sends == 1 ? COAP_NON_INTERVAL_MS : x->interval * 2;
		arm(x, x->interval);
	}
	return true;
}

/* The waiting one that was sent least often, the oldest first; in_flight: whether one of this kind is without an answer. */
static struct exchange *next_waiting(const struct session *s, bool confirmable, bool *in_flight)
{
	struct exchange *best = NULL;
	*in_flight = false;
	for (struct exchange *x = s->exchanges; x; x = x->next) {
		if (x->confirmable != confirmable)
			continue;
		*in_flight |= x->state == EXCHANGE_SENT;
		if (x->state == EXCHANGE_WAITING && (!best || x->sends < best->sends))
			best = x;
	}
	return best;
}

static void pace_tcp(struct session *s)
{
	if (!s->csm_seen)
		return;
	for (struct exchange *x = s->exchanges; x; x = x->next)
		if (x->state == EXCHANGE_WAITING && !transmit(x)) {
			loop_timer_set(s->loop, &s->pace, SEND_RETRY_MS);
			return;
		}
}

/* One CON at a time (NSTART, RFC 7252, 4.7). One NON per round trip, which is known when an answer comes, else one in 3 s (RFC 8085, 3.1.3; RFC 9132, 4.4). */
void exchange_pace(struct session *s)
{
	if (s->over)
		return;
	if (s->transport == TRANSPORT_TCP) {
		pace_tcp(s);
		return;
	}
	bool in_flight;
	struct exchange *x = next_waiting(s, true, &in_flight);
	if (x && !in_flight)
		transmit(x);
	while ((x = next_waiting(s, false, &in_flight))) {
		int64_t wait = s->non_sent + COAP_NON_INTERVAL_MS - loop_now(s->loop);
		if (!s->non_clear && wait > 0) {
			loop_timer_set(s->loop, &s->pace, wait);
			return;
		}
		transmit(x);
	}
}

void exchange_peer_limit(struct session *s)
{
	static const char text[] = "the peer does not take a message of this size over TCP (RFC 8323, 5.3.1)";
	const struct response r = { .code = CODE(4, 13), .max_age = -1, .payload = (const uint8_t *)text, .payload_len = sizeof text - 1 };
	for (struct exchange *x = s->exchanges; x && !s->over;) {
		bool too_big = x->state == EXCHANGE_WAITING && x->len > s->max_message;
		if (too_big)
			exchange_finish(x, EXCHANGE_RESPONSE, &r);
		x = too_big ? s->exchanges : x->next;    /* the callback may have changed the list */
	}
}

static void timer_due(void *arg)
{
	struct exchange *x = arg;
	struct session *s = x->session;
	session_hold(s);
	if (loop_now(s->loop) >= x->deadline) {
		exchange_finish(x, EXCHANGE_TIMEOUT, NULL);
	} else if (!x->confirmable) {
		x->state = EXCHANGE_WAITING;
		arm(x, INT64_MAX);
	} else if (x->sends > s->transmission.max_retransmit) {
		exchange_finish(x, EXCHANGE_TIMEOUT, NULL);
	} else {
		x->sends++;
		session_send(s, x->data, x->len);
		arm(x, x->interval *= 2);
	}
	exchange_pace(s);
	session_release(s);
}

static void fresh_token(struct message *m)
{
	uint64_t v = session_random();
	memcpy(m->token, &v, m->token_len = sizeof v);
}

static int check_start(const struct session *s, struct reason *why)
{
	if (s->over)
		return reason_set(why, CODE(5, 3), "", "", "the session is closed");
	if (s->n_exchanges >= SESSION_MAX_EXCHANGES)
		return reason_set(why, CODE(5, 3), "", "", "%u requests are under way on this session; no more than %d are kept", s->n_exchanges, SESSION_MAX_EXCHANGES);
	return 0;
}

/* 0, or -1 when the built message does not go out to this peer. */
static int check_size(const struct session *s, size_t len, struct reason *why)
{
	bool unknown = s->transport == TRANSPORT_TCP && !s->csm_seen;   /* then exchange_peer_limit looks again */
	size_t max = unknown ? DOTS_MESSAGE_MAX : s->max_message;
	if (len <= max)
		return 0;
	return reason_set(why, CODE(4, 13), "", s->transport == TRANSPORT_UDP ? "RFC 9132, 7.3" : "RFC 8323, 5.3.1",
	    "the request takes %zu bytes, a message to this peer at most %zu: split it into several", len, max);
}

/* RFC 7252, 4.8.2. */
static unsigned max_transmit_wait_s(const struct session *s)
{
	const struct transmission_config *t = &s->transmission;
	return (unsigned)((uint64_t)t->ack_timeout_ms * ((UINT64_C(2) << t->max_retransmit) - 1) * t->random_percent / 100000);
}

static void append(struct session *s, struct exchange *x)
{
	struct exchange **end = &s->exchanges;
	while (*end)
		end = &(*end)->next;
	x->link = end;
	*end = x;
	s->n_exchanges++;
}

struct exchange *exchange_start(struct session *s, struct message *m, bool confirmable, unsigned timeout_s, exchange_fn *fn, void *arg, struct reason *why)
{
	struct buf out = { 0 };
	if (check_start(s, why) < 0)
		return NULL;
	m->type = confirmable ? MESSAGE_CON : MESSAGE_NON;
	m->id = 0;
	if (!m->token_len)
		fresh_token(m);
	message_build(s->transport, m, &out);
	struct exchange *x = out.failed ? NULL : calloc(1, sizeof *x);
	if (!x) {
		reason_set(why, CODE(5, 0), "", "", "out of memory");
		buf_free(&out);
		return NULL;
	}
	if (check_size(s, out.len, why) < 0) {
		buf_free(&out);
		free(x);
		return NULL;
	}
	x->session = s;
	x->fn = fn;
	x->arg = arg;
	x->data = out.data;
	x->len = out.len;
	x->method = m->code;
	x->confirmable = confirmable && s->transport == TRANSPORT_UDP;
	x->observe = m->code == METHOD_GET && m->observe == 0;
	x->timeout_s = timeout_s ? timeout_s : x->confirmable ? max_transmit_wait_s(s) : NON_TIMEOUT_S;
	memcpy(x->token, m->token, x->token_len = m->token_len);
	loop_timer_init(&x->timer, timer_due, x);
	append(s, x);
	exchange_pace(s);
	return x;
}

struct exchange *session_request(struct session *s, const struct request *r, exchange_fn *fn, void *arg, struct reason *why)
{
	struct message m;
	message_init(&m);
	if (r->n_path > MESSAGE_MAX_SEGMENTS || r->n_query > MESSAGE_MAX_SEGMENTS) {
		reason_set(why, REASON_BAD_REQUEST, "", "", "more than %d Uri-Path or Uri-Query segments", MESSAGE_MAX_SEGMENTS);
		return NULL;
	}
	m.code = r->method;
	for (size_t i = 0; i < r->n_path; i++)
		m.path[m.n_path++] = r->path[i];
	for (size_t i = 0; i < r->n_query; i++)
		m.query[m.n_query++] = r->query[i];
	m.observe = r->observe;
	m.if_match = m.if_match_empty = r->if_match_empty;
	m.payload = r->payload;
	m.payload_len = r->payload_len;
	if (r->payload_len)
		m.content_format = CONTENT_FORMAT_DOTS_CBOR;
	return exchange_start(s, &m, r->confirmable, r->timeout_s, fn, arg, why);
}

/* The same request with Observe 1 and the same token (RFC 7641, 3.6), which nobody waits for. */
static void leave(struct exchange *x)
{
	struct session *s = x->session;
	struct message m;
	struct reason why;
	bool header_ok;
	struct buf out = { 0 };
	x->leaving = true;
	x->fn = NULL;
	block_drop(x);
	if (message_parse(s->transport, x->data, x->len, &m, &header_ok, &why) == 0) {
		m.observe = 1;
		message_build(s->transport, &m, &out);
	}
	if (!out.len || out.failed) {
		buf_free(&out);
		exchange_drop(x);
		return;
	}
	free(x->data);
	x->data = out.data;
	x->len = out.len;
	x->state = EXCHANGE_WAITING;
	x->acked = false;
	x->sends = 0;
	loop_timer_stop(s->loop, &x->timer);
	exchange_pace(s);
}

void exchange_cancel(struct exchange *x)
{
	if (!x || x->gone || x->leaving)
		return;
	if (x->observe && x->sends && !x->session->over)
		leave(x);
	else
		exchange_drop(x);
}

void exchange_ack(struct session *s, uint16_t id)
{
	for (struct exchange *x = s->exchanges; x; x = x->next)
		if (x->confirmable && x->state == EXCHANGE_SENT && x->ids[0] == id) {
			x->acked = true;
			arm(x, INT64_MAX);   /* the answer comes separately */
			return;
		}
}

bool exchange_reset(struct session *s, uint16_t id)
{
	for (struct exchange *x = s->exchanges; x; x = x->next)
		for (unsigned i = 0; i < N_IDS && i < x->sends; i++)
			if (x->ids[i] == id) {
				exchange_finish(x, EXCHANGE_RESET, NULL);
				exchange_pace(s);
				return true;
			}
	return false;
}

/* RFC 7641, 3.4. Over TCP the order is given. */
static bool is_newer(const struct exchange *x, uint32_t seq)
{
	const uint32_t half = 1u << 23;
	if (!x->established || x->session->transport == TRANSPORT_TCP)
		return true;
	return (x->seq < seq && seq - x->seq < half) || (x->seq > seq && x->seq - seq > half) || loop_now(x->session->loop) > x->seq_at + 128000;
}

void exchange_deliver(struct exchange *x, const struct message *m, const uint8_t *payload, size_t payload_len)
{
	bool goes_on = x->observe && m->observe >= 0 && code_is_success(m->code);
	const struct response r = { .code = m->code, .dots_cbor = m->content_format == CONTENT_FORMAT_DOTS_CBOR, .max_age = m->max_age, .observe = goes_on,
		.payload = payload, .payload_len = payload_len };
	if (!goes_on) {
		exchange_finish(x, EXCHANGE_RESPONSE, &r);
		return;
	}
	x->state = EXCHANGE_ANSWERED;
	x->established = true;
	loop_timer_stop(x->session->loop, &x->timer);
	if (x->fn)
		x->fn(x->arg, x, EXCHANGE_RESPONSE, &r);
}

static void answered(struct exchange *x, const struct message *m)
{
	bool success = code_is_success(m->code), notification = m->observe >= 0 && success;
	if (x->parent) {
		block_next(x, m);
		return;
	}
	if (x->leaving) {
		if (!notification)       /* else one that was under way */
			exchange_drop(x);
		return;
	}
	if (x->observe && notification) {
		if (!is_newer(x, (uint32_t)m->observe))
			return;
		x->seq = (uint32_t)m->observe;
		x->seq_at = loop_now(x->session->loop);
	}
	if (x->method == METHOD_GET && success && m->block2.present && (m->block2.more || m->block2.num))
		block_begin(x, m);
	else
		exchange_deliver(x, m, m->payload, m->payload_len);
}

bool exchange_response(struct session *s, const struct message *m)
{
	struct exchange *x = s->exchanges;
	while (x && (x->token_len != m->token_len || memcmp(x->token, m->token, m->token_len) != 0 || !x->sends))
		x = x->next;
	if (!x)
		return false;
	/* An answer on an ACK belongs to the CON of that Message ID (RFC 7252, 5.3.2). */
	if (s->transport == TRANSPORT_UDP && m->type == MESSAGE_ACK && (!x->confirmable || x->ids[0] != m->id))
		return false;
	session_ack(s, m);
	s->non_clear = true;
	session_hold(s);
	x->busy++;
	answered(x, m);
	release(x);
	exchange_pace(s);
	session_release(s);
	return true;
}
