/* SPDX-License-Identifier: GPL-3.0-or-later */
/* times - when something of a request is due: its end, its repetition, its refresh, its observation. */
#ifndef CLIENT_TIMES_H
#define CLIENT_TIMES_H

#include "mitigations.h"

#define WHEN_CONNECTED (-1)          /* of refresh_at */
#define EXPIRY_GRACE_MS 5000         /* the peer's own countdown began later than ours; its word comes first */

static inline int64_t entry_now(const struct entry *e)
{
	return loop_now(e->router->agent->loop);
}

/* Puts the timer on the earliest of the entry's times, and has the state know. */
void entry_arm(struct entry *e);
/* What is left of its lifetime, in seconds; LIFETIME_INDEFINITE = no end. */
int64_t entry_seconds_left(const struct entry *e);
/* What is left of the lifetime asked for, or of the longest one of what is asked for together, in seconds. */
int64_t entry_lifetime_wanted(const struct entry *e);
/* When the lifetime, in seconds, counts from now on. */
void entry_lifetime(struct entry *e, int64_t lifetime);
/* The lifetime that the peer's answer gives (RFC 9132, 4.4.1), in seconds. */
void entry_granted(struct entry *e, int64_t lifetime);
/* It waits, until retry_at if that is not 0: told with the reason, and with how long it can. */
void entry_wait_told(struct entry *e, int64_t retry_at, const char *why);
/* Taken out of the state after a restart; left: seconds of its lifetime, <= 0 when it has run out meanwhile. May free the entry. */
void entry_taken_up(struct entry *e, int64_t left);
/* The peer says that it is over: observed to its end, for a while. */
void entry_over(struct entry *e);

#endif
