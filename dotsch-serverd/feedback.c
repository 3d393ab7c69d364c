/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "feedback.h"

#include <stdio.h>
#include <string.h>

#include "consent.h"
#include "dots/envelope.h"
#include "dots/json.h"
#include "emit.h"
#include "preset.h"
#include "relay.h"

#define NOTE_MAX 199
#define LABEL_MAX 64

/* The mitigation a line is about: peer, cuid and mid have to be there. NULL with *why when they are not; NULL with why->text empty when it is not (or no longer) known. */
static struct record *subject(struct core *core, const struct envelope *e, struct reason *why)
{
	const char *missing = e->peer == NULL ? "peer" : e->cuid == NULL ? "cuid" : !e->has_mid ? "mid" : NULL;

	why->text[0] = '\0';
	if (relay_is(e))
		return relay_subject(core, e);
	if (missing != NULL) {
		reason_set(why, REASON_BAD_REQUEST, missing, "", "missing: a %s line names peer, cuid and mid", e->type_name);
		return NULL;
	}
	return ledger_find(&core->ledger, e->peer, e->cuid, e->mid);
}

/* As consent_accept leaves it. An owner who named none has only said yes. */
static bool owner_named_one(const struct record *r)
{
	return r->life.by_owner && json_array_size(r->hosts) == 1 && strcmp(r->certainty, "exact") == 0;
}

/* What the map found out about the device: kept for the owner, and given back with every refresh. */
static void take_hosts(struct record *r, const struct envelope *e, struct outcome *o)
{
	json_t *hosts = json_object_get(e->json, "hosts");
	const char *certainty = json_string_value(json_object_get(e->json, "certainty"));

	if (!json_is_array(hosts) || (r->hosts != NULL && json_equal(hosts, r->hosts) && (certainty == NULL || strcmp(certainty, r->certainty) == 0)))
		return;
	/* The owner has named one host; the map's longer list does not undo that. */
	if (owner_named_one(r))
		return;
	json_decref(r->hosts);
	r->hosts = json_incref(hosts);
	snprintf(r->certainty, sizeof(r->certainty), "%s", certainty != NULL ? certainty : "");
	outcome_note(o, r, EFFECT_HOSTS);
}

static void set_counter(struct record *r, enum counter which, uint64_t value)
{
	r->counters[which] = value;
	r->has_counters |= (uint8_t)(1u << which);
}

/* The rates of a counter that is told are averages of ours; those of the enforcing side are of the moment. */
static void take_rate(struct record *r, const struct mitigation *m, enum counter counter, enum counter per_second, struct rate *rate, int64_t now)
{
	if (!(m->has_counters & 1u << counter))
		return;
	rate_add(rate, m->counters[counter], now - r->life.began);
	set_counter(r, counter, rate->total);
	set_counter(r, per_second, rate_average(rate, now - r->life.began));
}

static void take_counters(struct record *r, const struct envelope *e, int64_t now)
{
	const struct mitigation *m = e->body.n_scope > 0 ? &e->body.scope[0] : NULL;

	for (int i = 0; m != NULL && i < COUNTERS; i++)
		if (m->has_counters & 1u << i)
			set_counter(r, (enum counter)i, m->counters[i]);
	if (m == NULL)
		return;
	take_rate(r, m, COUNTER_BYTES, COUNTER_BPS, &r->bytes, now);
	take_rate(r, m, COUNTER_PKTS, COUNTER_PPS, &r->pkts, now);
}

static bool not_enforced(const struct envelope *e, const char *cause)
{
	const char *told = json_string_value(json_object_get(e->json, "cause"));

	return json_is_false(json_object_get(e->json, "enforced")) && told != NULL && strcmp(told, cause) == 0;
}

/* Not enforced because the device is not known for certain. Everything else that the enforcing side says ends that. */
static void take_held(struct record *r, const struct envelope *e)
{
	r->held = not_enforced(e, "ambiguous") || not_enforced(e, "unresolved");
}

static void take_report(struct record *r, enum dots_status s, const char *reason, struct outcome *o)
{
	if (reason != NULL)
		snprintf(r->note, sizeof(r->note), "%s", reason);
	else if (s == STATUS_MITIGATED)
		r->note[0] = '\0';
	if (r->life.pending || r->life.reported == s)
		return;
	r->life.reported = s;
	if (r->life.phase == PHASE_ACTIVE)
		outcome_note(o, r, EFFECT_REPORTED);
}

static int status(struct core *core, const struct envelope *e, struct moment at, struct outcome *o, struct reason *why)
{
	const char *label = NULL, *reason = NULL;
	struct record *r = subject(core, e, why);
	enum dots_status s = e->body.n_scope > 0 ? e->body.scope[0].status : STATUS_NONE;

	if (json_get_string(e->json, "status", LABEL_MAX, &label, why) < 0 || json_get_string(e->json, "reason", NOTE_MAX, &reason, why) < 0)
		return -1;
	if (r == NULL)
		return why->text[0] == '\0' ? 0 : -1;
	if (!life_live(&r->life))
		return 0;
	take_held(r, e);
	take_hosts(r, e, o);
	take_counters(r, e, at.now);
	if (relay_is(e) && relay_refused(core, r, e, at, o))
		return 0;
	if (label != NULL && strcmp(label, "refused") == 0) {
		/* Policy of the enforcing side, say a never-block list: for the provider that is traffic it may not have blocked. */
		consent_reject(core, r, reason != NULL ? reason : "refused by the enforcing side", NULL, at, o);
		return 0;
	}
	if (label != NULL)
		s = dots_status_of(label);
	if (s >= STATUS_IN_PROGRESS && s <= STATUS_EXCEEDED) {
		/* That the owner is asked is known here, and why. */
		take_report(r, s, not_enforced(e, "pending") ? NULL : reason, o);
		preset_stopped(core, r, at, o);
	} else if (label != NULL && s == STATUS_NONE && !relay_is(e))   /* an agent in between has words of its own: waiting, expired */
		return reason_set(why, REASON_BAD_REQUEST, "status", "RFC 9132, 4.4.2", "\"%s\" is no status", label);
	return 0;
}

/* Of an agent that a request was passed on to; other responses are for others. */
static void response(struct core *core, const struct envelope *e, struct moment at, struct outcome *o)
{
	struct record *r = relay_is(e) ? relay_subject(core, e) : NULL;

	if (r != NULL)
		relay_refused(core, r, e, at, o);
}

static int decision(struct core *core, const struct envelope *e, struct moment at, struct outcome *o, struct reason *why)
{
	const char *word = NULL, *host = NULL;
	struct record *r = subject(core, e, why);
	bool done;

	if (json_get_string(e->json, "decision", LABEL_MAX, &word, why) < 0 || json_get_string(e->json, "host", PREFIX_TEXT_MAX, &host, why) < 0)
		return -1;
	if (r == NULL)
		return why->text[0] != '\0' ? -1 : reason_set(why, REASON_BAD_REQUEST, "mid", "", "no such mitigation: %s %s %u", e->peer, e->cuid, e->mid);
	if (host != NULL && consent_host(r, host, why) != 0)
		return -1;
	if (word != NULL && strcmp(word, "accept") == 0)
		done = consent_accept(core, r, host, "a decision line", at, o);
	else if (word != NULL && strcmp(word, "reject") == 0)
		done = consent_reject(core, r, "rejected by the owner", "a decision line", at, o);
	else
		return reason_set(why, REASON_BAD_REQUEST, "decision", "", "\"%s\": must be \"accept\" or \"reject\"", word != NULL ? word : "");
	return done ? 0 : reason_set(why, REASON_BAD_REQUEST, "mid", "", "%u is over, there is nothing to decide", e->mid);
}

struct sync { struct moment at; struct outcome *o; };

static void sync_one(void *arg, struct record *r)
{
	struct sync *s = arg;

	if (life_live(&r->life))
		outcome_line(s->o, emit_mitigate(r, s->at.now));
}

void feedback_sync(struct core *core, struct moment at, struct outcome *o)
{
	struct sync s = { at, o };

	outcome_line(o, emit_sync("begin"));
	ledger_each(&core->ledger, sync_one, &s);
	outcome_line(o, emit_sync("end"));
}

static int sync_wanted(struct core *core, const struct envelope *e, struct moment at, struct outcome *o, struct reason *why)
{
	bool want = false;

	if (json_get_bool(e->json, "want", &want, why) < 0)
		return -1;
	if (want)
		feedback_sync(core, at, o);
	return 0;
}

json_t *feedback_line(struct core *core, const char *text, size_t len, struct moment at, struct outcome *o)
{
	struct envelope e;
	struct reason why;
	json_t *error = NULL;
	int rc = envelope_parse(text, len, &e, &why);

	if (rc == 0)
		switch (e.type) {
		case LINE_STATUS:
			rc = status(core, &e, at, o, &why);
			break;
		case LINE_RESPONSE:
			response(core, &e, at, o);
			break;
		case LINE_DECISION:
			rc = decision(core, &e, at, o, &why);
			break;
		case LINE_SYNC:
			rc = sync_wanted(core, &e, at, o, &why);
			break;
		default:
			break;
		}
	if (rc != 0)
		error = envelope_error(&why, &e);
	envelope_free(&e);
	return error;
}
