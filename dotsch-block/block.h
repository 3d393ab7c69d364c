/* SPDX-License-Identifier: GPL-3.0-or-later */
/* block - the running program: what it was told, what it knows of each mitigation, and the loop they live in. */
#ifndef BLOCK_BLOCK_H
#define BLOCK_BLOCK_H

#include "apply.h"
#include "base/line.h"
#include "base/service.h"
#include "dots/envelope.h"
#include "flows.h"
#include "links.h"
#include "options.h"
#include "policy.h"
#include "table.h"
#include "watch.h"

/* Mitigations that wait for the burst of lines to end, to go into the kernel together (enforce.h). */
struct gathered { struct entry *entry[UNITS_AT_ONCE]; struct unit *unit[UNITS_AT_ONCE]; size_t n; };

struct block {
	const struct options *o;
	struct loop *loop;
	struct service service;
	struct line_in *in;
	struct line_out *out;
	struct kernel *kernel;
	struct watch *neighbours;
	struct flows *flows;
	struct table table;
	struct policy *policy;
	char port[LINKS_MAX][LINK_NAME_MAX];     /* of bridges, when no --device is given */
	const char *device[LINKS_MAX];           /* where ingress is */
	size_t n_devices;
	struct loop_timer tick, watch;
	int64_t follow_since;        /* loop time, ms, and how many changes of addresses were followed since then */
	unsigned followed;
	bool unseen;                 /* some entry is */
	struct gathered gathered;
	bool syncing;                /* between `begin` and `end` */
};

/* Runs until the end of input or a signal. Returns an exit code. */
int block_run(const struct options *o);

/* mitigate.c: one request as it came, and its end. */
void block_mitigate(struct block *b, struct envelope *e);
void block_withdraw(struct block *b, struct envelope *e);
void block_end(struct block *b, struct entry *e);            /* out of the kernel and out of the table */
void block_refuse(struct block *b, struct entry *e, const char *cause, const char *why);     /* out of the kernel; the status says why */
void enforce_gathered(struct block *b);                      /* enforce.c: they do, and are answered */
void block_arm(struct block *b, struct entry *e);            /* its timer, for what is due next */

/* status.c */
void status_send(struct block *b, struct entry *e);
void status_expired(struct block *b, struct entry *e);
/* Looks at the counters as they were last read: the status that follows, and whether a line is due. */
void status_judge(struct block *b, struct entry *e);
void status_tick(struct block *b);

/* follow.c: rtnetlink's news (watch.h). */
void follow_neighbour(void *arg, const struct prefix *address, const uint8_t mac[6]);
/* What the kernel knows already about devices that have just been blocked: lines name the addresses that were found once. */
void follow_unseen(struct block *b);
void follow_own(void *arg, const struct prefix *address, bool add);
void follow_link(void *arg, const char *name);
/* Flows past the packet filter (flows.h): those that a mitigation is about are cut. */
bool follow_flow(void *arg, const struct flow *f);

/* reconcile.c */
void reconcile_want(struct block *b);
void reconcile_line(struct block *b, struct envelope *e);
struct leftover *reconcile_find(struct block *b, const struct entry *e);
/* The hosts that an earlier run had for the same request; 0 when it had none. The caller frees *out. */
size_t reconcile_hosts(struct block *b, const struct entry *e, struct host **out);

#endif
