/* SPDX-License-Identifier: GPL-3.0-or-later */
/* origin - requests that another agent passes on, a base DOTS server's lines piped in here (RFC 9066, 1.2, Figure 5): its peer, cuid and mid are kept as their
   ref, so that everything that goes by a ref goes by them, also after a restart. */
#ifndef CLIENT_ORIGIN_H
#define CLIENT_ORIGIN_H

#include "agent.h"
#include "base/limits.h"
#include "dots/envelope.h"

/* Is the request that the line names somebody else's? Then its ref is put into `ref`, which the line refers to from then on, and nothing else names it.
   0, or -1 with *why. */
int origin_take(const struct agent *a, struct envelope *line, char ref[REF_MAX_BYTES + 1], struct reason *why);
/* {"peer":…,"cuid":…,"mid":…} of such a ref; NULL when it is none. New reference. */
json_t *origin_of(const char *ref);

#endif
