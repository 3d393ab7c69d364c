/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "mitigate.h"

#include "audit.h"
#include "consent.h"
#include "emit.h"
#include "policy.h"
#include "preset.h"
#include "view.h"

/* What the requester has under its cuid; NULL = nothing. */
static struct client *own_client(struct core *core, const struct requester *who, const struct target *what)
{
	struct client *c = ledger_client(&core->ledger, who->peer->name, what->cuid, false);

	return client_owns(c, who->credential) ? c : NULL;
}

void mitigate_get(struct core *core, const struct requester *who, const struct target *what, bool notification, struct moment at, struct reply *out)
{
	if (what->cuid == NULL)
		reply_text(out, REASON_BAD_REQUEST, "cuid: missing in the Uri-Path (RFC 9132, 4.4.2)");
	else
		view_get(own_client(core, who, what), what, notification, at.now, out);
}

void mitigate_finish(struct core *core, struct record *r, enum dots_status status, const char *cause, struct moment at, struct outcome *o)
{
	struct life before = r->life;

	if (life_live(&r->life))
		outcome_line(o, emit_withdraw(r, cause));
	outcome_contenders(o, r);
	audit_note(o, r, "ended", cause, NULL);
	r->life.phase = PHASE_ENDED;
	r->life.ended = status;
	r->life.pending = false;
	r->life.due = at.now + EPILOGUE_MS;
	ledger_changed(&core->ledger, r);
	outcome_changed(o, r, &before);
}

static void terminate(struct core *core, struct record *r, struct moment at, struct outcome *o)
{
	struct life before = r->life;
	int64_t until = at.now + r->life.terminating_s * INT64_C(1000);

	r->life.phase = PHASE_TERMINATING;
	r->life.due = until < r->life.expires ? until : r->life.expires;
	ledger_changed(&core->ledger, r);
	outcome_changed(o, r, &before);
}

void mitigate_delete(struct core *core, const struct requester *who, const struct target *what, struct moment at, struct outcome *o)
{
	struct record *r;

	if (what->cuid == NULL || !what->has_mid) {
		reply_text(&o->reply, REASON_BAD_REQUEST, "%s: missing in the Uri-Path (RFC 9132, 4.4.4)", what->cuid == NULL ? "cuid" : "mid");
		return;
	}
	/* 2.02 also for what is not known. A rejection outlives the request: asking anew must not undo the owner's word. */
	reply_empty(&o->reply, CODE_DELETED);
	r = client_find(own_client(core, who, what), what->mid);
	if (r != NULL && r->life.phase == PHASE_INACTIVE)
		outcome_removed(o, ledger_take(&core->ledger, r));
	if (r == NULL || (r->life.phase != PHASE_ACTIVE && r->life.phase != PHASE_ARMED))
		return;
	if (r->life.pending || r->life.terminating_s == 0 || r->life.phase == PHASE_ARMED)
		mitigate_finish(core, r, STATUS_TERMINATED, "client", at, o);
	else
		terminate(core, r, at, o);
}

/* What the owner's silence means. */
static bool accepts_in_silence(const struct core *core, const struct record *r)
{
	const struct peer_config *p = settings_peer(core->settings, r->client->peer);
	struct ruling ruling = { .consent_accept = false };

	if (p != NULL)
		policy_rule(p, &r->m, &ruling);
	return ruling.consent_accept;
}

void mitigate_due(struct core *core, struct record *r, struct moment at, struct outcome *o)
{
	bool expired = r->life.expires <= at.now;

	switch (r->life.phase) {
	case PHASE_ACTIVE:
	case PHASE_ARMED:
		if (expired)
			mitigate_finish(core, r, STATUS_TERMINATED, "expired", at, o);
		else if (r->life.repeats > 0)
			preset_due(core, r, at, o);
		else if (r->life.pending && accepts_in_silence(core, r))
			consent_accept(core, r, NULL, NULL, at, o);
		else if (r->life.pending)
			consent_reject(core, r, "nobody answered in time", NULL, at, o);
		else
			life_wait(&r->life);
		break;
	case PHASE_TERMINATING:
		mitigate_finish(core, r, STATUS_TERMINATED, "client", at, o);
		break;
	case PHASE_REJECTED:
	case PHASE_ENDED:
	case PHASE_INACTIVE:
		outcome_removed(o, ledger_take(&core->ledger, r));
		break;
	}
}
