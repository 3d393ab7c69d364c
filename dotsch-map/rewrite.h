/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rewrite - the provider's side: a request about external addresses becomes one or several about the hosts inside (RFC 9066, 5.3.2; CH-35 to CH-38). */
#ifndef MAP_REWRITE_H
#define MAP_REWRITE_H

#include "dots/envelope.h"
#include "resolve.h"

struct rewrite_rules {
	struct prefix_list direct;   /* addresses that no NAT stands before: they stay as they are */
	bool allow_many;             /* a range or a prefix may become every host behind it */
	unsigned max_hosts;          /* one line becomes at most so many */
	unsigned max_ports;          /* port ranges of one rewritten request */
};

/* Takes the reference of `line`. */
typedef void rewrite_emit_fn(void *arg, json_t *line);

/* Answers a `mitigate` line with the rewritten ones, an `error` line, or both. A request without a source, or whose sources have no NAT before them, stays as it is:
   then false, and nothing was emitted.
   May change e->json. now: wall ms, the attack's time when the line tells none. */
bool rewrite(const struct nat *nat, const struct rewrite_rules *rules, struct envelope *e, int64_t now, rewrite_emit_fn *emit, void *arg);

#endif
