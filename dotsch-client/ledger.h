/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ledger - requests into the state and back, so that neither a crash nor a restart loses or doubles one. */
#ifndef CLIENT_LEDGER_H
#define CLIENT_LEDGER_H

#include "mitigations.h"

/* Writes the entry if it differs from what was written last in anything that matters; counters do not (flash wears out). */
void ledger_note(struct entry *e);
/* Writes the entry in any case, and calls fn once it is on the disk: at once when nothing is kept. Never for an entry that has gone meanwhile; one at a time. */
void ledger_commit(struct entry *e, void (*fn)(struct entry *e, bool ok));
/* Nobody waits for that commit any more. */
void ledger_uncommit(struct entry *e);
/* It is over. Not at the end of the program: then it is only put away. */
void ledger_forget(struct entry *e);
/* Before the mid of a request, or the cuid towards a router, changes. Nothing goes out under the new one before the next commit. */
void ledger_new_mid(struct entry *e, uint32_t mid);
void ledger_new_cuid(struct router *r, const char *cuid);
/* Makes the entries of former runs; what waits goes out when its router calls. 0, or -1 with *why. */
int ledger_load(struct agent *a, struct reason *why);

#endif
