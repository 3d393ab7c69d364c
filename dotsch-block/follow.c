/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "block.h"

/* A device may have many IPv6 addresses, but a neighbour that claims every address it hears of is no device. */
#define MOST_ADDRESSES 64
/* Each is a transaction and a line in the log. Whoever makes more of them wants to keep us busy; the next packet of the neighbour tells again. */
#define MOST_CHANGES_A_SECOND 64

struct seen { struct block *b; const struct prefix *address; const uint8_t *mac; };

static bool has_mac(const struct plan *p, const uint8_t mac[6])
{
	for (size_t i = 0; i < p->n_mac; i++)
		if (!memcmp(p->mac[i], mac, 6))
			return true;
	return false;
}

static bool may_follow(struct block *b)
{
	int64_t now = loop_now(b->loop);
	if (now - b->follow_since >= 1000) {
		b->follow_since = now;
		b->followed = 0;
	}
	return b->followed < MOST_CHANGES_A_SECOND;
}

/* A device that has got another address stays blocked; an address that another device has got is free. */
static void follow_one(void *arg, struct entry *e)
{
	const struct seen *s = arg;
	struct reason why;
	char text[PREFIX_TEXT_MAX];
	if (!e->unit || !e->unit->plan.device || !e->unit->plan.n_mac)
		return;
	const struct plan *p = &e->unit->plan;
	int f = s->address->family == 6;
	const struct prefix_list *l = &p->source[f];
	bool same = has_mac(p, s->mac);
	size_t before = l->n;
	/* A family that no host had an address of is none the request was about. */
	if ((same && (!rules_have_sources(p, f) || l->n >= MOST_ADDRESSES || prefix_link_local(s->address) || policy_spares(s->b->policy, s->address))) ||
	    !may_follow(s->b))
		return;
	if (kernel_source(s->b->kernel, e->unit, s->address, same, &why) < 0)
		log_warning("following the device of mitigation %u: %s", e->mid, why.text);
	if (l->n == before)
		return;
	s->b->followed++;
	log_info("mitigation %u of %s: %s is %s the device that is blocked", e->mid, e->peer, addr_format(s->address, text), same ? "an address of" : "no more at");
}

void follow_neighbour(void *arg, const struct prefix *address, const uint8_t mac[6])
{
	struct block *b = arg;
	struct seen s = { b, address, mac };
	table_each(&b->table, follow_one, &s);
}

struct unseen { struct block *b; struct entry **v; size_t n; };

static void note_unseen(void *arg, struct entry *e)
{
	struct unseen *u = arg;
	if (e->unseen)
		u->v[u->n++] = e;
	e->unseen = false;
}

static void seen_now(void *arg, const struct prefix *address, const uint8_t mac[6])
{
	struct unseen *u = arg;
	struct seen s = { u->b, address, mac };
	for (size_t i = 0; i < u->n; i++)
		follow_one(&s, u->v[i]);
}

void follow_unseen(struct block *b)
{
	struct unseen u = { b, b->unseen && b->neighbours ? calloc(b->table.n + 1, sizeof *u.v) : NULL, 0 };
	if (!u.v)
		return;
	b->unseen = false;
	table_each(&b->table, note_unseen, &u);
	watch_look(b->neighbours, seen_now, &u);
	free(u.v);
}

/* At ingress nothing tells what is for this machine but its addresses, so that a rule in the way of a new one has to go. */
static void spare_one(void *arg, struct entry *e)
{
	const struct seen *s = arg;
	char text[PREFIX_TEXT_MAX], why[PREFIX_TEXT_MAX + 40];
	const struct plan *p = e->unit ? &e->unit->plan : NULL;
	if (!p || p->hook != HOOK_INGRESS || p->action.verb == VERB_QUARANTINE)
		return;
	const struct prefix_list *l = &p->target[s->address->family == 6];
	for (size_t i = 0; i < l->n; i++)
		if (prefix_contains(&l->v[i], s->address)) {
			snprintf(why, sizeof why, "%s is an address of this machine", addr_format(s->address, text));
			log_warning("mitigation %u of %s is taken out: %s now", e->mid, e->peer, why);
			block_refuse(s->b, e, "never-block", why);
			return;
		}
}

void follow_own(void *arg, const struct prefix *address, bool add)
{
	struct block *b = arg;
	struct prefix_list *own = policy_own(b->policy);
	size_t at = 0;
	while (at < own->n && !prefix_equal(&own->v[at], address))
		at++;
	if (add && at == own->n) {
		struct seen s = { b, address, NULL };
		prefix_list_add(own, address);
		table_each(&b->table, spare_one, &s);
	} else if (!add && at < own->n) {
		own->v[at] = own->v[--own->n];
	}
}

void follow_link(void *arg, const char *name)
{
	struct block *b = arg;
	for (size_t i = 0; i < b->n_devices; i++)
		if (!strcmp(b->device[i], name)) {
			log_info("the interface %s is back", name);
			kernel_mark_damaged(b->kernel);
		}
}

struct passing { const struct flow *flow; bool wanted; };

static void passing_one(void *arg, struct entry *e)
{
	struct passing *p = arg;
	const struct flow *f = p->flow;
	const struct plan *plan = e->unit ? &e->unit->plan : NULL;
	if (!plan || p->wanted)
		return;
	if (plan->hook == HOOK_POSTROUTING)
		p->wanted = plan_covers(plan, &f->outside, &f->target, f->protocol, f->outside_port, f->target_port);
	else
		p->wanted = plan_covers(plan, &f->source, &f->target, f->protocol, f->source_port, f->target_port);
}

bool follow_flow(void *arg, const struct flow *f)
{
	struct block *b = arg;
	struct passing p = { f, false };
	if (f->offloaded)
		table_each(&b->table, passing_one, &p);
	return p.wanted;
}
