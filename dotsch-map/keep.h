/* SPDX-License-Identifier: GPL-3.0-or-later */
/* keep - resolutions of mitigations that are active: a refresh gets the hosts it had, since flows that are dropped from their first packet leave nothing to
   look up again. */
#ifndef MAP_KEEP_H
#define MAP_KEEP_H

#include "dots/envelope.h"

#define KEEP_MAX 65536       /* mitigations at once; past it the one that ends first goes */

struct keep;

struct keep *keep_new(void);            /* NULL out of memory */
void keep_free(struct keep *k);         /* NULL allowed */
/* What was kept for this (peer, cuid, mid) and the same request: "hosts" and "certainty", both borrowed. False: nothing. now: boot ms. */
bool keep_get(struct keep *k, const struct envelope *e, int64_t now, json_t **hosts, json_t **certainty);
/* Keeps it until `until` (boot ms), or INT64_MAX. Replaces what was there. Lines without mid are not kept. */
void keep_put(struct keep *k, const struct envelope *e, json_t *hosts, json_t *certainty, int64_t until);
/* The mitigation has ended. */
void keep_drop(struct keep *k, const struct envelope *e);

#endif
