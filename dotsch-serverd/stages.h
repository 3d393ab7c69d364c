/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stages - the programs of a shell pipeline, so that each can be started and watched by itself. Pure. */
#ifndef SERVERD_STAGES_H
#define SERVERD_STAGES_H

#include <stddef.h>

#define STAGES_MAX 16

/* Cuts `command` in place at the "|" between its programs, quotes respected. Lists, groups, substitutions and whatever else is more than one pipeline of
   simple commands stays whole, as one stage: the shell knows better. Returns how many, at least 1. */
size_t stages_split(char *command, char *stages[STAGES_MAX]);

#endif
