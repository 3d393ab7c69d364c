/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "view.h"

#include <stdlib.h>
#include <string.h>

struct mitigation view_record(const struct record *r, enum content content, int64_t now)
{
	struct mitigation v = r->m;

	v.attack_status = ATTACK_STATUS_NONE;
	v.lifetime = life_left(&r->life, now);
	if (v.lifetime == 0)
		v.lifetime = 1;          /* 0 is no lifetime (RFC 9132, 4.4.1); it is over with the next round */
	v.status = life_status(&r->life);
	v.has_start = r->life.start != 0 && v.status != STATUS_SIGNAL_LOSS;
	v.start = r->life.start;
	v.has_counters = r->has_counters;
	memcpy(v.counters, r->counters, sizeof(v.counters));
	/* An average falls also when nothing more is told. */
	if (v.has_counters & 1u << COUNTER_BYTES)
		v.counters[COUNTER_BPS] = rate_average(&r->bytes, now - r->life.began);
	if (v.has_counters & 1u << COUNTER_PKTS)
		v.counters[COUNTER_PPS] = rate_average(&r->pkts, now - r->life.began);
	v.has_conflict = r->life.cause != CONFLICT_CAUSE_NONE;
	memset(&v.conflict, 0, sizeof(v.conflict));
	v.conflict.cause = r->life.cause;
	if (r->life.phase == PHASE_REJECTED || r->life.phase == PHASE_INACTIVE) {
		int64_t left = (r->life.due - now) / 1000 - DEACTIVATED_KEPT_S;

		v.conflict.has_retry_timer = true;
		v.conflict.retry_timer = left > 0 ? (uint32_t)left : 0;
	}
	if (r->life.phase == PHASE_INACTIVE) {
		const struct record *winner = ledger_winner(r->client, &r->m, r->m.mid);

		v.conflict.status = CONFLICT_INACTIVE_OTHER_ACTIVE;
		v.conflict.has_mid = winner != NULL;
		v.conflict.mid = winner != NULL ? winner->m.mid : 0;
	} else if (r->life.phase == PHASE_ARMED && v.has_conflict) {
		v.conflict.status = CONFLICT_INACTIVE_OTHER_ACTIVE;
	} else if (ledger_contended(r)) {
		v.has_conflict = true;
		v.conflict.status = CONFLICT_ACTIVE;
		v.conflict.cause = CONFLICT_OVERLAPPING_TARGETS;
	}
	if (content == CONTENT_CONFIG) {
		v.has_start = v.has_conflict = false;
		v.has_counters = 0;
		v.status = STATUS_NONE;
	} else if (content == CONTENT_NON_CONFIG) {
		struct mitigation bare;

		mitigation_init(&bare);
		bare.has_mid = true;
		bare.mid = v.mid;
		bare.has_start = v.has_start;
		bare.start = v.start;
		bare.status = v.status;
		bare.has_conflict = v.has_conflict;
		bare.conflict = v.conflict;
		bare.has_counters = v.has_counters;
		memcpy(bare.counters, v.counters, sizeof(bare.counters));
		return bare;
	}
	return v;
}

static bool visible(const struct record *r, bool notification)
{
	return r->life.phase != PHASE_ENDED || notification;
}

void view_get(const struct client *c, const struct target *what, bool notification, int64_t now, struct reply *out)
{
	struct body body = { .kind = BODY_MITIGATION_SCOPE };
	size_t max = c == NULL ? 0 : what->has_mid ? 1 : c->n;

	body.scope = max > 0 ? calloc(max, sizeof(*body.scope)) : NULL;
	if (max > 0 && body.scope == NULL) {
		reply_unavailable(out, 60, "out of memory");
		return;
	}
	if (max > 0 && what->has_mid) {
		const struct record *r = client_find(c, what->mid);

		if (r != NULL && visible(r, notification))
			body.scope[body.n_scope++] = view_record(r, what->content, now);
	} else {
		for (size_t i = 0; i < max; i++)
			if (visible(c->v[i], notification))
				body.scope[body.n_scope++] = view_record(c->v[i], what->content, now);
	}
	if (body.n_scope > 0)
		reply_body(out, CODE_CONTENT, &body);
	else if (what->has_mid)
		reply_text(out, CODE_NOT_FOUND, "mid: %u is not known (RFC 9132, 4.4.2)", what->mid);
	else
		reply_text(out, CODE_NOT_FOUND, "cuid: no mitigations (RFC 9132, 4.4.2)");
	free(body.scope);        /* the entries are views */
}
