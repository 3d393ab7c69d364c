/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pipe - the console of a pipe: lines from standard input, lines (or text for people) to standard output. */
#ifndef CLIENT_PIPE_H
#define CLIENT_PIPE_H

#include "agent.h"
#include "console.h"

struct pipe_options {
	bool text;               /* for people, instead of lines */
	bool colours;
	bool service;            /* the end of input, and a reader that goes away, end nothing */
	int64_t wait_s;          /* of the console */
	char *command;           /* one line instead of standard input; NULL = read standard input. Borrowed until the console has been opened */
};

struct pipe_console;
/* Registers with the agent. Its end stops the loop with the exit code. NULL when out of memory. */
struct pipe_console *pipe_open(struct agent *a, const struct pipe_options *options);
/* Begins to read, or does the one command. */
void pipe_start(struct pipe_console *s);
/* Writes what is pending, and frees; NULL allowed. */
void pipe_close(struct pipe_console *s);

#endif
