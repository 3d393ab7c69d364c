/* SPDX-License-Identifier: GPL-3.0-or-later */
/* heartbeat - PUT /.well-known/dots/hb from each side (RFC 9132, 4.7; RFC 9066, 5.2.1), what it tells of the other direction, and loss. */
#include <string.h>

#include "dots/cbor.h"
#include "link/session_private.h"

#define N_PATH 3
static const char *const path[N_PATH] = { ".well-known", "dots", "hb" };

static int64_t interval_ms(const struct session *s)
{
	return (int64_t)s->hb.config.interval_s * 1000;
}

/* Linux keeps a UDP flow that goes both ways after its first two seconds for 120 s, any other one for 30 s: as long as the default interval. So the first
   heartbeat comes after those two, and at different moments after many routers have called at once. */
#define EARLY_MS 3000
#define EARLY_SPREAD_MS 2000

static void set_due(struct session *s, int64_t now)
{
	struct heartbeat *hb = &s->hb;
	int64_t early = now + EARLY_MS + (int64_t)(session_random() % EARLY_SPREAD_MS);
	hb->due = now + interval_ms(s);
	if (hb->config.early && !hb->sent && s->transport == TRANSPORT_UDP && early < hb->due)
		hb->due = early;
}

/* Did we see a heartbeat request of the peer within two intervals? Nobody can say before the first two have passed. */
static bool peer_is_heard(const struct session *s)
{
	int64_t window = 2 * interval_ms(s), now = loop_now(s->loop);
	return now - s->hb.started < window || (s->hb.peer_seen && now - s->hb.peer_seen <= window);
}

static void send_one(struct session *s)
{
	struct heartbeat *hb = &s->hb;
	struct message m;
	struct body body;
	struct buf payload = { 0 }, out = { 0 };
	uint64_t token = session_random();
	if (s->transport == TRANSPORT_TCP && !s->csm_seen)
		return;
	body_init(&body);
	body.kind = BODY_HEARTBEAT;
	body.peer_hb_status = peer_is_heard(s);
	dots_cbor_encode(&body, &payload);
	body_free(&body);
	message_init(&m);
	m.code = METHOD_PUT;
	m.id = hb->id = session_next_id(s);
	memcpy(m.token, &token, m.token_len = sizeof token);
	memcpy(hb->token, &token, sizeof token);
	for (size_t i = 0; i < N_PATH; i++)
		m.path[m.n_path++] = path[i];
	m.content_format = CONTENT_FORMAT_DOTS_CBOR;
	m.payload = payload.data;
	m.payload_len = payload.len;
	message_build(s->transport, &m, &out);
	if (!payload.failed && !out.failed)
		session_send(s, out.data, out.len);
	hb->pending = true;
	hb->sent = loop_now(s->loop);
	buf_free(&payload);
	buf_free(&out);
}

/* The next heartbeat; the one before it counts as unanswered if nothing came. May end the session. */
static void beat(struct session *s)
{
	struct heartbeat *hb = &s->hb;
	if (hb->pending) {
		hb->unanswered++;
		if (s->handler->silent)
			s->handler->silent(s->arg, s, hb->unanswered);
		if (s->over || !hb->config.interval_s)
			return;
	}
	send_one(s);
}

/* When the silence is called a loss; INT64_MAX = never. */
static int64_t loss_at(const struct session *s)
{
	const struct heartbeat *hb = &s->hb;
	if (!hb->config.lose || !hb->config.missing_allowed)
		return INT64_MAX;
	int64_t since = s->last_rx > hb->started ? s->last_rx : hb->started;
	return since + hb->config.missing_allowed * interval_ms(s);
}

static void arm(struct session *s)
{
	int64_t loss = loss_at(s), next = s->hb.due < loss ? s->hb.due : loss;
	loop_timer_set(s->loop, &s->hb.timer, next - loop_now(s->loop));
}

static void timer_due(void *arg)
{
	struct session *s = arg;
	int64_t now = loop_now(s->loop);
	session_hold(s);
	if (now >= loss_at(s)) {
		session_down(s, "nothing came from the peer for missing-hb-allowed heartbeat intervals (RFC 9132, 4.7)", false, true);
	} else {
		if (now >= s->hb.due) {
			s->hb.due = now + interval_ms(s);
			beat(s);
		}
		if (!s->over && s->hb.config.interval_s)
			arm(s);
	}
	session_release(s);
}

void heartbeat_init(struct session *s)
{
	loop_timer_init(&s->hb.timer, timer_due, s);
}

void heartbeat_stop(struct session *s)
{
	loop_timer_stop(s->loop, &s->hb.timer);
	s->hb.pending = false;
	s->hb.unanswered = 0;
}

void session_heartbeat(struct session *s, const struct heartbeat_config *config)
{
	struct heartbeat *hb = &s->hb;
	if (s->over)
		return;
	bool changed = config->interval_s != hb->config.interval_s;
	hb->config = *config;
	if (!config->interval_s) {
		heartbeat_stop(s);
		return;
	}
	if (changed) {
		hb->started = loop_now(s->loop);
		set_due(s, hb->started);
	}
	arm(s);
}

/* 0 or 1, what it tells of our own heartbeats; -1 with *why. */
static int check(const struct message *m, struct reason *why)
{
	struct body body;
	if (m->code != METHOD_PUT)
		return reason_set(why, CODE(4, 5), "", "RFC 9132, 4.7", "a heartbeat is a PUT, not a %s", code_name(m->code));
	if (m->n_path != N_PATH || m->n_query)
		return reason_set(why, REASON_BAD_REQUEST, "Uri-Path", "RFC 9132, 4.7", "a heartbeat's path ends with \"hb\"");
	if (m->content_format != CONTENT_FORMAT_DOTS_CBOR)
		return reason_set(why, CODE(4, 15), "Content-Format", "RFC 9132, 4.7", "a heartbeat is application/dots+cbor (271)");
	if (dots_cbor_decode(m->payload, m->payload_len, BODY_REQUEST, &body, why) < 0)
		return -1;
	int status = body.kind == BODY_HEARTBEAT ? body.peer_hb_status : -1;
	body_free(&body);
	if (status < 0)
		reason_set(why, REASON_BAD_REQUEST, "heartbeat", "RFC 9132, 4.7", "the body of a heartbeat holds peer-hb-status");
	return status;
}

static bool is_heartbeat(const struct message *m)
{
	if (m->n_path < N_PATH)
		return false;
	for (size_t i = 0; i < N_PATH; i++)
		if (strcmp(m->path[i], path[i]) != 0)
			return false;
	return true;
}

/* The peer's way out is open now, and so may ours be (CH-10): ours follows at once, unless one went out less than half an interval ago, or two sides would
   answer each other for ever. The timer is then for the case that the peer's next one does not come: an eighth later than that. */
static void follow(struct session *s)
{
	struct heartbeat *hb = &s->hb;
	hb->due = hb->peer_seen + interval_ms(s) + interval_ms(s) / 8;
	if (hb->peer_seen - hb->sent >= interval_ms(s) / 2)
		beat(s);
	if (!s->over && hb->config.interval_s)
		arm(s);
}

bool heartbeat_request(struct session *s, const struct message *m)
{
	struct heartbeat *hb = &s->hb;
	struct message answer;
	struct reason why;
	if (!is_heartbeat(m))
		return false;
	int status = check(m, &why);
	if (status < 0) {
		incoming_refused(s, m, &why);
		return true;
	}
	s->peer_hb_status = status;
	hb->peer_seen = loop_now(s->loop);
	message_init(&answer);
	answer.code = CODE(2, 4);
	incoming_answer(s, m, false, &answer);
	if (hb->config.after_peer && hb->config.interval_s)
		follow(s);
	return true;
}

bool heartbeat_response(struct session *s, const struct message *m)
{
	struct heartbeat *hb = &s->hb;
	if (!hb->pending || m->token_len != sizeof hb->token || memcmp(m->token, hb->token, sizeof hb->token) != 0)
		return false;
	session_ack(s, m);
	hb->pending = false;
	if (hb->unanswered) {
		hb->unanswered = 0;
		if (s->handler->silent)
			s->handler->silent(s->arg, s, 0);
	}
	return true;
}

bool heartbeat_reset(struct session *s, uint16_t id)
{
	struct message m;
	if (!s->hb.pending || s->hb.id != id)
		return false;
	message_init(&m);
	memcpy(m.token, s->hb.token, m.token_len = sizeof s->hb.token);
	return heartbeat_response(s, &m);
}
