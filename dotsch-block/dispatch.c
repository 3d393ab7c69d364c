/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dispatch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One prefix that is known, and the routes that cover it. */
struct node { struct prefix prefix; uint32_t id; size_t *route; size_t n; bool entered; };
struct pair { struct prefix prefix; size_t order; };

struct sweep {
	struct dispatch *out;
	const struct route *routes;
	const struct dispatch *before;
	uint32_t *last_id;
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
	for (size_t i = 0; i < d->n_junctions; i++) {
		free(d->junction[i].unit);
		dispatch_free(d->junction[i].by_source);
		free(d->junction[i].by_source);
	}
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
				p[k++] = (struct pair){ routes[i].by->v[j], i };
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

static const struct junction *known_at(const struct sweep *s, const struct prefix *prefix)
{
	const struct dispatch *b = s->before;
	return b && b->n_junctions ? bsearch(&(struct junction){ .prefix = *prefix }, b->junction, b->n_junctions, sizeof *b->junction, junction_compare) : NULL;
}

/* Splits the node's routes into those that a look-up of the source finds, and those to visit one after the other. */
static int fill_junction(struct sweep *s, const struct node *node, struct junction *j)
{
	struct route *routes = malloc(node->n * sizeof *routes);
	size_t n = 0;
	j->unit = malloc(node->n * sizeof *j->unit);
	if (!routes || !j->unit) {
		free(routes);
		return -1;
	}
	for (size_t i = 0; i < node->n; i++) {
		const struct route *r = &s->routes[node->route[i]];
		if (node->n > LINEAR_MAX && r->then)
			routes[n++] = (struct route){ r->unit, r->then, NULL };
		else
			j->unit[j->n++] = r->unit;
	}
	int e = 0;
	if (n) {
		const struct junction *known = known_at(s, &node->prefix);
		j->by_source = calloc(1, sizeof *j->by_source);
		e = j->by_source ? dispatch_make(s->out->family, routes, n, known ? known->by_source : NULL, s->last_id, j->by_source) : -1;
	}
	free(routes);
	return e;
}

/* Where the node leads; its junction is entered into the result at its first segment. */
static int leaf_of(struct sweep *s, struct node *node, struct leaf *out)
{
	if (node->n == 1) {
		*out = (struct leaf){ false, s->routes[node->route[0]].unit };
		return 0;
	}
	*out = (struct leaf){ true, node->id };
	if (node->entered)
		return 0;
	struct dispatch *d = s->out;
	struct junction *more = grow(d->junction, d->n_junctions, &s->cap_junctions, sizeof *more);
	if (!more)
		return -1;
	d->junction = more;
	d->junction[d->n_junctions] = (struct junction){ .id = node->id, .prefix = node->prefix };
	node->entered = true;
	return fill_junction(s, node, &d->junction[d->n_junctions++]);
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
	free(s->open[s->depth].route);
	return e;
}

/* Pairs from..to share one prefix: it becomes the innermost open node, covered by all that cover its parent as well. */
static int open_one(struct sweep *s, const struct pair *p, size_t n)
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
	size_t inherited = parent ? parent->n : 0;
	node.route = malloc((inherited + n) * sizeof *node.route);
	if (!node.route)
		return -1;
	if (inherited)
		memcpy(node.route, parent->route, inherited * sizeof *node.route);
	for (size_t i = 0; i < n; i++)
		node.route[inherited + i] = p[i].order;
	node.n = inherited + n;
	const struct junction *known = node.n > 1 ? known_at(s, &p->prefix) : NULL;
	if (node.n > 1)
		node.id = known ? known->id : ++*s->last_id;
	s->open[s->depth++] = node;
	memcpy(s->at, p->prefix.addr, bytes);
	s->past = false;
	return 0;
}

int dispatch_make(uint8_t family, const struct route *routes, size_t n, const struct dispatch *before, uint32_t *last_id, struct dispatch *out)
{
	*out = (struct dispatch){ .family = family };
	size_t n_pairs = 0;
	struct sweep s = { .out = out, .routes = routes, .before = before, .last_id = last_id };
	struct pair *p = pairs_of(family, routes, n, &n_pairs);
	int e = p && (s.open = calloc(DEEPEST, sizeof *s.open)) ? 0 : -1;
	for (size_t i = 0, next; e == 0 && i < n_pairs; i = next) {
		for (next = i + 1; next < n_pairs && prefix_equal(&p[next].prefix, &p[i].prefix);)
			next++;
		e = open_one(&s, &p[i], next - i);
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
		fprintf(out, d->junction[i].by_source ? " by source:\n" : "\n");
		if (d->junction[i].by_source)
			dispatch_print(d->junction[i].by_source, out);
	}
}
