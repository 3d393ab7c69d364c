/* SPDX-License-Identifier: GPL-3.0-or-later */
/* attach - dotsch-serverd -s SOCKET: a REPL on a terminal, a pipe of lines, or one command of a shell script. */
#ifndef SERVERD_ATTACH_H
#define SERVERD_ATTACH_H

#include <stdbool.h>
#include <stddef.h>

/* words: one command, or n = 0. lines: JSON lines also on a terminal. An exit status. */
int attach_run(const char *socket, char *const *words, size_t n, bool lines);

#endif
