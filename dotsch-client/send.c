/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "send.h"

#include <inttypes.h>
#include <stdio.h>

#include "answer.h"
#include "base/buf.h"
#include "dots/cbor.h"
#include "hold.h"
#include "ledger.h"
#include "merge.h"
#include "notice.h"
#include "tell.h"
#include "times.h"
#include "uri.h"

#define CROWDED_MS 2000              /* until a session with too many requests under way is tried again */

static const char *comes(const struct entry *e)
{
	return e->router->dialled ? "is reached" : "calls home";
}

/* A request that cannot be sent: too many are under way (later, then), it is too large for the peer, or there is no memory. */
static void not_sent(struct entry *e, const struct reason *why)
{
	if (why->code == CODE(5, 3)) {
		*(e->state == ENTRY_ACTIVE ? &e->refresh_at : &e->retry_at) = entry_now(e) + CROWDED_MS;
		if (e->state == ENTRY_ASKING)
			e->state = ENTRY_WAITING;
		entry_arm(e);
		return;
	}
	char text[sizeof why->text + 100];
	tell_word(e, TOLD_REFUSED, "it could not be sent: %s", reason_format(why, text, sizeof text));
	entry_drop(e, false);
}

/* Nothing goes out that a crash would forget: the peer would then hold what nobody can withdraw. */
static void put_committed(struct entry *e, bool ok)
{
	if (!ok) {
		tell_word(e, TOLD_REFUSED, "the state cannot be written, so it was not sent");
		entry_drop(e, false);
		return;
	}
	e->durable = true;
	if (e->router->session)
		send_put(e, ATTACK_STATUS_NONE);
}

/* RFC 9132, 4.4.1: not before the retry-timer of what it repeats has run out. True: it waits for that, or was dropped because it cannot. */
static bool held(struct entry *e)
{
	char words[300];
	const struct hold *h = hold_on(e);
	if (!h)
		return false;
	hold_words(e, h, words, sizeof words);
	if (e->state == ENTRY_ACTIVE) {
		e->refresh_at = hold_end(h);
		entry_arm(e);
	} else if (e->expires_at && !e->keep && e->expires_at <= hold_end(h)) {
		tell_word(e, TOLD_REFUSED, "%s; its lifetime ends earlier", words);
		merge_refused(e);
		entry_drop(e, false);
	} else {
		e->state = ENTRY_WAITING;
		e->retry_at = hold_end(h);
		tell_word(e, TOLD_WAITING, "%s; it waits until then", words);
		entry_arm(e);
	}
	return true;
}

void send_put(struct entry *e, enum attack_status attack)
{
	if (held(e))
		return;
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
	m.lifetime = entry_lifetime_wanted(e);
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
		e->exchange = session_request(e->router->session, &request, answer_put, e, &why);
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

void send_delete(struct entry *e)
{
	struct uri uri;
	struct reason why = { .text = "out of memory" };
	uri_mitigation(&uri, e->router->cuid, e->mid);
	struct request request = { .method = METHOD_DELETE, .path = uri.path, .n_path = uri.n, .observe = -1 };
	e->exchange = session_request(e->router->session, &request, answer_delete, e, &why);
	if (!e->exchange)
		not_sent(e, &why);
}

/* What is promised to wait does so after a crash, too. */
static void waiting_committed(struct entry *e, bool ok)
{
	char why[PEER_NAME_MAX + 80];
	if (!ok) {
		tell_word(e, TOLD_REFUSED, "the state cannot be written, so it would not outlive this process");
		entry_drop(e, false);
		return;
	}
	/* The peer may have called meanwhile. */
	if (e->router->session) {
		send_put(e, ATTACK_STATUS_NONE);
		return;
	}
	snprintf(why, sizeof why, "%s is not connected; the request waits until it %s", e->router->name, comes(e));
	entry_wait_told(e, 0, why);
}

void entry_start(struct entry *e)
{
	e->expires_at = e->asked.lifetime == LIFETIME_INDEFINITE ? 0 : entry_now(e) + e->asked.lifetime * 1000;
	entry_begin(e);
}

void entry_begin(struct entry *e)
{
	if (e->router->session && !hold_on(e))
		send_put(e, ATTACK_STATUS_NONE);
	else
		ledger_commit(e, waiting_committed);
}

void entry_session_up(struct entry *e)
{
	if (e->exchange || e->commit || e->leader)
		return;
	if (e->state == ENTRY_WAITING) {
		if (e->retry_at <= entry_now(e))
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

void entry_ask_again(struct entry *e)
{
	entry_in_force(e, false);
	if (e->state == ENTRY_ACTIVE && e->expires_at)
		e->expires_at -= EXPIRY_GRACE_MS;
	e->state = ENTRY_WAITING;
	e->retry_at = entry_now(e);
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
	entry_wait_told(e, 0, why);
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
		entry_drop(e, true);
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
