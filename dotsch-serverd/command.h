/* SPDX-License-Identifier: GPL-3.0-or-later */
/* command - the owner's commands as lines: pending, show, sessions, audit, decision, withdraw (dotsch-lines(5)). */
#ifndef SERVERD_COMMAND_H
#define SERVERD_COMMAND_H

#include "server.h"

struct command_reply {
	void (*line)(void *arg, json_t *line);       /* takes the reference */
	void *arg;
};

/* Runs one line. who: for the audit trail, "uid 1000". Answers with lines and closes with {"type":"done"} or an error line; both echo `ref`.
   peer and cuid may be left out when the mid alone is not ambiguous. */
void command_run(struct server *s, const char *who, const char *text, size_t len, const struct command_reply *reply);
/* How one mitigation stands, for the owner: the device included. New reference. */
json_t *command_describe(const struct record *r, int64_t now);

#endif
