/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dialled - a peer that is a base DOTS server: it is dialled, and its redirections are followed (RFC 9132, 4.3, 4.6, 4.7). All else of a peer is one code,
   whoever dials. */
#ifndef CLIENT_DIALLED_H
#define CLIENT_DIALLED_H

#include "dots/body.h"
#include "mitigations.h"

/* Can the credentials of every base server among these peers be used? 0, or -1 with *why naming the peer. */
int dialled_check(const struct config *config, const struct peers *peers, struct reason *why);
/* Dials each base server among the agent's peers; those that are dialled already take what the configuration says now. */
void dialled_start_all(struct agent *a);
/* The same for one peer; nothing for one that calls. What is wrong is told. */
void dialled_start(struct agent *a, struct peer *p);
/* Its entry has gone or is another one: dialled no more. The session is the caller's. Harmless when it is not dialled. */
void dialled_stop(struct router *r);
/* The session is over: another one. */
void dialled_again(struct router *r);
/* Nothing comes while an attack is on: another session is tried beside the one that stands, which stays in use (RFC 9132, 4.7). */
void dialled_beside(struct router *r);
/* The first mitigation is in force, or the last one is over: how far attempts are apart (RFC 9132, 4.3). */
void dialled_hurry(struct router *r);
/* A 5.03 sends us elsewhere. False: not followed, because we have just been there, or it names nobody. */
bool dialled_redirected(struct router *r, const struct redirect *to, int64_t max_age);

#endif
