/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "send.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "dots/cbor.h"
#include "dots/cuid.h"
#include "dialled.h"
#include "ledger.h"
#include "merge.h"
#include "link/tls.h"
#include "notice.h"
#include "tell.h"
#include "uri.h"

#define RETRY_S 60                   /* Max-Age of a 5.03 without one (RFC 7252, 5.10.5) */
#define LEFT_S 310                   /* active-but-terminating lasts 300 s at most (RFC 9132, 4.4.4) */
#define EXPIRY_GRACE_MS 5000         /* the peer's own countdown began later than ours; its word comes first */
#define CUID_RETRIES 3
#define CROWDED_MS 2000              /* until a session with too many requests under way is tried again */
/* The answer to the registration counts as a notification, and the next one comes 3 s later at the earliest (RFC 9132, 4.4.2.1). A router blocks within
   milliseconds, so a moment's patience has the first answer tell it already. */
#define OBSERVE_AFTER_MS 150
#define WHEN_CONNECTED (-1)          /* of refresh_at */

static void send_put(struct entry *e, enum attack_status attack);
static void send_delete(struct entry *e);

static int64_t now(const struct entry *e)
{
	return loop_now(e->router->agent->loop);
}

static const char *comes(const struct entry *e)
{
	return e->router->dialled ? "is reached" : "calls home";
}

static bool kept(const struct entry *e)
{
	return e->keep && e->state != ENTRY_LEAVING && e->state != ENTRY_LEFT;
}

/* The peer's answer is there; a console that waits for the block goes on waiting when it was a good one. */
static void answered(struct entry *e, bool good)
{
	if (!good || !e->await_block)
		entry_paid(e, good);
}

static void drop(struct entry *e, bool good)
{
	entry_paid(e, good);
	entry_free(e);
}

static void expire(struct entry *e)
{
	switch (e->state) {
	case ENTRY_WAITING:
	case ENTRY_ASKING:
		tell_word(e, TOLD_EXPIRED, "its lifetime ended before %s answered", e->router->name);
		drop(e, false);
		return;
	case ENTRY_ACTIVE: {
		struct mitigation m;
		mitigation_init(&m);
		m.has_mid = true;
		m.mid = e->mid;
		m.status = STATUS_TERMINATED;
		tell_state(e, &m, "its lifetime has ended");
		/* The rest of what is asked for together goes on without it. */
		merge_leave(e);
		drop(e, e->status == STATUS_MITIGATED);
		return;
	}
	case ENTRY_LEAVING:
		tell_word(e, TOLD_WITHDRAWN, "its lifetime has ended, so %s has dropped it by itself", e->router->name);
		drop(e, true);
		return;
	case ENTRY_LEFT:
		drop(e, true);
	}
}

static void due(void *arg)
{
	struct entry *e = arg;
	int64_t t = now(e);
	if (e->expires_at && t >= e->expires_at && !kept(e)) {
		expire(e);
		return;
	}
	if (e->observe_at && t >= e->observe_at) {
		e->observe_at = 0;
		notice_start(e);
	}
	bool retry = e->retry_at > 0 && t >= e->retry_at, refresh = e->refresh_at > 0 && t >= e->refresh_at;
	if (retry)
		e->retry_at = 0;
	if (refresh)
		e->refresh_at = e->router->session ? 0 : WHEN_CONNECTED;
	if (e->router->session && !e->exchange && !e->commit) {
		if (refresh && e->state == ENTRY_ACTIVE) {
			entry_refresh(e, ATTACK_STATUS_NONE);
			return;   /* it may have freed the entry */
		}
		if (retry && e->state == ENTRY_WAITING) {
			send_put(e, ATTACK_STATUS_NONE);
			return;
		}
		if (retry && e->state == ENTRY_LEAVING)
			send_delete(e);
	}
	entry_arm(e);
}

void entry_arm(struct entry *e)
{
	int64_t at[] = { kept(e) ? 0 : e->expires_at, e->retry_at, e->refresh_at, e->observe_at }, first = 0;
	for (size_t i = 0; i < sizeof at / sizeof *at; i++)
		if (at[i] > 0 && (!first || at[i] < first))
			first = at[i];
	e->timer.cb = due;
	e->timer.arg = e;
	if (first)
		loop_timer_set(e->router->agent->loop, &e->timer, first - now(e));
	else
		loop_timer_stop(e->router->agent->loop, &e->timer);
	ledger_note(e);
}

/* Seconds from now on for a refresh: a quarter of the time, and at most five minutes, is left for it to get through a saturated link. */
static int64_t refresh_after(int64_t lifetime)
{
	return lifetime - (lifetime / 4 < 300 ? lifetime / 4 : 300);
}

void entry_lifetime(struct entry *e, int64_t lifetime)
{
	e->expires_at = lifetime == LIFETIME_INDEFINITE ? 0 : now(e) + lifetime * 1000 + (e->state == ENTRY_ACTIVE ? EXPIRY_GRACE_MS : 0);
	e->refresh_at = e->keep && e->state == ENTRY_ACTIVE && !e->leader && lifetime != LIFETIME_INDEFINITE ? now(e) + refresh_after(lifetime) * 1000 : 0;
	entry_arm(e);
}

int64_t entry_seconds_left(const struct entry *e)
{
	if (!e->expires_at)
		return LIFETIME_INDEFINITE;
	int64_t left = (e->expires_at - now(e) - (e->state == ENTRY_ACTIVE ? EXPIRY_GRACE_MS : 0) + 999) / 1000;
	return left < 0 ? 0 : left;
}

/* What is left of the lifetime asked for, in seconds. */
static int64_t own_lifetime_left(const struct entry *e)
{
	if (e->keep || !e->expires_at || e->asked.lifetime == LIFETIME_INDEFINITE)
		return e->asked.lifetime;
	int64_t left = entry_seconds_left(e);
	return left < 1 ? 1 : left;
}

static int64_t lifetime_left(const struct entry *e)
{
	return merge_longest(e, own_lifetime_left);
}

/* The peer's answer gives the lifetime that holds (RFC 9132, 4.4.1). Of what is asked for together each part ends by its own. */
static void granted(struct entry *e, int64_t lifetime)
{
	if (!e->merged) {
		entry_lifetime(e, lifetime);
		return;
	}
	bool again = lifetime != LIFETIME_INDEFINITE && (merge_kept(e) || lifetime < lifetime_left(e) || lifetime_left(e) == LIFETIME_INDEFINITE);
	e->refresh_at = again ? now(e) + refresh_after(lifetime) * 1000 : 0;
	entry_arm(e);
}

static void wait_told(struct entry *e, int64_t retry_at, const char *why)
{
	char until[64] = "";
	e->state = e->state == ENTRY_LEAVING ? ENTRY_LEAVING : ENTRY_WAITING;
	e->retry_at = retry_at;
	if (!kept(e) && e->expires_at)
		snprintf(until, sizeof until, ", at most %" PRId64 " s", (e->expires_at - now(e)) / 1000);
	tell_word(e, TOLD_WAITING, "%s%s", why, until);
	entry_arm(e);
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
	int64_t again = now(e) + (event == EXCHANGE_TIMEOUT ? 0 : RETRY_S * 1000);
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
	granted(e, m && m->lifetime != LIFETIME_ABSENT ? m->lifetime : lifetime_left(e));
	if (m && m->status)
		e->status = m->status;
	if (e->status == STATUS_MITIGATED)
		entry_paid(e, true);
	else
		answered(e, true);
	merge_answered(e);
	if (first && !e->observe && !e->observe_off) {
		e->observe_at = now(e) + OBSERVE_AFTER_MS;
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
	int64_t again = follows ? 0 : now(e) + (e->router->dialled ? RETRY_S : max_age) * 1000;
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
	if (r->code >> 5 == 2) {
		accepted(e, &body);
	} else if (r->code == CODE(5, 3) && e->state != ENTRY_ACTIVE) {
		char why[80];
		snprintf(why, sizeof why, "the peer is busy; the request is sent again in %" PRId64 " s", max_age);
		wait_told(e, now(e) + max_age * 1000, why);
	} else if (r->code == CODE(4, 9) && cause == CONFLICT_CUID_COLLISION && e->state == ENTRY_ASKING && e->cuid_retries < CUID_RETRIES && !e->router->active) {
		new_cuid(e);
	} else if (e->state == ENTRY_ACTIVE) {
		/* A refresh was refused: what is in force runs to its end. */
		e->refresh_at = r->code == CODE(5, 3) && e->keep ? now(e) + max_age * 1000 : 0;
		e->keep = e->keep && r->code == CODE(5, 3);
		entry_paid(e, false);
		entry_arm(e);
	} else {
		merge_refused(e);
		drop(e, false);
	}
	body_free(&body);
}

static void put_event(void *arg, struct exchange *x, enum exchange_event event, const struct response *r)
{
	struct entry *e = arg;
	(void)x;
	e->exchange = NULL;
	if (event == EXCHANGE_RESPONSE)
		put_answered(e, r);
	else
		unanswered(e, event);
}

static void delete_event(void *arg, struct exchange *x, enum exchange_event event, const struct response *r)
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
		wait_told(e, now(e) + (r->max_age >= 0 ? r->max_age : RETRY_S) * 1000, "the peer is busy; the withdrawal is sent again");
		return;
	}
	entry_paid(e, r->code >> 5 == 2);
	merge_over(e, TOLD_WITHDRAWN, "all of what was asked for together has been withdrawn", NULL);
	entry_over(e);
}

/* A request that cannot be sent: too many are under way (later, then), it is too large for the peer, or there is no memory. */
static void not_sent(struct entry *e, const struct reason *why)
{
	if (why->code == CODE(5, 3)) {
		*(e->state == ENTRY_ACTIVE ? &e->refresh_at : &e->retry_at) = now(e) + CROWDED_MS;
		if (e->state == ENTRY_ASKING)
			e->state = ENTRY_WAITING;
		entry_arm(e);
		return;
	}
	char text[sizeof why->text + 100];
	tell_word(e, TOLD_REFUSED, "it could not be sent: %s", reason_format(why, text, sizeof text));
	drop(e, false);
}

/* Nothing goes out that a crash would forget: the peer would then hold what nobody can withdraw. */
static void put_committed(struct entry *e, bool ok)
{
	if (!ok) {
		tell_word(e, TOLD_REFUSED, "the state cannot be written, so it was not sent");
		drop(e, false);
		return;
	}
	e->durable = true;
	if (e->router->session)
		send_put(e, ATTACK_STATUS_NONE);
}

static void send_put(struct entry *e, enum attack_status attack)
{
	if (!e->durable && !e->unknown) {
		e->sent = true;
		if (!e->commit)
			ledger_commit(e, put_committed);
		return;
	}
	if (e->state != ENTRY_ACTIVE)
		merge_prepare(e);
	struct mitigation m = *merge_asked(e);   /* borrowed, for the two members that differ */
	struct body body;
	struct buf payload = { 0 };
	struct uri uri;
	struct reason why = { .text = "out of memory" };
	m.lifetime = lifetime_left(e);
	m.attack_status = attack;
	body_init(&body);
	body.kind = BODY_MITIGATION_SCOPE;
	body.scope = &m;
	body.n_scope = 1;
	dots_cbor_encode(&body, &payload);
	uri_mitigation(&uri, e->router->cuid, e->mid);
	struct request request = {
		.method = METHOD_PUT, .path = uri.path, .n_path = uri.n, .observe = -1, .if_match_empty = attack != ATTACK_STATUS_NONE,
		.payload = payload.data, .payload_len = payload.len,
	};
	if (!payload.failed)
		e->exchange = session_request(e->router->session, &request, put_event, e, &why);
	buf_free(&payload);
	if (!e->exchange) {
		not_sent(e, &why);
		return;
	}
	e->retry_at = 0;
	if (e->state != ENTRY_ACTIVE)
		e->state = ENTRY_ASKING;
	entry_arm(e);
}

static void send_delete(struct entry *e)
{
	struct uri uri;
	struct reason why = { .text = "out of memory" };
	uri_mitigation(&uri, e->router->cuid, e->mid);
	struct request request = { .method = METHOD_DELETE, .path = uri.path, .n_path = uri.n, .observe = -1 };
	e->exchange = session_request(e->router->session, &request, delete_event, e, &why);
	if (!e->exchange)
		not_sent(e, &why);
}

/* What is promised to wait does so after a crash, too. */
static void waiting_committed(struct entry *e, bool ok)
{
	char why[PEER_NAME_MAX + 80];
	if (!ok) {
		tell_word(e, TOLD_REFUSED, "the state cannot be written, so it would not outlive this process");
		drop(e, false);
		return;
	}
	/* The peer may have called meanwhile. */
	if (e->router->session) {
		send_put(e, ATTACK_STATUS_NONE);
		return;
	}
	snprintf(why, sizeof why, "%s is not connected; the request waits until it %s", e->router->name, comes(e));
	wait_told(e, 0, why);
}

void entry_start(struct entry *e)
{
	e->expires_at = e->asked.lifetime == LIFETIME_INDEFINITE ? 0 : now(e) + e->asked.lifetime * 1000;
	entry_begin(e);
}

void entry_begin(struct entry *e)
{
	if (e->router->session)
		send_put(e, ATTACK_STATUS_NONE);
	else
		ledger_commit(e, waiting_committed);
}

void entry_session_up(struct entry *e)
{
	if (e->exchange || e->commit || e->leader)
		return;
	if (e->state == ENTRY_WAITING) {
		if (e->retry_at <= now(e))
			send_put(e, ATTACK_STATUS_NONE);
		return;
	}
	if (e->state == ENTRY_LEAVING) {
		send_delete(e);
		return;
	}
	if (e->state == ENTRY_ACTIVE || e->state == ENTRY_LEFT)
		notice_start(e);
	if (e->state == ENTRY_ACTIVE && e->refresh_at == WHEN_CONNECTED)
		entry_refresh(e, ATTACK_STATUS_NONE);
}

void entry_taken_up(struct entry *e, int64_t left)
{
	if ((e->keep || e->merged) && e->state == ENTRY_ACTIVE && !e->leader)
		e->refresh_at = WHEN_CONNECTED;
	if (left > 0 || !e->expires_at || kept(e)) {
		entry_arm(e);
		return;
	}
	expire(e);
}

void entry_ask_again(struct entry *e)
{
	entry_in_force(e, false);
	if (e->state == ENTRY_ACTIVE && e->expires_at)
		e->expires_at -= EXPIRY_GRACE_MS;
	e->state = ENTRY_WAITING;
	e->retry_at = now(e);
	entry_arm(e);
}

void entry_refresh(struct entry *e, enum attack_status attack)
{
	e = merge_leader(e);
	if (!e->router->session) {
		e->refresh_at = WHEN_CONNECTED;
		return;
	}
	if (e->exchange)
		exchange_cancel(e->exchange);
	e->exchange = NULL;
	send_put(e, attack);
}

/* A withdrawal that a crash forgets would be undone by the next run. If the disk is full it is sent all the same: it ends something. */
static void withdrawal_committed(struct entry *e, bool ok)
{
	char why[PEER_NAME_MAX + 80];
	(void)ok;
	if (e->router->session) {
		send_delete(e);
		return;
	}
	snprintf(why, sizeof why, "%s is not connected; the withdrawal waits until it %s", e->router->name, comes(e));
	wait_told(e, 0, why);
}

void entry_withdraw(struct entry *e)
{
	if (e->exchange)
		exchange_cancel(e->exchange);
	e->exchange = NULL;
	e->keep = false;
	e->retry_at = e->refresh_at = 0;
	if (!e->sent && !e->leader) {
		tell_word(e, TOLD_WITHDRAWN, "it had not been sent yet");
		drop(e, true);
		return;
	}
	if (merge_leave(e))
		return;
	e->state = ENTRY_LEAVING;
	if (e->leader) {
		entry_arm(e);        /* all of it is ending */
		return;
	}
	if (e->unknown)
		withdrawal_committed(e, true);
	else
		ledger_commit(e, withdrawal_committed);
}

void entry_over(struct entry *e)
{
	entry_in_force(e, false);
	e->state = ENTRY_LEFT;
	e->keep = false;
	e->retry_at = e->refresh_at = 0;
	e->expires_at = now(e) + LEFT_S * 1000;
	entry_arm(e);
}
