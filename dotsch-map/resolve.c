/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "resolve.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"

/* Does a mapping that holds for one destination only serve this attack? Without targets nobody can tell, so it might. */
static bool dst_matches(const struct nat_dst *d, const struct nat_query *q)
{
	bool hit = !q->targets || !q->targets->n;
	for (size_t i = 0; !hit && i < q->targets->n; i++) {
		struct wide target = wide_of(&q->targets->v[i]);
		hit = wide_overlap(&target, &d->at);
	}
	if (!hit || !(d->flags & DST_PORTS) || !q->target_ports || !q->target_ports->n)
		return hit;
	for (size_t i = 0; i < q->target_ports->n; i++)
		if (q->target_ports->v[i].lower <= d->hi && q->target_ports->v[i].upper >= d->lo)
			return true;
	return false;
}

/* The inside address: of a prefix that maps one to one, the address at the same place in it. */
static struct prefix inside_of(const struct search *s, const struct wide *outer, const struct nat_host *h)
{
	struct wide w = h->at;
	if (outer->len < s->ext.len && w.len == outer->len)
		w = wide_graft(&w, &s->ext, outer->len);
	return wide_prefix(&w);
}

static bool ports_are_kept(uint8_t kind)
{
	return kind == NAT_BASIC || kind == NAT_SIIT || kind == NAT_EAM || kind == NAT_NPTV6;
}

static void voice_port(const struct search *s, const struct table_hit *hit, uint8_t kind, struct voice *v)
{
	const struct nat_entry *e = &s->table->entries[hit->entry];
	const struct nat_query *q = s->q;
	if (!q->has_port || q->proto == IPPROTO_ICMP || q->proto == IPPROTO_ICMPV6)
		return;
	uint16_t first = s->table->spans[hit->entry].lo, lo = q->port.lower > first ? q->port.lower : first, hi = q->port.upper < e->hi ? q->port.upper : e->hi;
	if (hit->group->flags & ENTRY_PORTS)
		v->port.range = (struct range){ (uint16_t)(e->port + (lo - first)), (uint16_t)(e->port + (hi - first)) };
	else if (v->covers && ports_are_kept(kind))
		v->port.range = (struct range){ lo, hi };
	else
		return;
	v->has_port = true;
	v->port.proto = hit->group->proto;
	v->port.life = e->life;
}

/* Who the entry is for. False: a forged snapshot. */
static bool voice_host(const struct search *s, const struct table_hit *hit, struct voice *v)
{
	const struct table *t = s->table;
	uint32_t number = t->entries[hit->entry].host;
	if (hit->group->flags & ENTRY_DIRECT) {
		v->host = (struct prefix){ .family = 4, .len = 32 };
		memcpy(v->host.addr, &number, sizeof number);
		return true;
	}
	if (number >= t->n_hosts)
		return false;
	const struct nat_host *h = &t->hosts[number];
	v->host = inside_of(s, &t->addrs[hit->addr].at, h);
	if (h->b4 != NONE32) {
		v->has_subscriber = true;
		v->subscriber = prefix_make(6, t->b4s[h->b4], 128);
	}
	return true;
}

static bool on_entry(void *arg, const struct table_hit *hit)
{
	struct search *s = arg;
	const struct table *t = s->table;
	const struct nat_entry *e = &t->entries[hit->entry];
	const struct nat_instance *in = &t->instances[hit->group->instance];
	uint32_t dst = t->n_dst_of ? t->dst_of[hit->entry] : NONE32;
	uint16_t lo = t->spans[hit->entry].lo;
	bool event = hit->group->flags & ENTRY_EVENT, has_dst = dst != NONE32;
	struct voice v = { .instance = hit->group->instance, .has_entry = !event, .entry = e->index, .covers = lo == 0 && e->hi == UINT16_MAX,
		.rank = answer_rank(t->addrs[hit->addr].at.len, hit->group->proto != PROTO_ANY, (uint16_t)(e->hi - lo), has_dst) };
	if (!voice_host(s, hit, &v) || (has_dst && dst >= t->n_dsts))
		return true;
	s->out->known = true;
	if (event) {
		v.certainty = certainty_of_event(s->q->attack, e->index, e->life);
	} else {
		v.captured = t->sources[in->source].captured;
		v.certainty = certainty_of_mapping(s->q->attack, v.captured, hit->group->flags & ENTRY_STATIC, e->life);
	}
	if (has_dst && !dst_matches(&t->dsts[dst], s->q)) {
		v.ruled_out = "it is for another destination";
		v.captured = 0;
	}
	v.other_target = has_dst && t->dsts[dst].flags & DST_CHANGED;
	voice_port(s, hit, in->kind, &v);
	return answer_hear(s, &v);
}

static bool asks_one_key(const struct nat_query *q)
{
	return prefix_is_host(&q->ext) && q->has_port && q->port.lower == q->port.upper;
}

static void rule_out(struct answer *a, const struct nat_query *q)
{
	enum certainty best = CERTAINTY_NONE;
	uint32_t rank = 0;
	bool one_key = asks_one_key(q), ranked = one_key && q->proto >= 0;   /* without a protocol, each protocol's host may be the one */
	for (size_t i = 0; i < a->n; i++) {
		struct candidate *c = &a->v[i];
		/* The same mapping before and after the attack: nobody else had the port in between. */
		if (!c->ruled_out && one_key && c->before && c->after && c->certainty < CERTAINTY_EXACT)
			c->certainty = CERTAINTY_EXACT;
		if (!c->ruled_out && c->certainty > best)
			best = c->certainty;
	}
	for (size_t i = 0; i < a->n; i++) {
		struct candidate *c = &a->v[i];
		if (!c->ruled_out && c->certainty == CERTAINTY_STALE && best > CERTAINTY_STALE)
			c->ruled_out = "its mapping did not exist at the time of the attack, as far as the tables tell";
		if (!c->ruled_out && c->rank > rank)
			rank = c->rank;
	}
	for (size_t i = 0; ranked && i < a->n; i++)
		if (!a->v[i].ruled_out && a->v[i].rank < rank)
			a->v[i].ruled_out = "a more specific entry names another host";
}

/* Was a whole address asked for, and all that is known is who has some of its ports? Others may have had the rest. ICMP has nothing but the address. */
static bool only_ports(const struct answer *a, const struct nat_query *q)
{
	return !q->has_port && q->proto != IPPROTO_ICMP && q->proto != IPPROTO_ICMPV6 && !a->v[0].covers;
}

static int by_use(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	if (!x->ruled_out != !y->ruled_out)
		return x->ruled_out ? 1 : -1;
	return prefix_compare(&x->host, &y->host);
}

static void conclude(struct answer *a, const struct nat_query *q)
{
	rule_out(a, q);
	if (a->n > 1)
		qsort(a->v, a->n, sizeof *a->v, by_use);
	while (a->possible < a->n && !a->v[a->possible].ruled_out)
		a->possible++;
	if (!a->possible)
		return;
	/* A block of hosts is an answer only to a question about a block. */
	const struct candidate *c = &a->v[0];
	bool one = prefix_is_host(&c->host) || (!prefix_is_host(&q->ext) && c->host.family == q->ext.family && c->host.len >= q->ext.len);
	a->certainty = a->possible == 1 && !a->truncated && one && !only_ports(a, q) ? c->certainty : CERTAINTY_AMBIGUOUS;
}

int resolve(const struct nat *nat, const struct nat_query *q, struct answer *out)
{
	struct search s;             /* not initialised as a whole: the slots are large and rarely used */
	answer_reset(out);
	s.q = q;
	s.ext = wide_of(&q->ext);
	s.out = out;
	s.failed = s.hashed = s.port_allowed = s.port_denied = false;
	for (size_t i = 0; i < nat->n && !s.failed; i++) {
		s.table = nat->tables[i];
		table_match(s.table, &s.ext, q->proto, !q->has_port, q->port.lower, q->port.upper, on_entry, &s);
		resolve_rules(&s);
	}
	out->nobodys_port |= s.port_denied && !s.port_allowed;
	if (s.failed) {
		answer_reset(out);
		return -1;
	}
	conclude(out, q);
	return 0;
}
