/* SPDX-License-Identifier: GPL-3.0-or-later */
/* request_command - the commands about what was asked for: `pending`, `watch`; and how a request stands. */
#ifndef CLIENT_REQUEST_COMMAND_H
#define CLIENT_REQUEST_COMMAND_H

#include "agent.h"
#include "dots/envelope.h"

struct entry;

/* `pending` and `watch`: a `request` line for each request (pending: for those that wait). */
int requests_command(struct agent *a, struct console *c, const struct envelope *line, struct reason *why);
/* How one request stands, for the caller to free. */
json_t *request_line(const struct entry *e);
/* All that the console has asked for and that is still open, as an array of such lines; the caller's to free. */
json_t *requests_unfinished(const struct agent *a, const struct console *c);

#endif
