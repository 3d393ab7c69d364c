/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/when.h"
#include "dots/cbor.h"
#include "dots/validate.h"

#define LIFETIME_DEFAULT 3600        /* RFC 9132, 4.4.1: the recommended one */
/* What the header, the Uri-Path with the longest cuid, and the Content-Format take of a datagram. */
#define COAP_OVERHEAD (4 + 8 + 12 + 5 + 9 + 7 + CUID_MAX_BYTES + 16 + 4 + 1)

void plan_free(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		mitigation_free(&p->v[i].m);
	free(p->v);
	*p = (struct plan){ 0 };
}

static int no_memory(struct reason *why)
{
	return reason_set(why, REASON_BAD_REQUEST, "", "", "out of memory");
}

/* Takes over *m. */
static int plan_add(struct plan *p, struct peer *peer, struct mitigation *m, struct reason *why)
{
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 4;
		struct request_part *v = realloc(p->v, cap * sizeof *v);
		if (!v) {
			mitigation_free(m);
			return no_memory(why);
		}
		p->v = v;
		p->cap = cap;
	}
	p->v[p->n++] = (struct request_part){ peer, *m };
	return 0;
}

bool request_fits(const struct mitigation *m)
{
	struct mitigation copy = *m;         /* borrowed: only encoded */
	struct body body;
	struct buf out = { .max = COAP_DATAGRAM_MAX - COAP_OVERHEAD };
	copy.lifetime = LIFETIME_MAX;        /* the longest it may become */
	copy.attack_status = ATTACK_UNDER_ATTACK;
	body_init(&body);
	body.kind = BODY_MITIGATION_SCOPE;
	body.scope = &copy;
	body.n_scope = 1;
	dots_cbor_encode(&body, &out);
	bool ok = !out.failed;
	buf_free(&out);
	return ok;
}

/* A prefix inside another one of the list says nothing new; divided among two requests they would overlap, and the second would replace the first. */
static void drop_contained(struct prefix_list *l)
{
	size_t kept = 0;
	qsort(l->v, l->n, sizeof *l->v, prefix_compare);   /* a shorter prefix stands before what it contains */
	for (size_t i = 0; i < l->n; i++)
		if (!kept || !prefix_contains(&l->v[kept - 1], &l->v[i]))
			l->v[kept++] = l->v[i];
	l->n = kept;
}

static int halve(struct prefix_list *keep, struct prefix_list *rest)
{
	size_t half = keep->n / 2;
	prefix_list_free(rest);
	for (size_t i = half; i < keep->n; i++)
		if (prefix_list_add(rest, &keep->v[i]) < 0)
			return -1;
	keep->n = half;
	return 0;
}

/* DTLS does not fragment: a request that is too large is sent in parts, each with its own mid (RFC 9132, 7.3). Takes over *m. */
static int add_divided(struct plan *p, struct peer *peer, struct mitigation *m, struct reason *why)
{
	if (request_fits(m))
		return plan_add(p, peer, m, why);
	drop_contained(&m->source_prefix);
	drop_contained(&m->target_prefix);
	if (request_fits(m))
		return plan_add(p, peer, m, why);
	bool sources = m->source_prefix.n >= m->target_prefix.n && !peer->overlap_strict;
	struct mitigation rest;
	/* Towards a strict peer the parts must not have a target in common: the second would replace the first. */
	if ((sources ? m->source_prefix.n : m->target_prefix.n) < 2) {
		mitigation_free(m);
		return reason_set(why, REASON_BAD_REQUEST, "scope", "RFC 9132, 7.3", "too large for a datagram of %d bytes, even with one %s", COAP_DATAGRAM_MAX, peer->overlap_strict ? "target" : "source and one target");
	}
	if (mitigation_copy(&rest, m) < 0) {
		mitigation_free(m);
		return no_memory(why);
	}
	if ((sources ? halve(&m->source_prefix, &rest.source_prefix) : halve(&m->target_prefix, &rest.target_prefix)) < 0) {
		mitigation_free(m);
		mitigation_free(&rest);
		return no_memory(why);
	}
	if (add_divided(p, peer, m, why) < 0) {
		mitigation_free(&rest);
		return -1;
	}
	return add_divided(p, peer, &rest, why);
}

static struct peer *named_peer(struct agent *a, const struct envelope *line, struct reason *why)
{
	struct prefix address;
	struct peer *p = NULL;
	if (line->to) {
		if (!(p = peers_by_name(a->peers, line->to)))
			reason_set(why, REASON_BAD_REQUEST, "to", "", "there is no peer %s", line->to);
	} else if (prefix_parse(line->subscriber, true, &address) < 0) {
		reason_set(why, REASON_BAD_REQUEST, "subscriber", "", "%s is not an IP address", line->subscriber);
	} else if (!(p = peers_by_source(a->peers, &address))) {
		reason_set(why, REASON_BAD_REQUEST, "subscriber", "RFC 9066, 5.3.1", "%s is in no peer's domain", line->subscriber);
	}
	return p;
}

/* CH-38: behind a MAP border relay or an lwAFTR an IPv4 address is told apart by its ports only. */
static int check_shared(const struct agent *a, const struct mitigation *m, struct reason *why)
{
	char text[PREFIX_TEXT_MAX];
	if (m->source_port.n || m->source_icmp_type.n)
		return 0;
	for (size_t i = 0; i < m->source_prefix.n; i++)
		for (size_t k = 0; k < a->config.shared.n; k++)
			if (prefix_overlap(&m->source_prefix.v[i], &a->config.shared.v[k]))
				return reason_set(why, REASON_BAD_REQUEST, "source-port-range", "RFC 9066, 5.3.2", "%s is shared by several customers: only its ports tell them apart",
				                  prefix_format(&m->source_prefix.v[i], text));
	return 0;
}

/* RFC 9132, 4.4.1: the targets are our own, sources are hints, and names and aliases are the server's to resolve. */
static int check_base(const struct mitigation *m, struct reason *why)
{
	static const struct validate_rules rules = { .with_lifetime = true, .any_alias = true };
	return validate_request(m, &rules, why);
}

static int check_call_home(struct agent *a, const struct mitigation *m, const struct prefix_list *domain, struct reason *why)
{
	const struct validate_rules rules = {
		.call_home = true,
		.with_lifetime = true,
		.domain = domain,
		.external = &a->config.external,
	};
	return validate_request(m, &rules, why);
}

static int check_named(struct agent *a, const struct mitigation *m, const struct peer *named, struct reason *why)
{
	struct prefix_list domain;
	int result = peer_domain(named, &domain) < 0 ? reason_set(why, REASON_BAD_REQUEST, "", "", "out of memory") : check_call_home(a, m, &domain, why);
	prefix_list_free(&domain);
	return result;
}

static int check(struct agent *a, const struct mitigation *m, const struct peer *named, bool by_subscriber, struct reason *why)
{
	if (named && named->server)
		return check_base(m, why);
	/* An inside IPv4 address behind DS-Lite is not the customer's alone: then the subscriber's address was looked up instead. */
	int result = named && !by_subscriber ? check_named(a, m, named, why) : check_call_home(a, m, NULL, why);
	if (result == 0)
		return check_shared(a, m, why);
	bool outside = !strcmp(why->section, "RFC 9066, 5.3.2"), base = !named && !m->source_prefix.n;
	size_t len = strlen(why->text);
	if (outside || base)
		snprintf(why->text + len, sizeof why->text - len, outside ? "; dotsch-map finds it" : "; a base server is named by to");
	return result;
}

struct owned_source { struct peer *peer; size_t place; };

static int by_owner(const void *x, const void *y)
{
	const struct owned_source *a = x, *b = y;
	if (a->peer->number != b->peer->number)
		return a->peer->number < b->peer->number ? -1 : 1;
	return a->place < b->place ? -1 : 1;
}

static int find_owners(struct agent *a, const struct mitigation *m, struct owned_source *v, struct reason *why)
{
	char text[PREFIX_TEXT_MAX];
	for (size_t i = 0; i < m->source_prefix.n; i++) {
		v[i] = (struct owned_source){ peers_by_source(a->peers, &m->source_prefix.v[i]), i };
		if (!v[i].peer)
			return reason_set(why, REASON_BAD_REQUEST, "source-prefix", "RFC 9066, 5.3.1", "%s is in no peer's domain",
			                  prefix_format(&m->source_prefix.v[i], text));
	}
	qsort(v, m->source_prefix.n, sizeof *v, by_owner);
	return 0;
}

static int one_owner(struct plan *p, const struct mitigation *m, const struct owned_source *v, size_t n, struct reason *why)
{
	struct mitigation part;
	if (mitigation_copy(&part, m) < 0)
		return no_memory(why);
	if (n < m->source_prefix.n) {
		prefix_list_free(&part.source_prefix);
		for (size_t i = 0; i < n; i++)
			if (prefix_list_add(&part.source_prefix, &m->source_prefix.v[v[i].place]) < 0) {
				mitigation_free(&part);
				return no_memory(why);
			}
	}
	return add_divided(p, v->peer, &part, why);
}

static int divide_by_owner(struct agent *a, struct plan *p, const struct mitigation *m, struct reason *why)
{
	size_t n = m->source_prefix.n;
	struct owned_source *v = calloc(n, sizeof *v);
	if (!v)
		return no_memory(why);
	int result = find_owners(a, m, v, why);
	for (size_t from = 0, to; result == 0 && from < n; from = to) {
		for (to = from + 1; to < n && v[to].peer == v[from].peer;)
			to++;
		result = one_owner(p, m, v + from, to - from, why);
	}
	free(v);
	return result;
}

static int plan_scope(struct agent *a, struct plan *p, const struct envelope *line, size_t i, struct reason *why)
{
	struct mitigation m;
	struct peer *named = NULL;
	bool has_name = line->to || line->subscriber;
	if (mitigation_copy(&m, &line->body.scope[i]) < 0)
		return no_memory(why);
	m.lifetime = m.lifetime == LIFETIME_ABSENT ? LIFETIME_DEFAULT : envelope_lifetime_left(line, i, when_wall_ms());
	if (m.lifetime == 0)
		reason_set(why, REASON_BAD_REQUEST, "lifetime", "", "it has run out since the line was written");
	else if (has_name && !(named = named_peer(a, line, why)))
		;
	else if (check(a, &m, named, !line->to, why) == 0) {
		if (named)
			return add_divided(p, named, &m, why);
		int result = divide_by_owner(a, p, &m, why);
		mitigation_free(&m);
		return result;
	}
	mitigation_free(&m);
	return -1;
}

int plan_make(struct agent *a, const struct envelope *line, struct plan *out, struct reason *why)
{
	*out = (struct plan){ 0 };
	if (line->body.kind != BODY_MITIGATION_SCOPE || !line->body.n_scope)
		return reason_set(why, REASON_BAD_REQUEST, "ietf-dots-signal-channel:mitigation-scope", "RFC 9132, 4.4.1", "a mitigate line needs a mitigation scope");
	for (size_t i = 0; i < line->body.n_scope; i++)
		if (plan_scope(a, out, line, i, why) < 0)
			return -1;
	return 0;
}
