/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sandbox - after the start only the system calls of the loop are left. */
#ifndef BLOCK_SANDBOX_H
#define BLOCK_SANDBOX_H

/* 0, or -1 when the kernel has no filters: the program then runs without. */
int sandbox_enter(void);

#endif
