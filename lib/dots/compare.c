/* SPDX-License-Identifier: GPL-3.0-or-later */
/* compare - when two mitigations are the same, and when they overlap. One line may carry 100,000 sources, so nothing here is quadratic in long lists. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dots/mitigation.h"

/* Below this many pairs, trying them all is faster than sorting. */
#define PAIRS_TRIED 1024

typedef int order_fn(const void *a, const void *b);

static int range_order(const void *va, const void *vb)
{
	const struct range *a = va, *b = vb;
	return a->lower != b->lower ? (a->lower > b->lower) - (a->lower < b->lower) : (a->upper > b->upper) - (a->upper < b->upper);
}

static int protocol_order(const void *a, const void *b)
{
	return *(const uint8_t *)a - *(const uint8_t *)b;
}

static int text_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Domain names are compared without regard to case (RFC 4343). */
static int name_order(const void *a, const void *b)
{
	return strcasecmp(*(char *const *)a, *(char *const *)b);
}

/* A sorted copy without repetitions; *n becomes its length. NULL out of memory. */
static void *sorted(const void *v, size_t *n, size_t size, order_fn *order)
{
	uint8_t *copy = malloc(*n * size);
	if (!copy)
		return NULL;
	memcpy(copy, v, *n * size);
	qsort(copy, *n, size, order);
	size_t kept = 1;
	for (size_t i = 1; i < *n; i++)
		if (order(copy + (kept - 1) * size, copy + i * size))
			memmove(copy + kept++ * size, copy + i * size, size);
	*n = kept;
	return copy;
}

/* Equal as sets. Out of memory counts as different: the request is then refused, which is the safe answer. */
static bool same_set(const void *a, size_t na, const void *b, size_t nb, size_t size, order_fn *order)
{
	if (!na || !nb)
		return na == nb;
	size_t i = 0;
	while (na == nb && i < na && !order((const uint8_t *)a + i * size, (const uint8_t *)b + i * size))
		i++;
	if (na == nb && i == na)
		return true;   /* a refresh usually repeats the order too */
	uint8_t *sa = sorted(a, &na, size, order), *sb = sorted(b, &nb, size, order);
	bool same = sa && sb && na == nb;
	for (i = 0; same && i < na; i++)
		same = !order(sa + i * size, sb + i * size);
	free(sa);
	free(sb);
	return same;
}

#define SAME(member, order) same_set(a->member.v, a->member.n, b->member.v, b->member.n, sizeof *a->member.v, order)

bool mitigation_same(const struct mitigation *a, const struct mitigation *b)
{
	return SAME(target_prefix, prefix_compare) && SAME(target_port, range_order) && SAME(target_protocol, protocol_order) &&
	    SAME(target_fqdn, name_order) && SAME(target_uri, text_order) && SAME(alias_name, text_order) && SAME(source_prefix, prefix_compare) &&
	    SAME(source_port, range_order) && SAME(source_icmp_type, range_order) && (a->trigger == 0) == (b->trigger == 0);
}

/* One prefix of the sweep over two sorted lists. */
struct sweep {
	const struct prefix *v;
	size_t n, next;
	bool open;               /* a prefix of this list was met in this family */
	struct prefix end;       /* the highest last address met so far */
};

static bool sweep_step(struct sweep *own, const struct sweep *other)
{
	const struct prefix *p = &own->v[own->next++];
	/* Everything met before begins at or before p: it overlaps p when it has not ended before p begins. */
	if (other->open && other->end.family == p->family && memcmp(other->end.addr, p->addr, sizeof p->addr) >= 0)
		return true;
	struct prefix last = prefix_last(p);
	if (!own->open || own->end.family != p->family || memcmp(own->end.addr, last.addr, sizeof last.addr) < 0)
		own->end = last;
	own->open = true;
	return false;
}

static bool prefixes_overlap(const struct prefix_list *a, const struct prefix_list *b)
{
	struct prefix *sa = NULL, *sb = NULL;
	size_t na = a->n, nb = b->n;
	bool found = false;
	if (na * nb > PAIRS_TRIED && (sa = sorted(a->v, &na, sizeof *a->v, prefix_compare)) && (sb = sorted(b->v, &nb, sizeof *b->v, prefix_compare))) {
		struct sweep wa = { .v = sa, .n = na }, wb = { .v = sb, .n = nb };
		while (!found && (wa.next < wa.n || wb.next < wb.n)) {
			bool take_a = wb.next == wb.n || (wa.next < wa.n && prefix_compare(&wa.v[wa.next], &wb.v[wb.next]) <= 0);
			found = take_a ? sweep_step(&wa, &wb) : sweep_step(&wb, &wa);
		}
	} else {
		for (size_t i = 0; i < a->n && !found; i++)
			for (size_t k = 0; k < b->n && !found; k++)
				found = prefix_overlap(&a->v[i], &b->v[k]);
	}
	free(sa);
	free(sb);
	return found;
}

static bool common_text(const struct text_list *a, const struct text_list *b, order_fn *order)
{
	char **sa = NULL, **sb = NULL;
	size_t na = a->n, nb = b->n, i = 0, k = 0;
	bool found = false;
	if (na * nb > PAIRS_TRIED && (sa = sorted(a->v, &na, sizeof *sa, order)) && (sb = sorted(b->v, &nb, sizeof *sb, order))) {
		while (!found && i < na && k < nb) {
			int c = order(&sa[i], &sb[k]);
			found = c == 0;
			c < 0 ? i++ : k++;
		}
	} else {
		for (i = 0; i < a->n && !found; i++)
			for (k = 0; k < b->n && !found; k++)
				found = !order(&a->v[i], &b->v[k]);
	}
	free(sa);
	free(sb);
	return found;
}

/* Which bits of word w the range covers. */
static uint64_t range_mask(const struct range *r, unsigned w)
{
	uint64_t mask = UINT64_MAX;
	if (w == r->lower / 64)
		mask &= UINT64_MAX << r->lower % 64;
	if (w == r->upper / 64)
		mask &= UINT64_MAX >> (63 - r->upper % 64);
	return mask;
}

/* A bitmap of all 65536 values keeps this linear in both lists. */
static bool common_number(const struct range_list *a, const struct range_list *b)
{
	uint64_t seen[1024] = { 0 };
	for (size_t i = 0; i < a->n; i++)
		for (unsigned w = a->v[i].lower / 64; w <= a->v[i].upper / 64; w++)
			seen[w] |= range_mask(&a->v[i], w);
	for (size_t i = 0; i < b->n; i++)
		for (unsigned w = b->v[i].lower / 64; w <= b->v[i].upper / 64; w++)
			if (seen[w] & range_mask(&b->v[i], w))
				return true;
	return false;
}

bool mitigation_targets_overlap(const struct mitigation *a, const struct mitigation *b)
{
	return prefixes_overlap(&a->target_prefix, &b->target_prefix) || common_text(&a->target_fqdn, &b->target_fqdn, name_order) ||
	    common_text(&a->target_uri, &b->target_uri, text_order) || common_text(&a->alias_name, &b->alias_name, text_order);
}

bool mitigation_overlap(const struct mitigation *a, const struct mitigation *b)
{
	if (!mitigation_targets_overlap(a, b))
		return false;
	/* No source named means every source. */
	if (a->source_prefix.n && b->source_prefix.n && !prefixes_overlap(&a->source_prefix, &b->source_prefix))
		return false;
	bool ports = a->source_port.n && b->source_port.n, types = a->source_icmp_type.n && b->source_icmp_type.n;
	return (!ports && !types) || (ports && common_number(&a->source_port, &b->source_port)) ||
	    (types && common_number(&a->source_icmp_type, &b->source_icmp_type));
}
