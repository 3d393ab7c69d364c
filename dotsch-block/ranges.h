/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ranges - lists made fit for kernel sets, which refuse overlapping intervals: sorted, merged, without duplicates. Pure. */
#ifndef BLOCK_RANGES_H
#define BLOCK_RANGES_H

#include <stdbool.h>

#include "dots/mitigation.h"

/* In place: sorted, duplicates and prefixes inside others dropped, and two halves of one prefix become it. */
void prefixes_merge(struct prefix_list *l);
/* In place: sorted, overlapping and touching ranges become one. */
void ranges_merge(struct range_list *l);
void protocols_merge(struct protocol_list *l);
/* True when all are single hosts: such a list goes into a hash. */
bool prefixes_all_hosts(const struct prefix_list *l);
/* The first address behind the prefix into next (4 or 16 bytes); false when there is none. */
bool prefix_behind(const struct prefix *p, uint8_t next[16]);

#endif
