/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/when.h"
#include "block.h"
#include "dots/json.h"
#include "enforce.h"
#include "request.h"

/* A request without a lifetime, which only a plain document can be, gets the usual one (RFC 9132, 4.4.1). */
#define USUAL_LIFETIME 3600

static const int64_t first_looks[FIRST_LOOKS] = { 10, 50, 200 };

static void refuse_line(struct block *b, const struct envelope *e, const struct reason *why)
{
	envelope_send(b->out, envelope_error(why, e));
}

static int expires_due(const struct entry *e, int64_t now)
{
	return e->until != INT64_MAX && e->until <= now;
}

static void due(void *arg)
{
	struct entry *e = arg;
	struct block *b = e->block;
	int64_t now = loop_now(b->loop);
	struct reason why;
	if (expires_due(e, now)) {
		status_expired(b, e);
		block_end(b, e);
		return;
	}
	if (e->unit && e->looks < FIRST_LOOKS) {
		e->looks++;
		kernel_read(b->kernel, e->unit, NULL);
		status_judge(b, e);
	}
	if (e->unit && e->until == INT64_MAX && now - e->renewed >= (int64_t)LEASE_RENEW_SECONDS * 1000)
		enforce_renew(b, e, &why);
	block_arm(b, e);
}

void block_arm(struct block *b, struct entry *e)
{
	int64_t at = e->until, now = loop_now(b->loop);
	if (e->unit && e->looks < FIRST_LOOKS && e->applied + first_looks[e->looks] < at)
		at = e->applied + first_looks[e->looks];
	if (e->unit && e->until == INT64_MAX && e->renewed + (int64_t)LEASE_RENEW_SECONDS * 1000 < at)
		at = e->renewed + (int64_t)LEASE_RENEW_SECONDS * 1000;
	if (!e->timer.cb)
		loop_timer_init(&e->timer, due, e);
	if (at == INT64_MAX)
		loop_timer_stop(b->loop, &e->timer);
	else
		loop_timer_set(b->loop, &e->timer, at > now ? at - now : 0);
}

void block_end(struct block *b, struct entry *e)
{
	struct leftover *old = reconcile_find(b, e);
	struct reason why;
	enforce_end(b, e);
	if (old && !old->closed && kernel_close_leftover(b->kernel, old, &why) < 0)
		log_warning("%s", why.text);
	loop_timer_stop(b->loop, &e->timer);
	table_remove(&b->table, e);
}

void block_refuse(struct block *b, struct entry *e, const char *cause, const char *why)
{
	enforce_end(b, e);
	e->outcome = PLAN_REFUSED;
	e->cause = cause;
	e->refused = true;
	e->status = STATUS_IN_PROGRESS;
	snprintf(e->why, sizeof e->why, "%s", why);
	status_send(b, e);
}

static void describe(const struct entry *e, const struct plan *p, const struct host *hosts, size_t n, char *out, size_t cap)
{
	char text[PREFIX_TEXT_MAX];
	int at = snprintf(out, cap, "%s %u", *e->peer ? e->peer : "-", e->mid);
	for (size_t i = 0; p->device && i < n && at > 0 && (size_t)at < cap; i++)
		if (hosts[i].has_address)
			at += snprintf(out + at, cap - (size_t)at, " %s", addr_format(&hosts[i].address, text));
	/* It is shown on terminals, here and by nft. */
	for (char *c = out; *c; c++)
		*c = (unsigned char)*c < ' ' || *c == 0x7f || *c == '"' ? '?' : *c;
}

/* What the plan came to, in the entry; the kernel follows. */
static void carry_out(struct block *b, struct entry *e, struct plan *plan, bool tuple, const char *comment)
{
	e->outcome = plan->outcome;
	e->cause = plan->cause;
	e->refused = plan->outcome == PLAN_REFUSED;
	e->tuple = tuple;
	e->stops = action_stops(&plan->action);
	e->exceeded = false;
	snprintf(e->why, sizeof e->why, "%s", plan->why.text);
	if (plan->outcome == PLAN_ENFORCE) {
		enforce_plan(b, e, plan, comment);
	} else {
		enforce_end(b, e);
		e->status = STATUS_IN_PROGRESS;
	}
}

/* The entry the line is about, made if need be; NULL with *why. */
static struct entry *entry_of(struct block *b, const struct envelope *e, struct reason *why)
{
	const struct mitigation *m = &e->body.scope[0];
	bool has_mid = e->has_mid || m->has_mid;
	uint32_t mid = e->has_mid ? e->mid : m->mid;
	if (!has_mid && !e->ref) {
		reason_set(why, REASON_BAD_REQUEST, "mid", "dotsch-lines(5)", "is missing, and there is no ref either: nothing could name this mitigation later");
		return NULL;
	}
	struct entry *entry = table_find(&b->table, e->peer, e->cuid, has_mid, mid, e->ref);
	if (entry)
		return entry;
	if (b->table.n >= MOST_MITIGATIONS) {
		reason_set(why, 163, "", "", "there are %d mitigations already, more are not taken", MOST_MITIGATIONS);
		return NULL;
	}
	entry = table_add(&b->table, e->peer, e->cuid, has_mid, mid, e->ref);
	if (!entry) {
		reason_set(why, 163, "", "", "out of memory");
		return NULL;
	}
	entry->block = b;
	return entry;
}

/* A resolution is kept as long as the request is the same: dropped flows leave nothing behind that a map could find again. True: the plan in force stays. */
static bool keeps_device(const struct entry *e, uint64_t request, const struct request *r)
{
	return r->has_hosts && !r->n && !r->pending && e->unit && e->unit->plan.device && e->request == request;
}

/* Told back with each status: whoever keeps the hosts without the doubt about them would have all of them blocked. */
static void keep_json(struct entry *entry, struct envelope *e, const char *certainty)
{
	json_t *hosts = json_object_get(e->json, "hosts");
	if (hosts && (json_array_size(hosts) || !entry->hosts)) {
		json_decref(entry->hosts);
		entry->hosts = json_incref(hosts);
		snprintf(entry->certainty, sizeof entry->certainty, "%s", certainty ? certainty : "");
	}
}

/* A map names the addresses it has found once; the device may have moved since, and its rules with it. */
static bool names_same_device(const struct entry *entry, uint64_t request, const struct envelope *e)
{
	const json_t *hosts = json_object_get(e->json, "hosts");
	return entry->unit && !entry->exceeded && entry->unit->plan.n_mac && entry->request == request && hosts && entry->hosts && json_equal(hosts, entry->hosts);
}

/* Plans and carries out. The JSON of a long list is not needed any more, and is big. */
static void decide(struct block *b, struct entry *entry, struct envelope *e, struct request *r, bool same_device)
{
	char comment[NFT_COMMENT_MAX + 1];
	struct plan plan;
	struct host *old = NULL;
	size_t n_old = r->has_hosts && !r->n ? reconcile_hosts(b, entry, &old) : 0;
	struct plan_input in = { .m = &e->body.scope[0], .has_hosts = r->has_hosts, .hosts = n_old ? old : r->hosts, .n_hosts = n_old ? n_old : r->n,
		.pending = r->pending, .certainty = n_old ? NULL : r->certainty };
	struct plan_policy policy;
	policy_for(b->policy, entry->peer, &in, &policy);
	if (plan_make(&in, &policy, &plan) < 0) {
		plan = (struct plan){ .outcome = PLAN_REFUSED, .cause = "kernel" };
		reason_set(&plan.why, 163, "", "", "out of memory");
	}
	describe(entry, &plan, in.hosts, in.n_hosts, comment, sizeof comment);
	json_object_del(e->json, DOTS_JSON_SCOPE);
	if (same_device && plan.outcome == PLAN_ENFORCE && plan.device)
		enforce_again(b, entry);
	else
		carry_out(b, entry, &plan, in.has_hosts && !in.n_hosts, comment);
	plan_free(&plan);
	free(old);
}

void block_mitigate(struct block *b, struct envelope *e)
{
	struct reason why;
	struct request r;
	struct entry *entry = request_parse(e->json, &r, &why) < 0 ? NULL : entry_of(b, e, &why);
	if (!entry) {
		refuse_line(b, e, &why);
		request_free(&r);
		return;
	}
	int64_t left = envelope_lifetime_left(e, 0, when_wall_ms());
	uint64_t request = request_digest(&e->body.scope[0]);
	if (e->body.scope[0].lifetime == LIFETIME_ABSENT)
		left = USUAL_LIFETIME;
	/* What it was told a moment ago comes first. */
	if (entry->gathered)
		enforce_gathered(b);
	entry->named = true;
	entry->until = left == LIFETIME_INDEFINITE ? INT64_MAX : loop_now(b->loop) + left * 1000;
	if (left == 0) {
		status_expired(b, entry);
		block_end(b, entry);
	} else if (keeps_device(entry, request, &r)) {
		enforce_again(b, entry);
	} else {
		bool same_device = names_same_device(entry, request, e);
		entry->request = request;
		keep_json(entry, e, r.certainty);
		decide(b, entry, e, &r, same_device);
	}
	request_free(&r);
	if (left == 0 || entry->gathered)
		return;
	status_send(b, entry);
	block_arm(b, entry);
}

void block_withdraw(struct block *b, struct envelope *e)
{
	struct entry *entry = NULL;
	bool left = false;
	if (e->has_mid) {
		uint8_t key[16];
		table_key(e->peer, e->cuid, true, e->mid, NULL, key);
		entry = table_find(&b->table, e->peer, e->cuid, true, e->mid, NULL);
		for (size_t i = 0; !entry && i < kernel_leftovers(b->kernel); i++)
			if (!memcmp(kernel_leftover(b->kernel, i)->mark.key, key, 16))
				left = kernel_close_leftover(b->kernel, kernel_leftover(b->kernel, i), NULL) == 0;
	} else if (e->ref) {
		entry = table_find_ref(&b->table, e->ref);
	} else {
		struct reason why;
		reason_set(&why, REASON_BAD_REQUEST, "mid", "dotsch-lines(5)", "is missing, and so is ref: which mitigation?");
		refuse_line(b, e, &why);
		return;
	}
	if (entry)
		block_end(b, entry);
	else if (!left && e->has_mid)
		log_info("withdraw: there is no mitigation %u of %s", e->mid, e->peer);
	else if (!left)
		log_info("withdraw: there is no mitigation \"%s\"", e->ref);
}
