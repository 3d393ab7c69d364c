/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "link/session_private.h"

uint64_t session_random(void)
{
	uint64_t v;
	if (getrandom(&v, sizeof v, 0) != (ssize_t)sizeof v)
		abort();             /* cannot fail for 8 bytes on a kernel that booted; a token that can be guessed is no token */
	return v;
}

int64_t session_ack_timeout(const struct session *s)
{
	const struct transmission_config *t = &s->transmission;
	uint64_t spread = (uint64_t)t->ack_timeout_ms * (t->random_percent - 100) / 100;
	return t->ack_timeout_ms + (int64_t)(session_random() % (spread + 1));
}

void session_transmission(struct session *s, const struct transmission_config *config)
{
	assert(config->ack_timeout_ms && config->random_percent >= 100 && config->max_retransmit < 32);
	s->transmission = *config;
}

uint16_t session_next_id(struct session *s)
{
	return s->next_id++;
}

void session_hold(struct session *s)
{
	s->busy++;
}

void session_release(struct session *s)
{
	assert(s->busy);
	if (--s->busy == 0 && s->over)
		free(s);
}

bool session_send(struct session *s, const uint8_t *data, size_t len)
{
	if (s->over || !channel_send(s->channel, data, len))
		return false;
	s->tx++;
	s->last_tx = loop_now(s->loop);
	return true;
}

void session_send_empty(struct session *s, enum message_type type, uint16_t id)
{
	const uint8_t bytes[4] = { (uint8_t)(1 << 6 | type << 4), 0, (uint8_t)(id >> 8), (uint8_t)id };
	session_send(s, bytes, sizeof bytes);
}

void session_ack(struct session *s, const struct message *m)
{
	if (s->transport != TRANSPORT_UDP || m->type != MESSAGE_CON)
		return;
	incoming_mark(s, m->id, SEEN_ACKED);
	session_send_empty(s, MESSAGE_ACK, m->id);
}

/* Everything that hangs on the session ends; the channel stays for the caller to close. */
static void take_down(struct session *s)
{
	s->over = true;
	loop_timer_stop(s->loop, &s->pace);
	heartbeat_stop(s);
	exchange_close_all(s);
	incoming_forget_all(s);
	observe_free(s);
	block_free(s);
}

static void ended(struct session *s, const char *why, bool orderly, bool lost, bool close)
{
	if (s->over)
		return;
	session_hold(s);
	take_down(s);
	s->handler->down(s->arg, s, why, orderly, lost);
	struct channel *c = s->channel;
	s->channel = NULL;
	if (close)
		channel_close(c, true);
	session_release(s);
}

void session_down(struct session *s, const char *why, bool orderly, bool lost)
{
	ended(s, why, orderly, lost, true);
}

void session_close(struct session *s, bool notify)
{
	if (!s || s->over)
		return;
	session_hold(s);
	take_down(s);
	struct channel *c = s->channel;
	s->channel = NULL;
	channel_close(c, notify);
	session_release(s);
}

static void channel_closed(void *arg, const char *why, bool orderly)
{
	ended(arg, why, orderly, false, false);
}

/* Signalling over TCP (RFC 8323, 5). */
static void send_signal(struct session *s, const struct message *m)
{
	struct buf out = { 0 };
	message_build(TRANSPORT_TCP, m, &out);
	if (!out.failed)
		session_send(s, out.data, out.len);
	buf_free(&out);
}

static void abort_session(struct session *s, const char *why)
{
	struct message m;
	message_init(&m);
	m.code = CODE(7, 5);
	m.payload = (const uint8_t *)why;
	m.payload_len = strlen(why);
	send_signal(s, &m);
	session_down(s, why, false, false);
}

static void send_csm(struct session *s)
{
	struct message m;
	message_init(&m);
	m.code = CODE(7, 1);
	m.csm_max_message_size = DOTS_MESSAGE_MAX;
	m.csm_block = true;
	send_signal(s, &m);
}

static void got_csm(struct session *s, const struct message *m)
{
	if (m->csm_max_message_size >= 0)
		s->max_message = m->csm_max_message_size < (int64_t)DOTS_MESSAGE_MAX ? (size_t)m->csm_max_message_size : DOTS_MESSAGE_MAX;
	if (!s->csm_seen)
		loop_timer_stop(s->loop, &s->pace);
	s->csm_seen = true;
	exchange_peer_limit(s);
	exchange_pace(s);
}

static void got_signal(struct session *s, const struct message *m)
{
	char why[300];
	int len = m->payload_len < 200 ? (int)m->payload_len : 200;
	const char *text = len ? (const char *)m->payload : "";
	switch (m->code) {
	case CODE(7, 1):
		got_csm(s, m);
		return;
	case CODE(7, 2): {
		struct message pong;
		message_init(&pong);
		pong.code = CODE(7, 3);
		memcpy(pong.token, m->token, pong.token_len = m->token_len);
		send_signal(s, &pong);
		return;
	}
	case CODE(7, 4):
		session_down(s, "the peer released the connection", true, false);
		return;
	case CODE(7, 5):
		snprintf(why, sizeof why, "the peer aborted the connection%s%.*s", len ? ": " : "", len, text);
		session_down(s, why, false, false);
		return;
	default:
		return;              /* Pong, and unknown ones (RFC 8323, 5.1) */
	}
}

static void got_frame(struct session *s, const struct message *m, int rc, const struct reason *why)
{
	char text[400];
	unsigned class = m->code >> 5;
	if (rc == MESSAGE_MALFORMED || (rc < 0 && class == 7)) {
		abort_session(s, reason_format(why, text, sizeof text));
		return;
	}
	if (!s->csm_seen && m->code != CODE(7, 1)) {
		abort_session(s, "the first message must be a CSM (RFC 8323, 5.3)");
		return;
	}
	if (class == 7)
		got_signal(s, m);
	else if (class == 0 && m->code && rc < 0)
		incoming_refused(s, m, why);
	else if (class == 0 && m->code)
		incoming_message(s, m);
	else if (class && rc == 0 && !heartbeat_response(s, m))
		exchange_response(s, m);     /* an unknown token is ignored: there is no RST over TCP */
}

static void got_empty(struct session *s, const struct message *m)
{
	switch (m->type) {
	case MESSAGE_CON:            /* a CoAP ping */
		session_send_empty(s, MESSAGE_RST, m->id);
		return;
	case MESSAGE_ACK:
		if (!incoming_settled(s, m->id))
			exchange_ack(s, m->id);
		return;
	case MESSAGE_RST:
		if (!incoming_settled(s, m->id) && !exchange_reset(s, m->id) && !heartbeat_reset(s, m->id))
			observe_reset(s, m->id);
		return;
	default:
		return;
	}
}

/* A response that nobody waits for. The sender of a notification must learn that it is not wanted (RFC 7641, 3.6); other NON ones are late answers to a
   request that was repeated. */
static void unwanted(struct session *s, const struct message *m)
{
	if (m->type == MESSAGE_CON)
		incoming_mark(s, m->id, SEEN_RESET);
	if (m->type == MESSAGE_CON || (m->type == MESSAGE_NON && m->observe >= 0))
		session_send_empty(s, MESSAGE_RST, m->id);
}

static void got_datagram(struct session *s, const struct message *m, int rc, bool header_ok, const struct reason *why)
{
	bool request = m->code && m->code >> 5 == 0;
	if (rc == MESSAGE_MALFORMED) {
		if (header_ok && m->type == MESSAGE_CON)
			session_send_empty(s, MESSAGE_RST, m->id);
		return;
	}
	if (m->code == 0) {
		got_empty(s, m);
		return;
	}
	if ((request || m->type == MESSAGE_CON) && incoming_seen(s, m))
		return;
	if (request && rc < 0)
		incoming_refused(s, m, why);
	else if (request)
		incoming_message(s, m);
	else if (rc < 0 || (!heartbeat_response(s, m) && !exchange_response(s, m)))
		unwanted(s, m);
}

static void channel_message(void *arg, const uint8_t *data, size_t len)
{
	struct session *s = arg;
	struct message m;
	struct reason why;
	bool header_ok;
	if (s->over)
		return;
	session_hold(s);
	s->rx++;
	s->last_rx = loop_now(s->loop);
	int rc = message_parse(s->transport, data, len, &m, &header_ok, &why);
	if (rc < 0)
		log_debug("a message that cannot be used: %s", why.text);
	if (s->transport == TRANSPORT_TCP)
		got_frame(s, &m, rc, &why);
	else
		got_datagram(s, &m, rc, header_ok, &why);
	session_release(s);
}

static void pace_due(void *arg)
{
	struct session *s = arg;
	session_hold(s);
	if (s->transport == TRANSPORT_TCP && !s->csm_seen)
		abort_session(s, "no CSM came (RFC 8323, 5.3)");
	else
		exchange_pace(s);
	session_release(s);
}

struct session *session_new(struct loop *l, struct channel *c, enum dots_role role, const struct session_handler *handler, void *arg)
{
	static const struct channel_ops ops = { .message = channel_message, .closed = channel_closed };
	struct session *s = calloc(1, sizeof *s);
	if (!s) {
		channel_close(c, true);
		return NULL;
	}
	s->loop = l;
	s->channel = c;
	s->handler = handler;
	s->arg = arg;
	s->role = (uint8_t)role;
	s->transport = (uint8_t)c->transport;
	s->next_id = (uint16_t)session_random();
	s->max_message = s->transport == TRANSPORT_TCP ? TCP_BASE_MESSAGE : COAP_DATAGRAM_MAX;
	s->transmission = (struct transmission_config){ .ack_timeout_ms = ACK_TIMEOUT_MS, .random_percent = ACK_RANDOM_PERCENT, .max_retransmit = MAX_RETRANSMIT };
	s->non_clear = s->peer_hb_status = true;
	s->last_rx = s->last_tx = loop_now(l);
	loop_timer_init(&s->pace, pace_due, s);
	heartbeat_init(s);
	channel_own(c, &ops, s);
	if (s->transport == TRANSPORT_TCP) {
		send_csm(s);
		loop_timer_set(l, &s->pace, CSM_WAIT_MS);
	}
	return s;
}

const struct channel *session_channel(const struct session *s)
{
	return s->channel;
}

enum dots_role session_role(const struct session *s)
{
	return s->role;
}

void *session_data(const struct session *s)
{
	return s->data;
}

void session_set_data(struct session *s, void *data)
{
	s->data = data;
}

void session_stats(const struct session *s, struct session_stats *out)
{
	*out = (struct session_stats){ .last_rx = s->last_rx, .last_tx = s->last_tx, .rx = s->rx, .tx = s->tx, .hb_unanswered = s->hb.unanswered,
		.peer_hb_status = s->peer_hb_status };
}
