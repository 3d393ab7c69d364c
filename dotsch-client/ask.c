/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ask.h"

#include <string.h>

#include "hold.h"
#include "merge.h"
#include "mitigations.h"
#include "request_command.h"
#include "send.h"
#include "times.h"

static bool wants_keep(const struct envelope *line, struct reason *why, bool *bad)
{
	bool keep = false;
	*bad = json_get_bool(line->json, "keep", &keep, why) < 0;
	return keep;
}

static bool is_it(const struct entry *e, const char *ref, const struct request_part *part)
{
	return e->router->peer == part->peer && e->state <= ENTRY_ACTIVE && !strcmp(e->ref, ref) && mitigation_same(&e->asked, &part->m);
}

/* The same ref for the same peer with the same content asks for the one that is there again: a refresh, with its mid. */
static struct entry *known(struct agent *a, const char *ref, const struct request_part *part)
{
	/* One ref may stand for ten thousand routers, and one router may have thousands of requests: both ways side by side, until the shorter one ends. */
	struct entry *r = ref ? requests_by_ref(a->requests, ref) : NULL, *p = part->peer->router ? part->peer->router->entries : NULL;
	for (; r && p; r = requests_next_ref(r), p = p->next) {
		if (is_it(r, ref, part))
			return r;
		if (is_it(p, ref, part))
			return p;
	}
	return NULL;
}

static void claim(struct entry *e, struct console *c)
{
	entry_paid(e, true);
	e->console = c;
	e->owed = c != NULL;
	e->await_block = c && c->wait_s >= 0;
	console_owe(c);
}

static int again(struct entry *e, struct console *c, const struct mitigation *m, struct reason *why)
{
	if (e->state == ENTRY_ACTIVE && hold_check(merge_leader(e), why) < 0)
		return -1;
	/* Under way already: once more only if it is to last otherwise. */
	bool same = e->state == ENTRY_ASKING && e->asked.lifetime == m->lifetime;
	claim(e, c);
	e->asked.lifetime = m->lifetime;
	entry_lifetime(e, m->lifetime);
	if (e->state == ENTRY_WAITING && c)
		console_tell(c, request_line(e));    /* nothing is sent, and who asks again wants to know */
	else if (e->state != ENTRY_WAITING && !same)
		entry_refresh(e, ATTACK_STATUS_NONE);
	return 0;
}

static int ask_part(struct agent *a, struct console *c, const struct envelope *line, struct request_part *part, unsigned i, unsigned n, bool keep, struct reason *why)
{
	struct entry *e = known(a, line->ref, part);
	uint32_t mid;
	if (e)
		return again(e, c, &part->m, why);
	struct router *r = router_of(a, part->peer);
	if (!r)
		return reason_set(why, REASON_BAD_REQUEST, "", "", "out of memory");
	if (merge_fits(r, &part->m, why) < 0 || state_next_mid(a->state, &mid, why) < 0)
		return -1;
	if (!(e = entry_new(r, mid, line->ref, &part->m)))
		return reason_set(why, REASON_BAD_REQUEST, "", "", "out of memory");
	e->keep = keep;
	if (line->subscriber && !line->to)
		prefix_parse(line->subscriber, true, &e->subscriber);    /* the plan has read it already */
	if (n > 1) {
		e->part = i + 1;
		e->parts = n;
	} else if (line->has_part) {
		e->part = line->part;
		e->parts = line->parts;
	}
	claim(e, c);
	entry_start(e);
	return 0;
}

void ask_mitigate(struct agent *a, struct console *c, struct envelope *line)
{
	struct plan plan;
	struct reason why = { 0 };
	bool bad;
	bool keep = wants_keep(line, &why, &bad);
	if (bad || plan_make(a, line, &plan, &why) < 0) {
		console_error(c, envelope_error(&why, line));
		if (bad)
			return;
		plan_free(&plan);
		return;
	}
	for (size_t i = 0; i < plan.n; i++)
		if (ask_part(a, c, line, &plan.v[i], (unsigned)i, (unsigned)plan.n, keep, &why) < 0)
			console_error(c, envelope_error(&why, line));
	plan_free(&plan);
}
