/* SPDX-License-Identifier: GPL-3.0-or-later */
/* resolve_rules - the half of resolve that computes: pools, prefixes that map one to one, and shared addresses with port sets. */
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "dots/portset.h"
#include "rules.h"

static struct voice rule_voice(const struct nat_rule *r)
{
	return (struct voice){ .certainty = CERTAINTY_LIKELY, .instance = r->instance, .rank = answer_rank(r->out.len, false, UINT16_MAX, false) };
}

static bool same_name(const struct table *t, const struct nat_instance *a, const struct nat_instance *b)
{
	return a->name == b->name || (a->name != NONE32 && b->name != NONE32 && !strcmp(table_string(t, a->name), table_string(t, b->name)));
}

/* A version with a date holds from then on, until the date of the next one of the same name; before the first, nobody knows. */
static void version_voice(const struct search *s, struct voice *v)
{
	const struct table *t = s->table;
	const struct nat_instance *in = &t->instances[v->instance];
	if (in->since > s->q->attack)
		v->certainty = CERTAINTY_STALE;
	for (uint32_t i = 0; in->since && i < t->n_instances; i++) {
		const struct nat_instance *next = &t->instances[i];
		if (next->kind == NAT_SOFTWIRE && !next->disabled && next->since > in->since && next->since <= s->q->attack && same_name(t, in, next))
			v->ruled_out = "a later version of its table or rule held at the time of the attack";
	}
}

/* Does the NAT use one of these ports (RFC 8512, port-set-restrict)? */
static bool pool_uses(const struct nat_rule *r, const struct range *ports)
{
	struct portset set = { .offset = r->offset, .psid_len = r->psid_len };
	if (r->ports)
		return ports->lower < r->first_port + (unsigned)r->ports && ports->upper >= r->first_port;
	if (!r->psid_len)
		return true;
	unsigned block = 1u << (16 - r->offset - r->psid_len);
	for (unsigned port = ports->lower; port <= ports->upper; port = (port | (block - 1)) + 1)
		if (portset_psid(&set, (uint16_t)port) == r->psid)
			return true;
	return false;
}

static void hear_pool(struct search *s, const struct nat_rule *r)
{
	if (!wide_overlap(&r->out, &s->ext))
		return;
	bool uses = !s->q->has_port || pool_uses(r, &s->q->port);
	s->out->known = true;
	s->port_allowed |= uses;
	s->port_denied |= !uses;
}

static bool hear_prefix(struct search *s, const struct nat_rule *r)
{
	struct prefix out = wide_prefix(&r->out), in = wide_prefix(&r->in);
	struct voice v = rule_voice(r);
	v.has_port = s->q->has_port;
	v.port.range = s->q->port;
	v.port.proto = PROTO_ANY;
	v.covers = true;
	bool hit = r->kind == RULE_NPTV6 ? nptv6_inside(&out, &in, &s->q->ext, &v.host) : prefix_swap(&out, &in, &s->q->ext, &v.host);
	if (!hit)
		return true;
	s->out->known = true;
	return answer_hear(s, &v);
}

typedef int owner_fn(const void *rule, const struct prefix *ext, int port, struct prefix *owner);

static int map_owner(const void *rule, const struct prefix *ext, int port, struct prefix *owner)
{
	return map_ce(rule, ext, port, owner);
}

static int deterministic_owner(const void *rule, const struct prefix *ext, int port, struct prefix *owner)
{
	return deterministic_inside(rule, ext, port, owner);
}

/* Walks the asked ports in steps that have one owner each. `subscriber`: the owner is the customer, who keeps the shared address and its ports. */
static bool hear_shared(struct search *s, const void *rule, owner_fn *fn, unsigned step, unsigned first, bool subscriber, struct voice v)
{
	const struct nat_query *q = s->q;
	struct prefix owner;
	if (!q->has_port) {
		int got = fn(rule, &q->ext, -1, &owner);
		s->out->known |= got != -2;
		s->out->needs_port |= got == -3;
		if (got != 0)
			return true;
		v.host = subscriber ? q->ext : owner;
		v.subscriber = owner;
		v.has_subscriber = subscriber;
		v.covers = true;
		return answer_hear(s, &v);
	}
	for (unsigned port = q->port.lower; port <= q->port.upper;) {
		unsigned end = port < first ? first - 1 : port + step - 1 - (port - first) % step;
		end = end > q->port.upper ? q->port.upper : end;
		int got = fn(rule, &q->ext, (int)port, &owner);
		if (got == -2)
			return true;
		s->out->known = true;
		s->out->nobodys_port |= got == -1;
		if (got == 0) {
			v.host = subscriber ? q->ext : owner;
			v.subscriber = owner;
			v.has_subscriber = v.has_port = v.port_required = subscriber;
			v.port = (struct inside_port){ .range = { (uint16_t)port, (uint16_t)end }, .proto = PROTO_ANY };
			v.rank = answer_rank(128, false, (uint16_t)(step - 1), false);
			if (!answer_hear(s, &v))
				return false;
		}
		port = end + 1;
	}
	return true;
}

static bool hear_rule(struct search *s, const struct nat_rule *r)
{
	struct voice v = rule_voice(r);
	unsigned step;
	switch (r->kind) {
	case RULE_POOL:
		hear_pool(s, r);
		return true;
	case RULE_EAM:
	case RULE_NPTV6:
		return hear_prefix(s, r);
	case RULE_MAP:
		version_voice(s, &v);
		step = map_psid_len(r) ? 1u << (16 - r->offset - map_psid_len(r)) : 65536;
		return hear_shared(s, r, map_owner, step, 0, true, v);
	case RULE_DETERMINISTIC:
		return hear_shared(s, r, deterministic_owner, r->ports, r->first_port, false, v);
	default:
		return true;
	}
}

/* Bindings of one address with one offset and length. Nothing keeps a table from giving one PSID to several customers: nth tells which of them is meant. */
struct binding_set { const struct table *t; uint32_t from, to, nth; };

static int binding_owner(const void *rule, const struct prefix *ext, int port, struct prefix *owner)
{
	const struct binding_set *set = rule;
	const struct nat_binding *b = set->t->bindings + set->from;
	(void)ext;
	if (b->psid_len && port < 0)
		return -3;
	struct portset ports = { .offset = b->offset, .psid_len = b->psid_len };
	int psid = b->psid_len ? portset_psid(&ports, (uint16_t)port) : 0;
	uint32_t from = set->from, to = set->to;
	while (from < to) {
		uint32_t mid = from + (to - from) / 2;
		if (set->t->bindings[mid].psid < psid)
			from = mid + 1;
		else
			to = mid;
	}
	from += set->nth;
	if (psid < 0 || from >= set->to || set->t->bindings[from].psid != psid)
		return -1;
	*owner = wide_prefix(&set->t->bindings[from].b4);
	return 0;
}

static uint32_t first_binding(const struct table *t, const uint8_t v4[4])
{
	uint32_t from = 0, to = t->n_bindings;
	while (from < to) {
		uint32_t mid = from + (to - from) / 2;
		if (memcmp(t->bindings[mid].v4, v4, 4) < 0)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

/* From the end of one set to the next of that address. */
static bool next_set(struct binding_set *set, const uint8_t v4[4])
{
	const struct nat_binding *v = set->t->bindings, *b = v + set->to;
	set->from = set->to;
	set->nth = 0;
	while (set->to < set->t->n_bindings && !memcmp(v[set->to].v4, v4, 4) && v[set->to].instance == b->instance && v[set->to].offset == b->offset &&
	       v[set->to].psid_len == b->psid_len)
		set->to++;
	return set->to > set->from;
}

static uint32_t most_alike(const struct binding_set *set)
{
	uint32_t most = 0;
	for (uint32_t i = set->from, run = 0; i < set->to; i++) {
		run = i > set->from && set->t->bindings[i].psid == set->t->bindings[i - 1].psid ? run + 1 : 1;
		most = run > most ? run : most;
	}
	return most;
}

static void hear_bindings(struct search *s)
{
	const struct table *t = s->table;
	const struct prefix *ext = &s->q->ext;
	if (!t->n_bindings || ext->family != 4 || !prefix_is_host(ext))
		return;
	for (struct binding_set set = { .t = t, .to = first_binding(t, ext->addr) }; next_set(&set, ext->addr);) {
		const struct nat_binding *b = &t->bindings[set.from];
		struct voice v = { .certainty = CERTAINTY_LIKELY, .instance = b->instance, .rank = answer_rank(128, false, UINT16_MAX, false) };
		version_voice(s, &v);
		for (uint32_t most = most_alike(&set); set.nth < most; set.nth++)
			if (!hear_shared(s, &set, binding_owner, b->psid_len ? 1u << (16 - b->offset - b->psid_len) : 65536, 0, true, v))
				return;
	}
}

void resolve_rules(struct search *s)
{
	for (uint32_t i = 0; i < s->table->n_rules; i++)
		if (!hear_rule(s, &s->table->rules[i]))
			return;
	hear_bindings(s);
}
