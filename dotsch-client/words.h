/* SPDX-License-Identifier: GPL-3.0-or-later */
/* words - a command in words, as on a shell's command line and in the REPL, becomes a line of JSON. */
#ifndef CLIENT_WORDS_H
#define CLIENT_WORDS_H

#include "base/json.h"

struct words {
	json_t *line;            /* owned by the caller: json_decref */
	bool wait;               /* --wait was given */
	int64_t wait_s;          /* how long; without a value the lifetime asked for */
};

/* "mitigate --source 192.0.2.1 …"; in place of "--source" "source" does as well. 0, or -1 with *why (nothing to free). */
int words_parse(int argc, char *const *argv, struct words *out, struct reason *why);
/* "field: text" of a refused command. Static storage. */
const char *words_why(const struct reason *why);

/* For completion and help: the i-th command's name, NULL past the end; its arguments and what it does. */
const char *words_command(size_t i);
const char *words_usage(const char *command);
const char *words_help(const char *command);
/* The i-th option of a command, without dashes; NULL past the end. *what tells what follows it: 'p' a peer, 'm' a mid, 's' nothing, 'v' a value. */
const char *words_option(const char *command, size_t i, char *what);
/* What the command's first plain word is: 'p', 'm', or 0. */
char words_operand(const char *command);

#endif
