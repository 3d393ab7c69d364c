/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mitigations - what was asked of the routers: the routers' running state, and the table of requests by mid and by ref. */
#ifndef CLIENT_MITIGATIONS_H
#define CLIENT_MITIGATIONS_H

#include "agent.h"
#include "base/limits.h"
#include "base/loop.h"
#include "console.h"
#include "dots/mitigation.h"
#include "dots/sigconf.h"
#include "link/session.h"
#include "peers.h"

struct commit;                           /* ledger.c */
struct dialled;                          /* dialled.c */
struct hold;                             /* hold.c */

/* A peer that has called home, or that something is asked of. */
struct router {
	struct agent *agent;
	struct router *next;                 /* of the agent's list */
	struct peer *peer;                   /* NULL once it was taken out of the peers */
	char name[PEER_NAME_MAX + 1];
	char cuid[CUID_MAX_BYTES + 1];       /* the agent's, or another one after a collision (RFC 9132, 4.4.1) */
	struct session *session;             /* NULL = not connected */
	struct prefix calls_from;            /* of the session, or of the last one */
	struct dialled *dialled;             /* a base server; NULL = it calls */
	struct hold *holds;                  /* what is not to be asked again yet (hold.h) */
	struct entry *entries, **entries_end;   /* the oldest first: an older mid must not be sent after a newer one */
	unsigned active;                     /* mitigations in force: choose the mitigating set (RFC 9132, 4.5) */
	/* Session configuration. */
	struct sigconf config;
	struct loop_timer config_timer;
	bool silent, negotiated, has_sid;
	uint32_t sid, sid_asked;             /* what was negotiated goes by this; what the last PUT named */
};

enum entry_state {
	ENTRY_WAITING,     /* to be sent: when the peer calls home, or when retry_at has come */
	ENTRY_ASKING,      /* the PUT is under way */
	ENTRY_ACTIVE,      /* the peer has taken it */
	ENTRY_LEAVING,     /* to be deleted, or the DELETE is under way */
	ENTRY_LEFT,        /* over; observed to its end */
};

/* What the state holds of a request. */
struct written {
	bool there, keep, sent;
	enum entry_state state;
	enum dots_status status;
	int64_t lifetime, ends, leader;
};

/* One mitigation request. */
struct entry {
	struct router *router;
	struct entry *next, **link;          /* of the router's list */
	struct entry *next_mid, *next_ref, **link_ref;   /* of the table's chains */
	uint32_t mid;
	char ref[REF_MAX_BYTES + 1];         /* "" = none */
	unsigned part, parts;                /* 0 = the line was not divided */
	enum entry_state state;
	bool keep;                           /* refreshed before its lifetime ends */
	bool unknown;                        /* not asked by this process: only its mid is known (observe) */
	bool in_force;                       /* counted in router->active */
	struct mitigation asked;             /* its lifetime is what is asked for at each refresh */
	struct prefix subscriber;            /* whose domain stands for the sources'; family 0 = nobody was named */
	unsigned cuid_retries;

	/* Towards a peer that takes any common target for an overlap (merge.h). */
	struct entry *leader;                /* asked for as a part of that one; NULL = stands for itself */
	struct mitigation *merged;           /* what goes out: this one and what it takes along; NULL = `asked` as it is. Owned */
	bool prepared;                       /* … and is settled for this mid */
	bool leads;                          /* others follow it, or have */
	bool has_former;                     /* until the new mid is taken, the peer has it under this one */
	uint32_t former;

	struct console *console;             /* who asked; NULL once gone */
	bool owed;                           /* the console has not had its final answer */

	int64_t expires_at, retry_at, refresh_at, observe_at;   /* loop_now() times; 0 = never */
	struct loop_timer timer;             /* the earliest of them */
	struct exchange *exchange;           /* the PUT or DELETE under way */
	struct exchange *observe;
	bool sent;                           /* the peer may know of it */
	bool durable;                        /* … and the disk knows that it may */
	struct commit *commit;               /* on its way to the disk: nothing is sent meanwhile */
	bool await_block;                    /* the console waits for status 2, not only for the peer's answer */
	bool observed;                       /* this session's observation has delivered a state */
	bool asked_again;                    /* because the peer had lost it, and it has told no state since */
	bool observe_off;                    /* the user does not want it */

	struct written written;

	/* The last state told by the peer. */
	enum dots_status status;
	uint8_t has_counters;
	uint64_t counters[COUNTERS];
};

struct requests;
struct requests *requests_new(void);               /* NULL when out of memory */
void requests_free(struct requests *t);            /* the entries are the routers'; NULL allowed */
size_t requests_count(const struct requests *t);

/* The router of a peer, made when it is not there yet. NULL when out of memory. */
struct router *router_of(struct agent *a, struct peer *p);
/* A peer that was added again gets the router that its name left behind, if any. */
void router_adopt(struct agent *a, struct peer *p);
struct router *router_by_name(struct agent *a, const char *name);
void router_free(struct router *r);          /* with its entries; the session must be closed already */

/* A new entry in state WAITING, with its mid; takes over *asked. NULL when out of memory (then *asked is the caller's). */
struct entry *entry_new(struct router *r, uint32_t mid, const char *ref, struct mitigation *asked);
void entry_free(struct entry *e);            /* cancels what is under way */

/* By mid; router NULL = of any. *several: more than one has it. */
struct entry *requests_by_mid(const struct requests *t, const struct router *r, uint32_t mid, bool *several);
/* The entries of a ref: first, then the next one; NULL at the end. */
struct entry *requests_by_ref(const struct requests *t, const char *ref);
struct entry *requests_next_ref(const struct entry *e);
/* Given a new mid (after a restart of the numbers, or a new cuid). */
void entry_set_mid(struct entry *e, uint32_t mid);

/* Pays the console that asked, once. */
void entry_paid(struct entry *e, bool good);
/* The same, and it is gone. */
void entry_drop(struct entry *e, bool good);
/* Counts it as in force or not. */
void entry_in_force(struct entry *e, bool in_force);

#endif
