/* SPDX-License-Identifier: GPL-3.0-or-later */
/* route - brings a hook's chains and maps from one dispatch to another. Only adds messages to the batch under way. */
#ifndef BLOCK_ROUTE_H
#define BLOCK_ROUTE_H

#include "dispatch.h"
#include "nft.h"
#include "plan.h"

/* Everything of one hook: its base chain, maps and junctions. run keeps the names of two runs of the program apart. What is new goes in first; what before had and
   after lacks goes out last. Both are of IPv4 and IPv6; a hook without segments has no base chain. */
void route_hook(struct nft *n, enum hook hook, uint32_t run, const struct dispatch before[2], const struct dispatch after[2], const char *const *devices, size_t n_devices);
/* What should be there: each map (set) with the number of its elements as the kernel counts them; each chain with 1 and the number of its rules, and with 1 more
   for whatever leads to it. A chain's name comes several times then: its numbers add up. */
typedef void route_fn(void *arg, const char *name, bool set, uint32_t n);
void route_holds(enum hook hook, uint32_t run, const struct dispatch d[2], route_fn *fn, void *arg);

#endif
