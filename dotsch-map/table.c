/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "table.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "intern.h"

const char *nat_kind_name(uint32_t kind)
{
	static const char *const names[NAT_KINDS] = {
		[NAT_UNKNOWN] = "nat", [NAT_BASIC] = "basic-nat44", [NAT_NAPT44] = "napt44", [NAT_DST] = "dst-nat", [NAT_NAT64] = "nat64",
		[NAT_SIIT] = "siit", [NAT_CLAT] = "clat", [NAT_EAM] = "eam", [NAT_NPTV6] = "nptv6", [NAT_SOFTWIRE] = "softwire",
		[NAT_DETERMINISTIC] = "deterministic", [NAT_EVENTS] = "events",
	};
	return names[kind < NAT_KINDS ? kind : NAT_UNKNOWN];
}

const char *table_string(const struct table *t, uint32_t offset)
{
	return offset < t->n_strings ? t->strings + offset : "";
}

size_t table_record(enum section s)
{
	static const size_t sizes[SECTIONS] = {
		[SECTION_ENTRIES] = sizeof(struct nat_entry), [SECTION_SPANS] = sizeof(struct nat_span), [SECTION_DST_OF] = 4, [SECTION_HOSTS] = sizeof(struct nat_host), [SECTION_DSTS] = sizeof(struct nat_dst),
		[SECTION_ADDRS] = sizeof(struct nat_addr), [SECTION_GROUPS] = sizeof(struct nat_group), [SECTION_SLOTS] = 4, [SECTION_B4S] = 16,
		[SECTION_INSTANCES] = sizeof(struct nat_instance), [SECTION_SOURCES] = sizeof(struct nat_source), [SECTION_RULES] = sizeof(struct nat_rule),
		[SECTION_BINDINGS] = sizeof(struct nat_binding), [SECTION_STRINGS] = 1,
	};
	return sizes[s];
}

void table_bind(struct table *t, const void *const parts[SECTIONS], const uint32_t n[SECTIONS])
{
	t->entries = parts[SECTION_ENTRIES], t->n_entries = n[SECTION_ENTRIES];
	t->spans = parts[SECTION_SPANS];
	t->dst_of = parts[SECTION_DST_OF], t->n_dst_of = n[SECTION_DST_OF];
	t->hosts = parts[SECTION_HOSTS], t->n_hosts = n[SECTION_HOSTS];
	t->dsts = parts[SECTION_DSTS], t->n_dsts = n[SECTION_DSTS];
	t->addrs = parts[SECTION_ADDRS], t->n_addrs = n[SECTION_ADDRS] - 1;
	t->groups = parts[SECTION_GROUPS], t->n_groups = n[SECTION_GROUPS] - 1;
	t->slots = parts[SECTION_SLOTS], t->n_slots = n[SECTION_SLOTS];
	t->b4s = parts[SECTION_B4S], t->n_b4s = n[SECTION_B4S];
	t->instances = parts[SECTION_INSTANCES], t->n_instances = n[SECTION_INSTANCES];
	t->sources = parts[SECTION_SOURCES], t->n_sources = n[SECTION_SOURCES];
	t->rules = parts[SECTION_RULES], t->n_rules = n[SECTION_RULES];
	t->bindings = parts[SECTION_BINDINGS], t->n_bindings = n[SECTION_BINDINGS];
	t->strings = parts[SECTION_STRINGS], t->n_strings = n[SECTION_STRINGS];
	bool exists[256] = { false };
	for (uint32_t i = 0; i < t->n_addrs; i++)
		exists[t->addrs[i].at.len] = true;
	t->n_lens = 0;
	for (unsigned len = 129; len-- > 0;)
		if (exists[len])
			t->lens[t->n_lens++] = (uint8_t)len;
}

void table_parts(const struct table *t, const void *parts[SECTIONS], uint32_t n[SECTIONS])
{
	const void *const p[SECTIONS] = { t->entries, t->spans, t->dst_of, t->hosts, t->dsts, t->addrs, t->groups, t->slots, t->b4s, t->instances, t->sources, t->rules,
		t->bindings, t->strings };
	const uint32_t c[SECTIONS] = { t->n_entries, t->n_entries, t->n_dst_of, t->n_hosts, t->n_dsts, t->n_addrs + 1, t->n_groups + 1, t->n_slots, t->n_b4s, t->n_instances,
		t->n_sources, t->n_rules, t->n_bindings, t->n_strings };
	memcpy(parts, p, sizeof p);
	memcpy(n, c, sizeof c);
}

void table_free(struct table *t)
{
	if (!t)
		return;
	if (t->map)
		munmap(t->map, t->map_len);
	for (size_t i = 0; i < SECTIONS; i++)
		free(t->owned[i]);
	free(t);
}

static bool is_icmp(int proto)
{
	return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

/* The first index of a group whose maxhi reaches `lo`: maxhi never falls, and before it nothing can overlap. Ports are spread evenly as a rule, so the place is
   guessed, and the guess is widened until it holds: one or two cache lines instead of ten. */
static uint32_t first_reaching(const struct table *t, uint32_t from, uint32_t to, uint16_t lo)
{
	const struct nat_span *v = t->spans;
	if (to - from > 32 && v[to - 1].maxhi > v[from].maxhi) {
		if (v[from].maxhi >= lo)
			return from;
		if (v[to - 1].maxhi < lo)
			return to;
		uint32_t guess = from + (uint32_t)((uint64_t)(to - 1 - from) * (uint32_t)(lo - v[from].maxhi) / (uint32_t)(v[to - 1].maxhi - v[from].maxhi));
		/* The entry is near: it comes out of the memory while the spans do. */
		for (uint32_t near = guess > 4 ? guess - 4 : 0; near < guess + 8; near += 4)
			__builtin_prefetch(t->entries + near);
		if (v[guess].maxhi < lo) {
			from = guess + 1;
			for (uint32_t step = 8; to - from > step && v[from + step].maxhi < lo; step *= 2)
				from += step + 1;
			to = to - from > 16 && v[from + 15].maxhi >= lo ? from + 16 : to;
		} else {
			to = guess;
			for (uint32_t step = 8; to - from > step && v[to - step].maxhi >= lo; step *= 2)
				to -= step;
			from = to - from > 16 && v[to - 16].maxhi < lo ? to - 15 : from;
		}
	}
	while (from < to) {
		uint32_t mid = from + (to - from) / 2;
		if (v[mid].maxhi < lo)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

/* What is asked for; the same for every group that is tried. */
struct wanted { int proto; bool whole; uint16_t lo, hi; table_hit_fn *fn; void *arg; };

static bool match_group(const struct table *t, uint32_t addr, const struct nat_group *g, bool whole, const struct wanted *w)
{
	struct table_hit hit = { .entry = g->start, .addr = addr, .group = g };
	uint32_t end = g[1].start;
	if (whole || g->flags & ENTRY_WHOLE) {
		for (; hit.entry < end; hit.entry++)
			if (!w->fn(w->arg, &hit))
				return false;
		return true;
	}
	for (hit.entry = first_reaching(t, hit.entry, end, w->lo); hit.entry < end && t->spans[hit.entry].lo <= w->hi; hit.entry++)
		if (t->entries[hit.entry].hi >= w->lo && !w->fn(w->arg, &hit))
			return false;
	return true;
}

static bool match_addr(const struct table *t, uint32_t addr, const struct wanted *w)
{
	for (uint32_t g = t->addrs[addr].group; g < t->addrs[addr + 1].group; g++) {
		const struct nat_group *group = &t->groups[g];
		bool icmp = is_icmp(w->proto) && (is_icmp(group->proto) || group->proto == PROTO_ANY);
		if (w->proto >= 0 && group->proto != PROTO_ANY && group->proto != w->proto && !icmp)
			continue;
		/* Whoever names a port does not mean ICMP. */
		if (w->proto < 0 && !w->whole && is_icmp(group->proto))
			continue;
		if (!match_group(t, addr, group, w->whole || icmp, w))
			return false;
	}
	return true;
}

static uint32_t find_addr(const struct table *t, const struct wide *at)
{
	if (!t->n_slots)
		return NONE32;
	uint32_t slot = hash_bytes(at, sizeof *at) & (t->n_slots - 1);
	for (; t->slots[slot]; slot = (slot + 1) & (t->n_slots - 1)) {
		uint32_t i = t->slots[slot] - 1;
		if (!memcmp(&t->addrs[i].at, at, sizeof *at))
			return i;
	}
	return NONE32;
}

static uint32_t lower_bound(const struct table *t, const struct wide *at)
{
	uint32_t from = 0, to = t->n_addrs;
	while (from < to) {
		uint32_t mid = from + (to - from) / 2;
		if (wide_compare(&t->addrs[mid].at, at) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

bool table_match(const struct table *t, const struct wide *ext, int proto, bool whole, uint16_t lo, uint16_t hi, table_hit_fn *fn, void *arg)
{
	const struct wanted w = { proto, whole, lo, hi, fn, arg };
	/* The prefixes that cover ext, from the longest on; only lengths that exist are tried. */
	for (unsigned k = 0; k < t->n_lens; k++) {
		if (t->lens[k] > ext->len)
			continue;
		struct wide at = wide_cut(ext, t->lens[k]);
		uint32_t i = find_addr(t, &at);
		if (i != NONE32 && !match_addr(t, i, &w))
			return false;
	}
	if (ext->len == 128)
		return true;
	/* Those inside ext stand together in the sorted array. */
	for (uint32_t i = lower_bound(t, ext); i < t->n_addrs && wide_contains(ext, &t->addrs[i].at); i++)
		if (t->addrs[i].at.len > ext->len && !match_addr(t, i, &w))
			return false;
	return true;
}
