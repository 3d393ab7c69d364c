/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hold - what a peer has refused, or deactivated, with a retry-timer is not asked for again before that has run out (RFC 9132, 4.4.1); also after a restart. */
#ifndef CLIENT_HOLD_H
#define CLIENT_HOLD_H

#include "mitigations.h"

/* The peer has told of a conflict of e: nothing happens unless it has a retry-timer. */
void hold_note(struct entry *e, const struct conflict *c);
/* What keeps e from being asked for, of several the one that ends last; NULL = nothing. One that is in force is held back by what it was told itself, any
   other by all that overlaps it. Valid until the next call. */
const struct hold *hold_on(struct entry *e);
int64_t hold_end(const struct hold *h);      /* by loop_now() */
/* Why and until when, as a sentence. Returns out. */
const char *hold_words(const struct entry *e, const struct hold *h, char *out, size_t cap);
/* 0 = free to go, -1 with *why. */
int hold_check(struct entry *e, struct reason *why);

/* Out of the state. 0, or -1 with *why. */
int hold_load(struct agent *a, struct reason *why);
void hold_free(struct router *r);

#endif
