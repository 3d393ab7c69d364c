/* SPDX-License-Identifier: GPL-3.0-or-later */
/* peer_command - the commands about the agent itself and its peers: `peers`, `peer`. */
#ifndef CLIENT_PEER_COMMAND_H
#define CLIENT_PEER_COMMAND_H

#include "agent.h"
#include "dots/envelope.h"

/* `peers`: a `peer` line each (with "connected":true only those that are), then a `peers` line with the numbers. 0, or -1 with *why. */
int peers_command(struct agent *a, struct console *c, const struct envelope *line, struct reason *why);
/* `peer`: action add, set or remove, with the members of peers.jsonl. 0, or -1 with *why. */
int peer_command(struct agent *a, struct console *c, const struct envelope *line, struct reason *why);

#endif
