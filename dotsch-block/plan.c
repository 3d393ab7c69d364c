/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "ranges.h"

#define ICMP 1
#define ICMP6 58

/* The protocols whose header begins with a source and a destination port. */
static const uint8_t with_ports[] = { 6, 17, 33, 132, 136 };

static bool has_ports(uint8_t protocol)
{
	return memchr(with_ports, protocol, sizeof with_ports) != NULL;
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	for (int f = 0; f < 2; f++) {
		prefix_list_free(&p->target[f]);
		prefix_list_free(&p->source[f]);
		prefix_list_free(&p->victim[f]);
	}
	prefix_list_free(&p->allowed);
	range_list_free(&p->target_port);
	range_list_free(&p->source_port);
	range_list_free(&p->types);
	protocol_list_free(&p->ported);
	protocol_list_free(&p->plain);
	free(p->mac);
	*p = (struct plan){ 0 };
}

__attribute__((format(printf, 4, 5)))
static int not_enforced(struct plan *p, enum plan_outcome outcome, const char *cause, const char *fmt, ...)
{
	va_list ap;
	char text[240];
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	p->outcome = outcome;
	p->cause = cause;
	reason_set(&p->why, 0, "", "", "%s", text);
	return 0;
}

static int add_split(struct prefix_list to[2], const struct prefix *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (prefix_list_add(&to[v[i].family == 6], &v[i]) < 0)
			return -1;
	prefixes_merge(&to[0]);
	prefixes_merge(&to[1]);
	return 0;
}

static int add_mac(struct plan *p, const uint8_t mac[6])
{
	for (size_t i = 0; i < p->n_mac; i++)
		if (!memcmp(p->mac[i], mac, 6))
			return 0;
	void *more = realloc(p->mac, (p->n_mac + 1) * sizeof *p->mac);
	if (!more)
		return -1;
	p->mac = more;
	memcpy(p->mac[p->n_mac++], mac, 6);
	return 0;
}

/* The device, not the request's source: an IPv6 host changes its addresses, so there its MAC counts as well (RFC 9066, 1.1). */
static int sources_of_hosts(const struct plan_input *in, struct plan *p)
{
	for (size_t i = 0; i < in->n_hosts; i++) {
		const struct host *h = &in->hosts[i];
		if (h->has_address && add_split(p->source, &h->address, 1) < 0)
			return -1;
		if (h->has_mac && add_mac(p, h->mac) < 0)
			return -1;
		p->by_mac |= h->has_mac && (!h->has_address || h->address.family == 6);
	}
	return 0;
}

/* Which protocols the rules test. A list of ports or types restricts the protocols it applies to; without a list of protocols it names them. */
static int protocols(const struct plan_input *in, struct plan *p, bool ports, bool types)
{
	const struct protocol_list *l = &in->m->target_protocol;
	for (size_t i = 0; i < l->n; i++) {
		bool ported = ports && has_ports(l->v[i]), typed = types && (l->v[i] == ICMP || l->v[i] == ICMP6);
		if (!typed && protocol_list_add(ported ? &p->ported : &p->plain, l->v[i]) < 0)
			return -1;
	}
	for (size_t i = 0; !l->n && ports && i < sizeof with_ports; i++)
		if (protocol_list_add(&p->ported, with_ports[i]) < 0)
			return -1;
	protocols_merge(&p->ported);
	protocols_merge(&p->plain);
	return 0;
}

static bool lists_protocol(const struct mitigation *m, uint8_t protocol)
{
	return !m->target_protocol.n || memchr(m->target_protocol.v, protocol, m->target_protocol.n);
}

static void add_rule(struct plan *p, uint8_t family, bool mac, enum shape shape)
{
	p->rule[p->n_rules++] = (struct plan_rule){ family, mac, shape };
}

static void rules_of(const struct plan_input *in, struct plan *p, const struct plan_policy *policy, uint8_t family, bool mac)
{
	bool types = p->types.n && lists_protocol(in->m, family == 4 ? ICMP : ICMP6);
	if (p->action.verb == VERB_QUARANTINE) {
		add_rule(p, family, mac, SHAPE_ANY);
		return;
	}
	if (p->ported.n) {
		add_rule(p, family, mac, SHAPE_PORTS);
		if (policy->drop_fragments && (p->device || !in->has_hosts) && (p->target_port.n || p->source_port.n))
			add_rule(p, family, mac, SHAPE_FRAGMENTS);
	}
	/* Without its source ports the external address is every inside host's. */
	if (in->has_hosts && !p->device)
		return;
	if (types) {
		add_rule(p, family, mac, SHAPE_TYPES);
		if (policy->drop_fragments)
			add_rule(p, family, mac, SHAPE_TYPE_FRAGMENTS);
	}
	if (p->plain.n)
		add_rule(p, family, mac, SHAPE_PROTOCOLS);
	if (!p->ported.n && !p->plain.n && !p->types.n)
		add_rule(p, family, mac, SHAPE_ANY);
}

static int copy_ranges(struct range_list *to, const struct range_list *from)
{
	for (size_t i = 0; i < from->n; i++)
		if (range_list_add(to, from->v[i].lower, from->v[i].upper) < 0)
			return -1;
	ranges_merge(to);
	return 0;
}

/* ICMP types are a byte; a wider range would wrap around into others. */
static bool types_fit(const struct range_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].upper > 255)
			return false;
	return true;
}

static const struct prefix *touched(const struct prefix_list *list, const struct prefix_list *by)
{
	for (size_t i = 0; list && i < list->n; i++)
		for (size_t k = 0; k < by->n; k++)
			if (prefix_overlap(&list->v[i], &by->v[k]))
				return &list->v[i];
	return NULL;
}

/* All that it is about is this machine itself. */
static bool only_own(const struct plan *p, const struct prefix_list *own)
{
	size_t n = 0;
	for (int f = 0; own && f < 2; f++)
		for (size_t i = 0; i < p->target[f].n; i++, n++) {
			size_t k = 0;
			while (k < own->n && !prefix_equal(&own->v[k], &p->target[f].v[i]))
				k++;
			if (k == own->n)
				return false;
		}
	return n > 0;
}

/* What no rule may ever touch. True when something was found and told. */
static bool protected(struct plan *p, const struct plan_policy *policy)
{
	char text[PREFIX_TEXT_MAX];
	for (int f = 0; f < 2; f++) {
		const struct prefix_list *both[] = { &p->target[f], &p->source[f] };
		for (int side = 0; side < 2; side++) {
			const struct prefix *hit;
			for (size_t i = 0; i < both[side]->n; i++) {
				const char *block = prefix_forbidden(&both[side]->v[i]);
				if (block) {
					not_enforced(p, PLAN_REFUSED, "invalid", "%s touches %s addresses", prefix_format(&both[side]->v[i], text), block);
					return true;
				}
			}
			if ((hit = touched(policy->never, both[side]))) {
				not_enforced(p, PLAN_REFUSED, "never-block", "the policy never blocks %s", prefix_format(hit, text));
				return true;
			}
		}
		/* The sources of a tuple behind a NAT are this machine's own address by nature; a target that is, cuts its management off. */
		bool sees_input = p->hook == HOOK_PREROUTING || p->hook == HOOK_INGRESS;
		const struct prefix *hit = sees_input ? touched(policy->own, &p->target[f]) : NULL;
		if (!hit && p->device)
			hit = touched(policy->own, &p->source[f]);
		if (hit) {
			not_enforced(p, PLAN_REFUSED, "never-block", "%s is an address of this machine", addr_format(hit, text));
			return true;
		}
	}
	if (only_own(p, policy->own)) {
		const struct prefix *own = p->target[0].n ? &p->target[0].v[0] : &p->target[1].v[0];
		not_enforced(p, PLAN_REFUSED, "never-block", "%s is an address of this machine, and what comes to it is not forwarded", addr_format(own, text));
		return true;
	}
	return false;
}

/* An unknown word is no certainty. Nobody found is a case of its own. */
static bool unsure(const struct plan_input *in)
{
	return in->has_hosts && in->certainty && strcmp(in->certainty, "exact") != 0 && strcmp(in->certainty, "likely") != 0 &&
	       (in->n_hosts || strcmp(in->certainty, "unresolved") != 0);
}

/* Which of the cases it is; false when nothing is to be built. */
static bool choose(const struct plan_input *in, const struct plan_policy *policy, struct plan *p)
{
	if (in->pending)
		return not_enforced(p, PLAN_HELD, "pending", "the owner has not consented yet"), false;
	if (unsure(in))
		return not_enforced(p, PLAN_HELD, "ambiguous", in->n_hosts > 1 ? "%zu inside hosts match and the request does not tell them apart (%s)" :
			"%zu inside host matches, but not for sure (%s)", in->n_hosts, in->certainty), false;
	p->device = in->n_hosts > 0;
	if (in->has_hosts && !p->device && !in->m->source_port.n)
		return not_enforced(p, PLAN_HELD, "unresolved", "no inside host was found, and without a source port a rule would hit others as well"), false;
	if (in->has_hosts && !p->device && p->action.verb == VERB_REJECT)
		p->action.verb = VERB_DROP;   /* the kernel cannot reject behind the translation */
	p->hook = p->device ? policy->device_hook : in->has_hosts ? HOOK_POSTROUTING : policy->hook;
	if (p->hook == HOOK_POSTROUTING && p->action.verb == VERB_MARK)
		return not_enforced(p, PLAN_HELD, "unresolved", "no inside host was found, and behind the translation a mark comes too late for routing"), false;
	p->sure = p->device && p->hook == HOOK_FORWARD && action_stops(&p->action);
	p->forwarded_only = p->hook == HOOK_POSTROUTING;
	return true;
}

static int allow(struct plan *p, const struct prefix_list *l)
{
	for (size_t i = 0; l && i < l->n; i++)
		if (prefix_list_add(&p->allowed, &l->v[i]) < 0)
			return -1;
	return 0;
}

/* Where packets are seen that are for this machine or the link: without neighbour discovery the services over IPv6 are out of reach, too. */
static int allow_own_link(struct plan *p, const struct plan_policy *policy)
{
	struct prefix multicast[] = { { .family = 4, .len = 4, .addr = { 224 } }, { .family = 6, .len = 8, .addr = { 0xff } } };
	struct prefix_list l = { .v = multicast, .n = 2 };
	if (p->hook != HOOK_PREROUTING && p->hook != HOOK_INGRESS)
		return 0;
	return allow(p, &l) < 0 || allow(p, policy->own) < 0 ? -1 : 0;
}

/* A quarantined device reaches nothing but what is allowed, so its target is everything; and the one that the request names, not even by that. */
static int everywhere(struct plan *p, const struct plan_policy *policy)
{
	if (allow(p, policy->allowed) < 0 || allow(p, policy->never) < 0 || allow_own_link(p, policy) < 0)
		return -1;
	for (int f = 0; f < 2; f++) {
		struct prefix all = { .family = f ? 6 : 4 };
		p->victim[f] = p->target[f];
		p->target[f] = (struct prefix_list){ 0 };
		if (prefix_list_add(&p->target[f], &all) < 0)
			return -1;
	}
	return 0;
}

int plan_make(const struct plan_input *in, const struct plan_policy *policy, struct plan *p)
{
	const struct mitigation *m = in->m;
	*p = (struct plan){ .outcome = PLAN_ENFORCE, .action = policy->action };
	if (!choose(in, policy, p))
		return 0;
	if (add_split(p->target, m->target_prefix.v, m->target_prefix.n) < 0)
		goto no_memory;
	if (p->device) {
		if (sources_of_hosts(in, p) < 0)
			goto no_memory;
	} else {
		p->any_source = !m->source_prefix.n;
		if (add_split(p->source, m->source_prefix.v, m->source_prefix.n) < 0 || copy_ranges(&p->source_port, &m->source_port) < 0)
			goto no_memory;
	}
	if (copy_ranges(&p->target_port, &m->target_port) < 0 || copy_ranges(&p->types, &m->source_icmp_type) < 0 ||
	    protocols(in, p, m->target_port.n || m->source_port.n, m->source_icmp_type.n) < 0)
		goto no_memory;
	if (protected(p, policy))
		return 0;
	if (!types_fit(&p->types))
		return not_enforced(p, PLAN_REFUSED, "invalid", "an ICMP type is a number from 0 to 255");
	if (p->action.verb == VERB_QUARANTINE && everywhere(p, policy) < 0)
		goto no_memory;
	for (int f = 0; f < 2; f++) {
		uint8_t family = f ? 6 : 4;
		p->single[f] = prefixes_all_hosts(&p->source[f]);
		bool quarantine = p->action.verb == VERB_QUARANTINE;
		if (!p->target[f].n)
			continue;
		if (p->source[f].n || p->any_source)
			rules_of(in, p, policy, family, false);
		if (p->n_mac && ((f && p->by_mac) || quarantine))
			rules_of(in, p, policy, family, true);
	}
	if (!p->n_rules && !m->target_prefix.n)
		not_enforced(p, PLAN_REFUSED, "invalid", "there is no target-prefix, and names are not resolved here");
	else if (!p->n_rules)
		not_enforced(p, PLAN_REFUSED, "invalid", "no packet can match: targets and sources are of different families, or the protocols do not fit");
	return 0;
no_memory:
	plan_free(p);
	return -1;
}
