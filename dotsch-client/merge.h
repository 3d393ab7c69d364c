/* SPDX-License-Identifier: GPL-3.0-or-later */
/* merge - towards a peer that takes any common target for an overlap (RFC 9132, 4.4.1) requests with a common target are asked for as one, under the mid of
   the newest, which replaces the others at the peer: they follow it. When one of them leaves, the rest is asked for anew, under a new mid. */
#ifndef CLIENT_MERGE_H
#define CLIENT_MERGE_H

#include "mitigations.h"

/* Does the peer take the newer one for the other's successor? By the letter of the RFC, or as a Call Home server of ours sees it, which knows many sources
   that attack one target. */
bool merge_overlap(const struct router *r, const struct mitigation *a, const struct mitigation *b);
/* Would a new request go out with what it has to take along? 0, or -1 with *why. */
int merge_fits(const struct router *r, const struct mitigation *m, struct reason *why);
/* Before a mid is sent for the first time: what goes out under it. */
void merge_prepare(struct entry *e);
/* What would go out, were the mid sent now: the request and all it takes along. The caller's to free, contents first. NULL: it is merge_asked() as it stands. */
struct mitigation *merge_whole(const struct entry *e);
/* What the peer is asked for, and for how long; borrowed. */
const struct mitigation *merge_asked(const struct entry *e);
/* The longest lifetime wanted, and whether anybody wants it refreshed. */
int64_t merge_longest(const struct entry *e, int64_t (*left)(const struct entry *e));
bool merge_kept(const struct entry *e);
/* The peer has taken e for the first time: the older ones it took along follow it, or those that it replaces are over. May ask anew if one has left meanwhile. */
void merge_taken(struct entry *e);
/* e is one of several: it leaves, and the rest is asked for anew. False: it stands alone. */
bool merge_leave(struct entry *e);
/* The peer has taken e again, or told its state: those that follow it hear of it. */
void merge_answered(struct entry *e);
void merge_state(struct entry *e, const struct mitigation *m);
/* All of it is to end, not e alone. */
void merge_dissolve(struct entry *e);
/* e is over, and those that follow it with it: each is told a word and why, or the peer's state if m is not NULL. */
void merge_over(struct entry *e, const char *word, const char *why, const struct mitigation *m);
/* The peer refuses e: whatever of it is still there under a former mid goes, too. */
void merge_refused(struct entry *e);
/* The request that stands for it at the peer: itself, or the one that it follows. */
static inline struct entry *merge_leader(struct entry *e)
{
	return e->leader ? e->leader : e;
}

#endif
