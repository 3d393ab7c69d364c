/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dispatch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One prefix that is known, and who covers it. */
struct node { struct prefix prefix; struct junction covers; bool entered; };
struct pair { struct prefix prefix; size_t order; uint32_t unit; };

struct sweep {
	struct dispatch *out;
	size_t cap_segments, cap_junctions;
	struct node *open;           /* the nodes that contain the point of the sweep, outermost first */
	size_t depth;
	uint8_t at[16];              /* the first address that no segment covers yet */
	bool past;                   /* the sweep has gone behind the last address there is */
};

#define DEEPEST 130                  /* a prefix nests at most once per length */

void dispatch_free(struct dispatch *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->n_junctions; i++)
		free(d->junction[i].unit);
	free(d->junction);
	free(d->segment);
	*d = (struct dispatch){ .family = d->family };
}

static int pair_compare(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;
	int c = prefix_compare(&x->prefix, &y->prefix);
	return c ? c : (x->order > y->order) - (x->order < y->order);
}

static int junction_compare(const void *a, const void *b)
{
	return prefix_compare(&((const struct junction *)a)->prefix, &((const struct junction *)b)->prefix);
}

static struct pair *pairs_of(uint8_t family, const struct route *routes, size_t n, size_t *out_n)
{
	size_t count = 0, k = 0;
	for (size_t i = 0; i < n; i++)
		count += routes[i].by->n;
	struct pair *p = malloc((count + 1) * sizeof *p);
	for (size_t i = 0; p && i < n; i++)
		for (size_t j = 0; j < routes[i].by->n; j++)
			if (routes[i].by->v[j].family == family)
				p[k++] = (struct pair){ routes[i].by->v[j], i, routes[i].unit };
	if (p && k)
		qsort(p, k, sizeof *p, pair_compare);
	*out_n = k;
	return p;
}

static bool step(uint8_t a[16], size_t bytes)
{
	for (size_t i = bytes; i-- > 0;)
		if (++a[i])
			return true;
	return false;
}

static void back(uint8_t a[16], size_t bytes)
{
	for (size_t i = bytes; i-- > 0;)
		if (a[i]--)
			return;
}

static void *grow(void *array, size_t n, size_t *cap, size_t each)
{
	if (n < *cap)
		return array;
	size_t more = *cap ? *cap * 2 : 16;
	void *bigger = realloc(array, more * each);
	if (bigger)
		*cap = more;
	return bigger;
}

/* The junction of this node, entered into the result at its first segment. */
static int leaf_of(struct sweep *s, struct node *node, struct leaf *out)
{
	if (node->covers.n == 1) {
		*out = (struct leaf){ false, node->covers.unit[0] };
		return 0;
	}
	*out = (struct leaf){ true, node->covers.id };
	if (node->entered)
		return 0;
	struct dispatch *d = s->out;
	struct junction *more = grow(d->junction, d->n_junctions, &s->cap_junctions, sizeof *more);
	if (!more)
		return -1;
	d->junction = more;
	uint32_t *units = malloc(node->covers.n * sizeof *units);
	if (!units)
		return -1;
	memcpy(units, node->covers.unit, node->covers.n * sizeof *units);
	d->junction[d->n_junctions++] = (struct junction){ node->covers.id, node->prefix, units, node->covers.n };
	node->entered = true;
	return 0;
}

/* A segment from the point of the sweep to `last`, which belongs to the innermost open node. */
static int emit(struct sweep *s, const uint8_t last[16])
{
	struct dispatch *d = s->out;
	size_t bytes = d->family == 4 ? 4 : 16;
	if (s->past || memcmp(s->at, last, bytes) > 0)
		return 0;
	struct segment *more = grow(d->segment, d->n_segments, &s->cap_segments, sizeof *more);
	if (!more)
		return -1;
	d->segment = more;
	struct segment *g = &d->segment[d->n_segments];
	memset(g, 0, sizeof *g);
	memcpy(g->first, s->at, bytes);
	memcpy(g->last, last, bytes);
	if (leaf_of(s, &s->open[s->depth - 1], &g->leaf) < 0)
		return -1;
	d->n_segments++;
	memcpy(s->at, last, bytes);
	s->past = !step(s->at, bytes);
	return 0;
}

static int close_one(struct sweep *s)
{
	struct prefix last = prefix_last(&s->open[s->depth - 1].prefix);
	int e = emit(s, last.addr);
	s->depth--;
	free(s->open[s->depth].covers.unit);
	return e;
}

/* Pairs from..to share one prefix: it becomes the innermost open node, covered by all that cover its parent as well. */
static int open_one(struct sweep *s, const struct pair *p, size_t n, const struct dispatch *before, uint32_t *last_id)
{
	size_t bytes = s->out->family == 4 ? 4 : 16;
	while (s->depth && !prefix_contains(&s->open[s->depth - 1].prefix, &p->prefix))
		if (close_one(s) < 0)
			return -1;
	struct node *parent = s->depth ? &s->open[s->depth - 1] : NULL;
	if (parent && memcmp(s->at, p->prefix.addr, bytes) < 0) {
		uint8_t last[16];
		memcpy(last, p->prefix.addr, 16);
		back(last, bytes);
		if (emit(s, last) < 0)
			return -1;
	}
	struct node node = { .prefix = p->prefix };
	size_t inherited = parent ? parent->covers.n : 0;
	node.covers.unit = malloc((inherited + n) * sizeof *node.covers.unit);
	if (!node.covers.unit)
		return -1;
	if (inherited)
		memcpy(node.covers.unit, parent->covers.unit, inherited * sizeof *node.covers.unit);
	for (size_t i = 0; i < n; i++)
		node.covers.unit[inherited + i] = p[i].unit;
	node.covers.n = inherited + n;
	const struct junction *known = before && before->n_junctions && node.covers.n > 1 ?
	    bsearch(&(struct junction){ .prefix = p->prefix }, before->junction, before->n_junctions, sizeof *known, junction_compare) : NULL;
	if (node.covers.n > 1)
		node.covers.id = known ? known->id : ++*last_id;
	s->open[s->depth++] = node;
	memcpy(s->at, p->prefix.addr, bytes);
	s->past = false;
	return 0;
}

int dispatch_make(uint8_t family, const struct route *routes, size_t n, const struct dispatch *before, uint32_t *last_id, struct dispatch *out)
{
	*out = (struct dispatch){ .family = family };
	size_t n_pairs = 0;
	struct sweep s = { .out = out };
	struct pair *p = pairs_of(family, routes, n, &n_pairs);
	int e = p && (s.open = calloc(DEEPEST, sizeof *s.open)) ? 0 : -1;
	for (size_t i = 0, next; e == 0 && i < n_pairs; i = next) {
		for (next = i + 1; next < n_pairs && prefix_equal(&p[next].prefix, &p[i].prefix);)
			next++;
		e = open_one(&s, &p[i], next - i, before, last_id);
	}
	while (s.open && s.depth)
		if (close_one(&s) < 0)
			e = -1;
	free(s.open);
	free(p);
	if (out->n_junctions)
		qsort(out->junction, out->n_junctions, sizeof *out->junction, junction_compare);
	if (e < 0)
		dispatch_free(out);
	return e;
}

void dispatch_print(const struct dispatch *d, FILE *out)
{
	char first[PREFIX_TEXT_MAX], last[PREFIX_TEXT_MAX];
	for (size_t i = 0; i < d->n_segments; i++) {
		const struct segment *g = &d->segment[i];
		uint8_t bits = d->family == 4 ? 32 : 128;
		struct prefix a = prefix_make(d->family, g->first, bits), b = prefix_make(d->family, g->last, bits);
		fprintf(out, "%s-%s %c%" PRIu32 "\n", addr_format(&a, first), addr_format(&b, last), g->leaf.junction ? 'd' : 'm', g->leaf.id);
	}
	for (size_t i = 0; i < d->n_junctions; i++) {
		fprintf(out, "d%" PRIu32 ":", d->junction[i].id);
		for (size_t k = 0; k < d->junction[i].n; k++)
			fprintf(out, " m%" PRIu32, d->junction[i].unit[k]);
		fprintf(out, "\n");
	}
}
