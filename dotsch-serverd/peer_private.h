/* SPDX-License-Identifier: GPL-3.0-or-later */
/* peer_private - what the files of a peer share: its sessions, how it is dialled, its stays elsewhere, and what becomes of one that called us. */
#ifndef SERVERD_PEER_PRIVATE_H
#define SERVERD_PEER_PRIVATE_H

#include "peer.h"

#include "credential.h"
#include "link/dial.h"
#include "server.h"

#define REPEAT_STATUS_MS 30000       /* notifications can be lost; an active mitigation's is sent again */

/* One session. A client that called us may have several at a time; a provider that we call has one. */
struct peer_session {
	struct peer *peer;
	struct peer_session *next;
	struct session *session;             /* NULL: the channel broke, and nobody knows yet whether its client is lost */
	struct sigconfig sigconfig;
	char credential[CREDENTIAL_TEXT_MAX];
	int64_t up_at;
	struct loop_timer absence;
};

struct peer {
	struct server *server;
	const struct peer_config *config;
	struct peer_session *sessions;       /* newest first */
	struct prefix_list domain;           /* the scope as it stands now */
	bool mitigating;                     /* which set its heartbeats follow */
	struct loop_timer repeat;
	char why[512];                       /* no session stands: what happened last; "" = nothing yet */
	/* A provider. */
	struct dial *dial;
	int64_t next_at;                     /* it is called again; in the past when that goes on now */
	int64_t parallel_at;                 /* last attempt beside a silent session */
	bool met;                            /* there has been a session since the start */
	struct loop_timer again;             /* dials after an orderly close */
	/* Elsewhere (RFC 9066, 5.2.2): where to, since when, and when it is over. */
	struct redirection elsewhere;        /* name NULL: at the provisioned place */
	struct redirect_met places;          /* where we were lately */
	bool moved;                          /* we have gone there */
	struct loop_timer move, home;        /* goes there, and comes back when the time is up; comes back at once */
};

/* Starts a session line of this event; new reference. */
json_t *peer_event(const struct peer *p, const char *event);
void peer_put_channel(json_t *line, const struct channel *c);
/* The newest session that stands, or NULL. */
struct peer_session *peer_session(const struct peer *p);

/* Takes the channel over, and tells. NULL when out of memory. */
struct peer_session *peer_session_new(struct peer *p, struct channel *c);
void peer_session_end(struct peer_session *ps, bool notify);
/* Arms what tells active mitigations again; an idle session wakes nobody. */
void peer_repeat(struct peer *p);
/* Its heartbeats follow the set that applies. */
void peer_session_follow(struct peer_session *ps);
void peer_sessions_notify(struct peer *p, bool (*match)(void *arg, const struct message *registered), void *arg);

/* Dials where we ought to be now. 0, or -1 with *why. */
void peer_dial_init(struct peer *p);
int peer_dial(struct peer *p, struct reason *why);
void peer_dial_stop(struct peer *p);
/* During an attack less time is lost with an address where nobody answers (RFC 9132, 4.3). */
void peer_dial_hurry(struct peer *p);
void peer_dialled_down(struct peer_session *ps, bool lost);
void peer_dialled_silent(struct peer_session *ps, unsigned unanswered);
/* Those who had prepared something for their loss when the program before this one ended: lost, too, unless they call again in time. */
void peer_called_before(struct peer *p);
void peer_called_down(struct peer_session *ps, bool orderly, bool lost);

void peer_move_init(struct peer *p);
void peer_move_stop(struct peer *p);
/* Goes to another of the provider's listeners as soon as the answer is out (RFC 9066, 5.2.2); takes over *to. */
void peer_move_to(struct peer *p, struct redirection *to);
/* The session there is over, or nobody is there: comes back. */
void peer_move_home(struct peer *p);

#endif
