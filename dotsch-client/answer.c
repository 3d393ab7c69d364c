/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "answer.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "dots/cbor.h"
#include "dots/cuid.h"
#include "dialled.h"
#include "hold.h"
#include "ledger.h"
#include "link/tls.h"
#include "merge.h"
#include "notice.h"
#include "send.h"
#include "tell.h"
#include "times.h"

#define RETRY_S 60                   /* Max-Age of a 5.03 without one (RFC 7252, 5.10.5) */
#define CUID_RETRIES 3
/* The answer to the registration counts as a notification, and the next one comes 3 s later at the earliest (RFC 9132, 4.4.2.1). A router blocks within
   milliseconds, so a moment's patience has the first answer tell it already. */
#define OBSERVE_AFTER_MS 150

/* The peer's answer is there; a console that waits for the block goes on waiting when it was a good one. */
static void answered(struct entry *e, bool good)
{
	if (!good || !e->await_block)
		entry_paid(e, good);
}

/* A request whose answer cannot come any more, or has not come yet: CH-11a asks us to go on all the same. */
static void unanswered(struct entry *e, enum exchange_event event)
{
	if (event == EXCHANGE_CLOSED) {
		if (e->state == ENTRY_ASKING)
			e->state = ENTRY_WAITING;
		if (e->state == ENTRY_ACTIVE && e->keep)
			e->refresh_at = WHEN_CONNECTED;
		entry_arm(e);
		return;
	}
	tell_word(e, TOLD_UNANSWERED, event == EXCHANGE_TIMEOUT ? "%s has not answered; the request is repeated" : "%s has reset the request; it is repeated", e->router->name);
	if (!e->await_block)
		entry_paid(e, false);
	int64_t again = entry_now(e) + (event == EXCHANGE_TIMEOUT ? 0 : RETRY_S * 1000);
	if (e->state == ENTRY_ACTIVE) {
		e->refresh_at = e->keep || e->merged ? again : 0;
	} else {
		if (e->state == ENTRY_ASKING)
			e->state = ENTRY_WAITING;
		e->retry_at = again;
	}
	entry_arm(e);
}

/* RFC 9132, 4.4.1: our cuid is somebody else's there. A random one, for this peer; not while anything is in force under the old one. */
static void new_cuid(struct entry *e)
{
	uint8_t random[32];
	char cuid[CUID_DERIVED_LEN + 1];
	tls_random(random, sizeof random);
	cuid_from_digest(random, cuid);
	ledger_new_cuid(e->router, cuid);
	snprintf(e->router->cuid, sizeof e->router->cuid, "%s", cuid);
	log_warning("%s: another client uses our cuid; asking again as %s", e->router->name, e->router->cuid);
	e->cuid_retries++;
	e->state = ENTRY_WAITING;
	e->durable = false;
	send_put(e, ATTACK_STATUS_NONE);
}

static void accepted(struct entry *e, const struct body *body)
{
	const struct mitigation *m = body->kind == BODY_MITIGATION_SCOPE && body->n_scope == 1 ? &body->scope[0] : NULL;
	bool first = e->state == ENTRY_ASKING;
	e->state = ENTRY_ACTIVE;
	e->retry_at = 0;
	/* What is only armed for the loss of the signal is no attack. */
	entry_in_force(e, e->asked.trigger != 0);
	entry_granted(e, m && m->lifetime != LIFETIME_ABSENT ? m->lifetime : entry_lifetime_wanted(e));
	if (m && m->status)
		e->status = m->status;
	if (e->status == STATUS_MITIGATED)
		entry_paid(e, true);
	else
		answered(e, true);
	merge_answered(e);
	if (first && !e->observe && !e->observe_off) {
		e->observe_at = entry_now(e) + OBSERVE_AFTER_MS;
		entry_arm(e);
	} else {
		notice_start(e);
	}
	if (first)
		merge_taken(e);      /* it may have freed the entry */
}

/* From a base server: followed, and the request goes out there (RFC 9132, 4.6). A Call Home server's is dropped silently (RFC 9066, 5.2.2). The request
   stays unanswered in either case. */
static void redirected(struct entry *e, const struct response *r, int64_t max_age)
{
	struct body body;
	struct reason why;
	bool follows = false;
	if (e->router->dialled && dots_cbor_decode(r->payload, r->payload_len, BODY_RESPONSE, &body, &why) == 0) {
		follows = body.kind == BODY_REDIRECTED_SIGNAL && dialled_redirected(e->router, &body.redirect, max_age);
		body_free(&body);
	}
	int64_t again = follows ? 0 : entry_now(e) + (e->router->dialled ? RETRY_S : max_age) * 1000;
	if (e->state == ENTRY_ACTIVE) {
		e->refresh_at = again ? again : e->keep ? WHEN_CONNECTED : 0;
	} else {
		e->state = e->state == ENTRY_LEAVING ? ENTRY_LEAVING : ENTRY_WAITING;
		e->retry_at = again;
	}
	entry_arm(e);
}

static void put_answered(struct entry *e, const struct response *r)
{
	struct body body;
	int64_t max_age = r->max_age >= 0 ? r->max_age : RETRY_S;
	if (r->code == CODE(5, 3) && r->dots_cbor) {
		redirected(e, r, max_age);
		return;
	}
	tell_entry_answer(e, "PUT", r, &body);
	enum conflict_cause cause = body.kind == BODY_MITIGATION_SCOPE && body.n_scope && body.scope[0].has_conflict ? body.scope[0].conflict.cause : CONFLICT_CAUSE_NONE;
	if (body.kind == BODY_MITIGATION_SCOPE && body.n_scope && body.scope[0].has_conflict)
		hold_note(e, &body.scope[0].conflict);
	if (r->code >> 5 == 2) {
		accepted(e, &body);
	} else if (r->code == CODE(5, 3) && e->state != ENTRY_ACTIVE) {
		char why[80];
		snprintf(why, sizeof why, "the peer is busy; the request is sent again in %" PRId64 " s", max_age);
		entry_wait_told(e, entry_now(e) + max_age * 1000, why);
	} else if (r->code == CODE(4, 9) && cause == CONFLICT_CUID_COLLISION && e->state == ENTRY_ASKING && e->cuid_retries < CUID_RETRIES && !e->router->active) {
		new_cuid(e);
	} else if (e->state == ENTRY_ACTIVE) {
		/* A refresh was refused: what is in force runs to its end. */
		e->refresh_at = r->code == CODE(5, 3) && e->keep ? entry_now(e) + max_age * 1000 : 0;
		e->keep = e->keep && r->code == CODE(5, 3);
		entry_paid(e, false);
		entry_arm(e);
	} else {
		merge_refused(e);
		entry_drop(e, false);
	}
	body_free(&body);
}

void answer_put(void *arg, struct exchange *x, enum exchange_event event, const struct response *r)
{
	struct entry *e = arg;
	(void)x;
	e->exchange = NULL;
	if (event == EXCHANGE_RESPONSE)
		put_answered(e, r);
	else
		unanswered(e, event);
}

void answer_delete(void *arg, struct exchange *x, enum exchange_event event, const struct response *r)
{
	struct entry *e = arg;
	struct body body;
	(void)x;
	e->exchange = NULL;
	if (event != EXCHANGE_RESPONSE) {
		unanswered(e, event);
		return;
	}
	if (r->code == CODE(5, 3) && r->dots_cbor) {
		redirected(e, r, RETRY_S);
		return;
	}
	tell_entry_answer(e, "DELETE", r, &body);
	body_free(&body);
	if (r->code == CODE(5, 3)) {
		entry_wait_told(e, entry_now(e) + (r->max_age >= 0 ? r->max_age : RETRY_S) * 1000, "the peer is busy; the withdrawal is sent again");
		return;
	}
	entry_paid(e, r->code >> 5 == 2);
	merge_over(e, TOLD_WITHDRAWN, "all of what was asked for together has been withdrawn", NULL);
	entry_over(e);
}
