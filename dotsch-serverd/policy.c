/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy.h"

#include <stddef.h>

static void add(struct ruling *r, const struct policy *p, const struct prefix *source)
{
	bool wide = source != NULL && source->len < (source->family == 4 ? p->ask_above : p->ask_above_6);

	if (!r->ask && (p->consent == CONSENT_ASK || wide)) {
		r->ask = true;
		r->why = wide && p->consent != CONSENT_ASK ? "the source is wider than ask-above" : "the policy for this provider, or this source, is to ask";
	}
	if (p->consent_s != 0 && (r->consent_s == 0 || p->consent_s < r->consent_s))
		r->consent_s = p->consent_s;
	r->consent_accept &= p->consent_accept;
}

/* The longest prefix of p's that holds this source; NULL = none. */
static const struct prefix *holds(const struct policy *p, const struct prefix *source)
{
	const struct prefix *best = NULL;

	for (size_t i = 0; i < p->source.n; i++)
		if (prefix_contains(&p->source.v[i], source) && (best == NULL || p->source.v[i].len > best->len))
			best = &p->source.v[i];
	return best;
}

static bool inside(const struct policy *p, const struct prefix *source)
{
	for (size_t i = 0; i < p->source.n; i++)
		if (prefix_contains(source, &p->source.v[i]))
			return true;
	return false;
}

static void add_source(const struct peer_config *p, const struct prefix *source, struct ruling *r)
{
	const struct policy *best = &p->policy;
	const struct prefix *longest = NULL;

	for (size_t i = 0; i < p->n_policies; i++) {
		const struct prefix *found = holds(&p->policies[i], source);

		if (found != NULL && (longest == NULL || found->len > longest->len)) {
			longest = found;
			best = &p->policies[i];
		}
	}
	add(r, best, source);
	for (size_t i = 0; i < p->n_policies; i++)
		if (&p->policies[i] != best && inside(&p->policies[i], source))
			add(r, &p->policies[i], source);
}

void policy_rule(const struct peer_config *p, const struct mitigation *m, struct ruling *out)
{
	*out = (struct ruling){ .consent_accept = true, .why = "" };
	for (size_t i = 0; i < m->source_prefix.n; i++)
		add_source(p, &m->source_prefix.v[i], out);
	/* A base request need not name a source. */
	if (m->source_prefix.n == 0)
		add(out, &p->policy, NULL);
}
