/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sets - the sets of one mitigation and their elements. Only adds messages to the batch under way. */
#ifndef BLOCK_SETS_H
#define BLOCK_SETS_H

#include "nft.h"
#include "plan.h"

/* Elements of a set there is; interval as the set was made, timeout_ms 0 = none. */
void sets_elems(struct nft *n, const char *set, bool add, const struct prefix *v, size_t count, bool interval, uint64_t timeout_ms);
/* The set m<id><suffix>: a hash when all are single addresses, else of intervals. */
void sets_add_prefixes(struct nft *n, uint32_t id, const char *suffix, int family, const struct prefix_list *l, bool timeout, uint64_t timeout_ms);
/* None for less than two, which a rule compares directly. */
void sets_add_ranges(struct nft *n, uint32_t id, const char *suffix, const struct range_list *l);
void sets_add_bytes(struct nft *n, uint32_t id, const char *suffix, enum nft_key key, const uint8_t *v, size_t count);
/* Appends those of one family (0 = IPv4, 1 = IPv6) to *out; true when there are any. The caller frees *out. */
bool sets_of_family(const struct prefix_list *l, int family, struct prefix_list *out);
/* ICMP types as the two bytes type and code, so that a range of them is one of the kernel's intervals. They stand in v. */
struct range_list sets_types(const struct range_list *types, struct range v[], size_t cap);

#endif
