/* SPDX-License-Identifier: GPL-3.0-or-later */
/* export - this box's own NAT as RFC 8512 JSON: one mapping-entry for each translated flow, its lifetime the conntrack timeout that is left. */
#ifndef MAP_EXPORT_H
#define MAP_EXPORT_H

#include <stdio.h>

#include "base/reason.h"

/* Writes the document. 0, or -1 with *why; a write error is left in `out`. */
int export_conntrack(FILE *out, int zone, struct reason *why);

#endif
