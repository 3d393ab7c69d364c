/* SPDX-License-Identifier: GPL-3.0-or-later */
/* PUT in all its outcomes (RFC 9132, 4.4.1 and 4.4.3). */
#include "mitigate.h"

#include <string.h>

#include "audit.h"
#include "consent.h"
#include "dots/cbor.h"
#include "dots/validate.h"
#include "emit.h"
#include "preset.h"

#define TERMINATING_MAX_S 300        /* RFC 9132, 4.4.4 */

/* One PUT on its way through the checks. */
struct put {
	struct core *core;
	const struct requester *who;
	const struct target *what;
	struct moment at;
	struct mitigation *asked;
	struct outcome *o;
	bool efficacy;
};

/* 4.09 with conflict-information (RFC 9132, 4.4.1.3): why, and by which mitigation. */
static void answer_conflict(struct put *p, enum conflict_cause cause, const struct record *by)
{
	struct mitigation scope;
	struct body body = { .kind = BODY_MITIGATION_SCOPE, .scope = &scope, .n_scope = 1 };

	mitigation_init(&scope);
	scope.has_mid = true;
	scope.mid = p->what->mid;
	scope.has_conflict = true;
	scope.conflict.cause = cause;
	if (cause == CONFLICT_OVERLAPPING_TARGETS) {
		int64_t left = life_left(&by->life, p->at.now);

		scope.conflict.status = CONFLICT_INACTIVE_OTHER_ACTIVE;
		scope.conflict.has_mid = true;
		scope.conflict.mid = by->m.mid;
		/* One that is in force for ever leaves nothing to wait for. */
		scope.conflict.has_retry_timer = left != LIFETIME_INDEFINITE;
		scope.conflict.retry_timer = scope.conflict.has_retry_timer ? (uint32_t)left : 0;
	}
	reply_body(&p->o->reply, CODE_CONFLICT, &body);
}

/* Another credential of the same peer has live mitigations under this cuid: the cause, and nothing else (RFC 9132, 4.4.1.3). */
static void answer_collision(struct put *p)
{
	struct mitigation scope;
	struct body body = { .kind = BODY_MITIGATION_SCOPE, .scope = &scope, .n_scope = 1 };

	mitigation_init(&scope);
	scope.has_conflict = true;
	scope.conflict.cause = CONFLICT_CUID_COLLISION;
	reply_body(&p->o->reply, CODE_CONFLICT, &body);
}

static int64_t granted(const struct put *p)
{
	int64_t asked = p->asked->lifetime;

	if (asked == LIFETIME_INDEFINITE)
		return p->who->peer->indefinite ? LIFETIME_INDEFINITE : p->who->peer->max_lifetime;
	return asked > p->who->peer->max_lifetime ? p->who->peer->max_lifetime : asked;
}

/* 2.01 or 2.04 with the lifetime that was granted, and status 1 while the owner is asked. */
static void answer_granted(struct put *p, uint8_t code, const struct record *r)
{
	struct mitigation scope;
	struct body body = { .kind = BODY_MITIGATION_SCOPE, .scope = &scope, .n_scope = 1 };

	mitigation_init(&scope);
	scope.has_mid = true;
	scope.mid = r->m.mid;
	scope.lifetime = life_left(&r->life, p->at.now);
	if (r->life.pending)
		scope.status = STATUS_IN_PROGRESS;
	/* Both stay in force, and both clients know (RFC 9132, 4.4.1.3). */
	if (ledger_contended(r)) {
		scope.has_conflict = true;
		scope.conflict.status = CONFLICT_ACTIVE;
		scope.conflict.cause = CONFLICT_OVERLAPPING_TARGETS;
	}
	reply_body(&p->o->reply, code, &body);
}

/* How long enforcement goes on after the next withdrawal: twice as long when the client came back during the last period. */
static unsigned doubled(unsigned seconds)
{
	return seconds * 2 > TERMINATING_MAX_S ? TERMINATING_MAX_S : seconds * 2;
}

static void refresh(struct put *p, struct record *r)
{
	struct life before = r->life;

	if (outcome_reserve(p->o, 1) != 0) {
		reply_unavailable(&p->o->reply, RETRY_BUSY_S, "out of memory");
		return;
	}
	if (r->life.phase == PHASE_TERMINATING) {
		r->life.phase = PHASE_ACTIVE;
		r->life.terminating_s = doubled(r->life.terminating_s);
	}
	/* An efficacy update may leave the lifetime out: it stays what it is. */
	if (p->asked->lifetime != LIFETIME_ABSENT)
		life_grant(&r->life, granted(p), p->at.now);
	if (r->life.repeats > 0)
		r->life.due = before.due;
	else
		life_wait(&r->life);
	ledger_changed(&p->core->ledger, r);
	outcome_changed(p->o, r, &before);
	if (life_live(&r->life))
		outcome_line(p->o, emit_mitigate(r, p->at.now));
	answer_granted(p, CODE_CHANGED, r);
}

/* There is no room: another server may have some (RFC 9132, 4.6). */
static void answer_busy(struct put *p, const char *why)
{
	const struct listen_settings *l = &p->core->settings->listen;

	if (p->who->peer->channel == CHANNEL_BASE && l->redirect == REDIRECT_FULL && l->alt_server != NULL)
		reply_redirect(&p->o->reply, l);
	else
		reply_unavailable(&p->o->reply, RETRY_BUSY_S, why);
}

/* For the trail: a request that never came to be one. by = what had been refused before, NULL = the list of legitimate traffic. */
static void note_refused(struct put *p, const struct record *by)
{
	struct client who = { .peer = (char *)p->who->peer->name, .cuid = (char *)p->what->cuid };
	struct record r = { .client = &who, .m = *p->asked };

	r.m.mid = p->what->mid;
	audit_note(p->o, &r, "refused", by != NULL && by->life.by_owner ? "the owner's word" : "policy", by != NULL ? by->note : "known as legitimate traffic");
}

/* What stands in the way of a new mid, or goes because of it. */
struct overlap {
	const struct record *winner;         /* of a higher mid */
	const struct record *rejected;       /* this has been refused already */
	size_t n_replaced, n_displaced;
	unsigned terminating_s;
};

struct rejected { const struct put *put; const struct record *found; };

/* A request of this mid takes the place of what stands, and of an older one that waits to. */
static bool replaces(uint32_t mid, const struct mitigation *m, const struct record *other)
{
	return other->m.mid != mid && (m->trigger == 0) == preset_is(other) &&
	    (life_stands(&other->life) || (other->life.phase == PHASE_INACTIVE && other->m.mid < mid)) && client_overlap(other->client, m, &other->m);
}

/* A prepared request and one that acts at once stand side by side, but one that has been fired gives way (RFC 9132, 4.4.1). */
static bool displaces(const struct mitigation *m, const struct record *other)
{
	return m->trigger != 0 && preset_is(other) && life_live(&other->life) && client_overlap(other->client, m, &other->m);
}

/* An owner's word is not undone by asking again under another mid or cuid, nor by another peer; what was refused otherwise is for the peer that asked. */
static void find_rejected(void *arg, struct record *r)
{
	struct rejected *s = arg;

	/* What is asked about on the two channels is not the same: sources here, targets there. */
	if (r->life.phase != PHASE_REJECTED || r->client->base != (s->put->who->peer->channel == CHANNEL_BASE))
		return;
	if ((r->life.by_owner || strcmp(r->client->peer, s->put->who->peer->name) == 0) && client_overlap(r->client, s->put->asked, &r->m))
		s->found = r;
}

static void find_overlaps(const struct put *p, const struct client *c, struct overlap *out)
{
	struct rejected rejected = { p, NULL };

	ledger_each(&p->core->ledger, find_rejected, &rejected);
	*out = (struct overlap){ .rejected = rejected.found, .winner = ledger_winner(c, p->asked, p->what->mid), .terminating_s = p->core->settings->terminating_s };
	for (size_t i = 0; c != NULL && i < c->n; i++) {
		struct record *other = c->v[i];

		out->n_displaced += displaces(p->asked, other);
		if (!replaces(p->what->mid, p->asked, other))
			continue;
		out->n_replaced++;
		if (other->life.phase == PHASE_TERMINATING && doubled(other->life.terminating_s) > out->terminating_s)
			out->terminating_s = doubled(other->life.terminating_s);
	}
}

/* The older requests that overlap go, after the new one has been emitted (design rule 1). */
static void drop_replaced(struct put *p, struct client *c, const struct record *by)
{
	for (size_t i = c->n; i-- > 0;) {
		struct record *other = c->v[i];

		if (displaces(&by->m, other))
			preset_rearm(p->core, other, STATUS_WITHDRAWN, "replaced", p->at, p->o);
		if (!replaces(by->m.mid, &by->m, other))
			continue;
		if (life_live(&other->life))
			outcome_line(p->o, emit_withdraw(other, "replaced"));
		audit_note(p->o, other, "replaced", p->who->peer->name, NULL);
		outcome_removed(p->o, ledger_take(&p->core->ledger, other));   /* room was reserved */
	}
}

/* Those of other clients that meet the new one, or met what it has replaced. */
static void tell_contenders(struct put *p, const struct record *r)
{
	size_t n = p->o->n_effects;

	outcome_contenders(p->o, r);
	for (size_t i = 0; i < n; i++)
		if (p->o->effects[i].kind == EFFECT_REMOVED)
			outcome_contenders(p->o, p->o->effects[i].removed);
}

/* 4.09; until the other is over, and 45 s beyond, the request is kept so that asking again after that takes it up (RFC 9132, 4.4.1.3). */
static void keep_inactive(struct put *p, struct client *c, const struct record *winner)
{
	struct record *r = client_find(c, p->what->mid), *known = r;
	int64_t left = life_left(&winner->life, p->at.now);
	struct life before;

	answer_conflict(p, CONFLICT_OVERLAPPING_TARGETS, winner);
	if (left == LIFETIME_INDEFINITE || outcome_reserve(p->o, 1) != 0)
		return;
	if (known == NULL) {
		if (ledger_count(&p->core->ledger, p->who->peer->name) >= p->who->peer->max_mitigations || (r = record_new(p->asked, p->what->mid)) == NULL)
			return;
		r->life.terminating_s = p->core->settings->terminating_s;
	}
	before = r->life;
	r->life.phase = PHASE_INACTIVE;
	r->life.ended = STATUS_WITHDRAWN;
	r->life.cause = CONFLICT_OVERLAPPING_TARGETS;
	life_grant(&r->life, left + DEACTIVATED_KEPT_S, p->at.now);
	if (known != NULL) {
		ledger_changed(&p->core->ledger, r);
		outcome_changed(p->o, r, &before);
	} else if (client_own(c, p->who->credential) == 0 && ledger_insert(&p->core->ledger, c, r) == 0) {
		outcome_added(p->o, r);
	} else {
		record_free(r);
	}
}

static void add(struct put *p, struct client *c, enum verdict verdict, const char *why_ask, const struct overlap *ov)
{
	int64_t lifetime = granted(p);
	struct record *r = record_new(p->asked, p->what->mid), *before = client_find(c, p->what->mid);
	uint8_t code = before != NULL && before->life.phase == PHASE_INACTIVE ? CODE_CHANGED : CODE_CREATED;

	if (r == NULL || outcome_reserve(p->o, ov->n_replaced + ov->n_displaced + 2) != 0) {
		record_free(r);
		reply_unavailable(&p->o->reply, RETRY_BUSY_S, "out of memory");
		return;
	}
	r->life.terminating_s = ov->terminating_s;
	life_grant(&r->life, lifetime, p->at.now);
	if (verdict == VERDICT_ASK) {
		r->life.pending = true;
		r->life.ask_until = consent_until(p->who->peer, &r->m, p->at.now);
		life_wait(&r->life);
		strncpy(r->note, why_ask, sizeof(r->note) - 1);
	} else if (!preset_is(r)) {
		life_begin(&r->life, p->at.now, p->at.wall);
	}
	if (preset_is(r))
		r->life.phase = PHASE_ARMED;
	if (before != NULL)
		record_free(ledger_take(&p->core->ledger, before));
	if (client_own(c, p->who->credential) != 0 || ledger_insert(&p->core->ledger, c, r) != 0) {
		record_free(r);
		reply_unavailable(&p->o->reply, RETRY_BUSY_S, "out of memory");
		return;
	}
	outcome_added(p->o, r);
	if (!preset_is(r))
		outcome_line(p->o, emit_mitigate(r, p->at.now));
	audit_note(p->o, r, "requested", p->who->peer->name, r->note);
	if (ov->n_replaced + ov->n_displaced > 0)
		drop_replaced(p, c, r);
	tell_contenders(p, r);
	answer_granted(p, code, r);
}

static void put_new(struct put *p, struct client *c)
{
	struct core *core = p->core;
	const struct record *before;
	struct overlap ov;
	size_t n_gone;
	const char *why_ask;
	enum verdict verdict = consent_judge(p->who->peer, &core->guarded, p->asked, &why_ask);

	find_overlaps(p, c, &ov);
	/* One that was kept inactive has its place already. */
	before = client_find(c, p->what->mid);
	n_gone = ov.n_replaced + (before != NULL && before->life.phase == PHASE_INACTIVE);
	if (verdict == VERDICT_LEGITIMATE || ov.rejected != NULL) {
		note_refused(p, ov.rejected);
		answer_conflict(p, CONFLICT_LEGITIMATE_TRAFFIC, NULL);
	} else if (ov.winner != NULL) {
		keep_inactive(p, c, ov.winner);
	} else if (ledger_count(&core->ledger, p->who->peer->name) - n_gone >= p->who->peer->max_mitigations) {
		answer_busy(p, "as many mitigations as this server keeps for one client");
	} else if (core->room != NULL && !core->room(core->arg)) {
		answer_busy(p, "the enforcing side does not keep up");
	} else {
		c = c != NULL ? c : ledger_client(&core->ledger, p->who->peer->name, p->what->cuid, true);
		if (c == NULL) {
			answer_busy(p, "more cuids than this server keeps for one client");
		} else {
			c->base = p->who->peer->channel == CHANNEL_BASE;
			add(p, c, verdict, why_ask, &ov);
		}
	}
}

/* The mid is known (RFC 9132, 4.4.1: a refresh has to be the same request). */
static void put_known(struct put *p, struct record *r)
{
	if (!mitigation_same(&r->m, p->asked)) {
		reply_text(&p->o->reply, REASON_BAD_REQUEST, "mid: %u stands for another request; only its lifetime can change, a new request takes a higher mid "
		    "(RFC 9132, 4.4.1)", p->what->mid);
	} else if (r->life.phase == PHASE_REJECTED) {
		note_refused(p, r);
		answer_conflict(p, CONFLICT_LEGITIMATE_TRAFFIC, r);
	} else if (r->life.phase == PHASE_INACTIVE) {
		put_new(p, r->client);
	} else if (consent_judge(p->who->peer, &p->core->guarded, p->asked, NULL) == VERDICT_LEGITIMATE) {
		/* Put on the list since it was accepted. */
		consent_reject(p->core, r, "known as legitimate traffic", NULL, p->at, p->o);
		answer_conflict(p, CONFLICT_LEGITIMATE_TRAFFIC, r);
	} else {
		refresh(p, r);
	}
}

/* The request without its place: Uri-Path, options and body. */
static int read_put(struct put *p, const struct message *m, struct body *body, struct reason *why)
{
	const struct peer_config *peer = p->who->peer;
	struct validate_rules rules = { .with_lifetime = !p->efficacy, .targets = &peer->targets };

	if (peer->channel == CHANNEL_CALL_HOME) {
		rules.call_home = true;
		rules.domain = p->who->domain;
	} else {
		rules.names = &peer->names;
	}

	if (p->what->cuid == NULL || !p->what->has_mid)
		return reason_set(why, REASON_BAD_REQUEST, p->what->cuid == NULL ? "cuid" : "mid", "RFC 9132, 4.4.1", "missing in the Uri-Path");
	if (m->if_match && !m->if_match_empty)
		return reason_set(why, REASON_BAD_REQUEST, "If-Match", "RFC 9132, 4.4.3", "must be empty");
	if (m->content_format != CONTENT_FORMAT_DOTS_CBOR)
		return reason_set(why, CODE_UNSUPPORTED_FORMAT, "Content-Format", "RFC 9132, 4.1", "%d: must be 271, application/dots+cbor", m->content_format);
	if (dots_cbor_decode(m->payload, m->payload_len, BODY_REQUEST, body, why) != 0)
		return -1;
	if (body->kind != BODY_MITIGATION_SCOPE)
		return reason_set(why, REASON_BAD_REQUEST, "mitigation-scope", "RFC 9132, 4.4.1", "missing");
	if (body->n_scope != 1)
		return reason_set(why, REASON_BAD_REQUEST, "scope", "RFC 9132, 4.4.1", "%zu entries: must be exactly one", body->n_scope);
	if (p->efficacy && body->scope[0].attack_status == ATTACK_STATUS_NONE)
		return reason_set(why, REASON_BAD_REQUEST, "attack-status", "RFC 9132, 4.4.3", "missing in an efficacy update");
	return validate_request(&body->scope[0], &rules, why);
}

void mitigate_put(struct core *core, const struct requester *who, const struct target *what, const struct message *m, struct moment at, struct outcome *o)
{
	struct put p = { .core = core, .who = who, .what = what, .at = at, .o = o, .efficacy = m->if_match };
	struct client *c;
	struct record *r;
	struct reason why;
	struct body body;

	body_init(&body);
	if (read_put(&p, m, &body, &why) != 0) {
		reply_refuse(&o->reply, &why);
		body_free(&body);
		return;
	}
	p.asked = &body.scope[0];
	c = ledger_client(&core->ledger, who->peer->name, what->cuid, false);
	r = client_find(c, what->mid);
	if (r != NULL && r->life.phase == PHASE_ENDED)
		r = NULL;
	/* Nothing to update: silently ignored; nor may one that was overtaken by a withdrawal undo it (RFC 9132, 4.4.3). */
	if (p.efficacy && (r == NULL || r->life.phase == PHASE_INACTIVE || r->life.phase == PHASE_TERMINATING))
		reply_empty(&o->reply, 0);
	else if (!client_owns(c, who->credential) && client_live(c))
		answer_collision(&p);
	else if (r != NULL)
		put_known(&p, r);
	else
		put_new(&p, c);
	body_free(&body);
}
