/* SPDX-License-Identifier: GPL-3.0-or-later */
/* route - brings a hook's chains and maps from one dispatch to another. Only adds messages to the batch under way. */
#ifndef BLOCK_ROUTE_H
#define BLOCK_ROUTE_H

#include "dispatch.h"
#include "nft.h"
#include "plan.h"

/* The names of a hook's base chain and maps; generation keeps those of two runs of the program apart. */
char *route_chain(enum hook hook, uint32_t generation, char out[NFT_NAME_MAX]);
char *route_map(enum hook hook, uint32_t generation, int family, char out[NFT_NAME_MAX]);

void route_hook_up(struct nft *n, enum hook hook, uint32_t generation, const char *const *devices, size_t n_devices);
void route_hook_down(struct nft *n, enum hook hook, uint32_t generation);
/* New junctions and segments go in; then what is no longer wanted goes out. */
void route_change(struct nft *n, const char *map, const struct dispatch *before, const struct dispatch *after);

#endif
