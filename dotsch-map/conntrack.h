/* SPDX-License-Identifier: GPL-3.0-or-later */
/* conntrack - this box's own NAT, routes and neighbours. The one adapter of libnl (netlink: nfnetlink_conntrack, rtnetlink). */
#ifndef MAP_CONNTRACK_H
#define MAP_CONNTRACK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/reason.h"

struct flow {
	uint8_t proto;
	struct prefix inside, target;        /* original source; what it is seen to talk to */
	struct prefix external, asked;       /* the source as the target sees it; the destination before any translation */
	uint16_t inside_port, target_port, external_port, asked_port;    /* of ICMP: the identifier, in inside_port and external_port */
	uint8_t icmp_type;
	uint16_t zone;                       /* conntrack zone, 0 unless the ruleset sets one */
	uint32_t timeout;                    /* seconds left */
	bool source_nat, destination_nat;    /* what the kernel translates */
};

/* What a flow must be; a zero family or a missing flag leaves the thing open. */
struct flow_key {
	uint8_t family;                      /* 4 or 6, always */
	int proto, zone;                     /* -1 = any */
	struct prefix target, external;      /* hosts; family 0 = any */
	bool has_ports;                      /* both of the following */
	uint16_t target_port, external_port;
};

struct route { bool local, gateway; int ifindex; };
struct neighbour { struct prefix address; uint8_t mac[6]; bool has_mac; int ifindex; };

struct conntrack;

/* Opens the two sockets. NULL with *why: no permission (CAP_NET_ADMIN), no kernel support. */
struct conntrack *conntrack_open(struct reason *why);
void conntrack_close(struct conntrack *c);     /* NULL allowed */

/* The one flow of a complete tuple, given as the reply is seen: one round trip whatever the size of the table. Without a zone the
   kernel looks into zone 0 only. 1 found, 0 none, -1 with *why. */
int conntrack_get(struct conntrack *c, const struct flow_key *key, struct flow *out, struct reason *why);
/* Every flow of a partial tuple; the kernel filters where it can. fn returns false to hear no more. 0, or -1 with *why. */
int conntrack_dump(struct conntrack *c, const struct flow_key *key, bool (*fn)(void *arg, const struct flow *f), void *arg, struct reason *why);

/* Where packets to a host go. 1, 0 no route, -1 with *why. */
int conntrack_route(struct conntrack *c, const struct prefix *host, struct route *out, struct reason *why);
/* Its link-layer address on that interface. 1, 0 unknown, -1 with *why. */
int conntrack_neighbour(struct conntrack *c, int ifindex, const struct prefix *host, struct neighbour *out, struct reason *why);
/* Every live neighbour inside a prefix. 0, or -1 with *why. */
int conntrack_neighbours(struct conntrack *c, const struct prefix *in, bool (*fn)(void *arg, const struct neighbour *n), void *arg, struct reason *why);

#endif
