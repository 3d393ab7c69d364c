/* SPDX-License-Identifier: GPL-3.0-or-later */
/* control - the control socket of a running agent (-s SOCKET): lines in, lines out, many users at once. */
#ifndef CLIENT_CONTROL_H
#define CLIENT_CONTROL_H

#include "agent.h"

struct control;
/* Binds it with mode 0660. A socket file that nobody serves any more is taken over. NULL with *why. */
struct control *control_open(struct agent *a, const char *path, struct reason *why);
void control_close(struct control *c);       /* NULL allowed */

#endif
