/* SPDX-License-Identifier: GPL-3.0-or-later */
/* feedback - the lines that come in: what is being dropped, what the owner decided, who wants to be told everything again (dotsch-lines(5)). */
#ifndef SERVERD_FEEDBACK_H
#define SERVERD_FEEDBACK_H

#include "core.h"

/* One line. Lines for the ring and effects go into *o. Returns the error line that answers a bad one (new reference), or NULL.
   Types that serverd writes itself are dropped: in a ring they may come round again. */
json_t *feedback_line(struct core *core, const char *text, size_t len, struct moment at, struct outcome *o);
/* begin, every live mitigation, end. */
void feedback_sync(struct core *core, struct moment at, struct outcome *o);

#endif
