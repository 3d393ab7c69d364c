/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rewrite.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/when.h"
#include "dots/json.h"
#include "hostset.h"
#include "rules.h"

/* One rewritten request: a host, and of its ports those of one protocol, or all. */
struct part {
	const struct candidate *host;        /* NULL: the sources without NAT, as they are */
	struct range_list ports;
	int proto;                   /* -1: the protocols as asked */
	bool truncated;              /* more port ranges than the cap */
};

static int by_life(const void *a, const void *b)
{
	const struct inside_port *x = a, *y = b;
	if (x->life != y->life)
		return x->life > y->life ? -1 : 1;
	return (int)x->range.lower - (int)y->range.lower;
}

static int by_port(const void *a, const void *b)
{
	const struct range *x = a, *y = b;
	return x->lower != y->lower ? (int)x->lower - (int)y->lower : (int)x->upper - (int)y->upper;
}

static void merge(struct range_list *l)
{
	size_t kept = 0;
	if (l->n > 1)
		qsort(l->v, l->n, sizeof *l->v, by_port);
	for (size_t i = 1; i < l->n; i++) {
		struct range *last = &l->v[kept];
		if (l->v[i].lower <= (unsigned)last->upper + 1)
			last->upper = l->v[i].upper > last->upper ? l->v[i].upper : last->upper;
		else
			l->v[++kept] = l->v[i];
	}
	l->n = l->n ? kept + 1 : 0;
}

/* The host's inside ports, merged; past the cap those that live longest stay, since the router finds the host by any that is still alive. proto -1: all. */
static bool gather(struct candidate *h, int proto, unsigned max, struct part *p)
{
	p->ports.n = 0;
	for (size_t i = 0; i < h->n_ports; i++)
		if ((proto < 0 || h->ports[i].proto == proto || h->ports[i].proto == PROTO_ANY) &&
		    range_list_add(&p->ports, h->ports[i].range.lower, h->ports[i].range.upper) < 0)
			return false;
	merge(&p->ports);
	if (p->ports.n <= max)
		return true;
	qsort(h->ports, h->n_ports, sizeof *h->ports, by_life);
	p->truncated = true;
	p->ports.n = 0;
	for (size_t i = 0; i < h->n_ports && p->ports.n < max; i++)
		if ((proto < 0 || h->ports[i].proto == proto || h->ports[i].proto == PROTO_ANY) &&
		    range_list_add(&p->ports, h->ports[i].range.lower, h->ports[i].range.upper) < 0)
			return false;
	merge(&p->ports);
	return true;
}

struct part_list { struct part *v; size_t n, cap; };

static struct part *add_part(struct part_list *l, const struct candidate *h, int proto)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 8;
		struct part *v = realloc(l->v, cap * sizeof *v);
		if (!v)
			return NULL;
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n] = (struct part){ .host = h, .proto = proto };
	return &l->v[l->n++];
}

static void free_parts(struct part_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		range_list_free(&l->v[i].ports);
	free(l->v);
}

static uint8_t icmp_of(uint8_t proto)
{
	return proto == IPPROTO_ICMP ? IPPROTO_ICMPV6 : proto;
}

/* Ports times protocols is a cross product, too: where a host's ports differ by protocol, each protocol is a request of its own. */
static bool split(struct part_list *l, struct candidate *h, unsigned max)
{
	bool used[256] = { false };
	unsigned protocols = 0;
	for (size_t i = 0; i < h->n_ports; i++) {
		uint8_t proto = h->ports[i].proto;
		protocols += !used[proto] && proto != PROTO_ANY;
		used[proto] = true;
	}
	if (protocols < 2) {
		int proto = -1;
		for (int i = 0; i < PROTO_ANY && !used[PROTO_ANY]; i++)
			if (used[i])
				proto = i;
		struct part *p = add_part(l, h, proto);
		return p && gather(h, -1, max, p);
	}
	for (int proto = 0; proto < PROTO_ANY; proto++) {
		struct part *p = used[proto] ? add_part(l, h, proto) : NULL;
		if (used[proto] && !(p && gather(h, proto, max, p)))
			return false;
	}
	return true;
}

/* IPv4 targets as the inside host of a NAT64 sees them. 1 changed, 0 nothing to do, -1 no prefix is known. */
static int embed_targets(const struct candidate *c, struct mitigation *m)
{
	int changed = 0;
	for (size_t i = 0; i < m->target_prefix.n; i++) {
		struct prefix *target = &m->target_prefix.v[i];
		bool done = false;
		if (target->family != 4)
			continue;
		for (uint32_t k = 0; k < c->table->n_rules && !done; k++) {
			const struct nat_rule *r = &c->table->rules[k];
			struct prefix nat64 = wide_prefix(&r->in), only = wide_prefix(&r->out);
			done = r->kind == RULE_NAT64 && r->instance == c->instance && prefix_contains(&only, target) && nat64_embed(&nat64, target, target);
		}
		if (!done)
			return -1;
		changed = 1;
	}
	return changed;
}

static void icmpv6_types(struct range_list *types)
{
	size_t kept = 0;
	for (size_t i = 0; i < types->n; i++) {
		struct range r = types->v[i];
		if (r.lower == r.upper && (r.lower == 8 || r.lower == 0))      /* echo request and reply; no other type is one to one (RFC 7915) */
			types->v[kept++] = r.lower ? (struct range){ 128, 128 } : (struct range){ 129, 129 };
	}
	types->n = kept;
}

/* The request as the inside knows it. 0, or -1 with *why. */
static int inside_request(const struct mitigation *asked, const struct part *p, const struct prefix_list *direct, struct mitigation *m, struct reason *why)
{
	const struct candidate *c = p->host;
	int bad = mitigation_copy(m, asked);
	prefix_list_free(&m->source_prefix);
	for (size_t i = 0; !c && i < direct->n; i++)
		bad |= prefix_list_add(&m->source_prefix, &direct->v[i]);
	if (!c)
		return bad ? reason_set(why, REASON_BAD_REQUEST, "", "", "out of memory") : 0;
	bad |= prefix_list_add(&m->source_prefix, &c->host);
	range_list_free(&m->source_port);
	for (size_t i = 0; i < p->ports.n; i++)
		bad |= range_list_add(&m->source_port, p->ports.v[i].lower, p->ports.v[i].upper);
	if (p->proto >= 0 && p->ports.n && m->target_protocol.n != 1) {
		m->target_protocol.n = 0;
		bad |= protocol_list_add(&m->target_protocol, (uint8_t)p->proto);
	}
	if (bad)
		return reason_set(why, REASON_BAD_REQUEST, "", "", "out of memory");
	if (c->port_required && !m->source_port.n)
		return reason_set(why, REASON_BAD_REQUEST, "source-port-range", "RFC 9066, 5.3.2", "customers share this address by port, so the source port is needed");
	if (c->other_target)
		return reason_set(why, REASON_BAD_REQUEST, "target-prefix", "RFC 9066, 5.3.2",
			"the NAT changes the target as well (internal-dst-address of the entry), so the host would be asked about one that it never sees");
	if (c->host.family == 6) {
		int embedded = embed_targets(c, m);
		if (embedded < 0)
			return reason_set(why, REASON_BAD_REQUEST, "target-prefix", "RFC 9066, 5.3.2",
				"the host is behind a NAT64, and no nat64-prefix of its instance is known to write the target with");
		for (size_t i = 0; embedded > 0 && i < m->target_protocol.n; i++)
			m->target_protocol.v[i] = icmp_of(m->target_protocol.v[i]);
		if (embedded > 0)
			icmpv6_types(&m->source_icmp_type);
	}
	return 0;
}

/* Type and time first, then the rest as it was. */
static json_t *fresh_line(const json_t *old)
{
	json_t *line = envelope_new("mitigate");
	const json_t *time = json_object_get(old, "time");
	if (time)
		json_put(line, "time", json_deep_copy(time));
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)old, name, value)
		if (strcmp(name, "type") && strcmp(name, "time"))
			json_put(line, name, json_deep_copy(value));
	return line;
}

static json_t *part_line(const struct envelope *e, const struct part *p, const struct mitigation *m, const struct hostset *s, size_t i, size_t n)
{
	const struct candidate *c = p->host;
	char text[PREFIX_TEXT_MAX];
	json_t *line = fresh_line(e->json);
	dots_json_write_mitigation(m, line);
	if (c && c->has_subscriber)
		json_put_string(line, "subscriber", addr_format(&c->subscriber, text));
	if (c) {
		json_put_string(line, "certainty", certainty_name(c->certainty));
		json_t *nat = candidate_nat(c);
		if (s->unresolved)
			json_put_int(nat, "unresolved", (int64_t)s->unresolved);
		if (p->truncated)
			json_put(nat, "ports-truncated", json_true());
		json_put(line, "nat", nat);
	}
	if (s->truncated)
		json_put(line, "truncated", json_true());
	if (n > 1) {
		json_put(line, "part", json_pack("[i,i]", (int)i + 1, (int)n));
		json_object_del(line, "mid");        /* one mid cannot serve several requests: the client picks them */
	}
	return line;
}

static void emit_error(const struct envelope *e, struct hostset *s, const struct reason *why, rewrite_emit_fn *emit, void *arg)
{
	json_t *line = envelope_error(why, e);
	if (s->found) {
		json_put(line, "found", s->found);
		s->found = NULL;
	}
	if (s->doubtful + s->unresolved > 1)
		json_put_int(line, "keys", (int64_t)(s->doubtful + s->unresolved));
	if (s->truncated)
		json_put(line, "truncated", json_true());
	emit(arg, line);
}

static void emit_parts(const struct envelope *e, struct hostset *s, const struct part_list *parts, rewrite_emit_fn *emit, void *arg)
{
	const struct mitigation *asked = &e->body.scope[0];
	size_t n = 0;
	for (int pass = 0, k; pass < 2; pass++) {        /* counted first: `part` tells how many there are */
		k = 0;
		for (size_t i = 0; i < parts->n; i++) {
			struct mitigation m;
			struct reason why = { 0 };
			if (inside_request(asked, &parts->v[i], &s->direct, &m, &why) == 0) {
				if (pass)
					emit(arg, part_line(e, &parts->v[i], &m, s, (size_t)k, n));
				k++;
			} else if (pass) {
				if (!s->found && parts->v[i].host)
					s->found = json_pack("[o]", candidate_json(parts->v[i].host));
				emit_error(e, s, &why, emit, arg);
			}
			mitigation_free(&m);
		}
		n = (size_t)k;
	}
}

bool rewrite(const struct nat *nat, const struct rewrite_rules *rules, struct envelope *e, int64_t now, rewrite_emit_fn *emit, void *arg)
{
	struct hostset s;
	struct part_list parts = { 0 };
	struct reason why;
	if (e->body.kind != BODY_MITIGATION_SCOPE || e->body.n_scope != 1 || !e->body.scope[0].source_prefix.n)
		return false;
	hostset_init(&s);
	hostset_fill(&s, nat, rules, &e->body.scope[0], e->attack_time ? e->attack_time : e->time ? e->time : now);
	if (s.direct.n == e->body.scope[0].source_prefix.n) {
		hostset_free(&s);
		return false;
	}
	s.failed |= s.direct.n && !add_part(&parts, NULL, -1);
	for (size_t i = 0; i < s.n && !s.failed; i++)
		s.failed |= !split(&parts, &s.hosts[i], rules->max_ports);
	if (s.failed) {
		reason_set(&why, REASON_BAD_REQUEST, "", "", "out of memory");
		emit_error(e, &s, &why, emit, arg);
	} else {
		emit_parts(e, &s, &parts, emit, arg);
		if (s.doubtful || (s.unresolved && !s.n))
			emit_error(e, &s, &s.why, emit, arg);
	}
	free_parts(&parts);
	hostset_free(&s);
	return true;
}
