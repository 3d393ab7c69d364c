/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lookup - one address for people: who could be meant, how sure that is, and why the others were ruled out. */
#ifndef MAP_LOOKUP_H
#define MAP_LOOKUP_H

#include "options.h"

/* The other commands. Each returns the exit code. */
int lookup_run(const struct options *o, char **operands, int n);
int compile_run(const struct options *o);
int export_run(const struct options *o);

#endif
