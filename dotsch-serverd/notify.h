/* SPDX-License-Identifier: GPL-3.0-or-later */
/* notify - tells the owner who is not looking: his own command gets each event as a line on its standard input. */
#ifndef SERVERD_NOTIFY_H
#define SERVERD_NOTIFY_H

#include "base/json.h"
#include "base/loop.h"

#define NOTIFY_MAX 4                 /* commands at a time; while as many run, further events are only logged */

struct notify;

/* command: for sh -c, from the command line. NULL out of memory. */
struct notify *notify_new(struct loop *l, const char *command);
void notify_free(struct notify *n);          /* leaves running commands to end by themselves; NULL allowed */
/* The reference stays the caller's. */
void notify_tell(struct notify *n, const json_t *line);

#endif
