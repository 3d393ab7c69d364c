/* SPDX-License-Identifier: GPL-3.0-or-later */
/* keep - the table on disk: what was answered survives the program (lib/store). Counters stay in memory: flash wears out. */
#ifndef SERVERD_KEEP_H
#define SERVERD_KEEP_H

#include "core.h"
#include "store/store.h"

struct store *keep_open(struct loop *l, const char *path, struct reason *why);
/* True when the outcome changed something that is kept. */
bool keep_wanted(const struct outcome *o);
/* Adds what the outcome changed to the transaction. */
void keep_add(struct store_txn *t, const struct outcome *o, struct moment at);
/* Fills the table with what is kept and not over. Rows that cannot be read are told and left out. 0, or -1 with *why. */
int keep_load(struct store *s, struct core *core, struct moment at, struct reason *why);
/* The audit trail as JSON lines, oldest first, at most the last `limit`. */
int keep_audit(struct store *s, unsigned limit, void (*line)(void *arg, const char *text), void *arg, struct reason *why);

#endif
