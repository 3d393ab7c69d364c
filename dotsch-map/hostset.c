/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hostset.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/when.h"

#define FOUND_SHOWN 16       /* candidates an error line lists */
#define PORTS_SHOWN 8

void hostset_init(struct hostset *s)
{
	*s = (struct hostset){ 0 };
}

void hostset_free(struct hostset *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->hosts[i].ports);
	free(s->hosts);
	prefix_list_free(&s->direct);
	json_decref(s->found);
	answer_free(&s->answer);
	hostset_init(s);
}

json_t *candidate_nat(const struct candidate *c)
{
	const struct table *t = c->table;
	const struct nat_instance *in = &t->instances[c->instance];
	const struct nat_source *source = &t->sources[in->source];
	char when[WHEN_TEXT_MAX];
	json_t *nat = json_object();
	if (in->id)
		json_put_int(nat, "instance", in->id);
	if (in->name != NONE32)
		json_put_string(nat, "name", table_string(t, in->name));
	json_put_string(nat, "kind", nat_kind_name(in->kind));
	if (c->has_entry) {
		json_put_int(nat, "entry", c->entry);
		json_put_int(nat, "entries", c->entries);
	}
	json_put_string(nat, "captured", when_format(source->captured, when));
	return nat;
}

json_t *candidate_json(const struct candidate *c)
{
	char text[PREFIX_TEXT_MAX];
	json_t *o = json_object();
	json_put_string(o, "source-prefix", prefix_format(&c->host, text));
	if (c->n_ports) {
		json_t *ports = json_array();
		for (size_t i = 0; i < c->n_ports && i < PORTS_SHOWN; i++) {
			json_t *r = json_object();
			json_put_int(r, "lower-port", c->ports[i].range.lower);
			json_put_int(r, "upper-port", c->ports[i].range.upper);
			json_array_append_new(ports, r);
		}
		json_put(o, "source-port-range", ports);
	}
	if (c->has_subscriber)
		json_put_string(o, "subscriber", addr_format(&c->subscriber, text));
	json_put_string(o, "certainty", certainty_name(c->certainty));
	json_put(o, "nat", candidate_nat(c));
	json_put_string(o, "ruled-out", c->ruled_out);
	return o;
}

static bool same_candidate(const struct candidate *a, const struct candidate *b)
{
	return prefix_equal(&a->host, &b->host) && a->has_subscriber == b->has_subscriber && (!a->has_subscriber || prefix_equal(&a->subscriber, &b->subscriber)) &&
	       a->table->instances[a->instance].id == b->table->instances[b->instance].id;
}

static struct candidate *find(struct hostset *s, const struct candidate *c)
{
	for (size_t i = s->n; i-- > 0;)
		if (same_candidate(&s->hosts[i], c))
			return &s->hosts[i];
	return NULL;
}

static struct candidate *add(struct hostset *s, const struct rewrite_rules *rules)
{
	if (s->n >= rules->max_hosts) {
		s->truncated = true;
		return NULL;
	}
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 4;
		struct candidate *v = realloc(s->hosts, cap * sizeof *v);
		if (!v) {
			s->failed = true;
			return NULL;
		}
		s->hosts = v;
		s->cap = cap;
	}
	s->hosts[s->n] = (struct candidate){ 0 };
	return &s->hosts[s->n++];
}

/* The candidate's ports join those of the same host from earlier keys. */
static void join(struct hostset *s, struct candidate *h, const struct candidate *c)
{
	size_t n = h->n_ports;
	if (c->n_ports) {
		struct inside_port *v = realloc(h->ports, (n + c->n_ports) * sizeof *v);
		if (!v) {
			s->failed = true;
			return;
		}
		memcpy(v + n, c->ports, c->n_ports * sizeof *v);
		h->ports = v;
		h->n_ports = n + c->n_ports;
	}
	h->some_without_ports |= c->some_without_ports;
	h->entries += c->entries;
	h->other_target |= c->other_target;
	if (c->certainty < h->certainty)
		h->certainty = c->certainty;
}

static void keep(struct hostset *s, const struct rewrite_rules *rules, struct candidate *c)
{
	struct candidate *h = find(s, c);
	if (h) {
		join(s, h, c);
	} else if ((h = add(s, rules))) {
		*h = *c;
		c->ports = NULL;     /* moved */
		c->n_ports = c->cap_ports = 0;
	}
}

static const char *key_text(const struct nat_query *q, char out[128])
{
	char address[PREFIX_TEXT_MAX], ports[24] = "", protocol[24] = "";
	if (prefix_is_host(&q->ext))
		addr_format(&q->ext, address);
	else
		prefix_format(&q->ext, address);
	if (q->has_port && q->port.lower == q->port.upper)
		snprintf(ports, sizeof ports, " port %u", q->port.lower);
	else if (q->has_port)
		snprintf(ports, sizeof ports, " ports %u-%u", q->port.lower, q->port.upper);
	if (q->proto >= 0)
		snprintf(protocol, sizeof protocol, " %s", cli_protocol_name((uint8_t)q->proto));
	snprintf(out, 128, "%s%s%s", address, protocol, ports);
	return out;
}

static void complain(struct hostset *s, const struct nat_query *q, const struct answer *a)
{
	char key[128], how[WHEN_TEXT_MAX];
	key_text(q, key);
	const char *section = "RFC 9066, 5.3.2", *field = q->has_port ? "source-port-range" : "source-prefix";
	if (a->certainty == CERTAINTY_STALE)
		reason_set(&s->why, REASON_BAD_REQUEST, field, section, "%s: the mapping that was found is not from the time of the attack, %s", key,
			when_format(q->attack, how));
	else if (a->certainty == CERTAINTY_AMBIGUOUS && a->possible == 1)
		reason_set(&s->why, REASON_BAD_REQUEST, field, section, "%s: only a part of the address is known to be one host's; name the source ports", key);
	else if (a->certainty == CERTAINTY_AMBIGUOUS)
		reason_set(&s->why, REASON_BAD_REQUEST, field, section, "%s: %zu%s hosts could be meant; %s", key, a->possible, a->truncated ? " or more" : "",
			q->has_port && q->port.lower == q->port.upper ? "the destination or a table nearer to the attack may tell them apart"
			                                              : "name the single source ports, or use --allow-many");
	else if (a->needs_port)
		reason_set(&s->why, REASON_BAD_REQUEST, "source-port-range", section, "%s: customers share this address by port, so the source port is needed", key);
	else if (a->nobodys_port)
		reason_set(&s->why, REASON_BAD_REQUEST, field, section, "%s: the port belongs to no customer; the source may be forged", key);
	else if (a->known)
		reason_set(&s->why, REASON_BAD_REQUEST, field, section, "%s: no mapping; the address is in use, the port is not", key);
	else
		reason_set(&s->why, REASON_BAD_REQUEST, "source-prefix", section, "%s: stands behind no NAT known here (--direct names addresses without NAT)", key);
}

static void show_found(struct hostset *s, const struct answer *a)
{
	if (!s->found)
		s->found = json_array();
	for (size_t i = 0; i < a->possible && json_array_size(s->found) < FOUND_SHOWN; i++)
		json_array_append_new(s->found, candidate_json(&a->v[i]));
	s->truncated |= a->truncated;
}

/* A stale answer that names nobody but hosts which are sure already adds no doubt. */
static bool all_known(struct hostset *s, const struct answer *a)
{
	for (size_t i = 0; i < a->possible; i++)
		if (!find(s, &a->v[i]))
			return false;
	return a->possible > 0;
}

static bool wide(const struct nat_query *q)
{
	return !q->has_port || q->port.lower != q->port.upper || !prefix_is_host(&q->ext);
}

/* second: the answers that were doubtful at first, once the sure hosts are all known. */
static void look_up(struct hostset *s, const struct nat *nat, const struct rewrite_rules *rules, const struct nat_query *q, bool second)
{
	struct answer *a = &s->answer;
	if (resolve(nat, q, a) < 0) {
		s->failed = true;
		return;
	}
	bool sure = a->certainty >= CERTAINTY_LIKELY;
	s->again |= !sure;
	bool many = rules->allow_many && a->certainty == CERTAINTY_AMBIGUOUS && wide(q) && a->v[0].certainty >= CERTAINTY_LIKELY;
	if (sure || many) {
		for (size_t i = 0; i < a->possible && !second; i++)
			keep(s, rules, &a->v[i]);
		s->truncated |= a->truncated;
	} else if (second && !(a->certainty == CERTAINTY_STALE && all_known(s, a))) {
		if (!s->unresolved && !s->doubtful)
			complain(s, q, a);
		if (a->certainty == CERTAINTY_NONE) {
			s->unresolved++;
		} else {
			if (!s->doubtful++)
				complain(s, q, a);
			show_found(s, a);
		}
	}
}

static bool carries_ports(int proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP || proto == IPPROTO_DCCP || proto == IPPROTO_UDPLITE || proto < 0;
}

static void each_key(struct hostset *s, const struct nat *nat, const struct rewrite_rules *rules, const struct mitigation *m, struct nat_query *q, bool second)
{
	bool any_ports = m->target_protocol.n == 0;
	for (size_t i = 0; i < m->target_protocol.n; i++)
		any_ports |= carries_ports(m->target_protocol.v[i]);
	for (size_t i = 0; i < (m->target_protocol.n ? m->target_protocol.n : 1) && !s->failed; i++) {
		q->proto = m->target_protocol.n ? m->target_protocol.v[i] : -1;
		/* The ports name the host; a protocol without ports beside them would only name everybody behind the address. */
		if (!carries_ports(q->proto) && any_ports && m->source_port.n)
			continue;
		bool ports = m->source_port.n && carries_ports(q->proto);
		for (size_t k = 0; k < (ports ? m->source_port.n : 1) && !s->failed; k++) {
			q->port = ports ? m->source_port.v[k] : (struct range){ 0, UINT16_MAX };
			q->has_port = q->port.lower || q->port.upper < UINT16_MAX;     /* every port is the whole address */
			look_up(s, nat, rules, q, second);
		}
	}
}

/* IPv6 that no NPTv6, EAM or IPv6 table covers has no NAT before it; IPv4 only when the operator says so. */
static bool is_direct(const struct nat *nat, const struct rewrite_rules *rules, const struct prefix *source)
{
	for (size_t i = 0; i < rules->direct.n; i++)
		if (prefix_contains(&rules->direct.v[i], source))
			return true;
	if (source->family != 6)
		return false;
	struct nat_query q = { .ext = *source, .proto = -1, .port = { 0, UINT16_MAX } };
	struct answer a = { 0 };
	bool unknown = resolve(nat, &q, &a) == 0 && !a.known;
	answer_free(&a);
	return unknown;
}

void hostset_fill(struct hostset *s, const struct nat *nat, const struct rewrite_rules *rules, const struct mitigation *m, int64_t attack)
{
	struct nat_query q = { .targets = &m->target_prefix, .target_ports = &m->target_port, .attack = attack };
	for (int second = 0; second < 2 && (!second || s->again); second++)
		for (size_t i = 0; i < m->source_prefix.n && !s->failed; i++) {
			q.ext = m->source_prefix.v[i];
			if (!is_direct(nat, rules, &q.ext)) {
				each_key(s, nat, rules, m, &q, second);
			} else if (!second && prefix_list_add(&s->direct, &q.ext) < 0) {
				s->failed = true;
			}
		}
}
