/* SPDX-License-Identifier: GPL-3.0-or-later */
/* filter - lines in, lines out, in order: requests are resolved, everything else passes byte for byte (dotsch-lines(5)). */
#ifndef MAP_FILTER_H
#define MAP_FILTER_H

#include "options.h"

/* Runs until the input ends or the output is gone. Returns the exit code. */
int filter_run(const struct options *o);

#endif
