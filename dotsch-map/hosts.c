/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hosts.h"

#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GETS_MAX 32          /* beyond it one filtered dump is cheaper than single questions */
#define KEYS_MAX 65536

/* What one key of the request, a source with one of its port ranges, was found to be. */
struct key { uint16_t host; bool found, several; };

struct finding {
	struct conntrack *c;
	const struct mitigation *m;
	int zone;                            /* -1: any */
	struct host_list *out;
	const struct prefix *source;         /* the one being looked up */
	size_t first_key, n_keys;            /* keys of that source: one for each port range, or one */
	struct key *keys;
	bool by_flow;                        /* at least one host was seen in a flow to the target */
	bool partial;                        /* some flow was matched without its port or its exact target */
};

static bool same_host(const struct inside_host *a, const struct inside_host *b)
{
	return (prefix_equal(&a->address, &b->address) && a->zone == b->zone) || (a->has_mac && b->has_mac && a->ifindex == b->ifindex && !memcmp(a->mac, b->mac, 6));
}

/* The number of its first address in the list; -1 when the list is full. */
static int host_number(struct finding *f, const struct inside_host *h)
{
	struct host_list *l = f->out;
	int first = -1;
	for (size_t i = 0; i < l->n; i++) {
		if (first < 0 && same_host(&l->v[i], h))
			first = (int)i;
		if (prefix_equal(&l->v[i].address, &h->address) && same_host(&l->v[i], h))
			return first;
	}
	if (l->n == HOSTS_MAX) {
		l->truncated = true;
		return first;
	}
	l->v[l->n++] = *h;
	return first < 0 ? (int)l->n - 1 : first;
}

/* Adds interface and MAC to an address. */
static int complete(struct finding *f, const struct prefix *address, struct inside_host *h, struct reason *why)
{
	struct route r;
	struct neighbour n;
	*h = (struct inside_host){ .address = *address };
	int got = conntrack_route(f->c, address, &r, why);
	if (got <= 0 || r.local)
		return got;
	h->ifindex = r.ifindex;
	if (r.gateway)               /* behind another router: its MAC would not be the host's */
		return 1;
	got = conntrack_neighbour(f->c, r.ifindex, address, &n, why);
	if (got > 0) {
		memcpy(h->mac, n.mac, 6);
		h->has_mac = true;
	}
	return got < 0 ? -1 : 1;
}

static void mark(struct finding *f, size_t key, int host)
{
	struct key *k = &f->keys[f->first_key + key];
	if (host < 0)
		return;
	k->several |= k->found && k->host != host;
	k->host = (uint16_t)host;
	k->found = true;
}

static bool in_ranges(const struct range_list *l, uint16_t v)
{
	for (size_t i = 0; i < l->n; i++)
		if (v >= l->v[i].lower && v <= l->v[i].upper)
			return true;
	return l->n == 0;
}

static bool is_icmp(uint8_t proto)
{
	return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

static bool flow_is_meant(const struct finding *f, const struct flow *w)
{
	const struct mitigation *m = f->m;
	bool proto = m->target_protocol.n == 0, target = false;
	for (size_t i = 0; i < m->target_protocol.n; i++)
		proto |= m->target_protocol.v[i] == w->proto;
	for (size_t i = 0; i < m->target_prefix.n; i++)
		target |= prefix_contains(&m->target_prefix.v[i], &w->target);
	if (!proto || !target || !prefix_contains(f->source, &w->external))
		return false;
	return is_icmp(w->proto) ? in_ranges(&m->source_icmp_type, w->icmp_type) : in_ranges(&m->target_port, w->target_port);
}

struct heard { struct finding *f; struct flow *flows; size_t n, cap; bool failed; };

/* Flows are only kept here: another question cannot be asked on the way through a dump's answer. */
static bool on_flow(void *arg, const struct flow *w)
{
	struct heard *h = arg;
	if (!flow_is_meant(h->f, w))
		return true;
	const struct range_list *ports = &h->f->m->source_port;
	if (!is_icmp(w->proto) && !in_ranges(ports, w->external_port))
		return true;
	if (h->n == h->cap) {
		size_t cap = h->cap ? h->cap * 2 : 16;
		struct flow *v = realloc(h->flows, cap * sizeof *v);
		if (!v)
			return !(h->failed = true);
		h->flows = v;
		h->cap = cap;
	}
	h->flows[h->n++] = *w;
	return true;
}

static int by_inside(const void *a, const void *b)
{
	const struct flow *x = a, *y = b;
	return x->zone != y->zone ? (int)x->zone - (int)y->zone : prefix_compare(&x->inside, &y->inside);
}

/* The flows' hosts; each address is completed once. The router's own flows are nobody's behind it. */
static int hear(struct finding *f, struct heard *h, struct reason *why)
{
	const struct range_list *ports = &f->m->source_port;
	int number = -1;
	if (h->n > 1)
		qsort(h->flows, h->n, sizeof *h->flows, by_inside);
	for (size_t i = 0; i < h->n; i++) {
		const struct flow *w = &h->flows[i];
		if (!i || by_inside(w, &h->flows[i - 1])) {
			struct inside_host host;
			struct route r;
			number = -1;
			if (conntrack_route(f->c, &w->inside, &r, why) < 0 || (!r.local && complete(f, &w->inside, &host, why) < 0))
				return -1;
			host.zone = w->zone;
			if (!r.local)
				number = host_number(f, &host);
		}
		if (number >= 0) {
			f->by_flow = true;
			f->partial |= is_icmp(w->proto) || !ports->n;
		}
		if (is_icmp(w->proto) || !ports->n)
			mark(f, 0, number);
		for (size_t k = 0; k < ports->n && !is_icmp(w->proto); k++)
			if (w->external_port >= ports->v[k].lower && w->external_port <= ports->v[k].upper)
				mark(f, k, number);
	}
	return 0;
}

/* How many single questions would answer it, 0 when a part of the tuple is not known. */
static size_t count_gets(const struct finding *f)
{
	const struct mitigation *m = f->m;
	size_t n = m->target_prefix.n * m->target_protocol.n * m->target_port.n * m->source_port.n;
	if (!prefix_is_host(f->source) || n > GETS_MAX)
		return 0;
	for (size_t i = 0; i < m->target_prefix.n; i++)
		if (!prefix_is_host(&m->target_prefix.v[i]))
			return 0;
	for (size_t i = 0; i < m->target_port.n; i++)
		if (m->target_port.v[i].lower != m->target_port.v[i].upper)
			return 0;
	for (size_t i = 0; i < m->source_port.n; i++)
		if (m->source_port.v[i].lower != m->source_port.v[i].upper)
			return 0;
	for (size_t i = 0; i < m->target_protocol.n; i++)
		if (is_icmp(m->target_protocol.v[i]))
			return 0;
	return n;
}

static int ask_singly(struct finding *f, size_t n, struct heard *h, struct reason *why)
{
	const struct mitigation *m = f->m;
	for (size_t i = 0; i < n; i++) {
		size_t k = i, t = k % m->target_prefix.n, p, tp, sp;
		k /= m->target_prefix.n;
		p = k % m->target_protocol.n, k /= m->target_protocol.n;
		tp = k % m->target_port.n, sp = k / m->target_port.n;
		struct flow_key key = { .family = f->source->family, .proto = m->target_protocol.v[p], .zone = f->zone, .target = m->target_prefix.v[t], .external = *f->source,
			.has_ports = true, .target_port = m->target_port.v[tp].lower, .external_port = m->source_port.v[sp].lower };
		struct flow w;
		if (key.target.family != key.family)
			continue;
		int got = conntrack_get(f->c, &key, &w, why);
		if (got < 0)
			return -1;
		if (got)
			on_flow(h, &w);
	}
	return 0;
}

/* One dump: narrowed to one source, one target and one protocol where the request has only one. */
static int ask_all(struct finding *f, struct heard *h, struct reason *why)
{
	const struct mitigation *m = f->m;
	struct flow_key key = { .family = f->source->family, .proto = m->target_protocol.n == 1 ? m->target_protocol.v[0] : -1, .zone = f->zone };
	if (prefix_is_host(f->source))
		key.external = *f->source;
	if (m->target_prefix.n == 1 && prefix_is_host(&m->target_prefix.v[0]) && m->target_prefix.v[0].family == key.family)
		key.target = m->target_prefix.v[0];
	return conntrack_dump(f->c, &key, on_flow, h, why);
}

static int ask_flows(struct finding *f, struct reason *why)
{
	struct heard h = { .f = f };
	size_t n = count_gets(f);
	int status = n ? ask_singly(f, n, &h, why) : 0;
	if (status == 0 && !h.n && (!n || f->zone < 0))
		status = ask_all(f, &h, why);
	/* A port that is given but not the target's port or address is no complete tuple, and another flow may have the same. */
	f->partial |= !n && h.n > 0;
	if (status == 0 && h.failed)
		status = reason_set(why, REASON_BAD_REQUEST, "", "", "out of memory");
	if (status == 0)
		status = hear(f, &h, why);
	free(h.flows);
	return status;
}

static bool on_neighbour(void *arg, const struct neighbour *n)
{
	struct finding *f = arg;
	if (!n->has_mac)
		return true;
	struct inside_host h = { .address = n->address, .ifindex = n->ifindex, .has_mac = true };
	memcpy(h.mac, n->mac, 6);
	mark(f, 0, host_number(f, &h));
	f->partial = true;
	return !f->out->truncated;
}

/* Not translated here: the source is the host, if it is on the inside, that is not out where the target is. */
static int untranslated(struct finding *f, struct reason *why)
{
	struct inside_host h;
	struct route to;
	if (!prefix_is_host(f->source))
		return conntrack_neighbours(f->c, f->source, on_neighbour, f, why);
	int got = complete(f, f->source, &h, why);
	if (got <= 0)
		return got;
	for (size_t i = 0; i < f->m->target_prefix.n && !h.has_mac; i++) {
		if (f->m->target_prefix.v[i].family != f->source->family)
			continue;
		struct prefix target = prefix_make(f->source->family, f->m->target_prefix.v[i].addr, prefix_bits(f->source));
		got = conntrack_route(f->c, &target, &to, why);
		if (got < 0)
			return -1;
		if (got && to.ifindex == h.ifindex)
			return 0;
	}
	int number = host_number(f, &h);
	for (size_t k = 0; k < f->n_keys; k++)
		mark(f, k, number);
	return 0;
}

static int find_source(struct finding *f, struct reason *why)
{
	struct route r = { 0 };
	size_t before = f->out->n;
	if (prefix_is_host(f->source) && conntrack_route(f->c, f->source, &r, why) < 0)
		return -1;
	/* IPv6 is hardly ever translated, and its hosts need no search through the flows. */
	if (r.local || f->source->family == 4 || !prefix_is_host(f->source)) {
		if (ask_flows(f, why) < 0)
			return -1;
		if (f->out->n > before || r.local)
			return 0;
	}
	return untranslated(f, why);
}

static size_t distinct(const struct host_list *l)
{
	size_t n = 0;
	for (size_t i = 0; i < l->n; i++) {
		bool new = true;
		for (size_t k = 0; k < i; k++)
			new &= !same_host(&l->v[k], &l->v[i]);
		n += new;
	}
	return n;
}

/* Several hosts are told apart when every port that was found is a single one and has one host. */
static bool told_apart(const struct finding *f, size_t n_keys)
{
	const struct range_list *ports = &f->m->source_port;
	for (size_t i = 0; i < n_keys; i++) {
		const struct key *k = &f->keys[i];
		if (!k->found)
			continue;
		const struct range *r = ports->n ? &ports->v[i % ports->n] : NULL;
		bool one_source = prefix_is_host(&f->m->source_prefix.v[i / (ports->n ? ports->n : 1)]);
		/* A host without NAT is named by its address, whatever the ports. */
		if (k->several || (f->by_flow && (!r || r->lower != r->upper)) || !one_source)
			return false;
	}
	return true;
}

int hosts_find(struct conntrack *c, const struct mitigation *m, int zone, struct host_list *out, struct reason *why)
{
	size_t each = m->source_port.n ? m->source_port.n : 1, n_keys = m->source_prefix.n * each;
	out->n = 0;
	out->truncated = false;
	out->certainty = CERTAINTY_NONE;
	if (n_keys > KEYS_MAX)
		return reason_set(why, REASON_BAD_REQUEST, "source-prefix", "", "%zu sources with %zu port ranges are too many to look up", m->source_prefix.n, each);
	struct finding f = { .c = c, .m = m, .zone = zone, .out = out, .n_keys = each, .keys = calloc(n_keys + 1, sizeof(struct key)) };
	if (!f.keys)
		return reason_set(why, REASON_BAD_REQUEST, "", "", "out of memory");
	int status = 0;
	for (size_t i = 0; i < m->source_prefix.n && status == 0; i++) {
		f.source = &m->source_prefix.v[i];
		f.first_key = i * each;
		status = find_source(&f, why);
	}
	size_t hosts = distinct(out);
	if (hosts > 1 && (out->truncated || !told_apart(&f, n_keys)))
		out->certainty = CERTAINTY_AMBIGUOUS;
	else if (hosts)
		out->certainty = f.partial ? CERTAINTY_LIKELY : CERTAINTY_EXACT;
	free(f.keys);
	return status;
}

json_t *hosts_json(const struct host_list *l, struct leases *leases)
{
	json_t *list = json_array();
	for (size_t i = 0; i < l->n; i++) {
		const struct inside_host *h = &l->v[i];
		char text[PREFIX_TEXT_MAX], name[IF_NAMESIZE], mac[18];
		json_t *o = json_object();
		json_put_string(o, "address", addr_format(&h->address, text));
		if (h->has_mac) {
			snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", h->mac[0], h->mac[1], h->mac[2], h->mac[3], h->mac[4], h->mac[5]);
			json_put_string(o, "mac", mac);
		}
		if (h->ifindex && if_indextoname((unsigned)h->ifindex, name))
			json_put_string(o, "interface", name);
		if (h->zone)
			json_put_int(o, "zone", h->zone);
		json_put_string(o, "name", leases ? leases_name(leases, &h->address, h->has_mac ? h->mac : NULL) : NULL);
		json_array_append_new(list, o);
	}
	return list;
}
