/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "watch.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <string.h>

/* States in which the address is known to be at the MAC. */
#define KNOWN (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT)

/* Neighbours have a socket of their own: however many there are, they drown no news of our own addresses. */
enum { NEIGHBOURS, OURS, SOCKETS };

struct watch;
struct ear { struct watch *w; struct nl_sock *sock; struct loop_fd fd; };

struct watch {
	struct loop *loop;
	struct ear ear[SOCKETS];
	struct nl_sock *asked;       /* for what is asked, so that answers and news do not mix */
	const struct watch_ops *ops;
	void *arg;
};

static struct nla_policy link_policy[IFLA_MAX + 1] = { [IFLA_IFNAME] = { .type = NLA_STRING } };

static bool address_of(const struct nlattr *a, int family, struct prefix *out)
{
	int len = family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
	if (!len || !a || nla_len(a) != len)
		return false;
	*out = prefix_make(len == 4 ? 4 : 6, nla_data(a), (uint8_t)(len * 8));
	return true;
}

static void neighbour(struct nlmsghdr *h, void (*fn)(void *arg, const struct prefix *address, const uint8_t mac[6]), void *arg)
{
	struct nlattr *tb[NDA_MAX + 1];
	const struct ndmsg *m = nlmsg_data(h);
	struct prefix address;
	if (nlmsg_parse(h, sizeof *m, tb, NDA_MAX, NULL) >= 0 && (m->ndm_state & KNOWN) && address_of(tb[NDA_DST], m->ndm_family, &address) && tb[NDA_LLADDR] &&
	    nla_len(tb[NDA_LLADDR]) == 6)
		fn(arg, &address, nla_data(tb[NDA_LLADDR]));
}

static void own(struct watch *w, struct nlmsghdr *h, bool add)
{
	struct nlattr *tb[IFA_MAX + 1];
	const struct ifaddrmsg *m = nlmsg_data(h);
	struct prefix address;
	if (nlmsg_parse(h, sizeof *m, tb, IFA_MAX, NULL) >= 0 && address_of(tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS], m->ifa_family, &address))
		w->ops->own(w->arg, &address, add);
}

/* A message about an interface that is there already has a mask of what changed; the first one says that everything is new. */
static void link_up(struct watch *w, struct nlmsghdr *h)
{
	struct nlattr *tb[IFLA_MAX + 1];
	const struct ifinfomsg *m = nlmsg_data(h);
	if (m->ifi_change == UINT32_MAX && nlmsg_parse(h, sizeof *m, tb, IFLA_MAX, link_policy) >= 0 && tb[IFLA_IFNAME])
		w->ops->link(w->arg, nla_get_string(tb[IFLA_IFNAME]));
}

void watch_take(struct watch *w, void *data, int len)
{
	for (struct nlmsghdr *h = data; nlmsg_ok(h, len); h = nlmsg_next(h, &len)) {
		if (h->nlmsg_type == RTM_NEWNEIGH && nlmsg_valid_hdr(h, sizeof(struct ndmsg)))
			neighbour(h, w->ops->neighbour, w->arg);
		else if (h->nlmsg_type == RTM_NEWLINK && nlmsg_valid_hdr(h, sizeof(struct ifinfomsg)))
			link_up(w, h);
		else if ((h->nlmsg_type == RTM_NEWADDR || h->nlmsg_type == RTM_DELADDR) && nlmsg_valid_hdr(h, sizeof(struct ifaddrmsg)))
			own(w, h, h->nlmsg_type == RTM_NEWADDR);
	}
}

void watch_look(struct watch *w, void (*fn)(void *arg, const struct prefix *address, const uint8_t mac[6]), void *arg)
{
	struct ndmsg all = { .ndm_family = AF_UNSPEC };
	struct sockaddr_nl from;
	bool more = nl_send_simple(w->asked, RTM_GETNEIGH, NLM_F_DUMP, &all, sizeof all) >= 0;
	while (more) {
		unsigned char *data = NULL;
		int len = nl_recv(w->asked, &from, &data, NULL);
		more = len > 0;
		for (struct nlmsghdr *h = (struct nlmsghdr *)(void *)data; len > 0 && nlmsg_ok(h, len); h = nlmsg_next(h, &len)) {
			if (h->nlmsg_type == RTM_NEWNEIGH && nlmsg_valid_hdr(h, sizeof(struct ndmsg)))
				neighbour(h, fn, arg);
			more &= h->nlmsg_type != NLMSG_DONE && h->nlmsg_type != NLMSG_ERROR;
		}
		free(data);
	}
}

static void ready(void *arg, uint32_t events)
{
	struct ear *e = arg;
	struct sockaddr_nl from;
	unsigned char *data = NULL;
	(void)events;
	/* Lost messages (ENOBUFS) are made good by the next packet of the neighbour. */
	int len = nl_recv(e->sock, &from, &data, NULL);
	if (len > 0)
		watch_take(e->w, data, len);
	free(data);
}

static bool listen_to(struct watch *w, int which, int a, int b, int c)
{
	struct ear *e = &w->ear[which];
	e->w = w;
	e->sock = nl_socket_alloc();
	errno = EIO;
	return e->sock && nl_connect(e->sock, NETLINK_ROUTE) == 0 && nl_socket_add_memberships(e->sock, a, b, c, 0) == 0 && nl_socket_set_nonblocking(e->sock) == 0 &&
	    loop_add(w->loop, &e->fd, nl_socket_get_fd(e->sock), EPOLLIN, ready, e) == 0;
}

struct watch *watch_new(struct loop *l, const struct watch_ops *ops, void *arg)
{
	struct watch *w = calloc(1, sizeof *w);
	if (!w)
		return NULL;
	w->loop = l;
	w->ops = ops;
	w->arg = arg;
	w->asked = nl_socket_alloc();
	errno = EIO;
	if (!w->asked || nl_connect(w->asked, NETLINK_ROUTE) < 0 || !listen_to(w, NEIGHBOURS, RTNLGRP_NEIGH, 0, 0) || !listen_to(w, OURS, RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR)) {
		watch_free(w);
		return NULL;
	}
	return w;
}

void watch_free(struct watch *w)
{
	for (int i = 0; w && i < SOCKETS; i++) {
		loop_del(w->loop, &w->ear[i].fd);
		if (w->ear[i].sock)
			nl_socket_free(w->ear[i].sock);
	}
	if (w && w->asked)
		nl_socket_free(w->asked);
	free(w);
}
