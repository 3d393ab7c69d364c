/* SPDX-License-Identifier: GPL-3.0-or-later */
/* repl - the interactive prompt: history, completion, help while typing, and lines that appear above what is being typed. The one door to readline. */
#ifndef CLIENT_REPL_H
#define CLIENT_REPL_H

#include "base/json.h"
#include "base/loop.h"

struct repl_ops {
	/* One line for the agent; text may be changed. */
	void (*submit)(void *arg, char *text, size_t len);
	/* The user has left. */
	void (*quit)(void *arg);
};

struct repl;
/* Takes standard input and output over. One at a time in a process. NULL when out of memory. */
struct repl *repl_open(struct loop *l, bool colours, bool json, const struct repl_ops *ops, void *arg);
void repl_close(struct repl *r);             /* restores the terminal; NULL allowed */
/* A line of the agent: shown above the prompt, and learned from for completion. */
void repl_show(struct repl *r, const json_t *line);
void repl_say(struct repl *r, const char *text);     /* a message of our own */
void repl_resized(struct repl *r);           /* SIGWINCH */
void repl_interrupt(struct repl *r);         /* SIGINT: what is typed goes; an empty line stays */

#endif
