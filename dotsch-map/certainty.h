/* SPDX-License-Identifier: GPL-3.0-or-later */
/* certainty - how sure a look-up in a NAT table is, given when the attack was and when the table was made (dotsch-map(1), CERTAINTY). */
#ifndef MAP_CERTAINTY_H
#define MAP_CERTAINTY_H

#include <stdbool.h>
#include <stdint.h>

/* Rising: the surest last. */
enum certainty { CERTAINTY_NONE, CERTAINTY_AMBIGUOUS, CERTAINTY_STALE, CERTAINTY_LIKELY, CERTAINTY_EXACT };

#define HOLD_SECONDS 120     /* an external port is not given to another host so soon after its release (RFC 6888, REQ-8) */

const char *certainty_name(enum certainty c);
/* A mapping seen alive at `captured` (wall ms) with `life` seconds left (ignored when is_static). */
enum certainty certainty_of_mapping(int64_t attack, int64_t captured, bool is_static, uint32_t life);
/* A mapping known from its begin and end (seconds since 1970). */
enum certainty certainty_of_event(int64_t attack, uint32_t begin, uint32_t end);

#endif
