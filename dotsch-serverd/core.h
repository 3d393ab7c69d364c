/* SPDX-License-Identifier: GPL-3.0-or-later */
/* core - what the resources work on: configuration, table, and who is to be told. No descriptor, no clock: tests make one on the stack. */
#ifndef SERVERD_CORE_H
#define SERVERD_CORE_H

#include "outcome.h"
#include "settings.h"
#include "ledger.h"

#define RETRY_BUSY_S 30              /* Max-Age of a 5.03 for want of room */

struct core {
	const struct settings *settings;
	struct ledger ledger;
	struct prefix_list guarded;          /* peers of the signal channel and resolvers: a target that covers one is never `auto` */
	/* True while the ring takes more lines; NULL = always. */
	bool (*room)(void *arg);
	void *arg;
};

/* One request, or what happens by itself: wall is in ms since 1970, now in ms that never step. */
struct moment { int64_t now, wall; };

#endif
