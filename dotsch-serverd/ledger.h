/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ledger - the mitigations by (peer, cuid, mid), their phases and lifetimes. Pure: time is an argument (milliseconds that never step). */
#ifndef SERVERD_LEDGER_H
#define SERVERD_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "dots/mitigation.h"
#include "rate.h"

#define LEDGER_NEVER INT64_MAX
#define LEDGER_MAX_CLIENTS 64         /* cuids of one peer: a peer makes up as many as it likes */
#define DEACTIVATED_KEPT_S 45        /* beyond the retry-timer (RFC 9132, 4.4.1) */
#define EPILOGUE_MS 10000            /* how long observers can still read that a mitigation is over: the status may wait 3 s for its turn */

enum phase {
	PHASE_ACTIVE,                /* wanted: enforced, or waiting for the owner */
	PHASE_TERMINATING,           /* withdrawn by the client, still enforced (RFC 9132, 4.4.4) */
	PHASE_REJECTED,              /* the owner, or the traffic, says no; kept so that asking again gets the same answer */
	PHASE_ENDED,                 /* over; only observers still see it */
	PHASE_INACTIVE,              /* another of a higher mid is in the way: kept for a while, and taken up when the client asks again and that is over */
	PHASE_ARMED,                 /* waits for the loss of the signal channel, see preset.h */
};

/* What changes during a mitigation's life; copied whole to undo a change. */
struct life {
	enum phase phase;
	bool pending;                /* waits for the owner's consent */
	int64_t ask_until;           /* while it does: when the policy answers for him, or LEDGER_NEVER; a refresh does not put it off */
	bool by_owner;               /* a person decided, not the policy */
	int64_t lifetime;            /* granted: seconds, or LIFETIME_INDEFINITE */
	int64_t expires;             /* when the lifetime runs out, or LEDGER_NEVER */
	int64_t due;                 /* when something happens by itself, or LEDGER_NEVER */
	unsigned terminating_s;      /* the next active-but-terminating period */
	uint64_t start;              /* seconds since 1970, 0 = not begun */
	int64_t began;               /* the same on the clock that never steps */
	enum dots_status reported;   /* what the enforcing side last said; STATUS_IN_PROGRESS before */
	enum dots_status ended;      /* the last word, in PHASE_REJECTED, PHASE_ENDED and PHASE_INACTIVE */
	enum conflict_cause cause;
	unsigned repeats;            /* PHASE_ARMED: how often the last word is still to be told */
};

/* Of a client of the base channel; what was prepared for its loss goes by it. */
enum presence {
	PRESENCE_HERE,               /* or not back yet since this program has started */
	PRESENCE_LOST,
	PRESENCE_LEFT,               /* in good order, which is no loss */
};

struct client {
	struct ledger *ledger;
	char *peer, *cuid;
	char *credential;            /* which of the peer's credentials has made this state; NULL = not known */
	bool base;                   /* of the base channel */
	enum presence presence;
	unsigned refs;               /* of outcomes that are not settled yet */
	struct record **v;           /* by mid */
	size_t n, cap;
};

struct record {
	struct client *client;
	struct mitigation m;         /* as asked, with its mid */
	struct life life;
	uint64_t generation;         /* of the last change */
	uint8_t has_counters;
	uint64_t counters[COUNTERS];
	struct rate bytes, pkts;
	json_t *hosts;               /* the device, for the owner's eyes only (CH-47); NULL = not known */
	char certainty[16];
	bool held;                   /* the enforcing side cannot tell which device it is: the owner may name it (design rules 6 and 8) */
	char note[200];              /* why it was refused or cannot be enforced, for the owner */
};

struct ledger {
	struct client **v;
	size_t n, cap;
	uint64_t generation;
	int64_t next_due;            /* not later than the earliest due of all */
};

void ledger_init(struct ledger *t);
void ledger_free(struct ledger *t);

/* Finds; with create makes a new one. NULL: not there, out of memory, or too many of this peer. */
struct client *ledger_client(struct ledger *t, const char *peer, const char *cuid, bool create);
/* -1 out of memory. */
int client_own(struct client *c, const char *credential);
/* Whether what there is under this cuid is the credential's own. NULL allowed: nothing is everybody's. */
bool client_owns(const struct client *c, const char *credential);
bool client_live(const struct client *c);            /* any live or armed mitigation */
/* Design rule 1 on a Call Home channel, where the sources are what is asked about; the letter of RFC 9132, 4.4.1, on the base channel, where they are
   hints (CH-28). */
bool client_overlap(const struct client *c, const struct mitigation *a, const struct mitigation *b);
struct record *ledger_find(struct ledger *t, const char *peer, const char *cuid, uint32_t mid);
struct record *client_find(const struct client *c, uint32_t mid);

/* Takes m's contents over (m is empty afterwards). NULL out of memory, and m is untouched. */
struct record *record_new(struct mitigation *m, uint32_t mid);
void record_free(struct record *r);                          /* NULL allowed */
/* The table owns r from then on. -1 out of memory. A record of the same mid must be gone. */
int ledger_insert(struct ledger *t, struct client *c, struct record *r);
/* Out of the table, to the caller. */
struct record *ledger_take(struct ledger *t, struct record *r);
/* After every change of r->life. */
void ledger_changed(struct ledger *t, struct record *r);

/* Calls fn for each record that is due at `now`; fn must move its due into the future or take it out. Afterwards next_due is exact. */
void ledger_run(struct ledger *t, int64_t now, void (*fn)(void *arg, struct record *r), void *arg);

/* Grants a lifetime from now on. */
void life_grant(struct life *l, int64_t lifetime, int64_t now);
/* Sets due to what comes first, the end of the lifetime or of the question. */
void life_wait(struct life *l);
/* The mitigation begins: wall is in ms since 1970. */
void life_begin(struct life *l, int64_t now, int64_t wall);
/* Seconds left, rounded up, of the lifetime, or of the period that a withdrawn one is still enforced; LIFETIME_INDEFINITE; 0 when over. */
int64_t life_left(const struct life *l, int64_t now);
/* The status a client reads (RFC 9132, Table 3). */
enum dots_status life_status(const struct life *l);
/* In force or waiting to be: what `sync` names, what counts as a mitigation under way. */
bool life_live(const struct life *l);

/* Live, or armed: a request that stands. */
bool life_stands(const struct life *l);

size_t ledger_count(const struct ledger *t, const char *peer);     /* all but the ended ones */
bool ledger_mitigating(const struct ledger *t, const char *peer);  /* any live one that is not pending: mitigating-config applies */
/* The live mitigations of the same peer's other clients that overlap r: both are in force, and both clients are told (RFC 9132, 4.4.1.3).
   fn returns false to stop. */
void ledger_contenders(const struct record *r, bool (*fn)(void *arg, struct record *other), void *arg);
bool ledger_contended(const struct record *r);           /* any */
/* The mitigation of the same client that keeps r from standing: of a higher mid and the same trigger type, and overlapping. NULL = none. */
const struct record *ledger_winner(const struct client *c, const struct mitigation *m, uint32_t mid);
/* Every record, in order of client and mid. fn must not change the table's shape. */
void ledger_each(const struct ledger *t, void (*fn)(void *arg, struct record *r), void *arg);

#endif
