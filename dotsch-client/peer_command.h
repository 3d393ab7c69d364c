/* SPDX-License-Identifier: GPL-3.0-or-later */
/* peer_command - the commands about the agent itself: `peers`, `peer`, `pending`, `watch`. */
#ifndef CLIENT_PEER_COMMAND_H
#define CLIENT_PEER_COMMAND_H

#include "agent.h"
#include "dots/envelope.h"

/* `peers`: a `peer` line each (with "connected":true only those that are), then a `peers` line with the numbers. 0, or -1 with *why. */
int peers_command(struct agent *a, struct console *c, const struct envelope *line, struct reason *why);
/* `peer`: action add, set or remove, with the members of peers.jsonl. 0, or -1 with *why. */
int peer_command(struct agent *a, struct console *c, const struct envelope *line, struct reason *why);
/* `pending` and `watch`: a `request` line for each request (pending: for those that wait). */
int requests_command(struct agent *a, struct console *c, const struct envelope *line, struct reason *why);
struct entry;

/* How one request stands, for the caller to free. */
json_t *request_line(const struct entry *e);

#endif
