/* SPDX-License-Identifier: GPL-3.0-or-later */
/* state - what must outlive the process: the next free mid, the cuid, and the requests with how they stand (RFC 9132, 4.4.1). */
#ifndef CLIENT_STATE_H
#define CLIENT_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/loop.h"
#include "base/reason.h"

struct state;

/* One request as it is kept. Strings are borrowed. */
struct kept_request {
	const char *peer, *cuid, *ref;       /* ref "" = none */
	uint32_t mid;
	unsigned part, parts;
	int standing;                        /* enum entry_state */
	int status;                          /* enum dots_status, the last one told */
	bool keep, sent;
	int64_t lifetime;                    /* asked for, seconds */
	int64_t ends;                        /* wall seconds; 0 = no end */
	int64_t leader;                      /* the mid of the request that it is a part of; -1 = none */
	const char *document;                /* the request as a DOTS document; NULL when keeping: as it was */
	const char *subscriber;              /* an address; "" = none */
};

/* What a peer does not want to be asked again yet, as it is kept (hold.h). Strings are borrowed. */
struct kept_hold {
	const char *peer;
	uint32_t mid;
	int cause;                           /* enum conflict_cause */
	int64_t ends;                        /* wall seconds */
	const char *document;                /* what was asked for, as a DOTS document */
};

/* path NULL: nothing is kept. A file in use by another process is refused. Blocks until the first mids are reserved on the disk. NULL with *why. */
struct state *state_open(struct loop *l, const char *path, struct reason *why);
/* Writes everything. NULL allowed. */
void state_close(struct state *s);
/* The next mid: strictly increasing over all peers and all runs. 0, or -1 with *why when the disk has not yet taken what is needed: then none may be used. */
int state_next_mid(struct state *s, uint32_t *mid, struct reason *why);
/* Nothing is under way: once three quarters of the numbers are used up, they start again at 0. */
void state_idle(struct state *s);
/* The cuid kept, "" when none. */
const char *state_cuid(const struct state *s);
void state_set_cuid(struct state *s, const char *cuid);

/* Written by a thread of its own, in the order of the calls. done, which may be NULL, is called from the loop when it is on the disk, or could not be
   written; at once when nothing is kept. */
void state_keep(struct state *s, const struct kept_request *r, void (*done)(void *arg, bool ok), void *arg);
/* What is not on the disk yet. */
size_t state_pending(const struct state *s);
/* A request, or all of a peer's, under another name: in one step, so that a crash finds the old one or the new one. */
void state_new_mid(struct state *s, const char *peer, const char *cuid, uint32_t mid, uint32_t to);
void state_new_cuid(struct state *s, const char *peer, const char *cuid, const char *to);
void state_drop(struct state *s, const char *peer, const char *cuid, uint32_t mid);
/* Every request kept. 0, or -1 with *why. */
int state_load(struct state *s, void (*fn)(void *arg, const struct kept_request *r), void *arg, struct reason *why);
/* Written like a request; one for each peer and mid. */
void state_hold(struct state *s, const struct kept_hold *h);
void state_release(struct state *s, const char *peer, uint32_t mid);
int state_load_holds(struct state *s, void (*fn)(void *arg, const struct kept_hold *h), void *arg, struct reason *why);

#endif
