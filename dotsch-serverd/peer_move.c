/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "peer_private.h"

#include "base/log.h"

#define REDIRECT_AFTER_MS 200        /* for the answer to a redirection to arrive before the session ends */
#define RETURN_RETRY_MS 10000        /* while the return waits for the end of an attack */

/* Leaves the session, for elsewhere or for home. */
static void move(struct peer *p)
{
	struct reason why;

	if (peer_session(p) != NULL) {
		json_t *line = peer_event(p, "down");

		json_put_string(line, "reason", p->elsewhere.name != NULL ? "redirected" : "the redirection is over");
		server_say(p->server, line);
	}
	while (p->sessions != NULL)
		peer_session_end(p->sessions, true);
	dial_free(p->dial);
	p->dial = NULL;
	if (peer_dial(p, &why) != 0)
		log_error("%s: %s", p->config->name, why.text);
}

static void return_home(struct peer *p)
{
	redirect_leave(&p->places, loop_now(server_loop(p->server)));
	redirect_free(&p->elsewhere);
	move(p);
}

static void on_home(void *arg)
{
	struct peer *p = arg;

	loop_timer_stop(server_loop(p->server), &p->move);
	return_home(p);
}

static void on_move(void *arg)
{
	struct peer *p = arg;
	struct loop *l = server_loop(p->server);

	if (!p->moved) {
		p->moved = true;
		move(p);
		if (p->elsewhere.ttl != 0 && p->elsewhere.ttl != REDIRECT_FOREVER)
			loop_timer_set(l, &p->move, p->elsewhere.ttl * INT64_C(1000));
	} else if (p->mitigating) {
		loop_timer_set(l, &p->move, RETURN_RETRY_MS);        /* not while there is an attack (RFC 9132, 4.6) */
	} else {
		return_home(p);
	}
}

void peer_move_to(struct peer *p, struct redirection *to)
{
	redirect_leave(&p->places, loop_now(server_loop(p->server)));
	redirect_free(&p->elsewhere);
	p->elsewhere = *to;
	p->moved = false;
	log_warning("%s: redirected to %s", p->config->name, p->elsewhere.name);
	loop_timer_set(server_loop(p->server), &p->move, REDIRECT_AFTER_MS);
}

void peer_move_home(struct peer *p)
{
	loop_timer_set(server_loop(p->server), &p->home, 0);
}

void peer_move_init(struct peer *p)
{
	loop_timer_init(&p->move, on_move, p);
	loop_timer_init(&p->home, on_home, p);
}

void peer_move_stop(struct peer *p)
{
	loop_timer_stop(server_loop(p->server), &p->move);
	loop_timer_stop(server_loop(p->server), &p->home);
}
