/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "apply.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "kernel.h"
#include "route.h"

void unit_free(struct unit *u)
{
	if (!u)
		return;
	plan_free(&u->plan);
	free(u);
}

struct nft *kernel_nft(struct kernel *k)
{
	return k->nft;
}

size_t kernel_units(const struct kernel *k)
{
	return k->n_units;
}

/* The answer was lost, but each transaction counts up the ruleset's generation. What could be another program's is believed for now: the next watch sees it once more. */
static int unanswered(struct kernel *k, int e)
{
	uint32_t generation;
	if (nft_get_generation(k->nft, &generation, NULL) == 0 && generation - k->generation < 2)
		return generation == k->generation ? e : 0;
	k->damaged = true;
	return e;
}

int kernel_commit(struct kernel *k, struct reason *why)
{
	bool sent = nft_batch_messages(k->nft) > 0;
	int e = nft_commit(k->nft, why);
	if (e == 0 && sent)
		k->generation++;
	return e == -ENOBUFS || e == -EAGAIN ? unanswered(k, e) : e;
}

uint64_t kernel_timeout(const struct unit *u, int64_t now)
{
	if (u->until == INT64_MAX)
		return (uint64_t)LEASE_SECONDS * 1000;
	return u->until > now ? (uint64_t)(u->until - now) : 1;
}

/* Long lists of single sources go into a set that nothing looks at yet, in portions that fit the kernel's buffers. */
static int fill(struct kernel *k, const struct unit *u, struct reason *why)
{
	for (int f = 0; f < 2; f++) {
		size_t n = u->plan.source[f].n;
		for (size_t at = 0; rules_bulky(&u->plan, f) && at < n; at += BULK_CHUNK) {
			nft_begin(k->nft);
			rules_add_sources(k->nft, u->id, &u->plan, f, at == 0, at, n - at < BULK_CHUNK ? n - at : BULK_CHUNK);
			int e = kernel_commit(k, why);
			if (e < 0)
				return e;
		}
	}
	return 0;
}

/* What fill made before something failed. */
static void unfill(struct kernel *k, const struct unit *u)
{
	char name[NFT_NAME_MAX];
	for (int f = 0; f < 2; f++) {
		if (!rules_bulky(&u->plan, f))
			continue;
		nft_begin(k->nft);
		nft_del_set(k->nft, unit_name(u->id, f ? "_s6" : "_s4", name));
		kernel_commit(k, NULL);
	}
}

/* A transaction under way: units in place of units, and where each hook's packets then go. */
struct change {
	struct unit *slot;           /* leaves the list of units; NULL = none */
	struct unit *add;            /* enters it; may be slot with another content */
	const struct unit *gone;     /* what is deleted: slot's content as it was */
	struct dispatch next[HOOKS][2];
	bool touched[HOOKS];
};

/* More sources than this do not go into a map that is there to be quick to change. */
#define TELLING_SOURCES 64

static struct route route_of(const struct unit *u, int family)
{
	const struct plan *p = &u->plan;
	bool by_mac = false;
	for (size_t i = 0; i < p->n_rules; i++)
		by_mac |= p->rule[i].mac && (p->rule[i].family == 6) == family;
	bool telling = !by_mac && !p->any_source && p->source[family].n && p->source[family].n <= TELLING_SOURCES;
	return (struct route){ u->id, &p->target[family], telling ? &p->source[family] : NULL };
}

int kernel_routes(struct kernel *k, const struct unit *without, const struct unit *with, enum hook hook, struct dispatch next[2])
{
	struct route *routes = malloc((k->n_units + 1) * sizeof *routes);
	int e = routes ? 0 : -1;
	for (int f = 0; e == 0 && f < 2; f++) {
		size_t n = 0;
		for (size_t i = 0; i < k->n_units; i++)
			if (k->unit[i] != without && !k->unit[i]->out && k->unit[i]->plan.hook == hook)
				routes[n++] = route_of(k->unit[i], f);
		if (with && with->plan.hook == hook)
			routes[n++] = route_of(with, f);
		e = dispatch_make(f ? 6 : 4, routes, n, &k->dispatch[hook][f], &k->last_junction, &next[f]);
	}
	free(routes);
	return e;
}

static int plan_routes(struct kernel *k, struct change *c, enum hook hook)
{
	c->touched[hook] = true;
	return kernel_routes(k, c->slot, c->add, hook, c->next[hook]);
}

static void collect(struct kernel *k, struct change *c, int64_t now)
{
	nft_begin(k->nft);
	if (c->add)
		rules_add(k->nft, c->add->id, &c->add->plan, &c->add->mark, c->add->comment, kernel_timeout(c->add, now), c->add->packets, c->add->bytes);
	for (int h = 0; h < HOOKS; h++)
		if (c->touched[h])
			route_hook(k->nft, (enum hook)h, k->run, k->dispatch[h], c->next[h], k->devices, k->n_devices);
	if (c->gone)
		rules_delete(k->nft, c->gone->id, &c->gone->plan);
}

static int unit_by_id(const void *key, const void *member)
{
	uint32_t a = *(const uint32_t *)key, b = (*(struct unit *const *)member)->id;
	return (a > b) - (a < b);
}

struct unit *kernel_unit(const struct kernel *k, uint32_t id)
{
	struct unit **u = k->n_units ? bsearch(&id, k->unit, k->n_units, sizeof *k->unit, unit_by_id) : NULL;
	return u ? *u : NULL;
}

void kernel_take_out(struct kernel *k, const struct unit *u)
{
	size_t i = 0;
	while (k->unit[i] != u)
		i++;
	memmove(&k->unit[i], &k->unit[i + 1], (k->n_units - i - 1) * sizeof *k->unit);
	k->n_units--;
}

void kernel_forget(struct kernel *k, const struct unit *u)
{
	kernel_take_out(k, u);
	k->damaged = true;
}

/* The transaction went through: what was planned is what is. */
static void settle(struct kernel *k, struct change *c)
{
	for (int h = 0; h < HOOKS; h++) {
		if (!c->touched[h])
			continue;
		for (int f = 0; f < 2; f++) {
			dispatch_free(&k->dispatch[h][f]);
			k->dispatch[h][f] = c->next[h][f];
			c->next[h][f] = (struct dispatch){ 0 };
		}
	}
	if (c->slot)
		kernel_take_out(k, c->slot);
	if (c->add) {
		k->unit[k->n_units++] = c->add;
		c->add->out = false;
	}
}

static int run(struct kernel *k, struct change *c, int64_t now, struct reason *why)
{
	int e = 0;
	if (k->n_units == k->cap_units) {
		size_t cap = k->cap_units ? k->cap_units * 2 : 16;
		struct unit **more = realloc(k->unit, cap * sizeof *more);
		if (!more)
			return reason_set(why, 163, "", "", "out of memory"), -ENOMEM;
		k->unit = more;
		k->cap_units = cap;
	}
	if ((c->add && plan_routes(k, c, c->add->plan.hook) < 0) ||
	    (c->gone && !c->touched[c->gone->plan.hook] && plan_routes(k, c, c->gone->plan.hook) < 0))
		e = (reason_set(why, 163, "", "", "out of memory"), -ENOMEM);
	if (e == 0 && c->add)
		e = fill(k, c->add, why);
	if (e == 0) {
		collect(k, c, now);
		e = kernel_commit(k, why);
	}
	if (e == 0)
		settle(k, c);
	else if (c->add)
		unfill(k, c->add);
	for (int h = 0; h < HOOKS; h++)
		for (int f = 0; f < 2; f++)
			dispatch_free(&c->next[h][f]);
	return e;
}

int kernel_install(struct kernel *k, struct unit *u, struct unit *replaces, int64_t now, struct reason *why)
{
	u->id = ++k->last_unit;
	if (replaces && kernel_read(k, replaces, NULL) == 0) {
		u->packets = replaces->packets;
		u->bytes = replaces->bytes;
	}
	struct change c = { .slot = replaces, .add = u, .gone = replaces };
	return run(k, &c, now, why);
}

int kernel_remove(struct kernel *k, struct unit *u, struct reason *why)
{
	struct change c = { .slot = u, .gone = u };
	if (u->out)
		return kernel_take_out(k, u), 0;
	kernel_read(k, u, NULL);
	return run(k, &c, 0, why);
}

/* Whether the plans differ in nothing but the addresses of the sources. */
static bool same_but_sources(const struct plan *a, const struct plan *b)
{
	struct plan x = *a;
	x.source[0] = b->source[0];
	x.source[1] = b->source[1];
	return plan_equal(&x, b);
}

int kernel_change(struct kernel *k, struct unit *u, struct plan *plan, int64_t now, struct reason *why)
{
	struct unit old = *u;
	int e;
	nft_begin(k->nft);
	if (!u->out && same_but_sources(&u->plan, plan) && rules_change_sources(k->nft, u->id, &u->plan, plan)) {
		rules_renew(k->nft, u->id, plan, kernel_timeout(u, now));
		e = kernel_commit(k, why);
	} else {
		kernel_read(k, u, NULL);
		u->id = ++k->last_unit;
		old.packets = u->packets;
		old.bytes = u->bytes;
		u->plan = *plan;
		struct change c = { .slot = u, .add = u, .gone = old.out ? NULL : &old };
		e = run(k, &c, now, why);
		if (e < 0) {
			*u = old;
			return e;
		}
	}
	if (e == 0) {
		plan_free(&old.plan);
		u->plan = *plan;
		*plan = (struct plan){ 0 };
	}
	return e;
}

int kernel_source(struct kernel *k, struct unit *u, const struct prefix *address, bool add, struct reason *why)
{
	int f = address->family == 6;
	struct prefix_list *l = &u->plan.source[f];
	size_t at = 0;
	while (at < l->n && !prefix_equal(&l->v[at], address))
		at++;
	if (u->out || (at < l->n) == add || !u->plan.single[f] || !rules_have_sources(&u->plan, f))
		return 0;
	/* The list first: it must not fail once the kernel has it. */
	if (add && prefix_list_add(l, address) < 0)
		return reason_set(why, 163, "", "", "out of memory"), -ENOMEM;
	nft_begin(k->nft);
	rules_source(k->nft, u->id, address, add);
	/* Where the source leads to the rules, the way there changes as well. */
	struct change c = { 0 };
	if (!add)
		memmove(&l->v[at], &l->v[at + 1], (--l->n - at) * sizeof *l->v);
	int e = plan_routes(k, &c, u->plan.hook) < 0 ? (reason_set(why, 163, "", "", "out of memory"), -ENOMEM) : 0;
	if (e == 0) {
		route_hook(k->nft, u->plan.hook, k->run, k->dispatch[u->plan.hook], c.next[u->plan.hook], k->devices, k->n_devices);
		e = kernel_commit(k, why);
	}
	if (e < 0) {
		for (int i = 0; i < 2; i++)
			dispatch_free(&c.next[u->plan.hook][i]);
		/* The room for it is there still. */
		if (add)
			l->n--;
		else
			l->v[l->n++] = *address;
	} else {
		settle(k, &c);
	}
	qsort(l->v, l->n, sizeof *l->v, prefix_compare);
	return e;
}

int kernel_renew(struct kernel *k, struct unit *u, int64_t now, struct reason *why)
{
	if (u->out)
		return reason_set(why, 163, "", "", "another program has removed the rules, and the kernel does not take them again"), -ENOENT;
	nft_begin(k->nft);
	rules_renew(k->nft, u->id, &u->plan, kernel_timeout(u, now));
	return kernel_commit(k, why);
}

int kernel_read(struct kernel *k, struct unit *u, struct reason *why)
{
	char name[NFT_NAME_MAX];
	uint64_t packets, bytes;
	int e = nft_get_counter(k->nft, unit_name(u->id, "", name), &packets, &bytes, why);
	if (e == 0) {
		u->packets = packets;
		u->bytes = bytes;
	}
	return e;
}

static void one_counter(void *arg, const char *name, uint64_t packets, uint64_t bytes, const void *userdata, size_t len)
{
	struct kernel *k = arg;
	(void)userdata, (void)len;
	uint32_t id = *name == 'm' ? (uint32_t)strtoul(name + 1, NULL, 10) : 0;
	struct unit *u = kernel_unit(k, id);
	if (u) {
		u->packets = packets;
		u->bytes = bytes;
	}
}

int kernel_read_all(struct kernel *k, struct reason *why)
{
	return nft_dump_counters(k->nft, one_counter, k, why);
}
