/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "unite.h"

#include <stdlib.h>
#include <string.h>

static int add_prefixes(struct prefix_list *to, const struct prefix_list *from)
{
	for (size_t i = 0; i < from->n; i++) {
		bool there = false;
		for (size_t j = 0; j < to->n && !there; j++)
			there = prefix_contains(&to->v[j], &from->v[i]);
		if (!there && prefix_list_add(to, &from->v[i]) < 0)
			return -1;
	}
	return 0;
}

static int add_texts(struct text_list *to, const struct text_list *from)
{
	for (size_t i = 0; i < from->n; i++) {
		bool there = false;
		for (size_t j = 0; j < to->n && !there; j++)
			there = !strcmp(to->v[j], from->v[i]);
		if (!there && text_list_add(to, from->v[i], strlen(from->v[i])) < 0)
			return -1;
	}
	return 0;
}

static int by_lower(const void *x, const void *y)
{
	const struct range *a = x, *b = y;
	return (a->lower > b->lower) - (a->lower < b->lower);
}

/* None at all means any. Ranges that touch become one, since two with the same lower bound are no list. */
static int add_ranges(struct range_list *to, const struct range_list *from)
{
	if (!to->n || !from->n) {
		range_list_free(to);
		return 0;
	}
	for (size_t i = 0; i < from->n; i++)
		if (range_list_add(to, from->v[i].lower, from->v[i].upper) < 0)
			return -1;
	qsort(to->v, to->n, sizeof *to->v, by_lower);
	size_t kept = 0;
	for (size_t i = 1; i < to->n; i++) {
		if (to->v[i].lower <= to->v[kept].upper + 1u)
			to->v[kept].upper = to->v[i].upper > to->v[kept].upper ? to->v[i].upper : to->v[kept].upper;
		else
			to->v[++kept] = to->v[i];
	}
	to->n = kept + 1;
	return 0;
}

static int add_protocols(struct protocol_list *to, const struct protocol_list *from)
{
	if (!to->n || !from->n) {
		protocol_list_free(to);
		return 0;
	}
	for (size_t i = 0; i < from->n; i++)
		if (!memchr(to->v, from->v[i], to->n) && protocol_list_add(to, from->v[i]) < 0)
			return -1;
	return 0;
}

static int add_sources(struct prefix_list *to, const struct prefix_list *from)
{
	if (to->n && from->n)
		return add_prefixes(to, from);
	prefix_list_free(to);
	return 0;
}

int unite(struct mitigation *to, const struct mitigation *m)
{
	return add_prefixes(&to->target_prefix, &m->target_prefix) < 0 || add_ranges(&to->target_port, &m->target_port) < 0 ||
	               add_protocols(&to->target_protocol, &m->target_protocol) < 0 || add_texts(&to->target_fqdn, &m->target_fqdn) < 0 ||
	               add_texts(&to->target_uri, &m->target_uri) < 0 || add_texts(&to->alias_name, &m->alias_name) < 0 ||
	               add_sources(&to->source_prefix, &m->source_prefix) < 0 || add_ranges(&to->source_port, &m->source_port) < 0 ||
	               add_ranges(&to->source_icmp_type, &m->source_icmp_type) < 0 ? -1 : 0;
}
