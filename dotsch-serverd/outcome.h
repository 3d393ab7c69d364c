/* SPDX-License-Identifier: GPL-3.0-or-later */
/* outcome - everything one request or event leads to: the answer, the lines that go out, and which records changed, so that the lot can be
   made durable first and taken back if that fails. */
#ifndef SERVERD_OUTCOME_H
#define SERVERD_OUTCOME_H

#include "reply.h"
#include "ledger.h"

enum effect_kind {
	EFFECT_ADDED, EFFECT_CHANGED, EFFECT_REMOVED,
	EFFECT_REPORTED,             /* status or counters: told to observers, not kept on disk */
	EFFECT_HOSTS,                /* the device behind it: kept on disk, told to nobody */
};

struct effect {
	enum effect_kind kind;
	struct client *client;
	uint32_t mid;
	uint64_t generation;         /* of the record after the change */
	struct life before;          /* EFFECT_CHANGED */
	struct record *removed;      /* EFFECT_REMOVED: owned */
};

struct outcome {
	struct reply reply;
	json_t *lines;               /* array, in order; NULL = none */
	json_t *audit;               /* the same, for the trail */
	struct effect *effects;
	size_t n_effects, cap_effects;
};

void outcome_init(struct outcome *o);
void outcome_free(struct outcome *o);

void outcome_line(struct outcome *o, json_t *line);          /* takes the reference */
void outcome_audit(struct outcome *o, json_t *line);         /* takes the reference */
/* -1 out of memory. For EFFECT_CHANGED `before` is the record's life as it was; for EFFECT_REMOVED r goes over to the outcome. */
int outcome_added(struct outcome *o, struct record *r);
int outcome_changed(struct outcome *o, struct record *r, const struct life *before);
int outcome_removed(struct outcome *o, struct record *r);
int outcome_note(struct outcome *o, struct record *r, enum effect_kind kind);   /* EFFECT_REPORTED or EFFECT_HOSTS; nothing to undo */
/* The same record once more, as another outcome has it, but with nothing to undo. -1 out of memory. */
int outcome_again(struct outcome *o, const struct effect *e);
/* The clients of the same peer that r overlaps with, or did: they read again (EFFECT_REPORTED). */
void outcome_contenders(struct outcome *o, const struct record *r);
/* Room for n more effects, so that the next n calls cannot fail. */
int outcome_reserve(struct outcome *o, size_t n);
/* Takes back what can be: records that have been changed again meanwhile stay as they are. The lines are dropped. */
void outcome_undo(struct outcome *o, struct ledger *t);

#endif
