/* SPDX-License-Identifier: GPL-3.0-or-later */
/* attach - the other end of the control socket: one command, a pipe, or the prompt, at an agent that runs elsewhere. */
#ifndef CLIENT_ATTACH_H
#define CLIENT_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

struct attach_options {
	const char *path;
	char *command;           /* one line; NULL = standard input. Borrowed */
	int64_t wait_s;          /* -1 = the peer's answer is enough */
	bool json;
};

/* Returns the exit code. */
int attach_run(const struct attach_options *options);

#endif
