/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ranges.h"

#include <stdlib.h>
#include <string.h>

static bool bit_of(const struct prefix *p, unsigned bit)
{
	return p->addr[bit / 8] >> (7 - bit % 8) & 1;
}

/* Two halves of the prefix one bit shorter: a is the lower half, b the upper. */
static bool halves(const struct prefix *a, const struct prefix *b)
{
	if (a->family != b->family || a->len != b->len || a->len == 0 || bit_of(a, a->len - 1u))
		return false;
	struct prefix up = prefix_make(b->family, b->addr, (uint8_t)(b->len - 1));
	return bit_of(b, b->len - 1u) && memcmp(up.addr, a->addr, sizeof up.addr) == 0;
}

void prefixes_merge(struct prefix_list *l)
{
	size_t n = 0;
	if (l->n)
		qsort(l->v, l->n, sizeof *l->v, prefix_compare);
	for (size_t i = 0; i < l->n; i++) {
		if (n && prefix_contains(&l->v[n - 1], &l->v[i]))
			continue;
		l->v[n++] = l->v[i];
		while (n > 1 && halves(&l->v[n - 2], &l->v[n - 1])) {
			n--;
			l->v[n - 1].len--;
		}
	}
	l->n = n;
}

static int range_compare(const void *a, const void *b)
{
	const struct range *x = a, *y = b;
	return x->lower != y->lower ? (x->lower < y->lower ? -1 : 1) : (x->upper > y->upper) - (x->upper < y->upper);
}

void ranges_merge(struct range_list *l)
{
	size_t n = 0;
	if (l->n)
		qsort(l->v, l->n, sizeof *l->v, range_compare);
	for (size_t i = 0; i < l->n; i++) {
		if (n && l->v[i].lower <= (uint32_t)l->v[n - 1].upper + 1) {
			if (l->v[i].upper > l->v[n - 1].upper)
				l->v[n - 1].upper = l->v[i].upper;
		} else {
			l->v[n++] = l->v[i];
		}
	}
	l->n = n;
}

static int byte_compare(const void *a, const void *b)
{
	return *(const uint8_t *)a - *(const uint8_t *)b;
}

void protocols_merge(struct protocol_list *l)
{
	size_t n = 0;
	if (l->n)
		qsort(l->v, l->n, 1, byte_compare);
	for (size_t i = 0; i < l->n; i++)
		if (!n || l->v[n - 1] != l->v[i])
			l->v[n++] = l->v[i];
	l->n = n;
}

bool prefixes_all_hosts(const struct prefix_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (!prefix_is_host(&l->v[i]))
			return false;
	return true;
}

bool prefix_behind(const struct prefix *p, uint8_t next[16])
{
	struct prefix last = prefix_last(p);
	int i = prefix_bits(p) / 8 - 1;
	memcpy(next, last.addr, 16);
	for (; i >= 0; i--)
		if (++next[i])
			return true;
	return false;
}
