/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "route.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "rules.h"

#define NFPROTO4 2
#define NFPROTO6 10

/* Single addresses stand in a hash, which is faster than the tree of intervals that wider segments need. Each exists only while it holds something. */
enum kind { KIND_HOSTS, KIND_NETS, KINDS };
enum field { FIELD_SOURCE, FIELD_TARGET };

/* Where each hook stands: before conntrack where its addresses are not needed; before the firewall's own rules; behind source translation. */
static const struct { enum nft_hook hook; int priority; } places[HOOKS] = {
	[HOOK_PREROUTING] = { NFT_HOOK_PREROUTING, -300 }, [HOOK_FORWARD] = { NFT_HOOK_FORWARD, -10 }, [HOOK_POSTROUTING] = { NFT_HOOK_POSTROUTING, 101 },
	[HOOK_INGRESS] = { NFT_HOOK_INGRESS, -500 },
};

static enum kind kind_of(const struct segment *g)
{
	return memcmp(g->first, g->last, sizeof g->first) ? KIND_NETS : KIND_HOSTS;
}

static unsigned kinds_of(const struct dispatch *d)
{
	unsigned kinds = 0;
	for (size_t i = 0; i < d->n_segments; i++)
		kinds |= 1u << kind_of(&d->segment[i]);
	return kinds;
}

static uint32_t lookup_rules(const struct dispatch *d)
{
	unsigned kinds = kinds_of(d);
	return (kinds & 1) + (kinds >> 1 & 1);
}

static void chain_name(enum hook hook, uint32_t run, char out[NFT_NAME_MAX - 12])
{
	snprintf(out, NFT_NAME_MAX - 12, "%.11s_%" PRIu32, hook_name(hook), run % 1000000);
}

static char *map_name(const char *base, enum kind kind, char out[NFT_NAME_MAX])
{
	snprintf(out, NFT_NAME_MAX, "%s_%s", base, kind == KIND_HOSTS ? "hosts" : "nets");
	return out;
}

static char *leaf_name(const struct leaf *l, char out[NFT_NAME_MAX])
{
	snprintf(out, NFT_NAME_MAX, "%c%" PRIu32, l->junction ? 'd' : 'm', l->id);
	return out;
}

static bool segment_equal(const struct segment *a, const struct segment *b)
{
	return !memcmp(a->first, b->first, 16) && !memcmp(a->last, b->last, 16) && a->leaf.junction == b->leaf.junction && a->leaf.id == b->leaf.id;
}

/* The first address behind the segment; false when there is none. */
static bool behind(const struct segment *g, unsigned bytes, uint8_t next[16])
{
	memcpy(next, g->last, 16);
	for (unsigned i = bytes; i-- > 0;)
		if (++next[i])
			return true;
	return false;
}

/* Segments of a that b has not got as they are. */
static void segments(struct nft *n, const char *base, enum kind kind, bool add, const struct dispatch *a, const struct dispatch *b)
{
	unsigned bytes = a->family == 6 ? 16 : 4;
	char map[NFT_NAME_MAX];
	nft_elems_begin(n, map_name(base, kind, map), add);
	for (size_t i = 0, k = 0; i < a->n_segments; i++) {
		const struct segment *g = &a->segment[i];
		char name[NFT_NAME_MAX];
		uint8_t next[16];
		while (k < b->n_segments && memcmp(b->segment[k].first, g->first, 16) < 0)
			k++;
		if (kind_of(g) != kind || (k < b->n_segments && segment_equal(&b->segment[k], g)))
			continue;
		nft_elem(n, g->first, bytes, 0, add ? leaf_name(&g->leaf, name) : NULL);
		if (kind == KIND_NETS && behind(g, bytes, next))
			nft_elem_end(n, next, bytes);
	}
	nft_elems_end(n);
}

static void add_jumps(struct nft *n, const char *chain, const uint32_t *unit, size_t count)
{
	char name[NFT_NAME_MAX];
	for (size_t i = 0; i < count; i++) {
		nft_rule_begin(n, chain);
		nft_jump(n, unit_name(unit[i], "", name));
		nft_rule_end(n);
	}
}

/* One rule for each map there is. */
static void lookups(struct nft *n, const char *chain, const char *base, enum field field, const struct dispatch *d)
{
	bool six = d->family == 6;
	uint8_t family = six ? NFPROTO6 : NFPROTO4;
	unsigned offset = field == FIELD_SOURCE ? (six ? 8 : 12) : six ? 24 : 16, kinds = kinds_of(d);
	char map[NFT_NAME_MAX];
	for (int kind = 0; kind < KINDS; kind++) {
		if (!(kinds & 1u << kind))
			continue;
		nft_rule_begin(n, chain);
		nft_load_meta(n, NFT_LOAD_NFPROTO);
		nft_cmp(n, true, &family, 1);
		nft_load_payload(n, NFT_BASE_NETWORK, offset, six ? 16 : 4);
		nft_lookup(n, map_name(base, (enum kind)kind, map), true);
		nft_rule_end(n);
	}
}

/* The junction at this prefix, in a list sorted by prefix; *at goes on from where it was. */
static const struct junction *junction_at(const struct dispatch *d, const struct prefix *prefix, size_t *at)
{
	while (*at < d->n_junctions && prefix_compare(&d->junction[*at].prefix, prefix) < 0)
		++*at;
	return *at < d->n_junctions && prefix_equal(&d->junction[*at].prefix, prefix) ? &d->junction[*at] : NULL;
}

static void fan_in(struct nft *n, const char *base, const struct dispatch *before, const struct dispatch *after);
static void fan_out(struct nft *n, const char *base, const struct dispatch *before, const struct dispatch *after);
static const struct dispatch nothing;

static void junction_in(struct nft *n, const struct junction *was, const struct junction *is)
{
	char name[NFT_NAME_MAX];
	const struct dispatch *before = was && was->by_source ? was->by_source : &nothing, *after = is->by_source ? is->by_source : &nothing;
	leaf_name(&(struct leaf){ true, is->id }, name);
	if (!was)
		nft_add_chain(n, name, NULL);
	fan_in(n, name, before, after);
	if (was && kinds_of(before) == kinds_of(after) && was->n <= is->n && (!was->n || !memcmp(was->unit, is->unit, was->n * sizeof *was->unit))) {
		add_jumps(n, name, is->unit + was->n, is->n - was->n);
	} else {
		if (was)
			nft_flush_chain(n, name);
		lookups(n, name, name, FIELD_SOURCE, after);
		add_jumps(n, name, is->unit, is->n);
	}
	fan_out(n, name, before, after);
}

static void junction_out(struct nft *n, const struct junction *was)
{
	char name[NFT_NAME_MAX];
	leaf_name(&(struct leaf){ true, was->id }, name);
	nft_flush_chain(n, name);
	if (was->by_source) {
		fan_in(n, name, was->by_source, &nothing);
		fan_out(n, name, was->by_source, &nothing);
	}
	nft_del_chain(n, name);
}

/* Maps and junctions that are new or differ, and then the segments that lead to them. */
static void fan_in(struct nft *n, const char *base, const struct dispatch *before, const struct dispatch *after)
{
	unsigned was = kinds_of(before), is = kinds_of(after);
	char map[NFT_NAME_MAX];
	for (size_t i = 0, at = 0; i < after->n_junctions; i++)
		junction_in(n, junction_at(before, &after->junction[i].prefix, &at), &after->junction[i]);
	for (int kind = 0; kind < KINDS; kind++)
		if (is & ~was & 1u << kind)
			nft_add_set(n, &(struct nft_set_spec){ .name = map_name(base, (enum kind)kind, map), .key = after->family == 6 ? NFT_KEY_IPV6 : NFT_KEY_IPV4,
			    .interval = kind == KIND_NETS, .verdict = true });
	for (int kind = 0; kind < KINDS; kind++)
		segments(n, base, (enum kind)kind, false, before, after);
	for (int kind = 0; kind < KINDS; kind++)
		segments(n, base, (enum kind)kind, true, after, before);
}

/* What nothing leads to any more. */
static void fan_out(struct nft *n, const char *base, const struct dispatch *before, const struct dispatch *after)
{
	unsigned was = kinds_of(before), is = kinds_of(after);
	char map[NFT_NAME_MAX];
	for (size_t i = 0, at = 0; i < before->n_junctions; i++)
		if (!junction_at(after, &before->junction[i].prefix, &at))
			junction_out(n, &before->junction[i]);
	for (int kind = 0; kind < KINDS; kind++)
		if (was & ~is & 1u << kind)
			nft_del_set(n, map_name(base, (enum kind)kind, map));
}

void route_hook(struct nft *n, enum hook hook, uint32_t run, const struct dispatch before[2], const struct dispatch after[2], const char *const *devices, size_t n_devices)
{
	bool was = before[0].n_segments || before[1].n_segments, is = after[0].n_segments || after[1].n_segments;
	char chain[NFT_NAME_MAX - 12], base[2][NFT_NAME_MAX];
	chain_name(hook, run, chain);
	for (int f = 0; f < 2; f++) {
		snprintf(base[f], sizeof base[f], "%s_ip%u", chain, f ? 6u : 4u);
		fan_in(n, base[f], &before[f], &after[f]);
	}
	if (!was && is)
		nft_add_base_chain(n, chain, places[hook].hook, places[hook].priority, devices, hook == HOOK_INGRESS ? n_devices : 0);
	if (kinds_of(&before[0]) != kinds_of(&after[0]) || kinds_of(&before[1]) != kinds_of(&after[1])) {
		if (was)
			nft_flush_chain(n, chain);
		for (int f = 0; f < 2; f++)
			lookups(n, chain, base[f], FIELD_TARGET, &after[f]);
	}
	if (was && !is)
		nft_del_chain(n, chain);
	for (int f = 0; f < 2; f++)
		fan_out(n, base[f], &before[f], &after[f]);
}

/* Chains and maps, and the references of maps and jumps to chains. */
static void holds(const char *base, const struct dispatch *d, route_fn *fn, void *arg)
{
	uint32_t elements[KINDS] = { 0, 0 };
	unsigned kinds = kinds_of(d);
	char name[NFT_NAME_MAX];
	for (size_t i = 0; i < d->n_segments; i++) {
		const struct segment *g = &d->segment[i];
		uint8_t next[16];
		elements[kind_of(g)] += kind_of(g) == KIND_HOSTS || behind(g, d->family == 6 ? 16 : 4, next) ? 2 : 1;
		fn(arg, leaf_name(&g->leaf, name), false, 1);
	}
	for (int kind = 0; kind < KINDS; kind++)
		if (kinds & 1u << kind)
			fn(arg, map_name(base, (enum kind)kind, name), true, elements[kind] / 2);
	for (size_t i = 0; i < d->n_junctions; i++) {
		const struct junction *j = &d->junction[i];
		char chain[NFT_NAME_MAX];
		leaf_name(&(struct leaf){ true, j->id }, chain);
		fn(arg, chain, false, 1 + (uint32_t)j->n + (j->by_source ? lookup_rules(j->by_source) : 0));
		for (size_t k = 0; k < j->n; k++)
			fn(arg, unit_name(j->unit[k], "", name), false, 1);
		if (j->by_source)
			holds(chain, j->by_source, fn, arg);
	}
}

void route_holds(enum hook hook, uint32_t run, const struct dispatch d[2], route_fn *fn, void *arg)
{
	char chain[NFT_NAME_MAX - 12], base[NFT_NAME_MAX];
	chain_name(hook, run, chain);
	if (d[0].n_segments || d[1].n_segments)
		fn(arg, chain, false, 1 + lookup_rules(&d[0]) + lookup_rules(&d[1]));
	for (int f = 0; f < 2; f++) {
		snprintf(base, sizeof base, "%s_ip%u", chain, f ? 6u : 4u);
		holds(base, &d[f], fn, arg);
	}
}
