/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show - the commands beside running: show, flush and check. Each returns an exit code. */
#ifndef BLOCK_SHOW_H
#define BLOCK_SHOW_H

#include "options.h"

int show_run(const struct options *o);       /* what is blocked: a table for people, lines for programs */
int flush_run(const struct options *o);      /* removes the table */
int policy_run(const struct options *o);     /* the policy as it was understood */
int check_run(const struct options *o);      /* what this kernel can do, and what would be used */

#endif
