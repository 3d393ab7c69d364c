/* SPDX-License-Identifier: GPL-3.0-or-later */
/* priv - what a process gives up before it reads its first byte from outside. */
#ifndef BASE_PRIV_H
#define BASE_PRIV_H

/* SIGPIPE ignored, no core dump and no ptrace (keys are in memory), no new privileges, descriptors 0-2 open, umask 077. Call first in main. */
void priv_init(void);
/* As root, becomes `user` with its groups; keeps the capabilities named in keep (bits of 1u << CAP_…, CAP_NET_ADMIN = 12), which stay effective.
   0, or -1 with errno. Not root: does nothing and returns 0. */
int priv_drop(const char *user, unsigned keep);

#endif
