/* SPDX-License-Identifier: GPL-3.0-or-later */
/* control - the owner's door: a UNIX socket on which lines are commands, and events are told. Who is at the door the kernel says (SO_PEERCRED). */
#ifndef SERVERD_CONTROL_H
#define SERVERD_CONTROL_H

#include "base/json.h"
#include "base/reason.h"

#define CONTROL_MAX 16               /* attached at a time */

struct server;
struct control;

/* Mode 0660. A socket that nobody answers on any more is replaced. NULL with *why. */
struct control *control_new(struct server *s, const char *path, struct reason *why);
void control_free(struct control *c);        /* NULL allowed; removes the socket */
/* Told to everyone who is attached; the reference stays the caller's. */
void control_tell(struct control *c, const json_t *line);
/* Connects to a running serverd. A descriptor, or -1 with *why. */
int control_connect(const char *path, struct reason *why);

#endif
