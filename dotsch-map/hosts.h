/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hosts - the router's side: which inside host a request means, from this box's own conntrack, routes and neighbours (RFC 9066, 5.3.2; CH-39). */
#ifndef MAP_HOSTS_H
#define MAP_HOSTS_H

#include "base/json.h"
#include "certainty.h"
#include "conntrack.h"
#include "dots/mitigation.h"
#include "leases.h"

#define HOSTS_MAX 256        /* hosts listed for one request; a request that means more tells nobody anything */

/* One address of an inside host. Several with one MAC are one host. zone: the conntrack zone of its flow, since zones may have the same addresses. */
struct inside_host { struct prefix address; uint8_t mac[6]; bool has_mac; int ifindex; uint16_t zone; };

struct host_list {
	struct inside_host v[HOSTS_MAX];
	size_t n;
	bool truncated;
	enum certainty certainty;    /* none: unresolved; ambiguous: several that the request does not tell apart */
};

/* Fills *out. zone -1: a complete flow is looked for in zone 0 and, when it is not there, in all zones; what needs a dump is looked for in all.
   0, or -1 with *why (netlink failed). */
int hosts_find(struct conntrack *c, const struct mitigation *m, int zone, struct host_list *out, struct reason *why);
/* [{"address":…,"mac":…,"interface":…,"name":…}]; leases may be NULL. */
json_t *hosts_json(const struct host_list *l, struct leases *leases);

#endif
