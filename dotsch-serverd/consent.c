/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "consent.h"

#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "base/buf.h"
#include "emit.h"
#include "policy.h"
#include "preset.h"

static bool any_overlap(const struct prefix_list *a, const struct prefix_list *b)
{
	for (size_t i = 0; i < a->n; i++)
		for (size_t j = 0; j < b->n; j++)
			if (prefix_overlap(&a->v[i], &b->v[j]))
				return true;
	return false;
}

static bool any_shorter(const struct prefix_list *l, unsigned len4, unsigned len6)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].len < (l->v[i].family == 4 ? len4 : len6))
			return true;
	return false;
}

enum verdict consent_judge(const struct peer_config *p, const struct prefix_list *guarded, const struct mitigation *m, const char **why)
{
	const char *unused;
	struct ruling ruling;

	if (why == NULL)
		why = &unused;
	*why = "";
	if (any_overlap(&m->target_prefix, &p->legitimate_targets) || any_overlap(&m->source_prefix, &p->legitimate_sources))
		return VERDICT_LEGITIMATE;
	/* The base channel's targets are the client's own network: what it asks for there harms nobody else (CH-28). */
	if (p->channel == CHANNEL_CALL_HOME && any_shorter(&m->target_prefix, 16, 32)) {
		*why = "the target is wider than /16 (IPv6: /32)";
		return VERDICT_ASK;
	}
	if (p->channel == CHANNEL_CALL_HOME && any_overlap(&m->target_prefix, guarded)) {
		*why = "the target covers a DOTS peer or a resolver of this router";
		return VERDICT_ASK;
	}
	policy_rule(p, m, &ruling);
	*why = ruling.why;
	return ruling.ask ? VERDICT_ASK : VERDICT_ACCEPT;
}

/* The one of those found that has this address, however it is written; borrowed, or NULL. */
static json_t *found_host(const struct record *r, const char *host)
{
	struct prefix named, p;

	for (size_t i = 0; i < json_array_size(r->hosts) && addr_parse(host, &named) == 0; i++) {
		json_t *h = json_array_get(r->hosts, i);
		const char *address = json_string_value(json_object_get(h, "address"));

		if (address != NULL && addr_parse(address, &p) == 0 && prefix_equal(&p, &named))
			return h;
	}
	return NULL;
}

static void put_addresses(const json_t *hosts, struct buf *out)
{
	for (size_t i = 0; i < json_array_size(hosts); i++) {
		const char *address = json_string_value(json_object_get(json_array_get(hosts, i), "address"));

		buf_printf(out, "%s%s", i > 0 ? ", " : "", address != NULL ? address : "?");
	}
}

int consent_host(const struct record *r, const char *host, struct reason *why)
{
	struct buf all = { 0 };
	struct prefix p;

	if (addr_parse(host, &p) != 0)
		return reason_set(why, REASON_BAD_REQUEST, "host", "", "\"%s\" is no address", host);
	if (json_array_size(r->hosts) < 2 || found_host(r, host) != NULL)
		return 0;
	put_addresses(r->hosts, &all);
	reason_set(why, REASON_BAD_REQUEST, "host", "", "%s is none of the devices that were found: %.*s", host, (int)all.len, (const char *)all.data);
	buf_free(&all);
	return -1;
}

/* Of the hosts that were found, only the one the owner named. */
static void keep_host(struct record *r, const char *host)
{
	json_t *one = json_array(), *found = json_incref(found_host(r, host));

	if (found == NULL) {
		found = json_object();
		json_put_string(found, "address", host);
	}
	json_array_append_new(one, found);
	json_decref(r->hosts);
	r->hosts = one;
	snprintf(r->certainty, sizeof(r->certainty), "exact");
}

bool consent_accept(struct core *core, struct record *r, const char *host, const char *who, struct moment at, struct outcome *o)
{
	struct life before = r->life;

	if (r->life.phase == PHASE_REJECTED) {
		if (life_left(&r->life, at.now) == 0)
			return false;
		r->life.phase = preset_is(r) && r->client->presence != PRESENCE_LOST ? PHASE_ARMED : PHASE_ACTIVE;
		r->life.due = r->life.expires;
		r->life.cause = CONFLICT_CAUSE_NONE;
		r->life.reported = STATUS_IN_PROGRESS;
	} else if (r->life.phase != PHASE_ACTIVE && r->life.phase != PHASE_ARMED) {
		return false;
	}
	if (host != NULL)
		keep_host(r, host);
	r->life.pending = false;
	r->life.by_owner = who != NULL;
	r->note[0] = '\0';
	r->life.due = r->life.expires;
	if (r->life.phase == PHASE_ACTIVE) {
		if (r->life.start == 0)
			life_begin(&r->life, at.now, at.wall);
		outcome_line(o, emit_mitigate(r, at.now));
	}
	ledger_changed(&core->ledger, r);
	audit_note(o, r, "accepted", who != NULL ? who : "policy", host);
	if (before.phase == PHASE_REJECTED)
		outcome_contenders(o, r);
	return outcome_changed(o, r, &before) == 0;
}

bool consent_reject(struct core *core, struct record *r, const char *note, const char *who, struct moment at, struct outcome *o)
{
	struct life before = r->life;

	if (!life_stands(&r->life))
		return false;
	if (life_live(&r->life))
		outcome_line(o, emit_withdraw(r, "rejected"));
	r->life.phase = PHASE_REJECTED;
	r->life.pending = false;
	r->life.by_owner = who != NULL;
	r->life.ended = STATUS_WITHDRAWN;
	r->life.cause = CONFLICT_LEGITIMATE_TRAFFIC;
	r->life.due = at.now + (core->settings->rejected_s + DEACTIVATED_KEPT_S) * INT64_C(1000);
	if (note != NULL)
		snprintf(r->note, sizeof(r->note), "%s", note);
	ledger_changed(&core->ledger, r);
	audit_note(o, r, "rejected", who != NULL ? who : "policy", note);
	outcome_contenders(o, r);
	return outcome_changed(o, r, &before) == 0;
}

int64_t consent_until(const struct peer_config *p, const struct mitigation *m, int64_t now)
{
	struct ruling ruling = { .consent_s = 0 };

	if (p != NULL)
		policy_rule(p, m, &ruling);
	return ruling.consent_s != 0 ? now + ruling.consent_s * INT64_C(1000) : LEDGER_NEVER;
}

void consent_resolvers(const char *path, struct prefix_list *out)
{
	FILE *f = fopen(path, "re");
	char line[256], address[128];
	struct prefix p;

	if (f == NULL)
		return;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "nameserver %127[0-9a-fA-F:.]", address) == 1 && addr_parse(address, &p) == 0 && prefix_forbidden(&p) == NULL)
			prefix_list_add(out, &p);
	fclose(f);
}
