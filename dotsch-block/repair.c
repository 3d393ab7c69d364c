/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "kernel.h"
#include "route.h"

/* A gate that is about to run out has fewer elements any moment. */
#define FADING_MS 1000
/* What cannot be put back is tried again, ever more seldom. */
#define FIRST_PAUSE_MS 400
#define LONGEST_PAUSE_MS 30000

/* Chains and sets by name, with what they should hold counted up, and what they hold counted down: where all is well, every sum is 0. */
struct tally { char name[NFT_NAME_MAX]; int64_t n; };
struct census {
	struct kernel *k;
	int64_t now;
	struct tally *v;
	size_t n, cap;
	bool failed;                 /* out of memory */
	bool counted;                /* the kernel tells how many elements a set has */
};

/* Of an earlier run, and dropped with the next sync. */
static bool of_old(const struct kernel *k, const char *name)
{
	uint32_t id;
	const char *underscore = strchr(name, '_');
	if (!k->old_unit && !k->old_chains.n)
		return false;
	if (sscanf(name, "m%" SCNu32, &id) == 1)
		return id <= k->old_unit;
	if (sscanf(name, "d%" SCNu32, &id) == 1)
		return id <= k->old_junction;
	return k->old_chains.n && underscore && sscanf(underscore, "_%" SCNu32, &id) == 1 && id != k->run % 1000000;
}

static bool fading(const struct census *c, const char *name)
{
	uint32_t id;
	const struct unit *u = strstr(name, "_t") && sscanf(name, "m%" SCNu32 "_t", &id) == 1 ? kernel_unit(c->k, id) : NULL;
	return u && u->until <= c->now + FADING_MS;
}

static void tally(struct census *c, const char *name, int64_t n)
{
	if (c->n == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 256;
		struct tally *more = realloc(c->v, cap * sizeof *more);
		if (!more) {
			c->failed = true;
			return;
		}
		c->v = more;
		c->cap = cap;
	}
	struct tally *t = &c->v[c->n++];
	memset(t->name, 0, sizeof t->name);
	snprintf(t->name, sizeof t->name, "%s", name);
	t->n = n;
}

static void expect(void *arg, const char *name, bool set, uint32_t n)
{
	struct census *c = arg;
	if (!set)
		tally(c, name, n);
	else
		tally(c, name, 1 + (c->counted && !fading(c, name) ? (int64_t)n : 0));
}

static void expect_set(void *arg, const char *name, uint32_t elements)
{
	expect(arg, name, true, elements);
}

static void found_chain(void *arg, const char *name, uint32_t use, const char *comment, bool base)
{
	struct census *c = arg;
	(void)comment, (void)base;
	if (!of_old(c->k, name))
		tally(c, name, -1 - (int64_t)use);
}

static void found_set(void *arg, const char *name, int64_t count)
{
	struct census *c = arg;
	c->counted = !c->k->uncounted && count >= 0;
	if (!of_old(c->k, name))
		tally(c, name, -1 - (c->counted && !fading(c, name) ? count : 0));
}

static int by_name(const void *a, const void *b)
{
	return memcmp(((const struct tally *)a)->name, ((const struct tally *)b)->name, NFT_NAME_MAX);
}

static bool balanced(struct census *c)
{
	int64_t sum = 0;
	if (c->n)
		qsort(c->v, c->n, sizeof *c->v, by_name);
	for (size_t i = 0; i < c->n; i++) {
		sum += c->v[i].n;
		if (i + 1 < c->n && !by_name(&c->v[i], &c->v[i + 1]))
			continue;
		if (sum)
			return log_debug("%s was changed by another program (%+" PRId64 ")", c->v[i].name, -sum), false;
		sum = 0;
	}
	return !c->failed;
}

static void count_one(void *arg, const uint8_t *key, unsigned len, bool end, uint64_t left_ms)
{
	(void)key, (void)len, (void)left_ms;
	*(size_t *)arg += !end;
}

/* Kernels that do not count elements have their gates read out: a few elements each. */
static bool gates_whole(struct kernel *k, int64_t now)
{
	for (size_t i = 0; i < k->n_units; i++) {
		const struct unit *u = k->unit[i];
		for (int f = 0; f < 2; f++) {
			char name[NFT_NAME_MAX];
			size_t n = 0;
			if (!u->out && u->until > now + FADING_MS && rules_have_gate(&u->plan, f) &&
			    (nft_dump_elems(k->nft, unit_name(u->id, f ? "_t6" : "_t4", name), count_one, &n, NULL) < 0 || n < u->plan.target[f].n))
				return false;
		}
	}
	return true;
}

/* As we left it, as far as the kernel's own counts tell: every chain with its rules and what leads to it, every set with its elements. */
static bool intact(struct kernel *k, int64_t now)
{
	struct nft_table_info info;
	struct census c = { .k = k, .now = now };
	if (nft_get_table(k->nft, &info, NULL) < 0 || info.handle != k->handle)
		return false;
	bool ok = nft_dump_sets(k->nft, found_set, &c, NULL) == 0 && nft_dump_chains(k->nft, found_chain, &c, NULL) == 0;
	for (size_t i = 0; ok && i < k->n_units; i++) {
		if (k->unit[i]->out)
			continue;
		char name[NFT_NAME_MAX];
		tally(&c, unit_name(k->unit[i]->id, "", name), 1 + rules_count(&k->unit[i]->plan));
		/* Itself, its rule, and those that lead to it. */
		if (rules_share_limit(&k->unit[i]->plan))
			tally(&c, unit_name(k->unit[i]->id, RULES_LIMIT, name), 2 + (int64_t)k->unit[i]->plan.n_rules);
		rules_sets(k->unit[i]->id, &k->unit[i]->plan, expect_set, &c);
	}
	for (int h = HOOK_PREROUTING; ok && h < HOOKS; h++)
		route_holds((enum hook)h, k->run, k->dispatch[h], expect, &c);
	ok = ok && balanced(&c) && (c.counted || gates_whole(k, now));
	free(c.v);
	return ok;
}

static void put(struct kernel *k, const struct unit *u, int64_t now)
{
	for (int f = 0; f < 2; f++)
		if (rules_bulky(&u->plan, f))
			rules_add_sources(k->nft, u->id, &u->plan, f, true, 0, u->plan.source[f].n);
	rules_add(k->nft, u->id, &u->plan, &u->mark, u->comment, kernel_timeout(u, now), u->packets, u->bytes);
}

static void forget_routes(struct dispatch d[HOOKS][2])
{
	for (int h = 0; h < HOOKS; h++)
		for (int f = 0; f < 2; f++)
			dispatch_free(&d[h][f]);
}

/* The whole table in place of what is there, by one transaction: nothing is open meanwhile that was not before. */
static int rebuild_at_once(struct kernel *k, bool exists, int64_t now, struct reason *why)
{
	static const struct dispatch nothing[2] = { { .family = 4 }, { .family = 6 } };
	struct dispatch next[HOOKS][2] = { 0 };
	int e = 0;
	nft_begin(k->nft);
	if (exists)
		nft_del_table(k->nft);
	nft_add_table(k->nft, k->flags, TABLE_MARKER);
	for (size_t i = 0; i < k->n_units; i++)
		put(k, k->unit[i], now);
	for (int h = HOOK_PREROUTING; e == 0 && h < HOOKS; h++) {
		e = kernel_routes(k, (struct units){ 0 }, (struct units){ 0 }, (enum hook)h, next[h]) < 0 ? (reason_set(why, 163, "", "", "out of memory"), -ENOMEM) : 0;
		if (e == 0)
			route_hook(k->nft, (enum hook)h, k->run, nothing, next[h], k->devices, k->n_devices);
	}
	if (e == 0)
		e = nft_commit(k->nft, why);
	if (e < 0) {
		forget_routes(next);
		return e;
	}
	forget_routes(k->dispatch);
	memcpy(k->dispatch, next, sizeof next);
	kernel_forget_leftovers(k);
	return kernel_claimed(k, why);
}

/* Units that are out go in again, each by itself. What the kernel refuses by now stays out, in the list. */
static int put_back(struct kernel *k, int64_t now, struct reason *why)
{
	int e = 0;
	for (size_t i = 0, n = k->n_units; n--;) {
		struct unit *u = k->unit[i];
		struct reason one;
		if (!u->out) {
			i++;
			continue;
		}
		kernel_take_out(k, u);
		int failed = kernel_install(k, u, NULL, now, &one);
		if (failed < 0) {
			e = failed;
			reason_set(why, one.code, "", "", "%s", one.text);
			k->unit[k->n_units++] = u;
		}
	}
	return e;
}

/* What fits no single transaction, or holds something that the kernel refuses by now. */
static int rebuild_one_by_one(struct kernel *k, int64_t now, struct reason *why)
{
	int e = kernel_new_table(k, why);
	if (e < 0)
		return e;
	forget_routes(k->dispatch);
	for (size_t i = 0; i < k->n_units; i++)
		k->unit[i]->out = true;
	return put_back(k, now, why);
}

static int rebuild(struct kernel *k, int64_t now, struct reason *why)
{
	struct nft_table_info info;
	int e = nft_get_table(k->nft, &info, why);
	if (e < 0 && e != -ENOENT)
		return e;
	k->run++;
	/* Where only a part is missing, the counters are still there. */
	if (e == 0 && info.handle == k->handle)
		kernel_read_all(k, NULL);
	for (size_t i = 0; i < k->n_units; i++)
		k->unit[i]->out = false;
	return rebuild_at_once(k, e == 0, now, why) < 0 ? rebuild_one_by_one(k, now, why) : 0;
}

void kernel_mark_damaged(struct kernel *k)
{
	/* Newer kernels bind by name and need no help; a table built twice does no harm. */
	if (k->dispatch[HOOK_INGRESS][0].n_segments || k->dispatch[HOOK_INGRESS][1].n_segments)
		k->damaged = true;
}

int kernel_watch(struct kernel *k, int64_t now, struct reason *why)
{
	uint32_t generation;
	bool again = k->retry && now >= k->retry;
	int e = nft_get_generation(k->nft, &generation, why);
	if (e < 0)
		return e;
	if (generation == k->generation && !k->damaged && !again)
		return 0;
	if (!k->damaged && !again && intact(k, now)) {
		k->generation = generation;
		return 0;
	}
	e = again && !k->damaged && intact(k, now) ? put_back(k, now, why) : rebuild(k, now, why);
	k->damaged = false;
	k->pause = e == 0 ? 0 : k->pause ? k->pause * 2 : FIRST_PAUSE_MS;
	k->pause = k->pause > LONGEST_PAUSE_MS ? LONGEST_PAUSE_MS : k->pause;
	k->retry = e == 0 ? 0 : now + k->pause;
	/* A new table that does not add up was counted wrongly: better blind to a flushed set than building for ever. */
	if (e == 0 && !k->uncounted && !intact(k, now)) {
		k->uncounted = true;
		log_debug("this kernel counts the elements of sets in its own way");
	}
	return e < 0 ? e : 1;
}
