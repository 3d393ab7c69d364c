/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flows.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>

struct flows {
	struct loop *loop;
	struct nl_sock *look, *cut;  /* a dump and deletions do not share a socket: their answers would mix */
	struct loop_fd fd;
	bool (*wanted)(void *arg, const struct flow *f);
	void *arg;
	bool busy, again;
};

static struct nla_policy entry_policy[CTA_MAX + 1] = { [CTA_STATUS] = { .type = NLA_U32 } };
static struct nla_policy proto_policy[CTA_PROTO_MAX + 1] = { [CTA_PROTO_NUM] = { .type = NLA_U8 }, [CTA_PROTO_SRC_PORT] = { .type = NLA_U16 },
	[CTA_PROTO_DST_PORT] = { .type = NLA_U16 } };

static bool address(struct nlattr *const tb[], int v4, int v6, struct prefix *out)
{
	const struct nlattr *a = tb[v4] ? tb[v4] : tb[v6];
	int len = tb[v4] ? 4 : 16;
	if (!a || nla_len(a) != len)
		return false;
	*out = prefix_make(len == 4 ? 4 : 6, nla_data(a), (uint8_t)(len * 8));
	return true;
}

struct tuple { struct prefix source, target; uint8_t protocol; uint16_t source_port, target_port; };

static bool tuple_of(struct nlattr *a, struct tuple *t)
{
	struct nlattr *tb[CTA_TUPLE_MAX + 1], *ip[CTA_IP_MAX + 1], *proto[CTA_PROTO_MAX + 1];
	*t = (struct tuple){ 0 };
	if (!a || nla_parse_nested(tb, CTA_TUPLE_MAX, a, NULL) < 0 || !tb[CTA_TUPLE_IP] || !tb[CTA_TUPLE_PROTO] ||
	    nla_parse_nested(ip, CTA_IP_MAX, tb[CTA_TUPLE_IP], NULL) < 0 || nla_parse_nested(proto, CTA_PROTO_MAX, tb[CTA_TUPLE_PROTO], proto_policy) < 0 ||
	    !address(ip, CTA_IP_V4_SRC, CTA_IP_V6_SRC, &t->source) || !address(ip, CTA_IP_V4_DST, CTA_IP_V6_DST, &t->target) || !proto[CTA_PROTO_NUM])
		return false;
	t->protocol = nla_get_u8(proto[CTA_PROTO_NUM]);
	t->source_port = proto[CTA_PROTO_SRC_PORT] ? ntohs(nla_get_u16(proto[CTA_PROTO_SRC_PORT])) : 0;
	t->target_port = proto[CTA_PROTO_DST_PORT] ? ntohs(nla_get_u16(proto[CTA_PROTO_DST_PORT])) : 0;
	return true;
}

/* A request without an answer: an entry that is gone by itself is as good. */
static void cut(struct flows *f, const struct nlmsghdr *h, struct nlattr *tb[])
{
	const struct nfgenmsg *g = nlmsg_data(h);
	struct nl_msg *msg = nlmsg_alloc();
	if (msg && nlmsg_put(msg, 0, 0, (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE, 0, NLM_F_REQUEST) && nlmsg_append(msg, (void *)(uintptr_t)g, sizeof *g, 4) == 0 &&
	    nla_put(msg, CTA_TUPLE_ORIG | NLA_F_NESTED, nla_len(tb[CTA_TUPLE_ORIG]), nla_data(tb[CTA_TUPLE_ORIG])) == 0 &&
	    (!tb[CTA_ID] || nla_put(msg, CTA_ID, nla_len(tb[CTA_ID]), nla_data(tb[CTA_ID])) == 0) &&
	    (!tb[CTA_ZONE] || nla_put(msg, CTA_ZONE, nla_len(tb[CTA_ZONE]), nla_data(tb[CTA_ZONE])) == 0))
		nl_sendto(f->cut, nlmsg_hdr(msg), nlmsg_hdr(msg)->nlmsg_len);
	nlmsg_free(msg);
}

static void one(struct flows *f, struct nlmsghdr *h)
{
	struct nlattr *tb[CTA_MAX + 1];
	struct tuple begun, back;
	if (nlmsg_parse(h, sizeof(struct nfgenmsg), tb, CTA_MAX, entry_policy) < 0 || !tuple_of(tb[CTA_TUPLE_ORIG], &begun) || !tuple_of(tb[CTA_TUPLE_REPLY], &back))
		return;
	uint32_t status = tb[CTA_STATUS] ? ntohl(nla_get_u32(tb[CTA_STATUS])) : 0;
	struct flow flow = { .source = begun.source, .target = begun.target, .outside = back.target, .protocol = begun.protocol, .source_port = begun.source_port,
		.target_port = begun.target_port, .outside_port = back.target_port, .offloaded = status & (IPS_OFFLOAD | IPS_HW_OFFLOAD) };
	if (f->wanted(f->arg, &flow))
		cut(f, h, tb);
}

static void begin(struct flows *f)
{
	struct nfgenmsg g = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 };
	f->again = false;
	f->busy = nl_send_simple(f->look, (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET, NLM_F_REQUEST | NLM_F_DUMP, &g, sizeof g) >= 0;
}

void flows_take(struct flows *f, void *data, int len)
{
	for (struct nlmsghdr *h = data; nlmsg_ok(h, len); h = nlmsg_next(h, &len)) {
		/* Flows that came and went meanwhile may have hidden others. */
		if (h->nlmsg_flags & NLM_F_DUMP_INTR)
			f->again = true;
		if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
			f->busy = false;
		else if (h->nlmsg_type >> 8 == NFNL_SUBSYS_CTNETLINK)
			one(f, h);
	}
	if (!f->busy && f->again)
		begin(f);
}

static void ready(void *arg, uint32_t events)
{
	struct flows *f = arg;
	struct sockaddr_nl from;
	unsigned char *data = NULL;
	(void)events;
	int len = nl_recv(f->look, &from, &data, NULL);
	if (len > 0)
		flows_take(f, data, len);
	free(data);
}

static struct nl_sock *opened(void)
{
	struct nl_sock *s = nl_socket_alloc();
	if (s && (nl_connect(s, NETLINK_NETFILTER) < 0 || nl_socket_set_nonblocking(s) < 0)) {
		nl_socket_free(s);
		return NULL;
	}
	if (s)
		nl_socket_disable_auto_ack(s);
	return s;
}

struct flows *flows_new(struct loop *l, bool (*wanted)(void *arg, const struct flow *f), void *arg)
{
	struct flows *f = calloc(1, sizeof *f);
	if (!f)
		return NULL;
	f->loop = l;
	f->wanted = wanted;
	f->arg = arg;
	errno = EIO;
	if (!(f->look = opened()) || !(f->cut = opened()) || loop_add(l, &f->fd, nl_socket_get_fd(f->look), EPOLLIN, ready, f) < 0) {
		flows_free(f);
		return NULL;
	}
	return f;
}

void flows_free(struct flows *f)
{
	if (!f)
		return;
	loop_del(f->loop, &f->fd);
	if (f->look)
		nl_socket_free(f->look);
	if (f->cut)
		nl_socket_free(f->cut);
	free(f);
}

void flows_look(struct flows *f)
{
	if (f->busy)
		f->again = true;
	else
		begin(f);
}

bool flows_busy(const struct flows *f)
{
	return f->busy;
}
