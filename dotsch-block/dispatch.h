/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dispatch - which mitigations a packet has to visit, by one look-up: prefixes that nest and repeat become disjoint segments, each with the chain it leads to. Pure. */
#ifndef BLOCK_DISPATCH_H
#define BLOCK_DISPATCH_H

#include <stdio.h>

#include "base/addr.h"
#include "dots/mitigation.h"

/* A junction of more mitigations than this tells them apart by their sources. */
#define LINEAR_MAX 16

/* One mitigation, the targets that lead to it, and its sources: NULL when they do not tell it apart (any source, a MAC, or very many). */
struct route { uint32_t unit; const struct prefix_list *by, *then; };

/* Where a segment leads: to one mitigation's own chain (m<id>), or to a junction's (d<id>) when several cover it. */
struct leaf { bool junction; uint32_t id; };
struct segment { uint8_t first[16], last[16]; struct leaf leaf; };

/* All mitigations that cover the prefix and no longer one that is known, in the order of the routes. */
struct junction {
	uint32_t id;
	struct prefix prefix;
	uint32_t *unit;              /* visited one after the other */
	size_t n;
	struct dispatch *by_source;  /* the others, by a look-up of the source; NULL = there are none */
};

struct dispatch {
	uint8_t family;
	struct segment *segment;     /* sorted, disjoint */
	size_t n_segments;
	struct junction *junction;   /* sorted by prefix */
	size_t n_junctions;
};

/* Fills *out (initialised by it). Junctions of `before` at the same prefix keep their id; new ones take ++*last_id. 0, or -1 out of memory (then *out is empty). */
int dispatch_make(uint8_t family, const struct route *routes, size_t n, const struct dispatch *before, uint32_t *last_id, struct dispatch *out);
void dispatch_free(struct dispatch *d);      /* the contents; NULL allowed */
void dispatch_print(const struct dispatch *d, FILE *out);

#endif
