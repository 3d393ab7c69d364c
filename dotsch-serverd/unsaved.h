/* SPDX-License-Identifier: GPL-3.0-or-later */
/* unsaved - what has happened by itself, or by the owner's word, while the disk took nothing: written as soon as it does. A request is refused instead. */
#ifndef SERVERD_UNSAVED_H
#define SERVERD_UNSAVED_H

#include "outcome.h"
#include "server.h"

struct unsaved {
	struct server *server;
	struct loop_timer again;
	struct outcome waiting;              /* effects and audit lines alone, each record once */
	struct outcome written;              /* under way to the disk */
	bool writing;
};

void unsaved_init(struct unsaved *u, struct server *s);
/* A commit has failed. asked: it was a request's, and has been taken back. */
void unsaved_add(struct unsaved *u, const struct outcome *o, bool asked);
/* Tries at once. */
void unsaved_write(struct unsaved *u);
/* After the store has been closed. */
void unsaved_free(struct unsaved *u);

#endif
