/* SPDX-License-Identifier: GPL-3.0-or-later */
/* plan - what is blocked for one `mitigate` line, and where: pure, from the line and the policy to sets, rules and a hook (dotsch-block(8), WHAT IS BLOCKED). */
#ifndef BLOCK_PLAN_H
#define BLOCK_PLAN_H

#include <stdio.h>

#include "base/reason.h"
#include "dots/mitigation.h"

enum hook { HOOK_AUTO, HOOK_PREROUTING, HOOK_FORWARD, HOOK_POSTROUTING, HOOK_INGRESS, HOOKS };
const char *hook_name(enum hook h);
int hook_parse(const char *text, enum hook *out);            /* 0, or -1 */

enum verb { VERB_DROP, VERB_REJECT, VERB_LIMIT, VERB_QUARANTINE, VERB_QUEUE, VERB_MARK, VERB_LOG, VERB_DRY_RUN, VERBS };
struct action {
	enum verb verb;
	uint64_t rate;               /* VERB_LIMIT: a second */
	bool bytes;                  /* VERB_LIMIT: rate counts bytes, not packets */
	uint32_t number;             /* VERB_QUEUE: the queue; VERB_MARK: the mark */
};
/* "drop", "reject", "limit:100/s", "limit:64kbytes/s", "quarantine", "queue:3", "mark:0x10", "log", "dry-run". 0, or -1 with *why. */
int action_parse(const char *text, struct action *out, struct reason *why);
const char *action_format(const struct action *a, char out[48]);   /* returns out */
bool action_stops(const struct action *a);                   /* packets that match go no further (all, or those above the limit) */

/* An inside host as a router's map found it. */
struct host {
	bool has_address, has_mac;
	struct prefix address;
	uint8_t mac[6];
};

struct plan_input {
	const struct mitigation *m;
	bool has_hosts;              /* the line has the member: there is a map, so a NAT */
	const struct host *hosts;
	size_t n_hosts;
	bool pending;                /* consent */
	const char *certainty;       /* may be NULL */
};

struct plan_policy {
	enum hook hook;              /* for requests as given; never HOOK_AUTO */
	enum hook device_hook;       /* for inside hosts: HOOK_FORWARD unless chosen otherwise */
	struct action action;
	bool drop_fragments;         /* fragments behind the first, which carry no ports and no types, follow the rule without these */
	const struct prefix_list *never;     /* touched by no rule; may be NULL */
	const struct prefix_list *own;       /* this machine's addresses; may be NULL */
	const struct prefix_list *allowed;   /* quarantine: what the device may still reach; may be NULL */
};

enum plan_outcome {
	PLAN_ENFORCE,
	PLAN_HELD,                   /* wants the owner's word first */
	PLAN_REFUSED,
};

/* What a rule tests beside the addresses. */
enum shape {
	SHAPE_ANY,                   /* nothing */
	SHAPE_PROTOCOLS,             /* one of plan.plain */
	SHAPE_PORTS,                 /* one of plan.ported, and the ports that are given */
	SHAPE_TYPES,                 /* ICMP or ICMPv6 with one of plan.types */
	SHAPE_FRAGMENTS,             /* one of plan.ported, and a fragment behind the first */
	SHAPE_TYPE_FRAGMENTS,        /* ICMP or ICMPv6, and the same */
};
struct plan_rule { uint8_t family; bool mac; enum shape shape; };
#define PLAN_MAX_RULES 16

struct plan {
	enum plan_outcome outcome;
	const char *cause;           /* one word for programs when not enforced: pending, ambiguous, unresolved, never-block, invalid */
	struct reason why;           /* the same for people */
	enum hook hook;
	bool device;                 /* a device is blocked, not what the request names */
	bool sure;                   /* stands in the way of the flow for certain */
	bool forwarded_only;         /* the rule must spare what this machine itself sends */
	struct action action;
	struct prefix_list target[2], source[2];     /* IPv4, IPv6; merged */
	bool single[2];              /* all sources of that family are single addresses */
	bool any_source;             /* no source was named (a request of the base protocol) */
	uint8_t (*mac)[6];           /* of the device, where known */
	size_t n_mac;
	bool by_mac;                 /* IPv6 rules test it too */
	struct range_list target_port, source_port, types;   /* merged; empty = any */
	struct protocol_list ported, plain;
	struct prefix_list allowed;  /* quarantine: beside its services; never-block is among them */
	struct prefix_list victim[2];        /* quarantine: what the request names, to which nothing is allowed */
	struct plan_rule rule[PLAN_MAX_RULES];
	size_t n_rules;
};

/* Fills *out (initialised by it). 0, or -1 out of memory. What is not enforced is an outcome, not an error. */
int plan_make(const struct plan_input *in, const struct plan_policy *policy, struct plan *out);
void plan_free(struct plan *p);              /* the contents; NULL allowed */
/* The same sets, rules, hook and action: nothing to change in the kernel. */
bool plan_equal(const struct plan *a, const struct plan *b);
/* Whether the plan is about packets of a flow: its addresses (which of them is the source depends on where the rule stands), protocol and ports. */
bool plan_covers(const struct plan *p, const struct prefix *source, const struct prefix *target, uint8_t protocol, uint16_t source_port, uint16_t target_port);
/* One line a rule, as people read it. */
void plan_print(const struct plan *p, FILE *out);
/* What the rules test and do, in short, for a comment: "udp to port 53: drop". Returns out. */
char *plan_summary(const struct plan *p, char *out, size_t cap);

#endif
