/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "unsaved.h"

#include "base/log.h"
#include "keep.h"

#define AGAIN_MS 5000
#define AUDIT_MAX 10000          /* records of the trail that a full disk makes us keep, some 300 bytes each; later ones are lost */

static bool has(const struct outcome *o, const struct effect *e)
{
	for (size_t i = 0; i < o->n_effects; i++)
		if (o->effects[i].client == e->client && o->effects[i].mid == e->mid)
			return true;
	return false;
}

/* Which records they are is enough: what is written is how they stand then. */
static void gather(struct outcome *to, const struct outcome *from)
{
	for (size_t i = 0; i < from->n_effects; i++)
		if (from->effects[i].kind != EFFECT_REPORTED && !has(to, &from->effects[i]) && outcome_again(to, &from->effects[i]) != 0)
			log_error("state: out of memory");
	for (size_t i = 0; i < json_array_size(from->audit) && json_array_size(to->audit) < AUDIT_MAX; i++)
		outcome_audit(to, json_incref(json_array_get(from->audit, i)));
}

static void try_later(struct unsaved *u)
{
	if (!loop_timer_armed(&u->again))
		loop_timer_set(server_loop(u->server), &u->again, AGAIN_MS);
}

static void on_written(void *arg, bool ok, const char *why)
{
	struct unsaved *u = arg;
	struct outcome newer = u->waiting;

	(void)why;                   /* it was told the first time */
	u->writing = false;
	if (ok) {
		log_info("state: what could not be written is written");
	} else {
		/* The few that have come meanwhile join the many, in the order in which they happened. */
		u->waiting = u->written;
		outcome_init(&u->written);
		gather(&u->waiting, &newer);
		outcome_free(&newer);
	}
	outcome_free(&u->written);
	if (keep_wanted(&u->waiting))
		try_later(u);
}

void unsaved_write(struct unsaved *u)
{
	struct store_txn *t;

	if (u->writing || !keep_wanted(&u->waiting))
		return;
	t = store_begin(server_store(u->server));
	if (t == NULL) {
		try_later(u);
		return;
	}
	u->written = u->waiting;
	outcome_init(&u->waiting);
	u->writing = true;
	keep_add(t, &u->written, server_moment(u->server));
	store_commit(t, on_written, u);
}

static void on_again(void *arg)
{
	unsaved_write(arg);
}

void unsaved_init(struct unsaved *u, struct server *s)
{
	u->server = s;
	loop_timer_init(&u->again, on_again, u);
	outcome_init(&u->waiting);
	outcome_init(&u->written);
}

void unsaved_add(struct unsaved *u, const struct outcome *o, bool asked)
{
	/* What was taken back is on disk only if it was written here meanwhile. */
	if (asked && !u->writing)
		return;
	gather(&u->waiting, o);
	try_later(u);
}

void unsaved_free(struct unsaved *u)
{
	if (keep_wanted(&u->waiting))
		log_error("state: what was decided or has ended while nothing could be written is lost");
	loop_timer_stop(server_loop(u->server), &u->again);
	outcome_free(&u->waiting);
	outcome_free(&u->written);
}
