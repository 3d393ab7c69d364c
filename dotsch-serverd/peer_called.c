/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A client of the base signal channel has called us, and may fall silent: then what it has prepared for that case is fired (RFC 9132, 4.4.1 and 4.7). */
#include "peer_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "preset.h"

#define SESSIONS_MAX 8               /* of one client at a time; the oldest gives way */

static bool stands(const struct peer *p, const char *credential)
{
	for (const struct peer_session *ps = p->sessions; ps != NULL; ps = ps->next)
		if (ps->session != NULL && strcmp(ps->credential, credential) == 0)
			return true;
	return false;
}

/* It is lost, or has left, when none of its sessions stands any more. */
static void end(struct peer_session *ps, enum presence presence)
{
	struct peer *p = ps->peer;
	char credential[CREDENTIAL_TEXT_MAX];

	memcpy(credential, ps->credential, sizeof(credential));
	peer_session_end(ps, false);
	if (stands(p, credential))
		return;
	if (presence == PRESENCE_LOST)
		log_warning("%s: the signal channel is lost", p->config->name);
	server_signal(p->server, p->config, credential, presence);
}

static void on_absence(void *arg)
{
	end(arg, PRESENCE_LOST);
}

/* How long nothing may be heard (RFC 9132, 4.7); 0 = for ever, there are no heartbeats. */
static int64_t patience_ms(const struct peer_session *ps)
{
	struct heartbeat_config hb;

	sigconfig_heartbeat(&ps->sigconfig, ps->peer->mitigating, &hb);
	return (int64_t)hb.interval_s * hb.missing_allowed * 1000;
}

/* An orderly close is no loss, and a channel that breaks is none before the heartbeats that it can no longer carry have been missed. */
void peer_called_down(struct peer_session *ps, bool orderly, bool lost)
{
	if (lost)
		end(ps, PRESENCE_LOST);
	else if (orderly || patience_ms(ps) == 0)
		end(ps, PRESENCE_LEFT);
	else
		loop_timer_set(server_loop(ps->peer->server), &ps->absence, patience_ms(ps));
}

static bool is_waited_for(const struct client *c, const struct peer *p)
{
	if (c->presence != PRESENCE_HERE || c->credential == NULL || strcmp(c->peer, p->config->name) != 0)
		return false;
	for (size_t i = 0; i < c->n; i++)
		if (preset_is(c->v[i]))
			return true;
	return false;
}

void peer_called_before(struct peer *p)
{
	const struct ledger *t = &server_core(p->server)->ledger;

	for (size_t i = 0; i < t->n; i++) {
		struct peer_session *ps = is_waited_for(t->v[i], p) ? calloc(1, sizeof(*ps)) : NULL;

		if (ps == NULL)
			continue;
		ps->peer = p;
		snprintf(ps->credential, sizeof(ps->credential), "%s", t->v[i]->credential);
		sigconfig_init(&ps->sigconfig, TRANSPORT_UDP, p->config->nat_timeout);
		ps->next = p->sessions;
		p->sessions = ps;
		loop_timer_init(&ps->absence, on_absence, ps);
		loop_timer_set(server_loop(p->server), &ps->absence, patience_ms(ps));
	}
}

/* Of the same credential: those that broke are made good by the new one. */
static void forget_absent(struct peer_session *by)
{
	for (struct peer_session *ps = by->peer->sessions, *next; ps != NULL; ps = next) {
		next = ps->next;
		if (ps->session == NULL && strcmp(ps->credential, by->credential) == 0)
			peer_session_end(ps, false);
	}
}

static void bound(struct peer *p)
{
	struct peer_session *oldest = NULL;
	size_t n = 0;

	for (struct peer_session *ps = p->sessions; ps != NULL; ps = ps->next) {
		n++;
		oldest = ps;
	}
	if (n > SESSIONS_MAX)
		peer_session_end(oldest, true);
}

void peer_called(struct peer *p, struct channel *c)
{
	struct peer_session *ps = peer_session_new(p, c);

	if (ps == NULL)
		return;
	loop_timer_init(&ps->absence, on_absence, ps);
	forget_absent(ps);
	bound(p);
	server_signal(p->server, p->config, ps->credential, PRESENCE_HERE);
}

void peer_close_others(struct peer *p, bool (*keep)(void *arg, const struct identity *id), void *arg)
{
	for (struct peer_session *ps = p->sessions, *next; ps != NULL; ps = next) {
		next = ps->next;
		if (ps->session != NULL && !keep(arg, &session_channel(ps->session)->peer)) {
			log_warning("%s: the credential of a session is no longer configured", p->config->name);
			peer_session_end(ps, true);
		}
	}
}
