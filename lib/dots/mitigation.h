/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mitigation - one mitigation request or its state: the `scope` list entry of RFC 9132, 4.4, with the source attributes of RFC 9066, 5.3.1. */
#ifndef DOTS_MITIGATION_H
#define DOTS_MITIGATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define LIFETIME_ABSENT 0            /* 0 itself is never a legal lifetime */
#define LIFETIME_INDEFINITE (-1)
#define LIFETIME_MAX 4294967295LL

enum dots_status {                   /* RFC 9132, Table 3 */
	STATUS_NONE, STATUS_IN_PROGRESS, STATUS_MITIGATED, STATUS_STOPPED, STATUS_EXCEEDED, STATUS_CLIENT_WITHDRAWN,
	STATUS_TERMINATED, STATUS_WITHDRAWN, STATUS_SIGNAL_LOSS,
};
enum conflict_status { CONFLICT_STATUS_NONE, CONFLICT_INACTIVE_OTHER_ACTIVE, CONFLICT_ACTIVE, CONFLICT_ALL_INACTIVE };
enum conflict_cause {
	CONFLICT_CAUSE_NONE, CONFLICT_OVERLAPPING_TARGETS, CONFLICT_ACCEPTLIST, CONFLICT_CUID_COLLISION,
	CONFLICT_LEGITIMATE_TRAFFIC /* RFC 9066, 5.3.1 */, CONFLICT_OVERLAPPING_PIPES,
};
enum attack_status { ATTACK_STATUS_NONE, ATTACK_UNDER_ATTACK, ATTACK_SUCCESSFULLY_MITIGATED };

struct range { uint16_t lower, upper; };   /* ports or ICMP types, both ends included */

struct prefix_list { struct prefix *v; size_t n; };
struct range_list { struct range *v; size_t n; };
struct protocol_list { uint8_t *v; size_t n; };
struct text_list { char **v; size_t n; };

struct conflict {                    /* conflict-information, RFC 9132, 4.4.1.3 */
	enum conflict_status status;
	enum conflict_cause cause;
	bool has_retry_timer;
	uint32_t retry_timer;        /* seconds */
	/* conflict-scope */
	struct prefix_list target_prefix;
	struct range_list target_port;
	struct protocol_list target_protocol;
	struct text_list target_fqdn, target_uri, alias_name;
	struct text_list acl_name;   /* acl-list, with acl_type of the same index ("" if none) */
	struct text_list acl_type;
	bool has_mid;
	uint32_t mid;
};

enum counter { COUNTER_BYTES, COUNTER_BPS, COUNTER_PKTS, COUNTER_PPS, COUNTERS };   /* dropped; bps is bytes per second */

struct mitigation {
	/* What the client asks. Lists keep their order on the wire. */
	struct prefix_list target_prefix;
	struct range_list target_port;
	struct protocol_list target_protocol;
	struct text_list target_fqdn, target_uri, alias_name;
	struct prefix_list source_prefix;
	struct range_list source_port;
	struct range_list source_icmp_type;
	int64_t lifetime;            /* seconds, LIFETIME_INDEFINITE, or LIFETIME_ABSENT */
	int8_t trigger;              /* trigger-mitigation: -1 absent (means true), 0, 1 */
	enum attack_status attack_status;
	/* What the server adds. */
	bool has_mid, has_start;
	uint32_t mid;
	uint64_t start;              /* mitigation-start, seconds since 1970 */
	enum dots_status status;
	bool has_conflict;
	struct conflict conflict;
	uint8_t has_counters;        /* bit 1u << enum counter */
	uint64_t counters[COUNTERS];
};

void mitigation_init(struct mitigation *m);          /* empty: lifetime absent, trigger absent */
void mitigation_free(struct mitigation *m);          /* the contents; NULL allowed; leaves it as after init */
/* A deep copy into *to, which is initialised by it. 0, or -1 out of memory (then *to is empty). */
int mitigation_copy(struct mitigation *to, const struct mitigation *from);

/* Appending; 0, or -1 out of memory. Text is copied. */
int prefix_list_add(struct prefix_list *l, const struct prefix *p);
int range_list_add(struct range_list *l, uint16_t lower, uint16_t upper);
int protocol_list_add(struct protocol_list *l, uint8_t protocol);
int text_list_add(struct text_list *l, const char *text, size_t len);
void prefix_list_free(struct prefix_list *l);
void range_list_free(struct range_list *l);
void protocol_list_free(struct protocol_list *l);
void text_list_free(struct text_list *l);

/* The same request apart from lifetime and attack-status, in the same order or not: what makes a PUT of a known mid a refresh (RFC 9132, 4.4.1). */
bool mitigation_same(const struct mitigation *a, const struct mitigation *b);
/* Design rule: targets overlap AND sources overlap, and where both name source ports (or ICMP types) those have a common one. */
bool mitigation_overlap(const struct mitigation *a, const struct mitigation *b);
/* RFC 9132's letter, for base servers: targets overlap. */
bool mitigation_targets_overlap(const struct mitigation *a, const struct mitigation *b);

#endif
