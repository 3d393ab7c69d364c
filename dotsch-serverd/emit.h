/* SPDX-License-Identifier: GPL-3.0-or-later */
/* emit - the lines that serverd writes into the ring: mitigate, withdraw, sync (dotsch-lines(5)). */
#ifndef SERVERD_EMIT_H
#define SERVERD_EMIT_H

#include "ledger.h"

/* Each returns a new reference. */
json_t *emit_mitigate(const struct record *r, int64_t now);
/* cause: client, expired, replaced, rejected, operator. */
json_t *emit_withdraw(const struct record *r, const char *cause);
json_t *emit_withdraw_of(const struct client *c, uint32_t mid, const char *cause);
json_t *emit_sync(const char *event);

#endif
