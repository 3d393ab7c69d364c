/* SPDX-License-Identifier: GPL-3.0-or-later */
/* child - starting the administrator's own shell commands, given on the command line; never text from outside. */
#ifndef SERVERD_CHILD_H
#define SERVERD_CHILD_H

#include <sys/types.h>

/* Runs `sh -c command` in this process group, 0 = one of its own, with these as standard input and output (out -1: stderr), and with the usual signals. *pidfd becomes
   readable when it ends. 0, or an errno value. */
int child_start(const char *command, pid_t group, int in, int out, pid_t *pid, int *pidfd);

#endif
