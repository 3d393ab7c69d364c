/* SPDX-License-Identifier: GPL-3.0-or-later */
/* command - one line of a console becomes one command of the agent. */
#ifndef CLIENT_COMMAND_H
#define CLIENT_COMMAND_H

#include "agent.h"

/* Does what the line says, and answers on the console; text may be changed. A bad line is answered with an `error`. */
void command_line(struct agent *a, struct console *c, char *text, size_t len);

#endif
