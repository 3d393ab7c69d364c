/* SPDX-License-Identifier: GPL-3.0-or-later */
/* view - what a client reads about its mitigations: bodies of 2.05 and of notifications (RFC 9132, 4.4.2). */
#ifndef SERVERD_VIEW_H
#define SERVERD_VIEW_H

#include "path.h"
#include "reply.h"
#include "ledger.h"

/* One mitigation as `content` asks, at `now`. A shallow view of r: not to be freed, good as long as r is. */
struct mitigation view_record(const struct record *r, enum content content, int64_t now);
/* Answers a GET about c, NULL = a client that has nothing. notification: those that have just ended are shown too, so that observers read the last status. */
void view_get(const struct client *c, const struct target *what, bool notification, int64_t now, struct reply *out);

#endif
