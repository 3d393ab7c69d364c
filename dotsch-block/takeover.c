/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "kernel.h"
#include "route.h"

/* linux/nf_tables.h of newer kernels: the table outlives its owner. Owner without it would open every attack again when the program ends. */
#define TABLE_OWNED_AND_KEPT (0x2u | 0x4u)

static bool name_add(struct names *l, const char *name)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 32;
		void *more = realloc(l->v, cap * sizeof *l->v);
		if (!more)
			return false;
		l->v = more;
		l->cap = cap;
	}
	snprintf(l->v[l->n++], NFT_NAME_MAX, "%s", name);
	return true;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* A dump that was begun again has told names twice. */
static void names_settle(struct names *l)
{
	size_t n = 0;
	if (l->n)
		qsort(l->v, l->n, sizeof *l->v, by_name);
	for (size_t i = 0; i < l->n; i++)
		if (!n || strcmp(l->v[n - 1], l->v[i]))
			memmove(l->v[n++], l->v[i], sizeof *l->v);
	l->n = n;
}

static bool names_have(const struct names *l, const char *name)
{
	return l->n && bsearch(name, l->v, l->n, sizeof *l->v, by_name);
}

static void names_free(struct names *l)
{
	free(l->v);
	*l = (struct names){ 0 };
}

void kernel_forget_leftovers(struct kernel *k)
{
	names_free(&k->old_chains);
	names_free(&k->old_sets);
	names_free(&k->old_counters);
	free(k->leftover);
	k->leftover = NULL;
	k->n_leftovers = k->cap_leftovers = 0;
}

/* Ids go on behind those that are in use: m17_t4, d3, forward_2, forward_2_ip4. */
static void note_ids(struct kernel *k, const char *name)
{
	uint32_t n = 0;
	const char *underscore = strchr(name, '_');
	if (sscanf(name, "m%" SCNu32, &n) == 1) {
		k->last_unit = n > k->last_unit ? n : k->last_unit;
	} else if (sscanf(name, "d%" SCNu32, &n) == 1) {
		k->last_junction = n > k->last_junction ? n : k->last_junction;
	} else if (underscore && sscanf(underscore, "_%" SCNu32, &n) == 1) {
		k->run = n > k->run ? n : k->run;
	}
}

static void old_chain(void *arg, const char *name, uint32_t rules, const char *comment, bool base)
{
	struct kernel *k = arg;
	(void)rules, (void)comment, (void)base;
	note_ids(k, name);
	name_add(&k->old_chains, name);
}

static void old_set(void *arg, const char *name, int64_t count)
{
	struct kernel *k = arg;
	(void)count;
	note_ids(k, name);
	name_add(&k->old_sets, name);
}

static void old_counter(void *arg, const char *name, uint64_t packets, uint64_t bytes, const void *userdata, size_t len)
{
	struct kernel *k = arg;
	struct leftover l = { .packets = packets, .bytes = bytes };
	note_ids(k, name);
	if (!name_add(&k->old_counters, name) || *name != 'm' || !mark_read(userdata, len, &l.mark))
		return;
	l.id = (uint32_t)strtoul(name + 1, NULL, 10);
	if (k->n_leftovers == k->cap_leftovers) {
		size_t cap = k->cap_leftovers ? k->cap_leftovers * 2 : 32;
		struct leftover *more = realloc(k->leftover, cap * sizeof *more);
		if (!more)
			return;
		k->leftover = more;
		k->cap_leftovers = cap;
	}
	k->leftover[k->n_leftovers++] = l;
}

static int by_id(const void *a, const void *b)
{
	uint32_t x = ((const struct leftover *)a)->id, y = ((const struct leftover *)b)->id;
	return (x > y) - (x < y);
}

static void leftovers_settle(struct kernel *k)
{
	size_t n = 0;
	if (k->n_leftovers)
		qsort(k->leftover, k->n_leftovers, sizeof *k->leftover, by_id);
	for (size_t i = 0; i < k->n_leftovers; i++)
		if (!n || k->leftover[n - 1].id != k->leftover[i].id)
			k->leftover[n++] = k->leftover[i];
	k->n_leftovers = n;
}

static int look_around(struct kernel *k, struct reason *why)
{
	int e = nft_dump_chains(k->nft, old_chain, k, why);
	if (e == 0)
		e = nft_dump_sets(k->nft, old_set, k, why);
	if (e == 0)
		e = nft_dump_counters(k->nft, old_counter, k, why);
	names_settle(&k->old_chains);
	names_settle(&k->old_sets);
	names_settle(&k->old_counters);
	leftovers_settle(k);
	k->run++;
	k->old_unit = k->last_unit;
	k->old_junction = k->last_junction;
	return e;
}

static int add_table(struct kernel *k, bool delete_first, uint32_t flags, struct reason *why)
{
	nft_begin(k->nft);
	if (delete_first)
		nft_del_table(k->nft);
	nft_add_table(k->nft, flags, TABLE_MARKER);
	return nft_commit(k->nft, why);
}

int kernel_claimed(struct kernel *k, struct reason *why)
{
	struct nft_table_info info;
	int e = nft_get_table(k->nft, &info, why);
	if (e == 0) {
		k->handle = info.handle;
		e = nft_get_generation(k->nft, &k->generation, why);
	}
	return e;
}

/* With the owner flags if the kernel and the table take them, else without. */
static int claim(struct kernel *k, bool delete_first, struct reason *why)
{
	int e = k->flags ? add_table(k, delete_first, k->flags, why) : -EOPNOTSUPP;
	if (e == -EOPNOTSUPP || e == -EINVAL) {
		k->flags = 0;
		e = add_table(k, delete_first, 0, why);
	}
	return e == 0 ? kernel_claimed(k, why) : e;
}

int kernel_new_table(struct kernel *k, struct reason *why)
{
	struct nft_table_info info;
	int e = nft_get_table(k->nft, &info, why);
	kernel_forget_leftovers(k);
	return e == 0 || e == -ENOENT ? claim(k, e == 0, why) : e;
}

static int take_over(struct kernel *k, const char *table, struct reason *why)
{
	struct nft_table_info info;
	int e = nft_get_table(k->nft, &info, why);
	if (e == -ENOENT) {
		k->run = 1;
		return claim(k, false, why);
	}
	/* What netfilter's netlink says when nobody there knows nf_tables. */
	if (e == -EINVAL || e == -EOPNOTSUPP)
		reason_set(why, 0, "", "", "this kernel has no nf_tables: build or load the module nf_tables");
	if (e < 0)
		return e;
	if (strcmp(info.marker, TABLE_MARKER))
		return reason_set(why, 0, "table", "", "there is a table \"inet %s\" that this program did not make; choose another with --table, or delete it", table), -EEXIST;
	if (info.owner && info.owner != nft_port(k->nft))
		return reason_set(why, 0, "table", "", "the table \"inet %s\" is in use by another dotsch-block (netlink port %" PRIu32 "); choose another with --table", table,
		    info.owner), -EBUSY;
	e = look_around(k, why);
	return e < 0 ? e : claim(k, false, why);
}

struct kernel *kernel_open(const char *table, bool shared, const char *const *devices, size_t n_devices, struct reason *why)
{
	struct kernel *k = calloc(1, sizeof *k);
	if (!k || !(k->nft = nft_open(table, why))) {
		free(k);
		return NULL;
	}
	k->devices = devices;
	k->n_devices = n_devices;
	k->flags = shared ? 0 : TABLE_OWNED_AND_KEPT;
	if (take_over(k, table, why) < 0) {
		kernel_close(k);
		return NULL;
	}
	return k;
}

void kernel_close(struct kernel *k)
{
	if (!k)
		return;
	for (int h = 0; h < HOOKS; h++)
		for (int f = 0; f < 2; f++)
			dispatch_free(&k->dispatch[h][f]);
	kernel_forget_leftovers(k);
	free(k->unit);
	nft_close(k->nft);
	free(k);
}

size_t kernel_leftovers(const struct kernel *k)
{
	return k->n_leftovers;
}

struct leftover *kernel_leftover(struct kernel *k, size_t i)
{
	return &k->leftover[i];
}

static void recount(void *arg, const char *name, uint64_t packets, uint64_t bytes, const void *userdata, size_t len)
{
	struct kernel *k = arg;
	struct leftover key = { .id = *name == 'm' ? (uint32_t)strtoul(name + 1, NULL, 10) : 0 };
	struct leftover *l = bsearch(&key, k->leftover, k->n_leftovers, sizeof key, by_id);
	(void)userdata, (void)len;
	if (l) {
		l->packets = packets;
		l->bytes = bytes;
	}
}

int kernel_count_leftovers(struct kernel *k, struct reason *why)
{
	return k->n_leftovers ? nft_dump_counters(k->nft, recount, k, why) : 0;
}

struct found { struct host *v; size_t n, cap; };

static void host_found(void *arg, const uint8_t *key, unsigned len, bool end, uint64_t left_ms)
{
	struct found *f = arg;
	(void)left_ms;
	if (end || (len != 4 && len != 16 && len != 6) || f->n == f->cap)
		return;
	struct host *h = &f->v[f->n++];
	*h = (struct host){ .has_mac = len == 6, .has_address = len != 6 };
	if (len == 6)
		memcpy(h->mac, key, 6);
	else
		h->address = prefix_make(len == 4 ? 4 : 6, key, (uint8_t)(len * 8));
}

#define MOST_HOSTS 64

int kernel_leftover_hosts(struct kernel *k, const struct leftover *l, struct host **out, size_t *n, struct reason *why)
{
	static const char *const suffix[] = { "_s4", "_s6", "_mac" };
	char name[NFT_NAME_MAX];
	struct found f = { calloc(MOST_HOSTS, sizeof *f.v), 0, MOST_HOSTS };
	if (!f.v)
		return -ENOMEM;
	for (int i = 0; i < 3; i++) {
		int e = nft_dump_elems(k->nft, unit_name(l->id, suffix[i], name), host_found, &f, why);
		if (e < 0 && e != -ENOENT) {
			free(f.v);
			return e;
		}
	}
	*out = f.v;
	*n = f.n;
	return 0;
}

int kernel_close_leftover(struct kernel *k, struct leftover *l, struct reason *why)
{
	char name[NFT_NAME_MAX];
	nft_begin(k->nft);
	for (int f = 0; f < 2; f++) {
		unit_name(l->id, f ? "_t6" : "_t4", name);
		if (names_have(&k->old_sets, name))
			nft_flush_set(k->nft, name);
	}
	l->closed = true;
	return kernel_commit(k, why);
}

int kernel_drop_leftovers(struct kernel *k, struct reason *why)
{
	nft_begin(k->nft);
	for (size_t i = 0; i < k->old_chains.n; i++)
		nft_flush_chain(k->nft, k->old_chains.v[i]);
	for (size_t i = 0; i < k->old_sets.n; i++)
		nft_del_set(k->nft, k->old_sets.v[i]);
	for (size_t i = 0; i < k->old_chains.n; i++)
		nft_del_chain(k->nft, k->old_chains.v[i]);
	for (size_t i = 0; i < k->old_counters.n; i++)
		nft_del_counter(k->nft, k->old_counters.v[i]);
	int e = kernel_commit(k, why);
	if (e == 0)
		kernel_forget_leftovers(k);
	return e;
}
