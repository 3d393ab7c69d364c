/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ask - a `mitigate` line becomes requests: whose router, is it right, does it fit a datagram. Nothing leaves before all of it was checked. */
#ifndef CLIENT_ASK_H
#define CLIENT_ASK_H

#include "agent.h"
#include "dots/envelope.h"

/* The requests of one line, ready to go. Owned by the caller: plan_free. */
struct plan {
	struct request_part { struct peer *peer; struct mitigation m; } *v;
	size_t n, cap;
};

/* Checks CH-13 … CH-23 and CH-35, finds the peers, divides by peer and by size. 0, or -1 with *why; the plan may then hold something, free it in both cases. */
int plan_make(struct agent *a, const struct envelope *line, struct plan *out, struct reason *why);
void plan_free(struct plan *p);
/* Does it go into one datagram? */
bool request_fits(const struct mitigation *m);

/* The whole command: answers with an `error` line, or asks and answers later. */
void ask_mitigate(struct agent *a, struct console *c, struct envelope *line);

#endif
