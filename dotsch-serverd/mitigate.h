/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mitigate - the mitigation requests: PUT, GET, DELETE and what their lifetimes bring (RFC 9132, 4.4; RFC 9066, 5.3.1). */
#ifndef SERVERD_MITIGATE_H
#define SERVERD_MITIGATE_H

#include "core.h"
#include "path.h"

void mitigate_put(struct core *core, const struct requester *who, const struct target *what, const struct message *m, struct moment at, struct outcome *o);
/* A client sees, and touches, what it has asked for itself: not what another credential of the same peer has. */
void mitigate_get(struct core *core, const struct requester *who, const struct target *what, bool notification, struct moment at, struct reply *out);
void mitigate_delete(struct core *core, const struct requester *who, const struct target *what, struct moment at, struct outcome *o);

/* r is over: the ring hears of the cause, observers read `status` until the epilogue has passed. */
void mitigate_finish(struct core *core, struct record *r, enum dots_status status, const char *cause, struct moment at, struct outcome *o);
/* r is due: its lifetime, its active-but-terminating period, its question to the owner, its rejection, or its epilogue has run out. */
void mitigate_due(struct core *core, struct record *r, struct moment at, struct outcome *o);

#endif
