/* SPDX-License-Identifier: GPL-3.0-or-later */
/* block_seam - between dotsch-block and libnl: transactions that fail as kernels make them fail, and a clock that jumps. Linked with --wrap (tests/block.mk). */
#ifndef TESTS_BLOCK_SEAM_H
#define TESTS_BLOCK_SEAM_H

#include <stdint.h>

enum seam {
	SEAM_NONE,
	SEAM_SEND,               /* sendmsg fails with the error; nothing has gone out */
	SEAM_ANSWER,             /* the kernel answers with the error, at the beginning of the batch; nothing was applied */
	SEAM_LOST,               /* applied, but the answer is lost: reading fails with the error */
	SEAM_ASK,                /* a question is answered with the error, not a transaction */
	SEAM_NEVER,              /* not applied, and reading fails with the error */
	SEAM_FLUSH,              /* another program deletes the table just before; the error means nothing */
};
/* The nth transaction from now on (1 = the next) and, with `times`, the ones behind it. */
void seam_arm(enum seam kind, int error, unsigned nth, unsigned times);
unsigned seam_left(void);                                    /* failures that have not come yet */
void seam_jump(int64_t ms);                                  /* the clocks go on from there */

#endif
