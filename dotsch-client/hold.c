/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hold.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/when.h"
#include "dots/json.h"
#include "merge.h"
#include "tell.h"
#include "times.h"

#define HOLDS_MAX 1000   /* of one peer: it is the peer who makes them */
#define SAME_END_S 5     /* the peer counts whole seconds, and each of its words tells the rest of them */

struct hold {
	struct hold *next;
	uint32_t mid;
	enum conflict_cause cause;
	int64_t until;                       /* loop_now() time */
	struct mitigation scope;
};

static void put_away(struct hold *h)
{
	mitigation_free(&h->scope);
	free(h);
}

static void end_hold(struct router *r, struct hold **at)
{
	struct hold *h = *at;
	*at = h->next;
	state_release(r->agent->state, r->name, h->mid);
	put_away(h);
}

static void forget_past(struct router *r)
{
	int64_t now = loop_now(r->agent->loop);
	for (struct hold **p = &r->holds; *p;) {
		if ((*p)->until <= now)
			end_hold(r, p);
		else
			p = &(*p)->next;
	}
}

static void make_room(struct router *r)
{
	unsigned n = 0;
	struct hold **first = &r->holds;
	for (struct hold **p = &r->holds; *p; p = &(*p)->next) {
		n++;
		if ((*p)->until < (*first)->until)
			first = p;
	}
	if (n < HOLDS_MAX)
		return;
	log_warning("%s: too many retry-timers; that of mid %" PRIu32 " is forgotten", r->name, (*first)->mid);
	end_hold(r, first);
}

static struct hold *of_mid(const struct router *r, uint32_t mid)
{
	struct hold *h = r->holds;
	while (h && h->mid != mid)
		h = h->next;
	return h;
}

static struct hold *add(struct router *r, uint32_t mid, const struct mitigation *scope)
{
	struct hold *h = of_mid(r, mid);
	if (h)
		return h;
	make_room(r);
	if (!(h = calloc(1, sizeof *h)) || mitigation_copy(&h->scope, scope) < 0) {
		free(h);
		return NULL;
	}
	h->mid = mid;
	h->next = r->holds;
	r->holds = h;
	return h;
}

static int64_t wall_of(const struct router *r, int64_t until)
{
	return when_wall_ms() + until - loop_now(r->agent->loop);
}

static void write_down(struct router *r, const struct hold *h)
{
	json_t *o = json_object();
	dots_json_write_mitigation(&h->scope, o);
	char *document = json_line_format(o, NULL);
	const struct kept_hold k = { .peer = r->name, .mid = h->mid, .cause = (int)h->cause, .ends = wall_of(r, h->until) / 1000, .document = document };
	state_hold(r->agent->state, &k);
	free(document);
	json_decref(o);
}

/* A newer mid replaces a request of our own, so that asking anew is what helps then. */
static bool with_our_own(const struct entry *e, const struct conflict *c)
{
	bool several;
	const struct entry *other = c->has_mid ? requests_by_mid(e->router->agent->requests, e->router, c->mid, &several) : NULL;
	return other && other != e && other->state <= ENTRY_ACTIVE;
}

void hold_note(struct entry *e, const struct conflict *c)
{
	struct router *r = e->router;
	if (!c->has_retry_timer || !c->retry_timer || c->cause == CONFLICT_CUID_COLLISION || e->unknown || with_our_own(e, c))
		return;
	struct hold *h = add(r, e->mid, merge_asked(e));
	if (!h) {
		log_error("%s: out of memory: the retry-timer of mid %" PRIu32 " is not kept", r->name, e->mid);
		return;
	}
	int64_t until = entry_now(e) + (int64_t)c->retry_timer * 1000, moved = until - h->until;
	if (moved <= SAME_END_S * 1000 && moved >= -SAME_END_S * 1000 && h->cause == c->cause)
		return;
	h->until = until;
	h->cause = c->cause;
	write_down(r, h);
}

const struct hold *hold_on(struct entry *e)
{
	struct router *r = e->router;
	const struct hold *last = NULL;
	forget_past(r);
	if (!r->holds)
		return NULL;
	struct mitigation *whole = e->state == ENTRY_ACTIVE ? NULL : merge_whole(e);
	for (const struct hold *h = r->holds; h; h = h->next) {
		bool its = e->state == ENTRY_ACTIVE ? h->mid == e->mid : merge_overlap(r, &h->scope, whole ? whole : merge_asked(e));
		if (its && (!last || h->until > last->until))
			last = h;
	}
	if (whole)
		mitigation_free(whole);
	free(whole);
	return last;
}

int64_t hold_end(const struct hold *h)
{
	return h->until;
}

const char *hold_words(const struct entry *e, const struct hold *h, char *out, size_t cap)
{
	char when[WHEN_TEXT_MAX];
	snprintf(out, cap, "%s has refused this as mid %" PRIu32 " (%s), and is not to be asked again before %s", e->router->name, h->mid, conflict_cause_words(h->cause),
	         when_format(wall_of(e->router, h->until), when));
	return out;
}

int hold_check(struct entry *e, struct reason *why)
{
	char words[300];
	const struct hold *h = hold_on(e);
	return h ? reason_set(why, REASON_BAD_REQUEST, "mid", "RFC 9132, 4.4.1", "%s", hold_words(e, h, words, sizeof words)) : 0;
}

static void load_one(void *arg, const struct kept_hold *k)
{
	struct agent *a = arg;
	struct peer *p = peers_by_name(a->peers, k->peer);
	struct router *r = p ? router_of(a, p) : NULL;
	int64_t left = k->ends * 1000 - when_wall_ms();
	struct reason why = { 0 };
	json_t *o = r && left > 0 ? json_line_parse(k->document, strlen(k->document), &why) : NULL;
	struct body body;
	body_init(&body);
	struct hold *h = o && dots_json_read(o, &body, &why) == 0 && body.n_scope == 1 ? add(r, k->mid, &body.scope[0]) : NULL;
	if (h) {
		h->until = loop_now(a->loop) + left;
		h->cause = (enum conflict_cause)k->cause;
	} else {
		state_release(a->state, k->peer, k->mid);
	}
	body_free(&body);
	json_decref(o);
}

int hold_load(struct agent *a, struct reason *why)
{
	return state_load_holds(a->state, load_one, a, why);
}

void hold_free(struct router *r)
{
	for (struct hold *h = r->holds, *next; h; h = next) {
		next = h->next;
		put_away(h);
	}
	r->holds = NULL;
}
