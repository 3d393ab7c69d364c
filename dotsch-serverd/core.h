/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core - what the resources work on: configuration, table, and who is to be told. No descriptor, no clock: tests make one on the stack. */
#ifndef SERVERD_CORE_H
#define SERVERD_CORE_H

#include "outcome.h"
#include "settings.h"
#include "ledger.h"

struct redirect_met;
struct redirection;
struct sigconfig;

#define RETRY_BUSY_S 30              /* Max-Age of a 5.03 for want of room */

struct core {
	const struct settings *settings;
	struct ledger ledger;
	struct prefix_list guarded;          /* peers of the signal channel and resolvers: a target that covers one is never `auto` */
	/* True while the ring takes more lines; NULL = always. */
	bool (*room)(void *arg);
	void *arg;
};

/* Who asks. */
struct requester {
	const struct peer_config *peer;
	const struct prefix_list *domain;    /* the peer's scope as it stands now (prefixes and interfaces) */
	const char *credential;              /* which of the peer's, as credential_text writes it */
	struct sigconfig *config;            /* of the session */
	struct redirection *redirection;     /* filled in when the requester sends us elsewhere */
	const struct redirect_met *met;      /* whom of its listeners we have talked to lately; NULL = nobody */
};

/* One request, or what happens by itself: wall is in ms since 1970, now in ms that never step. */
struct moment { int64_t now, wall; };

#endif
