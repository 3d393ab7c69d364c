/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "notice.h"

#include "base/log.h"
#include "dots/cbor.h"
#include "hold.h"
#include "merge.h"
#include "send.h"
#include "tell.h"
#include "times.h"
#include "uri.h"

#define POLL_S 30        /* a peer that does not notify is asked; a registration that was not answered is repeated */

static void again_later(struct entry *e)
{
	if (e->state != ENTRY_ACTIVE || e->observe_off)
		return;
	e->observe_at = entry_now(e) + POLL_S * 1000;
	entry_arm(e);
}

/* The peer does not know the request. Lost (its state is gone): ask again with the same mid. Over: it was observed to its end. */
static void not_there(struct entry *e)
{
	/* A peer that takes the request and then denies it is not asked round and round. */
	if (e->exchange || (e->asked_again && e->state == ENTRY_ACTIVE)) {
		again_later(e);
		return;
	}
	if (e->state == ENTRY_ACTIVE && !e->observed && !e->unknown) {
		e->asked_again = true;
		log_info("%s does not know mid %u any more: asking again", e->router->name, e->mid);
		entry_ask_again(e);
		return;
	}
	if (e->state == ENTRY_ACTIVE) {
		struct mitigation m;
		mitigation_init(&m);
		m.has_mid = true;
		m.mid = e->mid;
		m.status = STATUS_TERMINATED;
		tell_state(e, &m, e->unknown ? "the peer does not know it" : "the peer has ended it");
		merge_over(e, TOLD_REFUSED, "the peer has ended it", &m);
	}
	entry_paid(e, false);
	entry_free(e);
}

static void adopt(struct entry *e, struct mitigation *m)
{
	if (!e->unknown)
		return;
	mitigation_free(&e->asked);
	if (mitigation_copy(&e->asked, m) < 0)
		return;
	/* What only the server adds is no part of a request. */
	e->asked.has_mid = e->asked.has_start = e->asked.has_conflict = false;
	e->asked.status = STATUS_NONE;
	e->asked.has_counters = 0;
	e->unknown = false;
}

/* What was prepared for the loss of the signal goes back to status 8 after 3, and after 7 when another request of ours was in its place (RFC 9132, Table 3). */
static bool armed_again(const struct entry *e, const struct mitigation *m)
{
	return e->asked.trigger == 0 && (m->status == STATUS_STOPPED || m->status == STATUS_WITHDRAWN) &&
	    (!m->has_conflict || m->conflict.cause == CONFLICT_OVERLAPPING_TARGETS);
}

static void state_came(struct entry *e, struct mitigation *m)
{
	e->observed = true;
	e->asked_again = false;
	e->status = m->status;
	e->has_counters = m->has_counters;
	for (int i = 0; i < COUNTERS; i++)
		e->counters[i] = m->counters[i];
	adopt(e, m);
	if (m->has_conflict)
		hold_note(e, &m->conflict);
	tell_state(e, m, NULL);
	merge_state(e, m);
	if (e->state == ENTRY_LEFT)
		return;
	if (m->status == STATUS_MITIGATED)
		entry_paid(e, true);
	bool goes_on = armed_again(e, m);
	if (!goes_on && (m->status == STATUS_TERMINATED || m->status == STATUS_WITHDRAWN)) {
		/* RFC 9066, 5.3.1: a refusal by the owner comes as a notification, too. */
		if (e->state == ENTRY_ACTIVE) {
			entry_paid(e, false);
			merge_over(e, TOLD_REFUSED, "the peer has ended it", m);
			entry_over(e);
		}
		return;
	}
	/* RFC 9132, 4.4.2.1: the client may withdraw then; it may know better, so only when it is told to. */
	if (!goes_on && m->status == STATUS_STOPPED && e->state == ENTRY_ACTIVE && e->router->agent->config.auto_withdraw) {
		merge_dissolve(e);
		entry_withdraw(e);
		return;
	}
	if (m->lifetime != LIFETIME_ABSENT && e->state == ENTRY_ACTIVE && !e->merged) {
		int64_t refresh_at = e->refresh_at;
		entry_lifetime(e, m->lifetime);
		e->refresh_at = refresh_at;
		entry_arm(e);
	}
}

static void notification(struct entry *e, const struct response *r)
{
	struct body body;
	struct reason why;
	if (dots_cbor_decode(r->payload, r->payload_len, BODY_RESPONSE, &body, &why) < 0) {
		char text[sizeof why.text + 100];
		log_warning("%s: a notification of mid %u cannot be read: %s", e->router->name, e->mid, reason_format(&why, text, sizeof text));
		return;
	}
	struct mitigation *ours = NULL;
	for (size_t i = 0; body.kind == BODY_MITIGATION_SCOPE && i < body.n_scope && !ours; i++)
		if (!body.scope[i].has_mid || body.scope[i].mid == e->mid)
			ours = &body.scope[i];
	/* RFC 9132, 4.4.2: the status is mandatory; without it nothing is told. */
	if (ours && ours->status)
		state_came(e, ours);
	else
		log_info("%s: a notification of mid %u tells no status", e->router->name, e->mid);
	body_free(&body);
}

static void event_came(void *arg, struct exchange *x, enum exchange_event event, const struct response *r)
{
	struct entry *e = arg;
	bool goes_on = event == EXCHANGE_RESPONSE && r->observe && r->code >> 5 == 2;
	(void)x;
	if (!goes_on)
		e->observe = NULL;
	if (event != EXCHANGE_RESPONSE) {
		if (event != EXCHANGE_CLOSED)
			again_later(e);
		return;
	}
	if (r->code >> 5 == 2) {
		if (!goes_on)
			again_later(e);
		notification(e, r);
	} else if (r->code == CODE(4, 4)) {
		not_there(e);
	} else {
		log_debug("%s: observing mid %u: %u.%02u", e->router->name, e->mid, r->code >> 5, r->code & 31);
		again_later(e);
	}
}

void notice_start(struct entry *e)
{
	struct uri uri;
	struct reason why;
	if (!e->router->session || e->observe || e->observe_off || e->leader)
		return;
	uri_mitigation(&uri, e->router->cuid, e->mid);
	struct request request = { .method = METHOD_GET, .path = uri.path, .n_path = uri.n, .observe = 0 };
	e->observed = false;
	e->observe = session_request(e->router->session, &request, event_came, e, &why);
	if (!e->observe)
		again_later(e);
}

void notice_stop(struct entry *e)
{
	e->observe_off = true;
	e->observe_at = 0;
	if (e->observe)
		exchange_cancel(e->observe);
	e->observe = NULL;
	entry_arm(e);
}
