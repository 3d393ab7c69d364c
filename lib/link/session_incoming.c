/* SPDX-License-Identifier: GPL-3.0-or-later */
/* session_incoming - the peer's requests: handled once each, answered now or later, the way their kind of message asks for. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "link/session_private.h"

/* --- Message IDs that came before (RFC 7252, 4.5) --- */

static struct seen *seen_find(struct session *s, uint16_t id)
{
	struct seen_ring *ring = s->seen;
	int64_t now = loop_now(s->loop);
	for (unsigned i = 0; ring && i < ring->n; i++) {
		struct seen *e = &ring->entry[i];
		if (e->id == id && now - e->at < (e->state == SEEN_NON ? NON_LIFETIME_MS : EXCHANGE_LIFETIME_MS))
			return e;
	}
	return NULL;
}

/* Grows while its oldest entry still counts, up to the limit. */
static struct seen *seen_slot(struct session *s)
{
	struct seen_ring *ring = s->seen;
	if (!ring || (ring->n == ring->cap && ring->cap < SESSION_MAX_SEEN && loop_now(s->loop) - ring->entry[ring->next].at < EXCHANGE_LIFETIME_MS)) {
		unsigned cap = ring ? ring->cap * 2 : 8;
		if (cap > SESSION_MAX_SEEN)
			cap = SESSION_MAX_SEEN;
		struct seen_ring *bigger = calloc(1, sizeof *bigger + cap * sizeof *bigger->entry);
		if (bigger) {
			bigger->cap = cap;
			for (unsigned i = 0; ring && i < ring->n; i++)
				bigger->entry[bigger->n++] = ring->entry[(ring->next + i) % ring->cap];
			bigger->next = bigger->n % cap;
			free(ring);
			s->seen = ring = bigger;
		}
	}
	if (!ring)
		return NULL;
	struct seen *e = &ring->entry[ring->next];
	ring->next = (ring->next + 1) % ring->cap;
	if (ring->n < ring->cap)
		ring->n++;
	else
		free(e->answer);
	return e;
}

bool incoming_seen(struct session *s, const struct message *m)
{
	struct seen *e = seen_find(s, m->id);
	if (!e) {
		if ((e = seen_slot(s)))
			*e = (struct seen){ .at = loop_now(s->loop), .id = m->id, .state = m->type == MESSAGE_CON ? SEEN_PENDING : SEEN_NON };
		return false;
	}
	if (e->state == SEEN_ACKED)
		session_send_empty(s, MESSAGE_ACK, m->id);
	else if (e->state == SEEN_RESET)
		session_send_empty(s, MESSAGE_RST, m->id);
	else if (e->state == SEEN_ANSWERED)
		session_send(s, e->answer, e->answer_len);
	return true;
}

void incoming_mark(struct session *s, uint16_t id, enum seen_state state)
{
	struct seen *e = seen_find(s, id);
	if (e)
		e->state = (uint8_t)state;
}

static void seen_answer(struct session *s, uint16_t id, const struct buf *answer)
{
	struct seen *e = seen_find(s, id);
	uint8_t *copy = e && answer->len <= UINT16_MAX ? malloc(answer->len) : NULL;
	if (!copy)
		return;
	free(e->answer);
	e->answer = memcpy(copy, answer->data, answer->len);
	e->answer_len = (uint16_t)answer->len;
	e->state = SEEN_ANSWERED;
}

static void seen_free(struct session *s)
{
	for (unsigned i = 0; s->seen && i < s->seen->n; i++)
		free(s->seen->entry[i].answer);
	free(s->seen);
	s->seen = NULL;
}

/* --- Separate answers: CON of our own, repeated until acknowledged (RFC 7252, 5.2.2) --- */

static void separate_free(struct separate *a)
{
	struct session *s = a->session;
	loop_timer_stop(s->loop, &a->timer);
	*a->link = a->next;
	if (a->next)
		a->next->link = a->link;
	s->n_separate--;
	free(a);
}

static void separate_due(void *arg)
{
	struct separate *a = arg;
	if (a->sends > a->session->transmission.max_retransmit) {
		log_debug("an answer was never acknowledged");
		separate_free(a);
		return;
	}
	a->sends++;
	session_send(a->session, a->data, a->len);
	loop_timer_set(a->session->loop, &a->timer, a->timeout *= 2);
}

bool incoming_settled(struct session *s, uint16_t id)
{
	for (struct separate *a = s->separate; a; a = a->next)
		if (a->id == id) {
			separate_free(a);
			return true;
		}
	return false;
}

static void separate_start(struct session *s, uint16_t id, const struct buf *out)
{
	struct separate *a = malloc(sizeof *a + out->len);
	if (!a)
		return;              /* it went out once */
	*a = (struct separate){ .session = s, .next = s->separate, .link = &s->separate, .timeout = session_ack_timeout(s), .sends = 1, .id = id, .len = out->len };
	memcpy(a->data, out->data, out->len);
	if (a->next)
		a->next->link = &a->next;
	s->separate = a;
	s->n_separate++;
	loop_timer_init(&a->timer, separate_due, a);
	loop_timer_set(s->loop, &a->timer, a->timeout);
}

/* --- Answers --- */

void incoming_answer(struct session *s, const struct message *request, bool acked, struct message *answer)
{
	struct buf out = { 0 };
	bool con = s->transport == TRANSPORT_UDP && request->type == MESSAGE_CON, piggy_backed = con && !acked;
	bool separate = con && acked && s->n_separate < SESSION_MAX_SEPARATE;
	answer->type = piggy_backed ? MESSAGE_ACK : separate ? MESSAGE_CON : MESSAGE_NON;
	answer->id = piggy_backed ? request->id : session_next_id(s);
	memcpy(answer->token, request->token, answer->token_len = request->token_len);
	message_build(s->transport, answer, &out);
	if (!out.failed) {
		if (!session_send(s, out.data, out.len))
			log_debug("an answer could not be sent");
		if (piggy_backed)
			seen_answer(s, request->id, &out);
		else if (separate)
			separate_start(s, answer->id, &out);
	}
	buf_free(&out);
}

void incoming_answer_text(struct session *s, const struct message *request, bool acked, uint8_t code, const char *text)
{
	struct message answer;
	message_init(&answer);
	answer.code = code;
	answer.payload = (const uint8_t *)text;
	answer.payload_len = strlen(text);
	incoming_answer(s, request, acked, &answer);
}

static size_t built_size(const struct session *s, const struct message *request, struct message *answer)
{
	struct buf out = { 0 };
	memcpy(answer->token, request->token, answer->token_len = request->token_len);
	message_build(s->transport, answer, &out);
	size_t len = out.failed ? SIZE_MAX : out.len;
	buf_free(&out);
	return len;
}

static void respond(struct session *s, const struct message *request, bool acked, const struct response *r)
{
	struct message answer;
	message_init(&answer);
	answer.code = r->code;
	answer.max_age = r->max_age;
	answer.payload = r->payload;
	answer.payload_len = r->payload_len;
	if (r->dots_cbor && r->payload_len)
		answer.content_format = CONTENT_FORMAT_DOTS_CBOR;
	if (request->block1.present)
		answer.block1 = (struct block){ .present = true, .szx = request->block1.szx };
	/* Every error says something to the people behind the peer (RFC 9132, 4). */
	if (r->code >= CODE(4, 0) && !r->payload_len) {
		answer.payload = (const uint8_t *)code_name(r->code);
		answer.payload_len = strlen(code_name(r->code));
	}
	/* A GET for a later block asks for no observation, whatever it carries (RFC 7959, 2.6). */
	if (request->code == METHOD_GET && request->observe == 0 && !request->block2.num) {
		if (r->observe && code_is_success(r->code))
			answer.observe = observe_register(s, request);
		else
			observe_forget(s, request->token, request->token_len);
	}
	bool asked = request->code == METHOD_GET && request->block2.present && code_is_success(r->code);
	if ((asked || built_size(s, request, &answer) > s->max_message) && !block_slice(s, request, &answer)) {
		log_debug("an answer of %zu bytes does not fit a message to the peer", r->payload_len);
		incoming_answer_text(s, request, acked, CODE(5, 0), "the answer does not fit a message: ask for less");
		return;
	}
	incoming_answer(s, request, acked, &answer);
}

static void pending_unlink(struct pending *p)
{
	struct session *s = p->in.session;
	assert(s->n_pending);
	loop_timer_stop(s->loop, &p->ack);
	*p->link = p->next;
	if (p->next)
		p->next->link = p->link;
	s->n_pending--;
	p->in.session = NULL;
}

static void ack_due(void *arg)
{
	struct pending *p = arg;
	struct session *s = p->in.session;
	p->acked = true;
	incoming_mark(s, p->in.message.id, SEEN_ACKED);
	session_send_empty(s, MESSAGE_ACK, p->in.message.id);
}

void incoming_respond(struct incoming *in, const struct response *r)
{
	struct pending *p = in->impl;
	struct session *s = in->session;
	if (s) {
		if (!r->code && loop_timer_armed(&p->ack))
			ack_due(p);
		pending_unlink(p);
		if (!s->over && r->code)
			respond(s, &in->message, p->acked, r);
	}
	free(p);
}

void incoming_refuse(struct incoming *in, const struct reason *why)
{
	char text[400];
	reason_format(why, text, sizeof text);
	const struct response r = { .code = why->code, .max_age = -1, .payload = (const uint8_t *)text, .payload_len = strlen(text) };
	incoming_respond(in, &r);
}

/* --- Requests --- */

void incoming_refused(struct session *s, const struct message *m, const struct reason *why)
{
	char text[400];
	incoming_answer_text(s, m, false, why->code, reason_format(why, text, sizeof text));
}

static void answer_busy(struct session *s, const struct message *m)
{
	static const char text[] = "too many requests of yours wait for their answers";
	struct message answer;
	message_init(&answer);
	answer.code = CODE(5, 3);
	answer.max_age = 30;
	answer.payload = (const uint8_t *)text;
	answer.payload_len = sizeof text - 1;
	incoming_answer(s, m, false, &answer);
}

/* What the session answers itself; true when it did. */
static bool answered_here(struct session *s, const struct message *m)
{
	if (heartbeat_request(s, m))
		return true;
	if (m->code != METHOD_GET && m->code != METHOD_PUT && m->code != METHOD_DELETE) {
		incoming_answer_text(s, m, false, CODE(4, 5), "the methods here are GET, PUT and DELETE (RFC 9132, 4.4)");
		return true;
	}
	if (m->block1.present && m->block1.more) {
		incoming_answer_text(s, m, false, CODE(4, 13), "a request must fit one message: split it into several requests (RFC 9132, 4.4)");
		return true;
	}
	if (m->block1.present && m->block1.num) {
		incoming_answer_text(s, m, false, CODE(4, 8), "the blocks before this one are missing (RFC 7959, 2.9.2)");
		return true;
	}
	struct message answer;
	if (m->code == METHOD_GET && m->block2.present && m->block2.num && block_kept(s, m, &answer)) {
		incoming_answer(s, m, false, &answer);
		return true;
	}
	if (s->n_pending >= SESSION_MAX_PENDING) {
		answer_busy(s, m);
		return true;
	}
	return false;
}

void incoming_message(struct session *s, const struct message *m)
{
	if (answered_here(s, m))
		return;
	if (m->code == METHOD_GET && m->observe == 1)
		observe_forget(s, m->token, m->token_len);
	struct pending *p = malloc(sizeof *p + m->payload_len);
	if (!p) {
		answer_busy(s, m);
		return;
	}
	memset(p, 0, offsetof(struct pending, in.message));
	p->in.session = s;
	p->in.impl = p;
	p->acked = false;
	message_copy(&p->in.message, m);
	p->in.message.payload = p->payload;
	if (m->payload_len)
		memcpy(p->payload, m->payload, m->payload_len);
	p->next = s->pending;
	p->link = &s->pending;
	if (p->next)
		p->next->link = &p->next;
	s->pending = p;
	s->n_pending++;
	loop_timer_init(&p->ack, ack_due, p);
	if (s->transport == TRANSPORT_UDP && m->type == MESSAGE_CON)
		loop_timer_set(s->loop, &p->ack, ACK_DELAY_MS);
	s->handler->request(s->arg, s, &p->in);
}

void incoming_forget_all(struct session *s)
{
	while (s->pending)
		pending_unlink(s->pending);
	while (s->separate)
		separate_free(s->separate);
	seen_free(s);
}
