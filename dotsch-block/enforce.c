/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "enforce.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define LEASE_RETRY_SECONDS 60
/* A table that another program flushes while we put it right is put right again, but not for as long as it goes on. */
#define TRIES 5

static void exceeded(struct entry *e, const struct reason *why)
{
	log_warning("mitigation %u of %s: %s", e->mid, e->peer, why->text);
	snprintf(e->why, sizeof e->why, "%s", why->text);
	e->cause = "kernel";
	e->exceeded = true;
	e->status = STATUS_EXCEEDED;
}

static void taken(struct entry *e)
{
	e->exceeded = false;
	if (e->status == STATUS_NONE || e->status == STATUS_EXCEEDED)
		e->status = STATUS_IN_PROGRESS;
}

int enforce_renew(struct block *b, struct entry *e, struct reason *why)
{
	int64_t now = loop_now(b->loop);
	e->unit->until = e->until;
	e->renewed = now;
	/* A table that somebody had changed is put right with all its timeouts. */
	if (kernel_renew(b->kernel, e->unit, now, why) == 0 || kernel_watch(b->kernel, now, NULL) == 1)
		return 0;
	e->renewed = now - (int64_t)(LEASE_RENEW_SECONDS - LEASE_RETRY_SECONDS) * 1000;
	log_warning("renewing mitigation %u of %s: %s", e->mid, e->peer, why->text);
	return -1;
}

void enforce_again(struct block *b, struct entry *e)
{
	struct reason why;
	if (enforce_renew(b, e, &why) < 0)
		exceeded(e, &why);
	else
		taken(e);
}

static void left_kernel(struct entry *e)
{
	e->before_packets += e->unit->packets;
	e->before_bytes += e->unit->bytes;
	unit_free(e->unit);
	e->unit = NULL;
}

void enforce_end(struct block *b, struct entry *e)
{
	struct reason why;
	if (!e->unit)
		return;
	if (kernel_remove(b->kernel, e->unit, &why) < 0) {
		/* Most likely somebody flushed the table: putting it right settles this one too. */
		log_warning("removing mitigation %u of %s: %s", e->mid, e->peer, why.text);
		if (kernel_watch(b->kernel, loop_now(b->loop), &why) < 0 || kernel_remove(b->kernel, e->unit, &why) < 0)
			kernel_forget(b->kernel, e->unit);
	}
	left_kernel(e);
}

void enforce_end_all(struct block *b, struct entry *const *e, size_t n)
{
	struct entry *with[UNITS_AT_ONCE];
	struct unit *unit[UNITS_AT_ONCE];
	size_t some = 0;
	for (size_t i = 0; i < n; i++) {
		if (e[i]->unit && !e[i]->unit->out) {
			with[some] = e[i];
			unit[some++] = e[i]->unit;
		}
		if (some && (some == UNITS_AT_ONCE || i == n - 1)) {
			if (kernel_remove_all(b->kernel, unit, some, NULL) == 0)
				while (some)
					left_kernel(with[--some]);
			some = 0;
		}
	}
}

static struct unit *unit_new(const struct entry *e, struct plan *plan, const char *comment)
{
	struct unit *u = calloc(1, sizeof *u);
	if (!u)
		return NULL;
	u->plan = *plan;
	*plan = (struct plan){ 0 };
	u->until = e->until;
	u->mark.request = e->request;
	u->mark.device = u->plan.device;
	memcpy(u->mark.key, e->key, sizeof e->key);
	snprintf(u->comment, sizeof u->comment, "%s", comment);
	return u;
}

/* Its neighbour entries are looked at when the burst of lines has ended. */
static void look_for_device(struct block *b, struct entry *e)
{
	e->unseen = e->unit->plan.device && e->unit->plan.n_mac;
	b->unseen |= e->unseen;
}

static int change(struct block *b, struct entry *e, struct plan *plan, const char *comment, struct reason *why)
{
	int64_t now = loop_now(b->loop);
	e->unit->until = e->until;
	if (plan_equal(&e->unit->plan, plan))
		return kernel_renew(b->kernel, e->unit, now, why);
	snprintf(e->unit->comment, sizeof e->unit->comment, "%s", comment);
	e->unit->mark.request = e->request;
	e->unit->mark.device = plan->device;
	if (kernel_change(b->kernel, e->unit, plan, now, why) < 0)
		return -1;
	e->applied = now;
	e->looks = 0;
	look_for_device(b, e);
	return 0;
}

/* The table may have been flushed a moment ago, and perhaps is once more just now: then it is worth another try. */
static bool put_right(struct block *b)
{
	return kernel_watch(b->kernel, loop_now(b->loop), NULL) != 0;
}

static int install(struct block *b, struct unit *const *u, size_t n, struct reason *why)
{
	int64_t now = loop_now(b->loop);
	int e, tries = 0;
	do
		e = n > 1 ? kernel_install_all(b->kernel, u, n, now, why) : kernel_install(b->kernel, *u, NULL, now, why);
	while (e < 0 && ++tries < TRIES && put_right(b));
	return e;
}

/* failed: u is not in the kernel, for this reason. */
static void installed(struct block *b, struct entry *e, struct unit *u, bool failed, const struct reason *why)
{
	e->renewed = loop_now(b->loop);
	if (failed) {
		unit_free(u);
		exceeded(e, why);
		return;
	}
	e->unit = u;
	e->sampled = e->applied = e->renewed;
	e->looks = 0;
	look_for_device(b, e);
	taken(e);
}

/* What the hardware forwards by itself sees no rule. */
static void look_at_flows(struct block *b)
{
	bool offloads = false;
	if (b->flows && nft_host_offloads(kernel_nft(b->kernel), &offloads, NULL) == 0 && offloads)
		flows_look(b->flows);
}

void enforce_gathered(struct block *b)
{
	struct gathered *g = &b->gathered;
	struct reason why;
	if (!g->n)
		return;
	/* What the kernel does not take of one must not keep the others out. */
	int together = install(b, g->unit, g->n, &why);
	for (size_t i = 0; i < g->n; i++) {
		bool failed = together < 0 && (g->n == 1 || install(b, &g->unit[i], 1, &why) < 0);
		g->entry[i]->gathered = false;
		installed(b, g->entry[i], g->unit[i], failed, &why);
		status_send(b, g->entry[i]);
		block_arm(b, g->entry[i]);
	}
	g->n = 0;
	look_at_flows(b);
}

static void gather(struct block *b, struct entry *e, struct unit *u)
{
	struct gathered *g = &b->gathered;
	if (g->n == UNITS_AT_ONCE)
		enforce_gathered(b);
	e->gathered = true;
	g->entry[g->n] = e;
	g->unit[g->n++] = u;
}

void enforce_plan(struct block *b, struct entry *e, struct plan *plan, const char *comment)
{
	struct reason why;
	int failed, tries = 0;
	if (e->unit) {
		do
			failed = change(b, e, plan, comment, &why);
		while (failed < 0 && ++tries < TRIES && put_right(b));
		e->renewed = loop_now(b->loop);
		if (failed < 0)
			exceeded(e, &why);
		else
			taken(e);
	} else {
		struct unit *u = unit_new(e, plan, comment);
		if (u && unit_small(u)) {
			gather(b, e, u);
			return;
		}
		failed = u ? install(b, &u, 1, &why) : reason_set(&why, 163, "", "", "out of memory");
		installed(b, e, u, failed < 0, &why);
	}
	if (failed == 0)
		look_at_flows(b);
}
