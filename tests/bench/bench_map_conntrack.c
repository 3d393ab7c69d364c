/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_map_conntrack - one look-up of an inside host among 100,000 flows, in a network namespace of its own. Beside it a bare netlink round trip that finds nothing.
   One JSON line. */
#include <linux/netfilter/nf_conntrack_common.h>
#include <netlink/netfilter/ct.h>
#include <netlink/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "conntrack.h"

#define FLOWS 100000
#define LOOK_UPS 20000

static double now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "bench_map_conntrack: %s\n", what);
	exit(1);
}

static void set(struct nfnl_ct *ct, int repl, uint32_t src, uint32_t dst, uint16_t sport, uint16_t dport)
{
	uint8_t s[4] = { (uint8_t)(src >> 24), (uint8_t)(src >> 16), (uint8_t)(src >> 8), (uint8_t)src };
	uint8_t d[4] = { (uint8_t)(dst >> 24), (uint8_t)(dst >> 16), (uint8_t)(dst >> 8), (uint8_t)dst };
	struct nl_addr *from = nl_addr_build(AF_INET, s, 4), *to = nl_addr_build(AF_INET, d, 4);
	nfnl_ct_set_src(ct, repl, from);
	nfnl_ct_set_dst(ct, repl, to);
	nfnl_ct_set_src_port(ct, repl, sport);
	nfnl_ct_set_dst_port(ct, repl, dport);
	nl_addr_put(from);
	nl_addr_put(to);
}

/* Flow i: an inside host of 256, seen from outside as one of two addresses. */
static struct flow_key key_of(uint32_t i)
{
	uint8_t target[4] = { 203, 0, 113, 9 }, external[4] = { 100, 64, 8, (uint8_t)(21 + i / 50000) };
	return (struct flow_key){ .family = 4, .proto = 17, .zone = -1, .target = prefix_make(4, target, 32), .external = prefix_make(4, external, 32), .has_ports = true,
		.target_port = 443, .external_port = (uint16_t)(10000 + i % 50000) };
}

static void add_flows(void)
{
	struct nl_sock *s = nl_socket_alloc();
	must(s && nl_connect(s, NETLINK_NETFILTER) == 0, "netlink");
	for (uint32_t i = 0; i < FLOWS; i++) {
		struct nfnl_ct *ct = nfnl_ct_alloc();
		nfnl_ct_set_family(ct, AF_INET);
		nfnl_ct_set_proto(ct, 17);
		nfnl_ct_set_timeout(ct, 600);
		nfnl_ct_set_status(ct, IPS_CONFIRMED | IPS_SEEN_REPLY);
		set(ct, 0, 0xc0a80000u + (i & 255), 0xcb007109u, (uint16_t)(1024 + i / 256 + i / 50000 * 20000), 443);
		set(ct, 1, 0xcb007109u, 0x64400815u + i / 50000, 443, (uint16_t)(10000 + i % 50000));
		int error = nfnl_ct_add(s, ct, NLM_F_CREATE);
		nfnl_ct_put(ct);
		must(error == 0, "a flow cannot be added (net.netfilter.nf_conntrack_max?)");
	}
	nl_socket_free(s);
}

int main(void)
{
	struct reason why;
	if ((geteuid() ? unshare(CLONE_NEWUSER | CLONE_NEWNET) : unshare(CLONE_NEWNET)) < 0) {
		fprintf(stderr, "bench_map_conntrack: no network namespaces can be made here\n");
		return 77;
	}
	add_flows();
	struct conntrack *c = conntrack_open(&why);
	must(c, why.text);
	double start = now();
	for (uint32_t i = 0; i < LOOK_UPS; i++) {
		struct flow_key key = key_of(i * 7919 % FLOWS);
		struct flow f;
		must(conntrack_get(c, &key, &f, &why) == 1 && f.inside.addr[0] == 192, "a flow is not found");
	}
	double mine = (now() - start) / LOOK_UPS * 1e3;
	uint8_t nobody[4] = { 192, 168, 0, 1 };
	struct prefix host = prefix_make(4, nobody, 32);
	start = now();
	for (int i = 0; i < LOOK_UPS; i++) {
		struct neighbour n;
		must(conntrack_neighbour(c, 1, &host, &n, &why) == 0, "a neighbour where there is none");
	}
	double floor = (now() - start) / LOOK_UPS * 1e3;
	printf("{\"bench\":\"map.conntrack\",\"value\":%.4g,\"unit\":\"ms\",\"peer\":\"a netlink round trip that finds nothing\",\"peer_value\":%.4g,\"ratio\":%.3g,"
	       "\"better\":\"lower\",\"flows\":%d}\n", mine, floor, floor / mine, FLOWS);
	conntrack_close(c);
	return 0;
}
