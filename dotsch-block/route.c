/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "route.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "rules.h"

#define NFPROTO4 2
#define NFPROTO6 10

char *route_chain(enum hook hook, uint32_t generation, char out[NFT_NAME_MAX])
{
	snprintf(out, NFT_NAME_MAX, "%s_%" PRIu32, hook_name(hook), generation);
	return out;
}

char *route_map(enum hook hook, uint32_t generation, int family, char out[NFT_NAME_MAX])
{
	snprintf(out, NFT_NAME_MAX, "%s_%" PRIu32 "_ip%u", hook_name(hook), generation, family ? 6u : 4u);
	return out;
}

/* Where each hook stands: before conntrack where its addresses are not needed; before the firewall's own rules; behind source translation. */
static const struct { enum nft_hook hook; int priority; } places[HOOKS] = {
	[HOOK_PREROUTING] = { NFT_HOOK_PREROUTING, -300 }, [HOOK_FORWARD] = { NFT_HOOK_FORWARD, -10 }, [HOOK_POSTROUTING] = { NFT_HOOK_POSTROUTING, 101 },
	[HOOK_INGRESS] = { NFT_HOOK_INGRESS, -500 },
};

void route_hook_up(struct nft *n, enum hook hook, uint32_t generation, const char *const *devices, size_t n_devices)
{
	char chain[NFT_NAME_MAX], map[NFT_NAME_MAX];
	route_chain(hook, generation, chain);
	nft_add_base_chain(n, chain, places[hook].hook, places[hook].priority, devices, hook == HOOK_INGRESS ? n_devices : 0);
	for (int f = 0; f < 2; f++) {
		struct nft_set_spec spec = { .name = route_map(hook, generation, f, map), .key = f ? NFT_KEY_IPV6 : NFT_KEY_IPV4, .interval = true, .verdict = true };
		uint8_t family = f ? NFPROTO6 : NFPROTO4;
		nft_add_set(n, &spec);
		nft_rule_begin(n, chain);
		nft_load_meta(n, NFT_LOAD_NFPROTO);
		nft_cmp(n, true, &family, 1);
		nft_load_payload(n, NFT_BASE_NETWORK, f ? 24 : 16, f ? 16 : 4);
		nft_lookup(n, map, true);
		nft_rule_end(n);
	}
}

void route_hook_down(struct nft *n, enum hook hook, uint32_t generation)
{
	char name[NFT_NAME_MAX];
	route_chain(hook, generation, name);
	nft_flush_chain(n, name);
	nft_del_chain(n, name);
	for (int f = 0; f < 2; f++)
		nft_del_set(n, route_map(hook, generation, f, name));
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
static void segments(struct nft *n, const char *map, bool add, const struct dispatch *a, const struct dispatch *b)
{
	unsigned bytes = a->family == 6 ? 16 : 4;
	nft_elems_begin(n, map, add);
	for (size_t i = 0, k = 0; i < a->n_segments; i++) {
		const struct segment *g = &a->segment[i];
		char name[NFT_NAME_MAX];
		uint8_t next[16];
		while (k < b->n_segments && memcmp(b->segment[k].first, g->first, 16) < 0)
			k++;
		if (k < b->n_segments && segment_equal(&b->segment[k], g))
			continue;
		nft_elem(n, g->first, bytes, 0, add ? leaf_name(&g->leaf, name) : NULL);
		if (behind(g, bytes, next))
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

/* Junctions of a that b lacks, and those that differ. */
static void junction_in(struct nft *n, const struct junction *was, const struct junction *is)
{
	char name[NFT_NAME_MAX];
	leaf_name(&(struct leaf){ true, is->id }, name);
	if (!was) {
		nft_add_chain(n, name, NULL);
		add_jumps(n, name, is->unit, is->n);
	} else if (was->n <= is->n && !memcmp(was->unit, is->unit, was->n * sizeof *was->unit)) {
		add_jumps(n, name, is->unit + was->n, is->n - was->n);
	} else {
		nft_flush_chain(n, name);
		add_jumps(n, name, is->unit, is->n);
	}
}

void route_change(struct nft *n, const char *map, const struct dispatch *before, const struct dispatch *after)
{
	char name[NFT_NAME_MAX];
	for (size_t i = 0, k = 0; i < after->n_junctions; i++) {
		while (k < before->n_junctions && prefix_compare(&before->junction[k].prefix, &after->junction[i].prefix) < 0)
			k++;
		bool known = k < before->n_junctions && prefix_equal(&before->junction[k].prefix, &after->junction[i].prefix);
		junction_in(n, known ? &before->junction[k] : NULL, &after->junction[i]);
	}
	segments(n, map, false, before, after);
	segments(n, map, true, after, before);
	for (size_t i = 0, k = 0; i < before->n_junctions; i++) {
		while (k < after->n_junctions && prefix_compare(&after->junction[k].prefix, &before->junction[i].prefix) < 0)
			k++;
		if (k < after->n_junctions && prefix_equal(&after->junction[k].prefix, &before->junction[i].prefix))
			continue;
		leaf_name(&(struct leaf){ true, before->junction[i].id }, name);
		nft_flush_chain(n, name);
		nft_del_chain(n, name);
	}
}
