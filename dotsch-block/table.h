/* SPDX-License-Identifier: GPL-3.0-or-later */
/* table - what dotsch-block knows of each mitigation, found by (peer, cuid, mid) or by ref. */
#ifndef BLOCK_TABLE_H
#define BLOCK_TABLE_H

#include "apply.h"
#include "base/json.h"
#include "base/loop.h"

/* More are refused: each costs the kernel memory, and a router has few. */
#define MOST_MITIGATIONS 65536
#define FIRST_LOOKS 3                        /* at the counter, soon after the rule is in */

struct entry {
	struct entry *next;                  /* of the same bucket */
	char *peer, *cuid, *ref;             /* "" and NULL (ref) when absent */
	uint32_t mid;
	bool has_mid;
	uint8_t key[16];                     /* digest of (peer, cuid, mid, or ref) */
	uint64_t request;                    /* digest of what is asked, without lifetime and hosts */
	json_t *hosts;                       /* as the map gave them; NULL = no such member */
	char certainty[16];                  /* of these hosts, the map's word; empty when there was none */
	struct unit *unit;                   /* in the kernel; NULL = not enforced */
	enum plan_outcome outcome;
	const char *cause;                   /* why not enforced, one word */
	char why[300];                       /* the same for people; empty when enforced */
	bool refused, exceeded;
	bool tuple;                          /* an external tuple stands in for a host that was not found: never more than in progress */
	bool stops;                          /* the action stops packets, so its counters are of dropped ones */
	bool unseen;                         /* a device whose neighbour entries have not been looked at since its rules went in */
	bool gathered;                       /* waits for the end of a burst of lines, to go into the kernel */
	bool matched, unsent, named;         /* named: by the sync under way */
	enum dots_status status;
	int64_t until;                       /* loop time, ms; INT64_MAX = indefinite */
	int64_t applied, renewed, last_hit;  /* loop time, ms */
	int looks;                           /* first looks done */
	uint64_t before_packets, before_bytes;   /* counted by rules that are gone */
	uint64_t packets, bytes;             /* all in all, as last judged */
	uint64_t told_packets;               /* as last written */
	uint64_t sample_packets, sample_bytes, pps, bps, told_pps;
	int64_t sampled;
	struct loop_timer timer;
	void *block;
};

struct table { struct entry **bucket; size_t buckets, n; };

bool table_init(struct table *t);
void table_free(struct table *t);            /* entries must be gone */
/* The digest of a key: mid by number, or by ref when there is none. */
void table_key(const char *peer, const char *cuid, bool has_mid, uint32_t mid, const char *ref, uint8_t out[16]);
struct entry *table_find(const struct table *t, const char *peer, const char *cuid, bool has_mid, uint32_t mid, const char *ref);
struct entry *table_find_key(const struct table *t, const uint8_t key[16]);
struct entry *table_find_ref(const struct table *t, const char *ref);
/* A new, empty entry; NULL out of memory. Strings are copied. */
struct entry *table_add(struct table *t, const char *peer, const char *cuid, bool has_mid, uint32_t mid, const char *ref);
void table_remove(struct table *t, struct entry *e);   /* frees it, its unit too */
/* Every entry in turn; the callback may remove the one it is given. */
void table_each(struct table *t, void (*fn)(void *arg, struct entry *e), void *arg);
/* What is asked, apart from lifetime and hosts. */
uint64_t request_digest(const struct mitigation *m);

#endif
