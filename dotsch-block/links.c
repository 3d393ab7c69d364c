/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "links.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ports { char (*name)[LINK_NAME_MAX]; size_t n; };

static struct nla_policy link_policy[IFLA_MAX + 1] = { [IFLA_IFNAME] = { .type = NLA_STRING } };
static struct nla_policy info_policy[IFLA_INFO_MAX + 1] = { [IFLA_INFO_SLAVE_KIND] = { .type = NLA_STRING } };

static int one(struct nl_msg *msg, void *arg)
{
	struct ports *p = arg;
	struct nlattr *tb[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1];
	struct nlmsghdr *h = nlmsg_hdr(msg);
	if (h->nlmsg_type == RTM_NEWLINK && p->n < LINKS_MAX && nlmsg_parse(h, sizeof(struct ifinfomsg), tb, IFLA_MAX, link_policy) >= 0 && tb[IFLA_IFNAME] && tb[IFLA_LINKINFO] &&
	    nla_parse_nested(info, IFLA_INFO_MAX, tb[IFLA_LINKINFO], info_policy) >= 0 && info[IFLA_INFO_SLAVE_KIND] &&
	    !strcmp(nla_get_string(info[IFLA_INFO_SLAVE_KIND]), "bridge"))
		snprintf(p->name[p->n++], LINK_NAME_MAX, "%s", nla_get_string(tb[IFLA_IFNAME]));
	return NL_OK;
}

size_t links_bridge_ports(char out[LINKS_MAX][LINK_NAME_MAX])
{
	struct ports p = { out, 0 };
	struct nl_sock *s = nl_socket_alloc();
	struct ifinfomsg m = { .ifi_family = AF_UNSPEC };
	if (s && nl_connect(s, NETLINK_ROUTE) == 0 && nl_socket_modify_cb(s, NL_CB_VALID, NL_CB_CUSTOM, one, &p) == 0 &&
	    nl_send_simple(s, RTM_GETLINK, NLM_F_DUMP, &m, sizeof m) >= 0)
		nl_recvmsgs_default(s);
	if (s)
		nl_socket_free(s);
	return p.n;
}
