/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rules - mappings that are computed, never expanded: MAP-E/T (RFC 7597), lw4o6 (RFC 7596), NPTv6 (RFC 6296), EAM (RFC 7757), deterministic NAT
   (RFC 7422), and NAT64 addresses (RFC 6052). */
#ifndef MAP_RULES_H
#define MAP_RULES_H

#include "base/addr.h"
#include "table.h"

/* The IPv4 prefix inside a NAT64 prefix of 32, 40, 48, 56, 64 or 96 bits. False for any other length. */
bool nat64_embed(const struct prefix *nat64, const struct prefix *v4, struct prefix *out);
/* What NPTv6 makes of an address or prefix on its way in: prefix replaced, one 16-bit word adjusted so that checksums stay. False when `address` is not in `external`. */
bool nptv6_inside(const struct prefix *external, const struct prefix *internal, const struct prefix *address, struct prefix *out);
/* Fixed bits replaced, the rest copied (EAM, and IPv4 static prefixes). */
bool prefix_swap(const struct prefix *external, const struct prefix *internal, const struct prefix *address, struct prefix *out);
/* MAP: the customer's CE address for a shared IPv4 address and a port, -1 as port when the address is not shared. 0; -1: the port belongs to nobody; -2: not
   covered by the rule; -3: shared, and no port was given. */
int map_ce(const struct nat_rule *rule, const struct prefix *v4, int port, struct prefix *ce);
/* The offset a, and the length k of the PSID of the rule. */
unsigned map_psid_len(const struct nat_rule *rule);
/* Deterministic NAT: the subscriber that owns a port of an outside address. The same results as map_ce. */
int deterministic_inside(const struct nat_rule *rule, const struct prefix *ext, int port, struct prefix *inside);

#endif
