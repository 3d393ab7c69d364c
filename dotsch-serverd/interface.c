/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "interface.h"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/route.h>
#include <stdlib.h>
#include <string.h>

#define SETTLE_MS 200                /* one change comes as several messages */

struct interfaces {
	struct loop *loop;
	struct nl_sock *events, *questions;
	struct loop_fd readable;
	struct loop_timer settle;
	void (*changed)(void *arg);
	void *arg;
};

static void on_settled(void *arg)
{
	struct interfaces *s = arg;

	s->changed(s->arg);
}

/* What exactly has changed does not matter: everything is read again. */
static int on_message(struct nl_msg *m, void *arg)
{
	struct interfaces *s = arg;

	(void)m;
	if (!loop_timer_armed(&s->settle))
		loop_timer_set(s->loop, &s->settle, SETTLE_MS);
	return NL_OK;
}

static void on_readable(void *arg, uint32_t events)
{
	struct interfaces *s = arg;

	(void)events;
	/* An overrun loses messages, not news: something has changed. */
	if (nl_recvmsgs_default(s->events) < 0)
		on_message(NULL, s);
}

static int listen_events(struct interfaces *s)
{
	nl_socket_disable_seq_check(s->events);
	if (nl_socket_modify_cb(s->events, NL_CB_VALID, NL_CB_CUSTOM, on_message, s) != 0 || nl_connect(s->events, NETLINK_ROUTE) != 0)
		return -1;
	if (nl_socket_add_memberships(s->events, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE, RTNLGRP_LINK, 0) != 0)
		return -1;
	nl_socket_set_nonblocking(s->events);
	return loop_add(s->loop, &s->readable, nl_socket_get_fd(s->events), EPOLLIN, on_readable, s);
}

struct interfaces *interfaces_new(struct loop *l, void (*changed)(void *arg), void *arg, struct reason *why)
{
	struct interfaces *s = calloc(1, sizeof(*s));

	if (s != NULL) {
		s->loop = l;
		s->changed = changed;
		s->arg = arg;
		loop_timer_init(&s->settle, on_settled, s);
		s->events = nl_socket_alloc();
		s->questions = nl_socket_alloc();
		if (s->events != NULL && s->questions != NULL && listen_events(s) == 0 && nl_connect(s->questions, NETLINK_ROUTE) == 0)
			return s;
	}
	interfaces_free(s);
	reason_set(why, 0, "scope-interface", "", "rtnetlink cannot be used");
	return NULL;
}

void interfaces_free(struct interfaces *s)
{
	if (s == NULL)
		return;
	loop_timer_stop(s->loop, &s->settle);
	loop_del(s->loop, &s->readable);
	nl_socket_free(s->events);
	nl_socket_free(s->questions);
	free(s);
}

struct reading { struct prefix_list *out; int ifindex; bool failed; };

static void add(struct reading *r, const struct nl_addr *a, bool host)
{
	int family = nl_addr_get_family(a);
	struct prefix p;

	if (family != AF_INET && family != AF_INET6)
		return;
	p = prefix_make(family == AF_INET ? 4 : 6, nl_addr_get_binary_addr(a), (uint8_t)(host ? (family == AF_INET ? 32 : 128) : nl_addr_get_prefixlen(a)));
	if (p.len == 0 || prefix_forbidden(&p) != NULL || prefix_link_local(&p))
		return;
	if (prefix_list_add(r->out, &p) != 0)
		r->failed = true;
}

static void one_address(struct nl_object *o, void *arg)
{
	struct rtnl_addr *a = (struct rtnl_addr *)o;
	struct reading *r = arg;

	if (rtnl_addr_get_ifindex(a) == r->ifindex && rtnl_addr_get_local(a) != NULL)
		add(r, rtnl_addr_get_local(a), true);
}

static void one_route(struct nl_object *o, void *arg)
{
	struct rtnl_route *route = (struct rtnl_route *)o;
	int type = rtnl_route_get_type(route);

	if (rtnl_route_get_table(route) == RT_TABLE_MAIN && (type == RTN_UNREACHABLE || type == RTN_BLACKHOLE || type == RTN_PROHIBIT))
		add(arg, rtnl_route_get_dst(route), false);
}

int interfaces_read(struct interfaces *s, const struct text_list *interfaces, struct prefix_list *out)
{
	struct nl_cache *addresses = NULL, *routes = NULL;
	struct reading r = { .out = out };

	if (rtnl_addr_alloc_cache(s->questions, &addresses) != 0 || rtnl_route_alloc_cache(s->questions, AF_INET6, 0, &routes) != 0) {
		r.failed = true;
	} else {
		for (size_t i = 0; i < interfaces->n; i++) {
			r.ifindex = (int)if_nametoindex(interfaces->v[i]);
			if (r.ifindex != 0)
				nl_cache_foreach(addresses, one_address, &r);
		}
		nl_cache_foreach(routes, one_route, &r);
	}
	nl_cache_free(addresses);
	nl_cache_free(routes);
	return r.failed ? -1 : 0;
}
