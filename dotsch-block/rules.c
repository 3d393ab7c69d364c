/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rules.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ranges.h"
#include "sets.h"

#define IPPROTO_NUMBER_TCP 6
#define NFPROTO4 2
#define NFPROTO6 10
#define ETHERNET 1           /* ARPHRD_ETHER */
#define LOCAL_ROUTE 2        /* RTN_LOCAL */
#define LOGS_A_SECOND 10

char *unit_name(uint32_t id, const char *suffix, char out[NFT_NAME_MAX])
{
	snprintf(out, NFT_NAME_MAX, "m%" PRIu32 "%s", id, suffix);
	return out;
}

static const char *const gate_suffix[2] = { "_t4", "_t6" }, *const source_suffix[2] = { "_s4", "_s6" }, *const allowed_suffix[2] = { "_a4", "_a6" },
	*const victim_suffix[2] = { "_v4", "_v6" };

bool rules_bulky(const struct plan *p, int family)
{
	return p->source[family].n > BULK_MIN && p->single[family];
}

void rules_add_sources(struct nft *n, uint32_t id, const struct plan *p, int family, bool set, size_t from, size_t count)
{
	char name[NFT_NAME_MAX];
	const struct prefix_list *l = &p->source[family];
	unit_name(id, source_suffix[family], name);
	/* A hash of fixed size is faster; a long list gets room to grow by half. */
	struct nft_set_spec spec = { .name = name, .key = family ? NFT_KEY_IPV6 : NFT_KEY_IPV4, .interval = !p->single[family], .size = (uint32_t)(l->n + l->n / 2) };
	if (set && !rules_bulky(p, family))
		spec.size = 0;
	if (set)
		nft_add_set(n, &spec);
	sets_elems(n, name, true, l->v + from, count, spec.interval, 0);
}

static void test_protocols(struct nft *n, uint32_t id, const char *suffix, const struct protocol_list *l)
{
	char name[NFT_NAME_MAX];
	nft_load_meta(n, NFT_LOAD_L4PROTO);
	if (l->n == 1)
		nft_cmp(n, true, l->v, 1);
	else
		nft_lookup(n, unit_name(id, suffix, name), false);
}

static void test_ranges(struct nft *n, uint32_t id, const char *suffix, unsigned offset, const struct range_list *l)
{
	char name[NFT_NAME_MAX];
	if (!l->n)
		return;
	nft_load_payload(n, NFT_BASE_TRANSPORT, offset, 2);
	if (l->n == 1) {
		uint16_t lower = htons(l->v[0].lower), upper = htons(l->v[0].upper);
		if (lower == upper)
			nft_cmp(n, true, &lower, 2);
		else
			nft_range(n, &lower, &upper, 2);
	} else {
		nft_lookup(n, unit_name(id, suffix, name), false);
	}
}

static void test_fragment(struct nft *n, uint8_t family)
{
	static const uint8_t zero[2];
	if (family == 4)
		nft_load_payload(n, NFT_BASE_NETWORK, 6, 2);
	else
		nft_load_fragment6(n);
	nft_mask(n, family == 4 ? "\x1f\xff" : "\xff\xf8", 2);
	nft_cmp(n, false, zero, 2);
}

static void test_source(struct nft *n, uint32_t id, const struct plan *p, const struct plan_rule *r)
{
	char name[NFT_NAME_MAX];
	int f = r->family == 6;
	if (r->mac) {
		uint16_t ethernet = ETHERNET;
		nft_load_meta(n, NFT_LOAD_IIFTYPE);
		nft_cmp(n, true, &ethernet, 2);
		nft_load_payload(n, NFT_BASE_LINK, 6, 6);
		nft_lookup(n, unit_name(id, "_mac", name), false);
	} else if (!p->any_source) {
		nft_load_payload(n, NFT_BASE_NETWORK, f ? 8 : 12, f ? 16 : 4);
		nft_lookup(n, unit_name(id, source_suffix[f], name), false);
	}
}

static void test_shape(struct nft *n, uint32_t id, const struct plan *p, const struct plan_rule *r)
{
	struct range v[256];
	struct range_list types = sets_types(&p->types, v, 256);
	switch (r->shape) {
	case SHAPE_ANY:
		break;
	case SHAPE_PROTOCOLS:
		test_protocols(n, id, "_pl", &p->plain);
		break;
	case SHAPE_PORTS:
		test_protocols(n, id, "_pp", &p->ported);
		test_ranges(n, id, "_sp", 0, &p->source_port);
		test_ranges(n, id, "_dp", 2, &p->target_port);
		break;
	case SHAPE_TYPES:
		nft_load_meta(n, NFT_LOAD_L4PROTO);
		nft_cmp(n, true, r->family == 4 ? "\x01" : "\x3a", 1);
		test_ranges(n, id, "_it", 0, &types);
		break;
	case SHAPE_FRAGMENTS:
		test_protocols(n, id, "_pp", &p->ported);
		test_fragment(n, r->family);
		break;
	case SHAPE_TYPE_FRAGMENTS:
		nft_load_meta(n, NFT_LOAD_L4PROTO);
		nft_cmp(n, true, r->family == 4 ? "\x01" : "\x3a", 1);
		test_fragment(n, r->family);
		break;
	}
}

/* Everything a packet has to fulfil, cheapest and most telling first. */
static void test_packet(struct nft *n, uint32_t id, const struct plan *p, const struct plan_rule *r)
{
	char name[NFT_NAME_MAX];
	int f = r->family == 6;
	uint8_t family = f ? NFPROTO6 : NFPROTO4;
	nft_load_meta(n, NFT_LOAD_NFPROTO);
	nft_cmp(n, true, &family, 1);
	test_source(n, id, p, r);
	nft_load_payload(n, NFT_BASE_NETWORK, f ? 24 : 16, f ? 16 : 4);
	nft_lookup(n, unit_name(id, gate_suffix[f], name), false);
	test_shape(n, id, p, r);
	if (p->forwarded_only) {
		/* What this machine sends itself has come in nowhere. */
		uint32_t nowhere = 0;
		nft_load_meta(n, NFT_LOAD_IIF);
		nft_cmp(n, false, &nowhere, sizeof nowhere);
	}
	if (p->hook == HOOK_PREROUTING) {
		uint32_t local = LOCAL_ROUTE;
		nft_load_local(n);
		nft_cmp(n, false, &local, sizeof local);
	}
}

static void act(struct nft *n, const char *counter, const struct action *a, bool tcp)
{
	if (a->verb == VERB_LIMIT)
		nft_limit(n, a->rate, a->bytes, true);
	nft_count(n, counter);
	switch (a->verb) {
	case VERB_DROP: case VERB_LIMIT: case VERB_QUARANTINE:
		nft_verdict(n, NFT_VERDICT_DROP);
		break;
	case VERB_REJECT:
		nft_reject(n, tcp);
		break;
	case VERB_QUEUE:
		nft_queue(n, (uint16_t)a->number);
		break;
	case VERB_MARK:
		nft_set_mark(n, a->number);
		break;
	case VERB_LOG:
		/* The log is for people: a flood must not fill the disk. */
		nft_limit(n, LOGS_A_SECOND, false, false);
		nft_log(n, "dotsch: ");
		break;
	case VERB_DRY_RUN: case VERBS:
		break;
	}
}

/* Whether a rule of this shape sees TCP, and whether only that. */
static bool may_be_tcp(const struct plan *p, const struct plan_rule *r)
{
	return r->shape == SHAPE_ANY || (r->shape == SHAPE_PORTS && memchr(p->ported.v, IPPROTO_NUMBER_TCP, p->ported.n)) ||
	    (r->shape == SHAPE_PROTOCOLS && memchr(p->plain.v, IPPROTO_NUMBER_TCP, p->plain.n));
}

bool rules_share_limit(const struct plan *p)
{
	return p->action.verb == VERB_LIMIT && p->n_rules > 1;
}

static void add_limit(struct nft *n, uint32_t id, const struct plan *p, const char *comment)
{
	char chain[NFT_NAME_MAX], counter[NFT_NAME_MAX];
	nft_add_chain(n, unit_name(id, RULES_LIMIT, chain), comment);
	nft_rule_begin(n, chain);
	act(n, unit_name(id, "", counter), &p->action, false);
	nft_rule_end(n);
}

static void add_rule(struct nft *n, uint32_t id, const struct plan *p, const struct plan_rule *r)
{
	char name[NFT_NAME_MAX], limit[NFT_NAME_MAX];
	uint8_t tcp = IPPROTO_NUMBER_TCP;
	unit_name(id, "", name);
	if (p->action.verb == VERB_REJECT && may_be_tcp(p, r)) {
		nft_rule_begin(n, name);
		nft_load_meta(n, NFT_LOAD_L4PROTO);
		nft_cmp(n, true, &tcp, 1);
		test_packet(n, id, p, r);
		act(n, name, &p->action, true);
		nft_rule_end(n);
	}
	nft_rule_begin(n, name);
	test_packet(n, id, p, r);
	if (rules_share_limit(p))
		nft_goto(n, unit_name(id, RULES_LIMIT, limit));
	else
		act(n, name, &p->action, false);
	nft_rule_end(n);
}

/* Which families the rules test by address, and whether any tests the MAC. */
static bool uses(const struct plan *p, int family, bool mac)
{
	for (size_t i = 0; i < p->n_rules; i++)
		if (p->rule[i].mac == mac && (family < 0 || (p->rule[i].family == 6) == family))
			return true;
	return false;
}

bool rules_have_gate(const struct plan *p, int family)
{
	return uses(p, family, false) || uses(p, family, true);
}

bool rules_have_sources(const struct plan *p, int family)
{
	return uses(p, family, false) && !p->any_source;
}

static bool has_victims(const struct plan *p, int family)
{
	return p->victim[family].n && rules_have_gate(p, family);
}

/* Before the exceptions: the attack itself may be one of DNS. */
static void add_victims(struct nft *n, uint32_t id, const struct plan *p)
{
	char name[NFT_NAME_MAX], set[NFT_NAME_MAX];
	unit_name(id, "", name);
	for (int f = 0; f < 2; f++)
		if (has_victims(p, f))
			sets_add_prefixes(n, id, victim_suffix[f], f, &p->victim[f], false, 0);
	for (size_t i = 0; i < p->n_rules; i++) {
		int f = p->rule[i].family == 6;
		if (!has_victims(p, f))
			continue;
		nft_rule_begin(n, name);
		test_packet(n, id, p, &p->rule[i]);
		nft_load_payload(n, NFT_BASE_NETWORK, f ? 24 : 16, f ? 16 : 4);
		nft_lookup(n, unit_name(id, victim_suffix[f], set), false);
		act(n, name, &p->action, false);
		nft_rule_end(n);
	}
}

/* What a quarantined device may still do: get an address, resolve names, and reach what the policy allows. */
static const struct { uint8_t protocol; uint16_t port; } services[] = { { 17, 53 }, { 6, 53 }, { 17, 67 }, { 17, 547 } };

static void add_exceptions(struct nft *n, uint32_t id, const struct plan *p)
{
	char name[NFT_NAME_MAX], set[NFT_NAME_MAX];
	unit_name(id, "", name);
	for (size_t i = 0; i < sizeof services / sizeof *services; i++) {
		uint16_t port = htons(services[i].port);
		nft_rule_begin(n, name);
		nft_load_meta(n, NFT_LOAD_L4PROTO);
		nft_cmp(n, true, &services[i].protocol, 1);
		nft_load_payload(n, NFT_BASE_TRANSPORT, 2, 2);
		nft_cmp(n, true, &port, 2);
		nft_verdict(n, NFT_VERDICT_RETURN);
		nft_rule_end(n);
	}
	for (int f = 0; f < 2; f++) {
		struct prefix_list l = { 0 };
		if (sets_of_family(&p->allowed, f, &l)) {
			uint8_t family = f ? NFPROTO6 : NFPROTO4;
			prefixes_merge(&l);
			sets_add_prefixes(n, id, allowed_suffix[f], f, &l, false, 0);
			nft_rule_begin(n, name);
			nft_load_meta(n, NFT_LOAD_NFPROTO);
			nft_cmp(n, true, &family, 1);
			nft_load_payload(n, NFT_BASE_NETWORK, f ? 24 : 16, f ? 16 : 4);
			nft_lookup(n, unit_name(id, allowed_suffix[f], set), false);
			nft_verdict(n, NFT_VERDICT_RETURN);
			nft_rule_end(n);
		}
		prefix_list_free(&l);
	}
}

void rules_add(struct nft *n, uint32_t id, const struct plan *p, const struct mark *mark, const char *comment, uint64_t timeout_ms, uint64_t packets, uint64_t bytes)
{
	char name[NFT_NAME_MAX], summary[NFT_COMMENT_MAX + 1];
	uint8_t userdata[256];
	struct range v[256];
	struct range_list types = sets_types(&p->types, v, 256);
	nft_add_counter(n, unit_name(id, "", name), packets, bytes, userdata, mark_write(mark, comment, userdata, sizeof userdata));
	for (int f = 0; f < 2; f++) {
		if (!rules_have_gate(p, f))
			continue;
		sets_add_prefixes(n, id, gate_suffix[f], f, &p->target[f], true, timeout_ms);
		if (rules_have_sources(p, f) && !rules_bulky(p, f))
			rules_add_sources(n, id, p, f, true, 0, p->source[f].n);
	}
	if (uses(p, -1, true))
		sets_add_bytes(n, id, "_mac", NFT_KEY_ETHER, p->mac[0], p->n_mac);
	sets_add_bytes(n, id, "_pp", NFT_KEY_PROTOCOL, p->ported.v, p->ported.n);
	sets_add_bytes(n, id, "_pl", NFT_KEY_PROTOCOL, p->plain.v, p->plain.n);
	sets_add_ranges(n, id, "_sp", &p->source_port);
	sets_add_ranges(n, id, "_dp", &p->target_port);
	sets_add_ranges(n, id, "_it", &types);
	nft_add_chain(n, name, plan_summary(p, summary, sizeof summary));
	if (rules_share_limit(p))
		add_limit(n, id, p, summary);
	if (p->action.verb == VERB_QUARANTINE) {
		add_victims(n, id, p);
		add_exceptions(n, id, p);
	}
	for (size_t i = 0; i < p->n_rules; i++)
		add_rule(n, id, p, &p->rule[i]);
}

/* How many elements the kernel counts in a set of so many intervals: one each, but that an open end has no element of its own. */
static uint32_t counted_prefixes(const struct prefix_list *l, bool single)
{
	uint8_t next[16];
	return single || prefix_behind(&l->v[l->n - 1], next) ? (uint32_t)l->n : (uint32_t)(2 * l->n - 1) / 2;
}

static uint32_t counted_ranges(const struct range_list *l, uint16_t last)
{
	return l->v[l->n - 1].upper < last ? (uint32_t)l->n : (uint32_t)(2 * l->n - 1) / 2;
}

static void one_set(uint32_t id, const char *suffix, uint32_t elements, rules_fn *fn, void *arg)
{
	char name[NFT_NAME_MAX];
	fn(arg, unit_name(id, suffix, name), elements);
}

void rules_sets(uint32_t id, const struct plan *p, rules_fn *fn, void *arg)
{
	for (int f = 0; f < 2; f++) {
		struct prefix_list l = { 0 };
		if (rules_have_gate(p, f))
			one_set(id, gate_suffix[f], counted_prefixes(&p->target[f], prefixes_all_hosts(&p->target[f])), fn, arg);
		if (rules_have_sources(p, f))
			one_set(id, source_suffix[f], counted_prefixes(&p->source[f], p->single[f]), fn, arg);
		if (p->action.verb == VERB_QUARANTINE && sets_of_family(&p->allowed, f, &l)) {
			prefixes_merge(&l);
			one_set(id, allowed_suffix[f], counted_prefixes(&l, prefixes_all_hosts(&l)), fn, arg);
		}
		prefix_list_free(&l);
		if (has_victims(p, f))
			one_set(id, victim_suffix[f], counted_prefixes(&p->victim[f], prefixes_all_hosts(&p->victim[f])), fn, arg);
	}
	if (uses(p, -1, true))
		one_set(id, "_mac", (uint32_t)p->n_mac, fn, arg);
	if (p->ported.n > 1)
		one_set(id, "_pp", (uint32_t)p->ported.n, fn, arg);
	if (p->plain.n > 1)
		one_set(id, "_pl", (uint32_t)p->plain.n, fn, arg);
	if (p->source_port.n > 1)
		one_set(id, "_sp", counted_ranges(&p->source_port, UINT16_MAX), fn, arg);
	if (p->target_port.n > 1)
		one_set(id, "_dp", counted_ranges(&p->target_port, UINT16_MAX), fn, arg);
	if (p->types.n > 1)
		one_set(id, "_it", counted_ranges(&p->types, UINT8_MAX), fn, arg);
}

uint32_t rules_count(const struct plan *p)
{
	uint32_t n = (uint32_t)p->n_rules;
	for (size_t i = 0; p->action.verb == VERB_REJECT && i < p->n_rules; i++)
		n += may_be_tcp(p, &p->rule[i]);
	for (size_t i = 0; i < p->n_rules; i++)
		n += has_victims(p, p->rule[i].family == 6);
	for (int f = 0; p->action.verb == VERB_QUARANTINE && f < 2; f++) {
		bool some = false;
		for (size_t i = 0; i < p->allowed.n; i++)
			some |= (p->allowed.v[i].family == 6) == f;
		n += some;
	}
	return n + (p->action.verb == VERB_QUARANTINE ? sizeof services / sizeof *services : 0);
}

static void delete_set(void *arg, const char *name, uint32_t elements)
{
	(void)elements;
	nft_del_set(arg, name);
}

void rules_delete(struct nft *n, uint32_t id, const struct plan *p)
{
	char name[NFT_NAME_MAX], limit[NFT_NAME_MAX];
	unit_name(id, "", name);
	nft_flush_chain(n, name);
	if (rules_share_limit(p)) {
		nft_flush_chain(n, unit_name(id, RULES_LIMIT, limit));
		nft_del_chain(n, limit);
	}
	nft_del_chain(n, name);
	rules_sets(id, p, delete_set, n);
	nft_del_counter(n, name);
}
