/* SPDX-License-Identifier: GPL-3.0-or-later */
/* peer_private - what the files of a peer share: its link, how it is dialled, and its stays elsewhere. */
#ifndef SERVERD_PEER_PRIVATE_H
#define SERVERD_PEER_PRIVATE_H

#include "peer.h"

#include "link/dial.h"
#include "server.h"

struct peer {
	struct server *server;
	const struct peer_config *config;
	struct dial *dial;
	struct session *session;             /* the one in use; NULL while there is none */
	struct sigconfig sigconfig;          /* of that session */
	struct prefix_list domain;           /* the scope as it stands now */
	bool mitigating;                     /* which set its heartbeats follow */
	int64_t parallel_at;                 /* last attempt beside a silent session */
	int64_t up_at;
	bool met;                            /* there has been a session since the start */
	struct loop_timer repeat;
	struct loop_timer again;             /* dials after an orderly close */
	/* Elsewhere (RFC 9066, 5.2.2): where to, since when, and when it is over. */
	struct redirection elsewhere;        /* name NULL: at the provisioned place */
	int64_t redirected_at;               /* 0 = never */
	bool moved;                          /* we have gone there */
	struct loop_timer move, home;        /* goes there, and comes back when the time is up; comes back at once */
};

/* Starts a session line of this event; new reference. */
json_t *peer_event(const struct peer *p, const char *event);
extern const struct dial_ops peer_dial_ops;

/* Dials where we ought to be now. 0, or -1 with *why. */
int peer_dial(struct peer *p, struct reason *why);

void peer_move_init(struct peer *p);
void peer_move_stop(struct peer *p);
/* Goes to another of the provider's listeners as soon as the answer is out (RFC 9066, 5.2.2); takes over *to. */
void peer_move_to(struct peer *p, struct redirection *to);
/* The session there is over, or nobody is there: comes back. */
void peer_move_home(struct peer *p);

#endif
