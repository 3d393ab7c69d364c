/* SPDX-License-Identifier: GPL-3.0-or-later */
/* words - the owner's commands in words, as typed in the REPL or on the command line, become lines. */
#ifndef SERVERD_WORDS_H
#define SERVERD_WORDS_H

#include "base/json.h"

struct words_command { const char *name, *arguments, *help; };
extern const struct words_command words_commands[];          /* ended by a NULL name */

/* A new line, or NULL with *why. "7" names a mitigation by its mid, "isp/7" by peer and mid. */
json_t *words_line(char *const *words, size_t n, struct reason *why);

#endif
