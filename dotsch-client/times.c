/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "times.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "ledger.h"
#include "merge.h"
#include "notice.h"
#include "send.h"
#include "tell.h"

#define LEFT_S 310                   /* active-but-terminating lasts 300 s at most (RFC 9132, 4.4.4) */

static bool kept(const struct entry *e)
{
	return e->keep && e->state != ENTRY_LEAVING && e->state != ENTRY_LEFT;
}

static void expire(struct entry *e)
{
	switch (e->state) {
	case ENTRY_WAITING:
	case ENTRY_ASKING:
		tell_word(e, TOLD_EXPIRED, "its lifetime ended before %s answered", e->router->name);
		entry_drop(e, false);
		return;
	case ENTRY_ACTIVE: {
		struct mitigation m;
		mitigation_init(&m);
		m.has_mid = true;
		m.mid = e->mid;
		m.status = STATUS_TERMINATED;
		tell_state(e, &m, "its lifetime has ended");
		/* The rest of what is asked for together goes on without it. */
		merge_leave(e);
		entry_drop(e, e->status == STATUS_MITIGATED);
		return;
	}
	case ENTRY_LEAVING:
		tell_word(e, TOLD_WITHDRAWN, "its lifetime has ended, so %s has dropped it by itself", e->router->name);
		entry_drop(e, true);
		return;
	case ENTRY_LEFT:
		entry_drop(e, true);
	}
}

static void due(void *arg)
{
	struct entry *e = arg;
	int64_t t = entry_now(e);
	if (e->expires_at && t >= e->expires_at && !kept(e)) {
		expire(e);
		return;
	}
	if (e->observe_at && t >= e->observe_at) {
		e->observe_at = 0;
		notice_start(e);
	}
	bool retry = e->retry_at > 0 && t >= e->retry_at, refresh = e->refresh_at > 0 && t >= e->refresh_at;
	if (retry)
		e->retry_at = 0;
	if (refresh)
		e->refresh_at = e->router->session ? 0 : WHEN_CONNECTED;
	if (e->router->session && !e->exchange && !e->commit) {
		if (refresh && e->state == ENTRY_ACTIVE) {
			entry_refresh(e, ATTACK_STATUS_NONE);
			return;   /* it may have freed the entry */
		}
		if (retry && e->state == ENTRY_WAITING) {
			send_put(e, ATTACK_STATUS_NONE);
			return;
		}
		if (retry && e->state == ENTRY_LEAVING)
			send_delete(e);
	}
	entry_arm(e);
}

void entry_arm(struct entry *e)
{
	int64_t at[] = { kept(e) ? 0 : e->expires_at, e->retry_at, e->refresh_at, e->observe_at }, first = 0;
	for (size_t i = 0; i < sizeof at / sizeof *at; i++)
		if (at[i] > 0 && (!first || at[i] < first))
			first = at[i];
	e->timer.cb = due;
	e->timer.arg = e;
	if (first)
		loop_timer_set(e->router->agent->loop, &e->timer, first - entry_now(e));
	else
		loop_timer_stop(e->router->agent->loop, &e->timer);
	ledger_note(e);
}

/* Seconds from now on for a refresh: a quarter of the time, and at most five minutes, is left for it to get through a saturated link. */
static int64_t refresh_after(int64_t lifetime)
{
	return lifetime - (lifetime / 4 < 300 ? lifetime / 4 : 300);
}

void entry_lifetime(struct entry *e, int64_t lifetime)
{
	e->expires_at = lifetime == LIFETIME_INDEFINITE ? 0 : entry_now(e) + lifetime * 1000 + (e->state == ENTRY_ACTIVE ? EXPIRY_GRACE_MS : 0);
	e->refresh_at = e->keep && e->state == ENTRY_ACTIVE && !e->leader && lifetime != LIFETIME_INDEFINITE ? entry_now(e) + refresh_after(lifetime) * 1000 : 0;
	entry_arm(e);
}

int64_t entry_seconds_left(const struct entry *e)
{
	if (!e->expires_at)
		return LIFETIME_INDEFINITE;
	int64_t left = (e->expires_at - entry_now(e) - (e->state == ENTRY_ACTIVE ? EXPIRY_GRACE_MS : 0) + 999) / 1000;
	return left < 0 ? 0 : left;
}

/* What is left of the lifetime asked for, in seconds. */
static int64_t own_lifetime_left(const struct entry *e)
{
	if (e->keep || !e->expires_at || e->asked.lifetime == LIFETIME_INDEFINITE)
		return e->asked.lifetime;
	int64_t left = entry_seconds_left(e);
	return left < 1 ? 1 : left;
}

int64_t entry_lifetime_wanted(const struct entry *e)
{
	return merge_longest(e, own_lifetime_left);
}

/* The peer's answer gives the lifetime that holds (RFC 9132, 4.4.1). Of what is asked for together each part ends by its own. */
void entry_granted(struct entry *e, int64_t lifetime)
{
	if (!e->merged) {
		entry_lifetime(e, lifetime);
		return;
	}
	bool again = lifetime != LIFETIME_INDEFINITE && (merge_kept(e) || lifetime < entry_lifetime_wanted(e) || entry_lifetime_wanted(e) == LIFETIME_INDEFINITE);
	e->refresh_at = again ? entry_now(e) + refresh_after(lifetime) * 1000 : 0;
	entry_arm(e);
}

void entry_wait_told(struct entry *e, int64_t retry_at, const char *why)
{
	char until[64] = "";
	e->state = e->state == ENTRY_LEAVING ? ENTRY_LEAVING : ENTRY_WAITING;
	e->retry_at = retry_at;
	if (!kept(e) && e->expires_at)
		snprintf(until, sizeof until, ", at most %" PRId64 " s", (e->expires_at - entry_now(e)) / 1000);
	tell_word(e, TOLD_WAITING, "%s%s", why, until);
	entry_arm(e);
}

void entry_taken_up(struct entry *e, int64_t left)
{
	if ((e->keep || e->merged) && e->state == ENTRY_ACTIVE && !e->leader)
		e->refresh_at = WHEN_CONNECTED;
	if (left > 0 || !e->expires_at || kept(e)) {
		entry_arm(e);
		return;
	}
	expire(e);
}

void entry_over(struct entry *e)
{
	entry_in_force(e, false);
	e->state = ENTRY_LEFT;
	e->keep = false;
	e->retry_at = e->refresh_at = 0;
	e->expires_at = entry_now(e) + LEFT_S * 1000;
	entry_arm(e);
}
