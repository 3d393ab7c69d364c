/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "merge.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "base/log.h"
#include "dots/json.h"
#include "inquiry.h"
#include "ledger.h"
#include "send.h"
#include "tell.h"
#include "times.h"
#include "unite.h"

static bool strict(const struct router *r)
{
	return r->peer && r->peer->overlap_strict;
}

bool merge_overlap(const struct router *r, const struct mitigation *a, const struct mitigation *b)
{
	/* What is armed for the loss of the signal and what is on are two things. */
	return !a->trigger == !b->trigger && (strict(r) ? mitigation_targets_overlap(a, b) : mitigation_overlap(a, b));
}

static bool live(const struct entry *e)
{
	return e->state <= ENTRY_ACTIVE && !e->unknown;
}

/* --- Who belongs together --- */

/* Of the group of a request `m` that is, or would be, `of`: its followers, and who stands alone or leads and overlaps it. */
static bool belongs(const struct router *r, const struct entry *x, const struct entry *of, const struct mitigation *m)
{
	if (x == of || !live(x))
		return false;
	if (of && x->leader == of)
		return true;
	if (!strict(r))
		return false;
	const struct entry *head = x->leader ? x->leader : x;
	return head != of && (!of || head->mid < of->mid) && live(head) && merge_overlap(r, merge_asked(head), m);
}

/* The request and all that belongs to it. *n: how many were taken along. NULL when out of memory. */
static struct mitigation *together(const struct router *r, const struct entry *of, const struct mitigation *m, unsigned *n)
{
	struct mitigation *all = malloc(sizeof *all);
	*n = 0;
	if (!all || mitigation_copy(all, m) < 0) {
		free(all);
		return NULL;
	}
	for (const struct entry *x = r->entries; x; x = x->next) {
		if (!belongs(r, x, of, m))
			continue;
		++*n;
		if (unite(all, &x->asked) < 0) {
			mitigation_free(all);
			free(all);
			return NULL;
		}
	}
	return all;
}

static void forget(struct entry *e)
{
	if (e->merged)
		mitigation_free(e->merged);
	free(e->merged);
	e->merged = NULL;
}

int merge_fits(const struct router *r, const struct mitigation *m, struct reason *why)
{
	unsigned n;
	if (!strict(r))
		return 0;
	struct mitigation *all = together(r, NULL, m, &n);
	bool fits = all && (!n || request_fits(all));
	if (all)
		mitigation_free(all);
	free(all);
	return fits ? 0 : reason_set(why, REASON_BAD_REQUEST, "target-prefix", "RFC 9132, 4.4.1", "%s takes a common target for an overlap, and together with the %u "
	                             "other requests for it this one is too large for a datagram", r->name, n);
}

void merge_prepare(struct entry *e)
{
	unsigned n;
	if (!strict(e->router) && !e->leads)
		return;
	/* What a mid stands for never changes. */
	if (e->prepared)
		return;
	e->prepared = true;
	forget(e);
	e->merged = together(e->router, e, &e->asked, &n);
	if (!n)
		forget(e);
}

struct mitigation *merge_whole(const struct entry *e)
{
	unsigned n;
	return e->prepared || (!strict(e->router) && !e->leads) ? NULL : together(e->router, e, &e->asked, &n);
}

const struct mitigation *merge_asked(const struct entry *e)
{
	return e->merged ? e->merged : &e->asked;
}

int64_t merge_longest(const struct entry *e, int64_t (*left)(const struct entry *e))
{
	int64_t longest = left(e);
	for (const struct entry *x = e->merged ? e->router->entries : NULL; x && longest != LIFETIME_INDEFINITE; x = x->next) {
		int64_t its = belongs(e->router, x, e, &e->asked) ? left(x) : 0;
		longest = its == LIFETIME_INDEFINITE || its > longest ? its : longest;
	}
	return longest;
}

bool merge_kept(const struct entry *e)
{
	for (const struct entry *x = e->merged ? e->router->entries : NULL; x; x = x->next)
		if (x->keep && belongs(e->router, x, e, &e->asked))
			return true;
	return e->keep;
}

/* --- Following, and leaving --- */

static void quiet(struct entry *e)
{
	if (e->exchange)
		exchange_cancel(e->exchange);
	if (e->observe)
		exchange_cancel(e->observe);
	e->exchange = e->observe = NULL;
	e->retry_at = e->refresh_at = e->observe_at = 0;
}

static void follow(struct entry *e, struct entry *leader)
{
	for (struct entry *x = e->router->entries; x; x = x->next)
		if (x->leader == e)
			x->leader = leader;
	quiet(e);
	forget(e);
	e->leader = leader;
	leader->leads = true;
	if (e->state == ENTRY_WAITING || e->state == ENTRY_ASKING)
		e->state = ENTRY_ACTIVE;
	tell_word(e, dots_status_label(e->status ? e->status : STATUS_IN_PROGRESS), "its target is another request's, too: asked for together, as mid %" PRIu32, leader->mid);
	if (!e->await_block)
		entry_paid(e, true);
	entry_arm(e);
}

static void replaced(struct entry *old, const struct entry *by)
{
	struct mitigation m;
	char text[40];
	mitigation_init(&m);
	m.has_mid = true;
	m.mid = old->mid;
	m.status = STATUS_TERMINATED;
	snprintf(text, sizeof text, "replaced by mid %" PRIu32, by->mid);
	tell_state(old, &m, text);
	entry_paid(old, true);
	entry_free(old);
}

void merge_answered(struct entry *e)
{
	for (struct entry *x = e->router->entries; x && e->merged; x = x->next)
		if (x->leader == e && x->owed && !x->await_block && x->state != ENTRY_LEAVING) {
			tell_word(x, dots_status_label(x->status ? x->status : STATUS_IN_PROGRESS), "asked for together with others, as mid %" PRIu32, e->mid);
			entry_paid(x, true);
		}
}

void merge_state(struct entry *e, const struct mitigation *m)
{
	for (struct entry *x = e->router->entries; x && e->merged; x = x->next) {
		if (x->leader != e || x->state == ENTRY_LEAVING)
			continue;
		x->status = m->status;
		tell_state(x, m, NULL);
		if (m->status == STATUS_MITIGATED)
			entry_paid(x, true);
	}
}

void merge_dissolve(struct entry *e)
{
	for (struct entry *x = e->router->entries; x; x = x->next)
		if (x->leader == e) {
			x->state = ENTRY_LEAVING;
			x->keep = false;
			entry_arm(x);
		}
}

/* Is what the peer has taken still what is wanted? */
static bool still_wanted(struct entry *e)
{
	unsigned n;
	struct mitigation *all = together(e->router, e, &e->asked, &n);
	bool same = !all || mitigation_same(all, merge_asked(e));
	if (all)
		mitigation_free(all);
	free(all);
	return same;
}

/* The same group under a new mid. */
static void anew(struct entry *e)
{
	struct reason why;
	uint32_t mid;
	if (state_next_mid(e->router->agent->state, &mid, &why) < 0) {
		log_error("%s: mid %" PRIu32 " cannot be asked for anew: %s", e->router->name, e->mid, why.text);
		return;
	}
	quiet(e);
	if (!e->has_former) {
		e->has_former = true;
		e->former = e->mid;
	}
	entry_set_mid(e, mid);
	e->prepared = false;
	e->state = ENTRY_WAITING;
	entry_begin(e);
}

void merge_taken(struct entry *e)
{
	bool wanted = !strict(e->router) || still_wanted(e);
	e->has_former = false;
	for (struct entry *x = e->router->entries, *next; x; x = next) {
		next = x->next;
		if (x->leader == e && x->state == ENTRY_LEAVING) {
			tell_word(x, TOLD_WITHDRAWN, "what was asked for together with it goes on as mid %" PRIu32, e->mid);
			entry_paid(x, true);
			entry_free(x);
		} else if (x != e && !x->leader && live(x) && x->mid < e->mid && merge_overlap(e->router, merge_asked(x), merge_asked(e))) {
			if (strict(e->router))
				follow(x, e);
			else if (x->state == ENTRY_ACTIVE)
				replaced(x, e);
		}
	}
	if (!wanted)
		anew(e);
}

/* Who asks for the rest: the leader, or else its newest follower. */
static struct entry *heir(struct entry *leader, const struct entry *leaving)
{
	struct entry *best = NULL;
	if (leader != leaving && live(leader))
		return leader;
	for (struct entry *x = leader->router->entries; x; x = x->next)
		if (x->leader == leader && x != leaving && live(x) && (!best || x->mid > best->mid))
			best = x;
	return best;
}

bool merge_leave(struct entry *e)
{
	struct entry *leader = merge_leader(e), *by = heir(leader, e);
	if (!by)
		return false;
	if (by != leader) {
		quiet(leader);
		by->leader = NULL;
		ledger_note(by);
		by->leads = true;
		by->has_former = true;
		by->former = leader->has_former ? leader->former : leader->mid;
		for (struct entry *x = leader->router->entries; x; x = x->next)
			if (x->leader == leader) {
				x->leader = by;
				entry_arm(x);
			}
		forget(leader);
		leader->leader = by;
	}
	e->state = ENTRY_LEAVING;
	e->keep = false;
	entry_arm(e);
	anew(by);
	return true;
}

void merge_over(struct entry *e, const char *word, const char *why, const struct mitigation *m)
{
	for (struct entry *x = e->router->entries, *next; x; x = next) {
		next = x->next;
		if (x->leader != e)
			continue;
		if (m)
			tell_state(x, m, why);
		else
			tell_word(x, word, "%s", why);
		entry_paid(x, !strcmp(word, TOLD_WITHDRAWN) || x->state == ENTRY_LEAVING);
		entry_free(x);
	}
}

void merge_refused(struct entry *e)
{
	struct reason why;
	if (e->has_former && e->router->session) {
		struct inquiry_request q = { .method = "DELETE", .resource = "mitigate", .with_cuid = true, .with_mid = true, .number = e->former };
		if (inquiry_send(e->router, &q, &why) < 0)
			log_warning("%s: mid %" PRIu32 " could not be withdrawn: %s", e->router->name, e->former, why.text);
	}
	merge_over(e, TOLD_REFUSED, "what was asked for together with it was refused", NULL);
}
