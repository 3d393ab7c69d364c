/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "peer_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "credential.h"

static struct requester requester_of(struct peer_session *ps)
{
	struct peer *p = ps->peer;

	return (struct requester){ .peer = p->config, .domain = &p->domain, .credential = ps->credential, .config = &ps->sigconfig, .met = &p->places };
}

void peer_put_channel(json_t *line, const struct channel *c)
{
	char address[64];

	json_put_string(line, "transport", c->transport == TRANSPORT_UDP ? "udp" : "tcp");
	json_put_string(line, "address", sockaddr_format(&c->remote, address));
	if (c->peer.name[0] != '\0')
		json_put_string(line, "identity", c->peer.name);
	json_put(line, "resumed", json_boolean(c->resumed));
}

void peer_session_follow(struct peer_session *ps)
{
	struct heartbeat_config hb;
	struct transmission_config repeat;

	sigconfig_heartbeat(&ps->sigconfig, ps->peer->mitigating, &hb);
	session_heartbeat(ps->session, &hb);
	sigconfig_transmission(&ps->sigconfig, ps->peer->mitigating, &repeat);
	session_transmission(ps->session, &repeat);
}

static void on_request(void *arg, struct session *s, struct incoming *in)
{
	struct peer_session *ps = arg;
	struct peer *p = ps->peer;
	struct requester who = requester_of(ps);
	struct sigconf before = ps->sigconfig.active;
	struct redirection elsewhere;
	struct outcome o;

	(void)s;
	redirect_init(&elsewhere);
	who.redirection = &elsewhere;
	outcome_init(&o);
	resource_request(server_core(p->server), &who, &in->message, server_moment(p->server), &o);
	server_submit(p->server, &o, in);
	if (memcmp(&before, &ps->sigconfig.active, sizeof(before)) != 0) {
		peer_session_follow(ps);
		session_notify(ps->session, resource_observes_config, NULL);
	}
	if (elsewhere.name != NULL)
		peer_move_to(p, &elsewhere);
}

static void on_render(void *arg, struct session *s, const struct message *registered, struct response *out, struct buf *payload)
{
	struct peer_session *ps = arg;
	struct requester who = requester_of(ps);
	struct reply r;

	(void)s;
	reply_init(&r);
	resource_render(server_core(ps->peer->server), &who, registered, server_moment(ps->peer->server), &r);
	memset(out, 0, sizeof(*out));
	out->code = r.code;
	out->dots_cbor = r.dots_cbor;
	out->max_age = r.max_age;
	out->observe = r.observe;
	buf_put(payload, r.payload.data, r.payload.len);
	reply_free(&r);
}

static void on_down(void *arg, struct session *s, const char *why, bool orderly, bool lost)
{
	struct peer_session *ps = arg;
	struct peer *p = ps->peer;
	json_t *line = peer_event(p, "down");

	(void)s;
	json_put_string(line, "reason", why);
	json_put(line, "orderly", json_boolean(orderly));
	json_put(line, "lost", json_boolean(lost));
	log_warning("%s: the session is down: %s", p->config->name, why);
	snprintf(p->why, sizeof(p->why), "%s", why);
	ps->session = NULL;
	server_say(p->server, line);
	if (p->config->channel == CHANNEL_BASE)
		peer_called_down(ps, orderly, lost);
	else
		peer_dialled_down(ps, lost);
}

static void on_silent(void *arg, struct session *s, unsigned unanswered)
{
	struct peer_session *ps = arg;

	(void)s;
	if (ps->peer->config->channel == CHANNEL_CALL_HOME)
		peer_dialled_silent(ps, unanswered);
}

static const struct session_handler handler = { .request = on_request, .render = on_render, .down = on_down, .silent = on_silent };

struct peer_session *peer_session_new(struct peer *p, struct channel *c)
{
	struct peer_session *ps = calloc(1, sizeof(*ps));
	json_t *line = peer_event(p, "up");
	char address[64];

	peer_put_channel(line, c);
	sockaddr_format(&c->remote, address);
	log_info("%s: session up over %s %s %s%s", p->config->name, c->transport == TRANSPORT_UDP ? "DTLS" : "TLS", c->call_out ? "to" : "from", address,
	    c->resumed ? ", resumed" : "");
	if (ps != NULL) {
		ps->peer = p;
		credential_text(&c->peer, ps->credential);
		ps->session = session_new(server_loop(p->server), c, ROLE_SERVER, &handler, ps);
	} else {
		channel_close(c, true);
	}
	if (ps == NULL || ps->session == NULL) {
		json_decref(line);
		free(ps);
		log_error("%s: out of memory for a session", p->config->name);
		return NULL;
	}
	ps->up_at = loop_now(server_loop(p->server));
	ps->next = p->sessions;
	p->sessions = ps;
	/* Not negotiated again: the defaults (RFC 9132, 4.5). */
	sigconfig_init(&ps->sigconfig, c->transport, p->config->nat_timeout);
	peer_session_follow(ps);
	peer_repeat(p);
	server_say(p->server, line);
	return ps;
}

void peer_session_end(struct peer_session *ps, bool notify)
{
	struct peer_session **at = &ps->peer->sessions;

	while (*at != ps)
		at = &(*at)->next;
	*at = ps->next;
	loop_timer_stop(server_loop(ps->peer->server), &ps->absence);
	session_close(ps->session, notify);
	free(ps);
}

void peer_sessions_notify(struct peer *p, bool (*match)(void *arg, const struct message *registered), void *arg)
{
	for (struct peer_session *ps = p->sessions; ps != NULL; ps = ps->next)
		if (ps->session != NULL)
			session_notify(ps->session, match, arg);
}
