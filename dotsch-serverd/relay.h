/* SPDX-License-Identifier: GPL-3.0-or-later */
/* relay - what comes back from an agent that has passed a request of ours on (RFC 9066, 1.2, Figure 5). It tells under a name of its own, and names ours as
   the origin. */
#ifndef SERVERD_RELAY_H
#define SERVERD_RELAY_H

#include "core.h"
#include "dots/envelope.h"
#include "outcome.h"

/* The line has an origin. */
bool relay_is(const struct envelope *e);
/* What the origin names; NULL when it is not, or no longer, known. */
struct record *relay_subject(struct core *core, const struct envelope *e);
/* A status or a response of an agent in between: whoever it has asked will not, or will no longer, mitigate. Then r is rejected when that is for legitimate
   traffic, else withdrawn, and its client is told. One of several parts is no more than a note for the owner. False: it says nothing of the kind. */
bool relay_refused(struct core *core, struct record *r, const struct envelope *e, struct moment at, struct outcome *o);

#endif
