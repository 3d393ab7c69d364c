/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/when.h"
#include "dots/json.h"
#include "merge.h"
#include "times.h"

#define SAME_END_S 5     /* the peer counts whole seconds, so the end seems to move a little with each of its words */

static int64_t wall_end(const struct entry *e)
{
	return e->expires_at ? (when_wall_ms() + e->expires_at - loop_now(e->router->agent->loop)) / 1000 : 0;
}

static int64_t leader_mid(const struct entry *e)
{
	return e->leader ? (int64_t)e->leader->mid : -1;
}

static bool as_written(const struct entry *e, int64_t ends)
{
	const struct written *w = &e->written;
	int64_t moved = ends - w->ends;
	/* Under way is as good as waiting: after a crash it is asked again. */
	enum entry_state state = e->state == ENTRY_ASKING ? ENTRY_WAITING : e->state;
	return w->there && w->state == state && w->status == e->status && w->keep == e->keep && w->sent == e->sent && w->lifetime == e->asked.lifetime && w->leader == leader_mid(e) &&
	       !w->ends == !ends && moved <= SAME_END_S && moved >= -SAME_END_S;
}

static void write_row(struct entry *e, int64_t ends, void (*done)(void *arg, bool ok), void *arg)
{
	struct agent *a = e->router->agent;
	enum entry_state state = e->state == ENTRY_ASKING ? ENTRY_WAITING : e->state;
	char *document = NULL, subscriber[PREFIX_TEXT_MAX] = "";
	if (e->subscriber.family)
		prefix_format(&e->subscriber, subscriber);
	if (!e->written.there) {
		json_t *o = json_object();
		dots_json_write_mitigation(&e->asked, o);
		document = json_line_format(o, NULL);
		json_decref(o);
	}
	const struct kept_request k = {
		.peer = e->router->name, .cuid = e->router->cuid, .ref = e->ref, .mid = e->mid, .part = e->part, .parts = e->parts, .standing = (int)state,
		.status = (int)e->status, .keep = e->keep, .sent = e->sent, .lifetime = e->asked.lifetime, .ends = ends, .leader = leader_mid(e), .document = document,
		.subscriber = subscriber,
	};
	/* Before the call: where nothing is kept, done comes from inside it, and may free the entry. */
	e->written = (struct written){ .there = true, .state = state, .status = e->status, .keep = e->keep, .sent = e->sent, .lifetime = e->asked.lifetime, .ends = ends, .leader = leader_mid(e) };
	state_keep(a->state, &k, done, arg);
	free(document);
}

void ledger_note(struct entry *e)
{
	int64_t ends = wall_end(e);
	/* What is over must not be asked for again by the next run. */
	if (e->state == ENTRY_LEFT)
		ledger_forget(e);
	if (!e->unknown && e->state != ENTRY_LEFT && !as_written(e, ends))
		write_row(e, ends, NULL, NULL);
}

/* Outlives the entry: the disk may take its time. */
struct commit {
	struct entry *entry;                 /* NULL = has gone */
	void (*fn)(struct entry *e, bool ok);
};

static void on_disk(void *arg, bool ok)
{
	struct commit c = *(struct commit *)arg;
	free(arg);
	if (!c.entry)
		return;
	c.entry->commit = NULL;
	c.fn(c.entry, ok);
}

void ledger_commit(struct entry *e, void (*fn)(struct entry *e, bool ok))
{
	struct commit *c = malloc(sizeof *c);
	if (!c)
		abort();
	ledger_uncommit(e);
	*c = (struct commit){ e, fn };
	e->commit = c;
	write_row(e, wall_end(e), on_disk, c);
}

void ledger_uncommit(struct entry *e)
{
	if (e->commit)
		e->commit->entry = NULL;
	e->commit = NULL;
}

void ledger_new_mid(struct entry *e, uint32_t mid)
{
	if (e->written.there)
		state_new_mid(e->router->agent->state, e->router->name, e->router->cuid, e->mid, mid);
	e->durable = false;
	for (struct entry *x = e->leads ? e->router->entries : NULL; x; x = x->next)
		if (x->leader == e && x->written.leader == e->mid)
			x->written.leader = mid;
}

void ledger_new_cuid(struct router *r, const char *cuid)
{
	state_new_cuid(r->agent->state, r->name, r->cuid, cuid);
}

void ledger_forget(struct entry *e)
{
	if (e->router->agent->closing)
		return;
	if (e->written.there)
		state_drop(e->router->agent->state, e->router->name, e->router->cuid, e->mid);
	e->written.there = e->durable = false;
}

static void take_up(struct agent *a, struct router *r, const struct kept_request *k, struct mitigation *m)
{
	int64_t left = k->ends ? k->ends - when_wall_ms() / 1000 : 0;
	enum entry_state state = (enum entry_state)k->standing;
	m->lifetime = k->lifetime;
	struct entry *e = entry_new(r, k->mid, k->ref, m);
	if (!e)
		return;
	if (!*k->subscriber || prefix_parse(k->subscriber, true, &e->subscriber) < 0)
		e->subscriber = (struct prefix){ 0 };
	e->part = k->part;
	e->parts = k->parts;
	e->keep = k->keep;
	e->sent = e->durable = k->sent;
	e->state = state == ENTRY_ACTIVE || state == ENTRY_LEAVING ? state : ENTRY_WAITING;
	e->status = (enum dots_status)k->status;
	entry_in_force(e, e->state == ENTRY_ACTIVE && e->asked.trigger != 0);
	e->expires_at = k->ends ? loop_now(a->loop) + (left > 0 ? left : 1) * 1000 : 0;
	e->written = (struct written){ .there = true, .state = e->state, .status = e->status, .keep = e->keep, .sent = e->sent, .lifetime = k->lifetime, .ends = k->ends, .leader = k->leader };
	if (k->leader < 0)
		entry_taken_up(e, left);
}

/* The parts of what is asked for together find it again. One whose leader is lost is asked for by itself. */
static void join(struct router *r)
{
	for (struct entry *e = r->entries, *next; e; e = next) {
		bool several;
		next = e->next;
		if (e->written.leader < 0)
			continue;
		e->leader = requests_by_mid(r->agent->requests, r, (uint32_t)e->written.leader, &several);
		if (e->leader == e)
			e->leader = NULL;
		if (e->leader)
			e->leader->leads = true;
	}
	for (struct entry *e = r->entries, *next; e; e = next) {
		next = e->next;
		if (e->sent && !e->leader)
			merge_prepare(e);
	}
	for (struct entry *e = r->entries, *next; e; e = next) {
		uint32_t mid;
		struct reason why;
		next = e->next;
		if (e->written.leader >= 0 && !e->leader && e->state == ENTRY_ACTIVE && state_next_mid(r->agent->state, &mid, &why) == 0) {
			entry_in_force(e, false);
			e->state = ENTRY_WAITING;
			entry_set_mid(e, mid);
		}
		if (e->written.leader >= 0)
			entry_taken_up(e, e->expires_at ? (e->expires_at - loop_now(r->agent->loop)) / 1000 + 1 : 0);
	}
}

static void load_one(void *arg, const struct kept_request *k)
{
	struct agent *a = arg;
	struct peer *p = peers_by_name(a->peers, k->peer);
	struct router *r = p ? router_of(a, p) : NULL;
	struct reason why = { .text = "it belongs to no peer any more" };
	json_t *o = r ? json_line_parse(k->document, strlen(k->document), &why) : NULL;
	struct body body;
	body_init(&body);
	if (!o || dots_json_read(o, &body, &why) < 0 || body.n_scope != 1) {
		log_warning("state: mid %u of %s was dropped: %s", k->mid, k->peer, why.text);
		state_drop(a->state, k->peer, k->cuid, k->mid);
	} else {
		/* After a collision of cuids a peer has one of its own. */
		snprintf(r->cuid, sizeof r->cuid, "%s", k->cuid);
		take_up(a, r, k, &body.scope[0]);
	}
	body_free(&body);
	json_decref(o);
}

int ledger_load(struct agent *a, struct reason *why)
{
	if (state_load(a->state, load_one, a, why) < 0)
		return -1;
	for (struct router *r = a->routers; r; r = r->next)
		join(r);
	size_t n = requests_count(a->requests);
	if (n)
		log_info("state: %zu request%s taken up again", n, n == 1 ? "" : "s");
	return 0;
}
