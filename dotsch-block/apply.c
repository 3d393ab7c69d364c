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
	struct units slots;          /* leave the list of units */
	struct units add;            /* enter it; may be a slot with another content */
	struct units gone;           /* what is deleted: the slots' content as it was */
	struct dispatch next[HOOKS][2];
	bool touched[HOOKS];
};

/* More sources than this do not go into a map that is there to be quick to change. */
#define TELLING_SOURCES 64
/* Nor do lists that are longer go into the kernel together with those of others. */
#define SMALL_PREFIXES 64

static struct route route_of(const struct unit *u, int family)
{
	const struct plan *p = &u->plan;
	bool by_mac = false;
	for (size_t i = 0; i < p->n_rules; i++)
		by_mac |= p->rule[i].mac && (p->rule[i].family == 6) == family;
	bool telling = !by_mac && !p->any_source && p->source[family].n && p->source[family].n <= TELLING_SOURCES;
	return (struct route){ u->id, &p->target[family], telling ? &p->source[family] : NULL };
}

static bool among(struct units some, const struct unit *u)
{
	for (size_t i = 0; i < some.n; i++)
		if (some.v[i] == u)
			return true;
	return false;
}

int kernel_routes(struct kernel *k, struct units without, struct units with, enum hook hook, struct dispatch next[2])
{
	struct route *routes = malloc((k->n_units + with.n + 1) * sizeof *routes);
	int e = routes ? 0 : -1;
	for (int f = 0; e == 0 && f < 2; f++) {
		size_t n = 0;
		for (size_t i = 0; i < k->n_units; i++)
			if (!k->unit[i]->out && k->unit[i]->plan.hook == hook && !among(without, k->unit[i]))
				routes[n++] = route_of(k->unit[i], f);
		for (size_t i = 0; i < with.n; i++)
			if (with.v[i]->plan.hook == hook)
				routes[n++] = route_of(with.v[i], f);
		e = dispatch_make(f ? 6 : 4, routes, n, &k->dispatch[hook][f], &k->last_junction, &next[f]);
	}
	free(routes);
	return e;
}

static int plan_routes(struct kernel *k, struct change *c, enum hook hook)
{
	c->touched[hook] = true;
	return kernel_routes(k, c->slots, c->add, hook, c->next[hook]);
}

static int plan_all_routes(struct kernel *k, struct change *c, struct units some)
{
	int e = 0;
	for (size_t i = 0; e == 0 && i < some.n; i++)
		if (!c->touched[some.v[i]->plan.hook])
			e = plan_routes(k, c, some.v[i]->plan.hook);
	return e;
}

static void collect(struct kernel *k, struct change *c, int64_t now)
{
	nft_begin(k->nft);
	for (size_t i = 0; i < c->add.n; i++) {
		const struct unit *u = c->add.v[i];
		rules_add(k->nft, u->id, &u->plan, &u->mark, u->comment, kernel_timeout(u, now), u->packets, u->bytes);
	}
	for (int h = 0; h < HOOKS; h++)
		if (c->touched[h])
			route_hook(k->nft, (enum hook)h, k->run, k->dispatch[h], c->next[h], k->devices, k->n_devices);
	for (size_t i = 0; i < c->gone.n; i++)
		rules_delete(k->nft, c->gone.v[i]->id, &c->gone.v[i]->plan);
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
	for (size_t i = 0; i < c->slots.n; i++)
		kernel_take_out(k, c->slots.v[i]);
	for (size_t i = 0; i < c->add.n; i++) {
		k->unit[k->n_units++] = c->add.v[i];
		c->add.v[i]->out = false;
	}
}

static int run(struct kernel *k, struct change *c, int64_t now, struct reason *why)
{
	int e = 0;
	if (k->n_units + c->add.n > k->cap_units) {
		size_t cap = 2 * k->cap_units + c->add.n + 15;
		struct unit **more = realloc(k->unit, cap * sizeof *more);
		if (!more)
			return reason_set(why, 163, "", "", "out of memory"), -ENOMEM;
		k->unit = more;
		k->cap_units = cap;
	}
	if (plan_all_routes(k, c, c->add) < 0 || plan_all_routes(k, c, c->gone) < 0)
		e = (reason_set(why, 163, "", "", "out of memory"), -ENOMEM);
	for (size_t i = 0; e == 0 && i < c->add.n; i++)
		e = fill(k, c->add.v[i], why);
	if (e == 0) {
		collect(k, c, now);
		e = kernel_commit(k, why);
	}
	if (e == 0)
		settle(k, c);
	for (size_t i = 0; e < 0 && i < c->add.n; i++)
		unfill(k, c->add.v[i]);
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
	struct units old = { &replaces, replaces != NULL };
	struct change c = { .slots = old, .add = { &u, 1 }, .gone = old };
	return run(k, &c, now, why);
}

bool unit_small(const struct unit *u)
{
	const struct plan *p = &u->plan;
	return p->source[0].n + p->source[1].n + p->target[0].n + p->target[1].n <= SMALL_PREFIXES && p->allowed.n <= SMALL_PREFIXES &&
	    p->source_port.n + p->target_port.n <= SMALL_PREFIXES;
}

int kernel_install_all(struct kernel *k, struct unit *const *u, size_t n, int64_t now, struct reason *why)
{
	for (size_t i = 0; i < n; i++)
		u[i]->id = ++k->last_unit;
	struct change c = { .add = { u, n } };
	return run(k, &c, now, why);
}

int kernel_remove_all(struct kernel *k, struct unit *const *u, size_t n, struct reason *why)
{
	struct change c = { .slots = { u, n }, .gone = { u, n } };
	int e = kernel_read_all(k, why);
	return e < 0 ? e : run(k, &c, 0, why);
}

int kernel_remove(struct kernel *k, struct unit *u, struct reason *why)
{
	struct change c = { .slots = { &u, 1 }, .gone = { &u, 1 } };
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
		struct unit *was = &old;
		struct change c = { .slots = { &u, 1 }, .add = { &u, 1 }, .gone = { &was, !old.out } };
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
