/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "peer_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/when.h"
#include "credential.h"
#include "dots/envelope.h"

#define SILENT_HEARTBEATS 3          /* unanswered in a row before a second way is tried beside the first */
#define PARALLEL_MIN_MS 60000        /* RFC 9132, 4.7: not more often than this */
#define REPEAT_STATUS_MS 30000       /* notifications can be lost; an active mitigation's is sent again */
#define AFTER_CLOSE_MS 10000         /* a provider that restarts is not called by all its routers in the same moment */

static struct requester requester_of(struct peer *p, const struct session *s, char credential[CREDENTIAL_TEXT_MAX])
{
	int64_t since = p->redirected_at == 0 ? -1 : (loop_now(server_loop(p->server)) - p->redirected_at) / 1000;

	return (struct requester){ .peer = p->config, .domain = &p->domain, .credential = credential_text(&session_channel(s)->peer, credential), .config = &p->sigconfig, .redirected_s = since };
}

json_t *peer_event(const struct peer *p, const char *event)
{
	json_t *line = envelope_new("session");

	json_put_string(line, "event", event);
	json_put_string(line, "peer", p->config->name);
	return line;
}

static void put_channel(json_t *line, const struct channel *c)
{
	char address[64];

	json_put_string(line, "transport", c->transport == TRANSPORT_UDP ? "udp" : "tcp");
	json_put_string(line, "address", sockaddr_format(&c->remote, address));
	if (c->peer.name[0] != '\0')
		json_put_string(line, "identity", c->peer.name);
	json_put(line, "resumed", json_boolean(c->resumed));
}

static void follow_config(struct peer *p)
{
	struct heartbeat_config hb;
	struct transmission_config repeat;

	sigconfig_heartbeat(&p->sigconfig, p->mitigating, &hb);
	session_heartbeat(p->session, &hb);
	sigconfig_transmission(&p->sigconfig, p->mitigating, &repeat);
	session_transmission(p->session, &repeat);
}

static void on_request(void *arg, struct session *s, struct incoming *in)
{
	struct peer *p = arg;
	char credential[CREDENTIAL_TEXT_MAX];
	struct requester who = requester_of(p, s, credential);
	struct sigconf before = p->sigconfig.active;
	struct redirection elsewhere;
	struct outcome o;

	redirect_init(&elsewhere);
	who.redirection = &elsewhere;
	outcome_init(&o);
	resource_request(server_core(p->server), &who, &in->message, server_moment(p->server), &o);
	server_submit(p->server, &o, in);
	if (p->session != NULL && memcmp(&before, &p->sigconfig.active, sizeof(before)) != 0) {
		follow_config(p);
		session_notify(p->session, resource_observes_config, NULL);
	}
	if (elsewhere.name != NULL)
		peer_move_to(p, &elsewhere);
}

static void on_render(void *arg, struct session *s, const struct message *registered, struct response *out, struct buf *payload)
{
	struct peer *p = arg;
	char credential[CREDENTIAL_TEXT_MAX];
	struct requester who = requester_of(p, s, credential);
	struct reply r;

	reply_init(&r);
	resource_render(server_core(p->server), &who, registered, server_moment(p->server), &r);
	memset(out, 0, sizeof(*out));
	out->code = r.code;
	out->dots_cbor = r.dots_cbor;
	out->max_age = r.max_age;
	out->observe = r.observe;
	buf_put(payload, r.payload.data, r.payload.len);
	reply_free(&r);
}

static int64_t random_ms(uint32_t max)
{
	uint32_t r;

	tls_random(&r, sizeof(r));
	return r % max;
}

static void on_again(void *arg)
{
	struct peer *p = arg;

	if (p->session == NULL && p->dial != NULL)
		dial_again(p->dial);
}

/* A session that is replaced is closed by us and ends without this. */
static void on_down(void *arg, struct session *s, const char *why, bool orderly, bool lost)
{
	struct peer *p = arg;
	json_t *line = peer_event(p, "down");

	if (p->session == s)
		p->session = NULL;
	json_put_string(line, "reason", why);
	json_put(line, "orderly", json_boolean(orderly));
	json_put(line, "lost", json_boolean(lost));
	server_say(p->server, line);
	log_warning("%s: the session is down: %s", p->config->name, why);
	loop_timer_stop(server_loop(p->server), &p->repeat);
	if (p->elsewhere.name != NULL && p->elsewhere.ttl == 0)
		peer_move_home(p);     /* for that session only */
	else if (orderly)
		loop_timer_set(server_loop(p->server), &p->again, random_ms(AFTER_CLOSE_MS));
	else if (p->dial != NULL)
		dial_again(p->dial);
}

static void on_silent(void *arg, struct session *s, unsigned unanswered)
{
	struct peer *p = arg;
	int64_t now = loop_now(server_loop(p->server));

	if (s != p->session || unanswered < SILENT_HEARTBEATS || now - p->parallel_at < PARALLEL_MIN_MS)
		return;
	p->parallel_at = now;
	log_warning("%s: %u heartbeats without an answer; another session is tried beside this one", p->config->name, unanswered);
	dial_again(p->dial);
}

static const struct session_handler handler = { .request = on_request, .render = on_render, .down = on_down, .silent = on_silent };

static void on_established(void *arg, struct channel *c)
{
	struct peer *p = arg;
	struct session *old = p->session;
	json_t *line = peer_event(p, "up");
	struct session *s;
	char address[64];

	put_channel(line, c);
	sockaddr_format(&c->remote, address);
	log_info("%s: session up over %s to %s%s", p->config->name, c->transport == TRANSPORT_UDP ? "DTLS" : "TLS", address, c->resumed ? ", resumed" : "");
	server_guard(p->server, &c->remote);
	s = session_new(server_loop(p->server), c, ROLE_SERVER, &handler, p);
	if (s == NULL) {
		json_decref(line);
		log_error("%s: out of memory for a session", p->config->name);
		return;
	}
	p->session = s;
	p->met = true;
	p->up_at = loop_now(server_loop(p->server));
	p->parallel_at = p->up_at - PARALLEL_MIN_MS;
	/* Not negotiated again: the defaults (RFC 9132, 4.5). */
	sigconfig_init(&p->sigconfig, p->config->nat_timeout);
	follow_config(p);
	session_close(old, true);
	loop_timer_set(server_loop(p->server), &p->repeat, REPEAT_STATUS_MS);
	server_say(p->server, line);
}

static void on_failed(void *arg, const char *why, unsigned next_s)
{
	struct peer *p = arg;
	json_t *line;

	log_error("%s: no session: %s; tried again in %u s", p->config->name, why, next_s);
	if (p->session != NULL)
		return;              /* an attempt beside a session that still stands */
	if (p->elsewhere.name != NULL)
		peer_move_home(p);     /* nobody there */
	line = peer_event(p, "unreachable");
	json_put_string(line, "reason", why);
	json_put_int(line, "retry", next_s);
	server_say(p->server, line);
}

const struct dial_ops peer_dial_ops = { .established = on_established, .failed = on_failed };

static bool observes_any(void *unused, const struct message *registered)
{
	return !resource_observes_config(unused, registered);
}

static void on_repeat(void *arg)
{
	struct peer *p = arg;

	if (p->session == NULL)
		return;
	if (p->mitigating)
		session_notify(p->session, observes_any, NULL);
	loop_timer_set(server_loop(p->server), &p->repeat, REPEAT_STATUS_MS);
}

struct peer *peer_new(struct server *server, const struct peer_config *config, struct reason *why)
{
	struct peer *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		reason_set(why, 0, "", "", "out of memory");
		return NULL;
	}
	p->server = server;
	p->config = config;
	p->mitigating = ledger_mitigating(&server_core(server)->ledger, config->name);
	sigconfig_init(&p->sigconfig, config->nat_timeout);
	loop_timer_init(&p->repeat, on_repeat, p);
	loop_timer_init(&p->again, on_again, p);
	peer_move_init(p);
	if (peer_dial(p, why) != 0) {
		free(p);
		return NULL;
	}
	return p;
}

void peer_free(struct peer *p, bool notify)
{
	if (p == NULL)
		return;
	loop_timer_stop(server_loop(p->server), &p->repeat);
	loop_timer_stop(server_loop(p->server), &p->again);
	peer_move_stop(p);
	session_close(p->session, notify);
	dial_free(p->dial);
	redirect_free(&p->elsewhere);
	prefix_list_free(&p->domain);
	free(p);
}

void peer_remove(struct peer *p)
{
	json_t *line = peer_event(p, "down");

	json_put_string(line, "reason", "no longer configured");
	log_warning("%s: no longer configured; its mitigations stay until they run out", p->config->name);
	server_say(p->server, line);
	peer_free(p, true);
}

const struct peer_config *peer_settings(const struct peer *p)
{
	return p->config;
}

void peer_mitigation_changed(struct peer *p, const char *cuid, uint32_t mid)
{
	struct observed what = { .cuid = cuid, .mid = mid };
	bool mitigating = ledger_mitigating(&server_core(p->server)->ledger, p->config->name);

	if (p->session != NULL)
		session_notify(p->session, resource_observes_mitigation, &what);
	if (mitigating == p->mitigating)
		return;
	p->mitigating = mitigating;
	if (p->session != NULL)
		follow_config(p);
}

void peer_scope(struct peer *p, struct interfaces *interfaces)
{
	struct prefix_list now = { NULL, 0 };
	bool whole = true;

	for (size_t i = 0; i < p->config->scope.n && whole; i++)
		whole = prefix_list_add(&now, &p->config->scope.v[i]) == 0;
	if (whole && p->config->scope_interfaces.n > 0)
		whole = interfaces_read(interfaces, &p->config->scope_interfaces, &now) == 0;
	if (!whole) {
		log_error("%s: the scope cannot be read; the one known so far stays", p->config->name);
		prefix_list_free(&now);
		return;
	}
	prefix_list_free(&p->domain);
	p->domain = now;
}

static void put_scope(json_t *line, const struct prefix_list *scope)
{
	json_t *list = json_array();
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < scope->n; i++)
		json_array_append_new(list, json_string(prefix_format(&scope->v[i], text)));
	json_put(line, "scope", list);
}

json_t *peer_describe(const struct peer *p)
{
	json_t *line = peer_event(p, p->session != NULL ? "up" : "down");
	struct session_stats stats;

	put_scope(line, &p->domain);
	if (p->session == NULL)
		return line;
	session_stats(p->session, &stats);
	put_channel(line, session_channel(p->session));
	json_put_int(line, "seconds", (loop_now(server_loop(p->server)) - p->up_at) / 1000);
	json_put_int(line, "received", (int64_t)stats.rx);
	json_put_int(line, "sent", (int64_t)stats.tx);
	json_put_int(line, "unanswered-heartbeats", stats.hb_unanswered);
	return line;
}
