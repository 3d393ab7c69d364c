/* SPDX-License-Identifier: GPL-3.0-or-later */
/* terminal - the prompt as a console of the agent in this process. */
#ifndef CLIENT_TERMINAL_H
#define CLIENT_TERMINAL_H

#include "agent.h"

struct repl;
struct terminal;
/* Registers with the agent; leaving the prompt stops the loop. NULL when out of memory. */
struct terminal *terminal_open(struct agent *a, bool json);
struct repl *terminal_repl(struct terminal *t);
void terminal_close(struct terminal *t);     /* NULL allowed */

#endif
