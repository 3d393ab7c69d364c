/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "outcome.h"

#include <stdlib.h>
#include <string.h>

void outcome_init(struct outcome *o)
{
	memset(o, 0, sizeof(*o));
	reply_init(&o->reply);
}

void outcome_free(struct outcome *o)
{
	reply_free(&o->reply);
	json_decref(o->lines);
	json_decref(o->audit);
	for (size_t i = 0; i < o->n_effects; i++) {
		record_free(o->effects[i].removed);
		o->effects[i].client->refs--;
	}
	free(o->effects);
	outcome_init(o);
}

/* json_put aborts on want of memory; an array of our own lines is no different. */
static void append(json_t **array, json_t *line)
{
	if (*array == NULL)
		*array = json_array();
	if (*array == NULL || json_array_append_new(*array, line) != 0)
		abort();
}

void outcome_line(struct outcome *o, json_t *line)
{
	append(&o->lines, line);
}

void outcome_audit(struct outcome *o, json_t *line)
{
	append(&o->audit, line);
}

int outcome_reserve(struct outcome *o, size_t n)
{
	size_t want = o->n_effects + n;
	struct effect *e;

	if (want <= o->cap_effects)
		return 0;
	e = realloc(o->effects, want * sizeof(*e));
	if (e == NULL)
		return -1;
	o->effects = e;
	o->cap_effects = want;
	return 0;
}

static struct effect *next(struct outcome *o, enum effect_kind kind, const struct record *r)
{
	struct effect *e;

	if (outcome_reserve(o, 1) != 0)
		return NULL;
	e = &o->effects[o->n_effects++];
	memset(e, 0, sizeof(*e));
	e->kind = kind;
	e->client = r->client;
	e->client->refs++;
	e->mid = r->m.mid;
	e->generation = r->generation;
	return e;
}

int outcome_added(struct outcome *o, struct record *r)
{
	return next(o, EFFECT_ADDED, r) != NULL ? 0 : -1;
}

int outcome_changed(struct outcome *o, struct record *r, const struct life *before)
{
	struct effect *e = next(o, EFFECT_CHANGED, r);

	if (e == NULL)
		return -1;
	e->before = *before;
	return 0;
}

int outcome_removed(struct outcome *o, struct record *r)
{
	struct effect *e = next(o, EFFECT_REMOVED, r);

	if (e == NULL)
		return -1;
	e->removed = r;
	return 0;
}

int outcome_note(struct outcome *o, struct record *r, enum effect_kind kind)
{
	return next(o, kind, r) != NULL ? 0 : -1;
}

int outcome_again(struct outcome *o, const struct effect *e)
{
	if (outcome_reserve(o, 1) != 0)
		return -1;
	o->effects[o->n_effects++] = (struct effect){ .kind = e->kind, .client = e->client, .mid = e->mid };
	e->client->refs++;
	return 0;
}

static bool note_contender(void *arg, struct record *other)
{
	return outcome_note(arg, other, EFFECT_REPORTED) == 0;
}

void outcome_contenders(struct outcome *o, const struct record *r)
{
	ledger_contenders(r, note_contender, o);
}

static void undo(struct effect *e, struct ledger *t)
{
	struct record *now = client_find(e->client, e->mid);

	switch (e->kind) {
	case EFFECT_ADDED:
		if (now != NULL && now->generation == e->generation)
			record_free(ledger_take(t, now));
		break;
	case EFFECT_CHANGED:
		if (now != NULL && now->generation == e->generation) {
			now->life = e->before;
			ledger_changed(t, now);
		}
		break;
	case EFFECT_REMOVED:
		if (now == NULL && ledger_insert(t, e->client, e->removed) == 0)
			e->removed = NULL;
		break;
	case EFFECT_REPORTED:
	case EFFECT_HOSTS:
		break;
	}
}

void outcome_undo(struct outcome *o, struct ledger *t)
{
	for (size_t i = o->n_effects; i-- > 0;)
		undo(&o->effects[i], t);
	json_decref(o->lines);
	o->lines = NULL;
}
