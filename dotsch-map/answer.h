/* SPDX-License-Identifier: GPL-3.0-or-later */
/* answer - how resolve collects candidates; shared by its two halves, the mappings and the rules. */
#ifndef MAP_ANSWER_H
#define MAP_ANSWER_H

#include "resolve.h"

#define ANSWER_SLOTS 2048    /* twice RESOLVE_MAX_HOSTS */

struct search {
	const struct nat_query *q;
	const struct table *table;
	struct wide ext;
	struct answer *out;
	bool port_allowed, port_denied;  /* a pool of the address uses the port, or says that it does not */
	bool failed;                     /* out of memory */
	bool hashed;                     /* there are many: slots are in use, and before that they are not even zeroed */
	uint16_t slots[ANSWER_SLOTS];    /* hash of candidates: index + 1 */
};

/* One voice for one host. */
struct voice {
	struct prefix host, subscriber;
	bool has_subscriber, has_port, has_entry, port_required, other_target, covers /* all ports of the address */;
	struct inside_port port;
	enum certainty certainty;
	uint32_t instance, entry, rank;
	int64_t captured;                /* 0 = unknown */
	const char *ruled_out;
};

/* Adds it to its host's candidate, or makes one. False: enough, stop searching. */
bool answer_hear(struct search *s, const struct voice *v);
/* How specific a match is: the longer prefix, then the named protocol, then the narrower port range, then the named destination. */
uint32_t answer_rank(uint8_t len, bool proto, uint16_t width, bool dst);
/* Adds what the rules and bindings of s->table say. */
void resolve_rules(struct search *s);

#endif
