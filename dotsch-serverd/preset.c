/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "preset.h"

#include <string.h>

#include "audit.h"
#include "base/limits.h"
#include "consent.h"
#include "emit.h"
#include "mitigate.h"

#define TOLD_TIMES 4                 /* RFC 9132, Table 3 */

bool preset_is(const struct record *r)
{
	return r->m.trigger == 0;
}

static void fire(struct core *core, struct record *r, struct moment at, struct outcome *o)
{
	struct life before = r->life;

	r->life.phase = PHASE_ACTIVE;
	r->life.repeats = 0;
	r->life.cause = CONFLICT_CAUSE_NONE;
	r->life.reported = STATUS_IN_PROGRESS;
	if (!r->life.pending)
		life_begin(&r->life, at.now, at.wall);
	else
		r->life.ask_until = consent_until(settings_peer(core->settings, r->client->peer), &r->m, at.now);
	life_wait(&r->life);
	ledger_changed(&core->ledger, r);
	outcome_line(o, emit_mitigate(r, at.now));
	audit_note(o, r, "fired", "signal-loss", NULL);
	outcome_changed(o, r, &before);
}

/* What was prepared for the loss comes before what acts at once (RFC 9132, 4.4.1.3); while the owner is still asked nothing gives way. */
static void withdraw_overlapped(struct core *core, const struct record *by, struct moment at, struct outcome *o)
{
	const struct client *c = by->client;

	for (size_t i = 0; i < c->n && !by->life.pending; i++)
		if (life_live(&c->v[i]->life) && !preset_is(c->v[i]) && mitigation_targets_overlap(&by->m, &c->v[i]->m))
			mitigate_finish(core, c->v[i], STATUS_WITHDRAWN, "replaced", at, o);
}

/* For the disk: it goes with one of its requests. */
static void note_presence(const struct client *c, struct outcome *o)
{
	for (size_t i = 0; i < c->n; i++)
		if (preset_is(c->v[i])) {
			outcome_changed(o, c->v[i], &c->v[i]->life);
			return;
		}
}

void preset_signal(struct core *core, const struct peer_config *peer, const char *credential, enum presence presence, struct moment at, struct outcome *o)
{
	for (size_t i = 0; i < core->ledger.n; i++) {
		struct client *c = core->ledger.v[i];

		if (strcmp(c->peer, peer->name) != 0 || !client_owns(c, credential))
			continue;
		if (c->presence != presence) {
			c->presence = presence;
			note_presence(c, o);
		}
		for (size_t j = 0; j < c->n; j++) {
			struct record *r = c->v[j];

			if (presence == PRESENCE_LOST && r->life.phase == PHASE_ARMED && life_left(&r->life, at.now) != 0) {
				fire(core, r, at, o);
				withdraw_overlapped(core, r, at, o);
			} else if (presence == PRESENCE_HERE) {
				preset_stopped(core, r, at, o);
			}
		}
	}
}

void preset_rearm(struct core *core, struct record *r, enum dots_status last, const char *cause, struct moment at, struct outcome *o)
{
	struct life before = r->life;

	outcome_line(o, emit_withdraw(r, cause));
	audit_note(o, r, "armed", cause, NULL);
	r->life.phase = PHASE_ARMED;
	r->life.ended = last;
	r->life.cause = last == STATUS_WITHDRAWN ? CONFLICT_OVERLAPPING_TARGETS : CONFLICT_CAUSE_NONE;
	r->life.repeats = TOLD_TIMES;
	r->life.due = at.now + COAP_NON_INTERVAL_MS;
	ledger_changed(&core->ledger, r);
	outcome_changed(o, r, &before);
}

/* While its client is lost nothing is over: the attack that took the channel may only have paused. */
void preset_stopped(struct core *core, struct record *r, struct moment at, struct outcome *o)
{
	if (r->life.phase == PHASE_ACTIVE && preset_is(r) && r->life.reported == STATUS_STOPPED && r->client->presence != PRESENCE_LOST)
		preset_rearm(core, r, STATUS_STOPPED, "stopped", at, o);
}

void preset_due(struct core *core, struct record *r, struct moment at, struct outcome *o)
{
	if (--r->life.repeats > 0) {
		r->life.due = at.now + COAP_NON_INTERVAL_MS < r->life.expires ? at.now + COAP_NON_INTERVAL_MS : r->life.expires;
	} else {
		r->life.cause = CONFLICT_CAUSE_NONE;
		r->life.start = 0;
		life_wait(&r->life);
	}
	ledger_changed(&core->ledger, r);
	outcome_note(o, r, EFFECT_REPORTED);
}
