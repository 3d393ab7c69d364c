/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hostset - what a request's look-ups came to: the hosts that are sure, and the keys that are not. */
#ifndef MAP_HOSTSET_H
#define MAP_HOSTSET_H

#include "rewrite.h"

struct hostset {
	struct candidate *hosts;     /* their ports are owned */
	size_t n, cap;
	struct prefix_list direct;   /* sources without a NAT before them */
	bool truncated;              /* more than the cap */
	size_t unresolved;           /* keys nobody is known for */
	size_t doubtful;             /* keys with a stale or ambiguous answer */
	json_t *found;               /* candidates of doubtful keys, for the error line; NULL until needed */
	struct reason why;           /* of the first key that could not be used */
	struct answer answer;        /* of the key being looked at */
	bool again;                  /* some keys have to be looked at a second time */
	bool failed;                 /* out of memory */
};

void hostset_init(struct hostset *s);
void hostset_free(struct hostset *s);
/* Looks every key of the request up. */
void hostset_fill(struct hostset *s, const struct nat *nat, const struct rewrite_rules *rules, const struct mitigation *m, int64_t attack);
/* One candidate as JSON: address, ports, subscriber, certainty, instance, entry, why it was ruled out. */
json_t *candidate_json(const struct candidate *c);
/* "instance":7,"name":"cgn-east",… of the NAT it was found in. */
json_t *candidate_nat(const struct candidate *c);

#endif
