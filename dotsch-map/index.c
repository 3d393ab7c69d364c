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

/* Inside one address: by class, so that entries of the whole address stand apart (they would make every port's search a walk), then by ports. The rest makes the
   order the same for the same input. */
static int row_compare(const void *a, const void *b)
{
	const struct nat_row *x = a, *y = b;
	uint64_t k = (uint64_t)x->class << 32 | (uint32_t)x->lo << 16 | x->hi, l = (uint64_t)y->class << 32 | (uint32_t)y->lo << 16 | y->hi;
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
	if (!c && x->instance != y->instance)
		return x->instance < y->instance ? -1 : 1;
	if (!c)
		c = (int)x->offset - (int)y->offset;
	if (!c)
		c = (int)x->psid_len - (int)y->psid_len;
	if (!c)
		c = (int)x->psid - (int)y->psid;
	return c ? c : wide_compare(&x->b4, &y->b4);
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

static const struct nat_class *class_of(const struct nat_builder *b, const struct nat_row *r)
{
	return (const struct nat_class *)b->classes.items + r->class;
}

/* What belongs to instances that are not enabled means nothing; the flag may come after the table. */
static void drop_disabled(struct nat_builder *b)
{
	size_t kept = 0;
	for (size_t i = 0; i < b->n_rows; i++)
		if (!b->instances[class_of(b, &b->rows[i])->instance].disabled)
			b->rows[kept++] = b->rows[i];
	b->n_rows = kept;
	kept = 0;
	for (size_t i = 0; i < b->n_rules; i++)
		if (!b->instances[b->rules[i].instance].disabled)
			b->rules[kept++] = b->rules[i];
	b->n_rules = kept;
	kept = 0;
	for (size_t i = 0; i < b->n_bindings; i++)
		if (!b->instances[b->bindings[i].instance].disabled)
			b->bindings[kept++] = b->bindings[i];
	b->n_bindings = kept;
}

/* Moves each row to its address' slice, without a second copy of millions: each swap puts one in its final slice. */
static void scatter(struct nat_row *rows, uint32_t *next, const uint32_t *end, uint32_t n)
{
	for (uint32_t a = 0; a < n; a++) {
		while (next[a] < end[a]) {
			struct nat_row *e = &rows[next[a]];
			if (e->ext == a) {
				next[a]++;
				continue;
			}
			struct nat_row *there = &rows[next[e->ext]++], moved = *e;
			*e = *there;
			*there = moved;
		}
	}
}

static bool sort_rows(struct nat_builder *b)
{
	uint32_t n = b->addrs.n;
	uint32_t *rank = malloc(((size_t)n + 1) * sizeof *rank), *next = calloc((size_t)n + 1, sizeof *next), *end = calloc((size_t)n + 1, sizeof *end);
	bool ok = rank && next && end && rank_addrs(b, rank);
	if (ok) {
		for (size_t i = 0; i < b->n_rows; i++)
			end[b->rows[i].ext = rank[b->rows[i].ext]]++;
		uint32_t at = 0;
		for (uint32_t a = 0; a < n; a++) {
			next[a] = at;
			at += end[a];
			end[a] = at;
		}
		scatter(b->rows, next, end, n);
		for (uint32_t a = 0, from = 0; a < n; from = end[a++])
			qsort(b->rows + from, end[a] - from, sizeof *b->rows, row_compare);
	}
	free(rank);
	free(next);
	free(end);
	return ok;
}

static bool new_group(const struct nat_row *r, size_t i)
{
	return !i || r[i].ext != r[i - 1].ext || r[i].class != r[i - 1].class;
}

static uint32_t count_groups(const struct nat_row *r, size_t n)
{
	uint32_t groups = 0;
	for (size_t i = 0; i < n; i++)
		groups += new_group(r, i);
	return groups;
}

static void fill_groups(const struct nat_builder *b, struct nat_addr *addrs, struct nat_group *groups, struct nat_span *spans)
{
	uint32_t g = 0, a = 0;
	uint16_t max = 0;
	for (uint32_t i = 0; i < b->n_rows; i++) {
		const struct nat_row *r = &b->rows[i];
		if (new_group(b->rows, i)) {
			const struct nat_class *c = class_of(b, r);
			groups[g] = (struct nat_group){ .start = i, .instance = c->instance, .proto = c->proto, .flags = c->flags };
			for (; a <= r->ext; a++)
				addrs[a].group = g;
			g++;
			max = 0;
		}
		max = r->hi > max ? r->hi : max;
		spans[i] = (struct nat_span){ r->lo, max };
	}
	for (; a <= b->addrs.n; a++)
		addrs[a].group = g;
	groups[g].start = (uint32_t)b->n_rows;
}

static bool any_dst(const struct nat_builder *b)
{
	return b->dsts.n > 0;
}

/* Rows become entries in the same memory, each in front of where it was read from. */
static void narrow(struct nat_builder *b, uint32_t *dst_of)
{
	uint8_t *to = (uint8_t *)b->rows;
	for (size_t i = 0; i < b->n_rows; i++) {
		struct nat_row r = b->rows[i];
		struct nat_entry e = { r.hi, r.port, r.host, r.life, r.index };
		memcpy(to + i * sizeof e, &e, sizeof e);
		if (dst_of)
			dst_of[i] = r.dst;
	}
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
		[SECTION_ENTRIES] = (uint32_t)b->n_rows, [SECTION_SPANS] = (uint32_t)b->n_rows, [SECTION_DST_OF] = any_dst(b) ? (uint32_t)b->n_rows : 0,
		[SECTION_HOSTS] = b->hosts.n, [SECTION_DSTS] = b->dsts.n,
		[SECTION_ADDRS] = b->addrs.n + 1, [SECTION_GROUPS] = count_groups(b->rows, b->n_rows) + 1, [SECTION_SLOTS] = 16, [SECTION_B4S] = b->b4s.n,
		[SECTION_INSTANCES] = (uint32_t)b->n_instances, [SECTION_SOURCES] = (uint32_t)b->n_sources, [SECTION_RULES] = (uint32_t)b->n_rules,
		[SECTION_BINDINGS] = (uint32_t)b->n_bindings, [SECTION_STRINGS] = (uint32_t)b->n_strings,
	};
	while (n[SECTION_SLOTS] < b->addrs.n * 2)
		n[SECTION_SLOTS] *= 2;
	for (int s = SECTION_SPANS; s <= SECTION_SLOTS; s++)
		if ((s <= SECTION_DST_OF || s >= SECTION_ADDRS) && !(t->owned[s] = calloc(n[s] + 1, table_record((enum section)s))))
			return false;
	fill_groups(b, t->owned[SECTION_ADDRS], t->owned[SECTION_GROUPS], t->owned[SECTION_SPANS]);
	narrow(b, any_dst(b) ? t->owned[SECTION_DST_OF] : NULL);
	fill_slots(b, t->owned[SECTION_ADDRS], t->owned[SECTION_SLOTS], n[SECTION_SLOTS]);
	if (b->n_bindings)
		qsort(b->bindings, b->n_bindings, sizeof *b->bindings, binding_compare);
	t->owned[SECTION_ENTRIES] = take(&b->rows, b->n_rows, sizeof(struct nat_entry));
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
	struct table *t = b->failed ? NULL : calloc(1, sizeof *t);
	if (t) {
		drop_disabled(b);
		if (b->n_rows >= NONE32 / 2 || !sort_rows(b) || !lay_out(b, t)) {
			table_free(t);
			t = NULL;
		}
	}
	if (!t)
		builder_failure(b, why);
	builder_free(b);
	return t;
}
