/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mitigations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "callhome.h"
#include "dialled.h"
#include "hold.h"
#include "ledger.h"
#include "dots/cuid.h"
#include "link/tls.h"
#include "slots.h"

#define TABLE_START 256

struct requests {
	struct entry **by_mid, **by_ref;
	size_t cap, count;                   /* cap is a power of two */
};

struct requests *requests_new(void)
{
	struct requests *t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	t->cap = TABLE_START;
	t->by_mid = calloc(t->cap, sizeof(struct entry *));
	t->by_ref = calloc(t->cap, sizeof(struct entry *));
	if (t->by_mid && t->by_ref)
		return t;
	requests_free(t);
	return NULL;
}

void requests_free(struct requests *t)
{
	if (!t)
		return;
	free(t->by_mid);
	free(t->by_ref);
	free(t);
}

size_t requests_count(const struct requests *t)
{
	return t->count;
}

static size_t mid_slot(const struct requests *t, uint32_t mid)
{
	return slots_hash(&mid, sizeof mid) & (t->cap - 1);
}

static size_t ref_slot(const struct requests *t, const char *ref)
{
	return slots_hash(ref, strlen(ref)) & (t->cap - 1);
}

static void hang_in(struct requests *t, struct entry *e)
{
	struct entry **m = &t->by_mid[mid_slot(t, e->mid)];
	e->next_mid = *m;
	*m = e;
	if (*e->ref) {
		/* Linked both ways: one line to ten thousand routers makes a chain of ten thousand. */
		e->link_ref = &t->by_ref[ref_slot(t, e->ref)];
		e->next_ref = *e->link_ref;
		if (e->next_ref)
			e->next_ref->link_ref = &e->next_ref;
		*e->link_ref = e;
	}
}

static void take_out(struct requests *t, struct entry *e)
{
	for (struct entry **p = &t->by_mid[mid_slot(t, e->mid)]; *p; p = &(*p)->next_mid)
		if (*p == e) {
			*p = e->next_mid;
			break;
		}
	if (*e->ref) {
		*e->link_ref = e->next_ref;
		if (e->next_ref)
			e->next_ref->link_ref = e->link_ref;
	}
}

/* Not growing costs time only, so a lack of memory is no error. */
static void requests_grow(struct agent *a)
{
	struct requests *t = a->requests;
	struct entry **m = calloc(t->cap * 2, sizeof *m), **r = calloc(t->cap * 2, sizeof *r);
	if (!m || !r) {
		free(m);
		free(r);
		return;
	}
	free(t->by_mid);
	free(t->by_ref);
	t->by_mid = m;
	t->by_ref = r;
	t->cap *= 2;
	for (struct router *router = a->routers; router; router = router->next)
		for (struct entry *e = router->entries; e; e = e->next)
			hang_in(t, e);
}

struct router *router_by_name(struct agent *a, const char *name)
{
	struct peer *p = peers_by_name(a->peers, name);
	if (p && p->router)
		return p->router;
	for (struct router *r = a->routers; r; r = r->next)
		if (!r->peer && !strcmp(r->name, name))
			return r;
	return NULL;
}

void router_adopt(struct agent *a, struct peer *p)
{
	for (struct router *r = a->routers; r; r = r->next)
		if (!r->peer && !strcmp(r->name, p->name)) {
			r->peer = p;
			p->router = r;
			return;
		}
}

/* Out of the credential (RFC 9132, 4.4.1.1): the agent's own one, or the identity by which a base server knows us. */
static void choose_cuid(struct router *r)
{
	uint8_t digest[32];
	const struct peer *p = r->peer;
	snprintf(r->cuid, sizeof r->cuid, "%s", r->agent->cuid);
	if (!p->server || !p->psk_identity || r->agent->config.cuid)
		return;
	tls_sha256(p->psk_identity, strlen(p->psk_identity), digest);
	cuid_from_digest(digest, r->cuid);
}

struct router *router_of(struct agent *a, struct peer *p)
{
	if (p->router)
		return p->router;
	struct router *r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	r->agent = a;
	r->entries_end = &r->entries;
	r->peer = p;
	snprintf(r->name, sizeof r->name, "%s", p->name);
	choose_cuid(r);
	r->next = a->routers;
	a->routers = r;
	p->router = r;
	return r;
}

void router_free(struct router *r)
{
	while (r->entries)
		entry_free(r->entries);
	dialled_stop(r);
	hold_free(r);
	for (struct router **p = &r->agent->routers; *p; p = &(*p)->next)
		if (*p == r) {
			*p = r->next;
			break;
		}
	if (r->peer)
		r->peer->router = NULL;
	loop_timer_stop(r->agent->loop, &r->config_timer);
	free(r);
}

struct entry *entry_new(struct router *r, uint32_t mid, const char *ref, struct mitigation *asked)
{
	struct requests *t = r->agent->requests;
	struct entry *e = calloc(1, sizeof *e);
	if (!e)
		return NULL;
	if (t->count >= t->cap)
		requests_grow(r->agent);
	e->router = r;
	e->mid = mid;
	snprintf(e->ref, sizeof e->ref, "%s", ref ? ref : "");
	e->asked = *asked;
	mitigation_init(asked);
	e->link = r->entries_end;
	*e->link = e;
	r->entries_end = &e->next;
	hang_in(t, e);
	t->count++;
	return e;
}

void entry_free(struct entry *e)
{
	struct agent *a = e->router->agent;
	if (e->exchange)
		exchange_cancel(e->exchange);
	if (e->observe)
		exchange_cancel(e->observe);
	entry_paid(e, true);
	entry_in_force(e, false);
	loop_timer_stop(a->loop, &e->timer);
	ledger_uncommit(e);
	ledger_forget(e);
	take_out(a->requests, e);
	a->requests->count--;
	*e->link = e->next;
	if (e->next)
		e->next->link = e->link;
	else
		e->router->entries_end = e->link;
	for (struct entry *x = e->merged ? e->router->entries : NULL; x; x = x->next)
		if (x->leader == e)
			x->leader = NULL;
	if (e->merged)
		mitigation_free(e->merged);
	free(e->merged);
	mitigation_free(&e->asked);
	free(e);
	if (!a->requests->count && !a->closing)
		state_idle(a->state);
}

struct entry *requests_by_mid(const struct requests *t, const struct router *r, uint32_t mid, bool *several)
{
	struct entry *found = NULL;
	*several = false;
	for (struct entry *e = t->by_mid[mid_slot(t, mid)]; e; e = e->next_mid)
		if (e->mid == mid && (!r || e->router == r)) {
			*several = found != NULL;
			found = e;
		}
	return found;
}

static struct entry *same_ref(struct entry *e, const char *ref)
{
	while (e && strcmp(e->ref, ref))
		e = e->next_ref;
	return e;
}

struct entry *requests_by_ref(const struct requests *t, const char *ref)
{
	return *ref ? same_ref(t->by_ref[ref_slot(t, ref)], ref) : NULL;
}

struct entry *requests_next_ref(const struct entry *e)
{
	return same_ref(e->next_ref, e->ref);
}

void entry_set_mid(struct entry *e, uint32_t mid)
{
	struct requests *t = e->router->agent->requests;
	ledger_new_mid(e, mid);
	take_out(t, e);
	e->mid = mid;
	hang_in(t, e);
}

void entry_paid(struct entry *e, bool good)
{
	if (!e->owed)
		return;
	e->owed = false;
	console_paid(e->console, good);
}

void entry_drop(struct entry *e, bool good)
{
	entry_paid(e, good);
	entry_free(e);
}

void entry_in_force(struct entry *e, bool in_force)
{
	if (e->in_force == in_force)
		return;
	e->in_force = in_force;
	if (in_force)
		e->router->active++;
	else
		e->router->active--;
	/* The first and the last one switch between the mitigating and the idle set (RFC 9132, 4.5). */
	if (e->router->active != (in_force ? 1 : 0) || e->router->agent->closing)
		return;
	callhome_heartbeat(e->router);
	dialled_hurry(e->router);
}
