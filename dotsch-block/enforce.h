/* SPDX-License-Identifier: GPL-3.0-or-later */
/* enforce - a plan goes into the kernel and out again: those of a burst of lines together, because a transaction costs the more, the more mitigations there are. */
#ifndef BLOCK_ENFORCE_H
#define BLOCK_ENFORCE_H

#include "block.h"

/* Puts the plan into the kernel, in place of what is there, and takes what it needs of it. What the kernel refuses becomes the entry's status. An entry
   without rules may be gathered instead (entry->gathered): enforce_gathered answers it then. */
void enforce_plan(struct block *b, struct entry *e, struct plan *plan, const char *comment);
/* The plan in force stays, for the entry's new lifetime. */
void enforce_again(struct block *b, struct entry *e);
/* Moves the kernel's timeouts. 0; or -1 with *why: then the rule stands until its old end. */
int enforce_renew(struct block *b, struct entry *e, struct reason *why);

/* Out of the kernel. all: what cannot go together is left for enforce_end. */
void enforce_end(struct block *b, struct entry *e);
void enforce_end_all(struct block *b, struct entry *const *e, size_t n);

#endif
