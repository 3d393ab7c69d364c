/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "peer_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "dots/envelope.h"

json_t *peer_event(const struct peer *p, const char *event)
{
	json_t *line = envelope_new("session");

	json_put_string(line, "event", event);
	json_put_string(line, "peer", p->config->name);
	return line;
}

struct peer_session *peer_session(const struct peer *p)
{
	struct peer_session *ps = p->sessions;

	while (ps != NULL && ps->session == NULL)
		ps = ps->next;
	return ps;
}

static bool observes_any(void *unused, const struct message *registered)
{
	return !resource_observes_config(unused, registered);
}

static void on_repeat(void *arg)
{
	struct peer *p = arg;

	peer_sessions_notify(p, observes_any, NULL);
	peer_repeat(p);
}

void peer_repeat(struct peer *p)
{
	if (p->mitigating && p->sessions != NULL)
		loop_timer_set(server_loop(p->server), &p->repeat, REPEAT_STATUS_MS);
	else
		loop_timer_stop(server_loop(p->server), &p->repeat);
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
	loop_timer_init(&p->repeat, on_repeat, p);
	peer_dial_init(p);
	peer_move_init(p);
	if (config->channel == CHANNEL_CALL_HOME && peer_dial(p, why) != 0) {
		free(p);
		return NULL;
	}
	if (config->channel == CHANNEL_BASE)
		peer_called_before(p);
	return p;
}

void peer_free(struct peer *p, bool notify)
{
	if (p == NULL)
		return;
	loop_timer_stop(server_loop(p->server), &p->repeat);
	peer_move_stop(p);
	while (p->sessions != NULL)
		peer_session_end(p->sessions, notify);
	peer_dial_stop(p);
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

	peer_sessions_notify(p, resource_observes_mitigation, &what);
	if (mitigating == p->mitigating)
		return;
	p->mitigating = mitigating;
	peer_repeat(p);
	peer_dial_hurry(p);
	for (struct peer_session *ps = p->sessions; ps != NULL; ps = ps->next)
		if (ps->session != NULL)
			peer_session_follow(ps);
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

/* Why there is no session, and when the next attempt is. */
static void put_absence(json_t *line, const struct peer *p)
{
	int64_t left = p->next_at - loop_now(server_loop(p->server));

	if (p->why[0] != '\0')
		json_put_string(line, "reason", p->why);
	if (left > 0)
		json_put_int(line, "retry", (left + 999) / 1000);
}

json_t *peer_describe(const struct peer *p)
{
	const struct peer_session *ps = peer_session(p);
	json_t *line = peer_event(p, ps != NULL ? "up" : "down");
	struct session_stats stats;

	put_scope(line, p->config->channel == CHANNEL_BASE ? &p->config->targets : &p->domain);
	if (ps == NULL) {
		put_absence(line, p);
		return line;
	}
	session_stats(ps->session, &stats);
	peer_put_channel(line, session_channel(ps->session));
	json_put_int(line, "seconds", (loop_now(server_loop(p->server)) - ps->up_at) / 1000);
	json_put_int(line, "received", (int64_t)stats.rx);
	json_put_int(line, "sent", (int64_t)stats.tx);
	json_put_int(line, "unanswered-heartbeats", stats.hb_unanswered);
	return line;
}
