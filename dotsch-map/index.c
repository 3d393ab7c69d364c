/* SPDX-License-Identifier: GPL-3.0-or-later */
/* index - the second half of the builder: sorts what was collected, in place, and lays it out as one block. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "builder.h"

#define HUGE_FROM ((size_t)8 << 20)
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static bool is_whole(const struct nat_entry *e)
{
	return e->lo == 0 && e->hi == UINT16_MAX;
}

/* Inside one address: by protocol, entries of the whole address apart (they would make every port's search a walk), then by ports. The rest makes the order
   the same for the same input. */
static int entry_compare(const void *a, const void *b)
{
	const struct nat_entry *x = a, *y = b;
	uint64_t k = (uint64_t)x->proto << 40 | (uint64_t)is_whole(x) << 32 | (uint32_t)x->lo << 16 | x->hi;
	uint64_t l = (uint64_t)y->proto << 40 | (uint64_t)is_whole(y) << 32 | (uint32_t)y->lo << 16 | y->hi;
	if (k != l)
		return k < l ? -1 : 1;
	if (x->host != y->host)
		return x->host < y->host ? -1 : 1;
	if (x->index != y->index)
		return x->index < y->index ? -1 : 1;
	return x->dst < y->dst ? -1 : x->dst > y->dst;
}

static int binding_compare(const void *a, const void *b)
{
	const struct nat_binding *x = a, *y = b;
	int c = memcmp(x->v4, y->v4, 4);
	if (!c)
		c = (int)x->offset - (int)y->offset;
	if (!c)
		c = (int)x->psid_len - (int)y->psid_len;
	return c ? c : (int)x->psid - (int)y->psid;
}

struct order { struct wide at; uint32_t was; };

/* Numbers the external addresses by their order. Fills rank[old] = new. */
static bool rank_addrs(struct nat_builder *b, uint32_t *rank)
{
	uint32_t n = b->addrs.n;
	struct order *order = malloc((n + 1) * sizeof *order);
	if (!order)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		memcpy(&order[i].at, b->addrs.items + (size_t)i * sizeof(struct wide), sizeof(struct wide));
		order[i].was = i;
	}
	qsort(order, n, sizeof *order, wide_compare);
	for (uint32_t i = 0; i < n; i++) {
		rank[order[i].was] = i;
		memcpy(b->addrs.items + (size_t)i * sizeof(struct wide), &order[i].at, sizeof(struct wide));
	}
	free(order);
	return true;
}

/* Entries of instances that are not enabled mean nothing; the flag may come after the table. */
static void drop_disabled(struct nat_builder *b)
{
	const struct nat_host *hosts = (const struct nat_host *)b->hosts.items;
	size_t kept = 0;
	for (size_t i = 0; i < b->n_entries; i++)
		if (!b->instances[hosts[b->entries[i].host].instance].disabled)
			b->entries[kept++] = b->entries[i];
	b->n_entries = kept;
	kept = 0;
	for (size_t i = 0; i < b->n_rules; i++)
		if (!b->instances[b->rules[i].instance].disabled)
			b->rules[kept++] = b->rules[i];
	b->n_rules = kept;
}

/* Moves each entry to its address' slice, without a second copy of millions: each swap puts one entry in its final slice. */
static void scatter(struct nat_entry *entries, uint32_t *next, const uint32_t *end, uint32_t n)
{
	for (uint32_t a = 0; a < n; a++) {
		while (next[a] < end[a]) {
			struct nat_entry *e = &entries[next[a]];
			if (e->ext == a) {
				next[a]++;
				continue;
			}
			struct nat_entry *there = &entries[next[e->ext]++], moved = *e;
			*e = *there;
			*there = moved;
		}
	}
}

static bool sort_entries(struct nat_builder *b)
{
	uint32_t n = b->addrs.n;
	uint32_t *rank = malloc(((size_t)n + 1) * sizeof *rank), *next = calloc((size_t)n + 1, sizeof *next), *end = calloc((size_t)n + 1, sizeof *end);
	bool ok = rank && next && end && rank_addrs(b, rank);
	if (ok) {
		for (size_t i = 0; i < b->n_entries; i++)
			end[b->entries[i].ext = rank[b->entries[i].ext]]++;
		uint32_t at = 0;
		for (uint32_t a = 0; a < n; a++) {
			next[a] = at;
			at += end[a];
			end[a] = at;
		}
		scatter(b->entries, next, end, n);
		for (uint32_t a = 0, from = 0; a < n; from = end[a++])
			qsort(b->entries + from, end[a] - from, sizeof *b->entries, entry_compare);
	}
	free(rank);
	free(next);
	free(end);
	return ok;
}

static bool new_group(const struct nat_entry *e, size_t i)
{
	return !i || e[i].ext != e[i - 1].ext || e[i].proto != e[i - 1].proto || is_whole(&e[i]) != is_whole(&e[i - 1]);
}

static uint32_t count_groups(const struct nat_entry *e, size_t n)
{
	uint32_t groups = 0;
	for (size_t i = 0; i < n; i++)
		groups += new_group(e, i);
	return groups;
}

static void fill_groups(const struct nat_builder *b, struct nat_addr *addrs, struct nat_group *groups, uint16_t *maxhi)
{
	uint32_t g = 0, a = 0;
	uint16_t max = 0;
	for (uint32_t i = 0; i < b->n_entries; i++) {
		const struct nat_entry *e = &b->entries[i];
		if (new_group(b->entries, i)) {
			groups[g] = (struct nat_group){ .start = i, .proto = e->proto, .whole = is_whole(e) };
			for (; a <= e->ext; a++)
				addrs[a].group = g;
			g++;
			max = 0;
		}
		max = e->hi > max ? e->hi : max;
		maxhi[i] = max;
	}
	for (; a <= b->addrs.n; a++)
		addrs[a].group = g;
	groups[g].start = (uint32_t)b->n_entries;
}

static void fill_slots(const struct nat_builder *b, struct nat_addr *addrs, uint32_t *slots, uint32_t n_slots)
{
	for (uint32_t i = 0; i < b->addrs.n; i++) {
		memcpy(&addrs[i].at, b->addrs.items + (size_t)i * sizeof(struct wide), sizeof(struct wide));
		uint32_t slot = hash_bytes(&addrs[i].at, sizeof(struct wide)) & (n_slots - 1);
		while (slots[slot])
			slot = (slot + 1) & (n_slots - 1);
		slots[slot] = i + 1;
	}
}

/* The memory moves from the builder to the table, cut to its size. */
static void *take(void *array, size_t n, size_t size)
{
	void *cut = *(void **)array && n ? realloc(*(void **)array, n * size) : NULL;
	void *kept = cut ? cut : *(void **)array;
	*(void **)array = NULL;
	return kept;
}

/* A look-up in millions of mappings touches a few pages at random: with huge ones it does not also walk the page tables. */
static void prefer_huge_pages(void *array, size_t n, size_t size)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = ((uintptr_t)array + page - 1) & ~(page - 1), to = ((uintptr_t)array + n * size) & ~(page - 1);
	if (!array || n * size < HUGE_FROM)
		return;
	/* Asked for now, since the pages are in use already; an older kernel does it when it finds the time. */
	if (madvise((void *)from, to - from, MADV_HUGEPAGE) == 0)
		madvise((void *)from, to - from, MADV_COLLAPSE);
}

static bool lay_out(struct nat_builder *b, struct table *t)
{
	uint32_t n[SECTIONS] = {
		[SECTION_ENTRIES] = (uint32_t)b->n_entries, [SECTION_MAXHI] = (uint32_t)b->n_entries, [SECTION_HOSTS] = b->hosts.n, [SECTION_DSTS] = b->dsts.n,
		[SECTION_ADDRS] = b->addrs.n + 1, [SECTION_GROUPS] = count_groups(b->entries, b->n_entries) + 1, [SECTION_SLOTS] = 16, [SECTION_B4S] = b->b4s.n,
		[SECTION_INSTANCES] = (uint32_t)b->n_instances, [SECTION_SOURCES] = (uint32_t)b->n_sources, [SECTION_RULES] = (uint32_t)b->n_rules,
		[SECTION_BINDINGS] = (uint32_t)b->n_bindings, [SECTION_STRINGS] = (uint32_t)b->n_strings,
	};
	while (n[SECTION_SLOTS] < b->addrs.n * 2)
		n[SECTION_SLOTS] *= 2;
	for (int s = SECTION_MAXHI; s <= SECTION_SLOTS; s++)
		if ((s == SECTION_MAXHI || s >= SECTION_ADDRS) && !(t->owned[s] = calloc(n[s] + 1, table_record((enum section)s))))
			return false;
	fill_groups(b, t->owned[SECTION_ADDRS], t->owned[SECTION_GROUPS], t->owned[SECTION_MAXHI]);
	fill_slots(b, t->owned[SECTION_ADDRS], t->owned[SECTION_SLOTS], n[SECTION_SLOTS]);
	if (b->n_bindings)
		qsort(b->bindings, b->n_bindings, sizeof *b->bindings, binding_compare);
	t->owned[SECTION_ENTRIES] = take(&b->entries, b->n_entries, sizeof *b->entries);
	t->owned[SECTION_HOSTS] = take(&b->hosts.items, b->hosts.n, b->hosts.size);
	t->owned[SECTION_DSTS] = take(&b->dsts.items, b->dsts.n, b->dsts.size);
	t->owned[SECTION_B4S] = take(&b->b4s.items, b->b4s.n, b->b4s.size);
	t->owned[SECTION_INSTANCES] = take(&b->instances, b->n_instances, sizeof *b->instances);
	t->owned[SECTION_SOURCES] = take(&b->sources, b->n_sources, sizeof *b->sources);
	t->owned[SECTION_RULES] = take(&b->rules, b->n_rules, sizeof *b->rules);
	t->owned[SECTION_BINDINGS] = take(&b->bindings, b->n_bindings, sizeof *b->bindings);
	t->owned[SECTION_STRINGS] = take(&b->strings, b->n_strings, 1);
	for (int i = SECTION_ENTRIES; i <= SECTION_HOSTS; i++)
		prefer_huge_pages(t->owned[i], n[i], table_record((enum section)i));
	table_bind(t, (const void *const *)t->owned, n);
	return true;
}

struct table *builder_finish(struct nat_builder *b, struct reason *why)
{
	struct table *t = NULL;
	if (!b->failed && (t = calloc(1, sizeof *t))) {
		drop_disabled(b);
		if (b->n_entries >= NONE32 / 2 || !sort_entries(b) || !lay_out(b, t)) {
			table_free(t);
			t = NULL;
		}
	}
	builder_free(b);
	if (!t)
		reason_set(why, REASON_BAD_REQUEST, "", "", "the NAT table does not fit into memory");
	return t;
}
