/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conntrack.h"

#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <netlink/netfilter/ct.h>
#include <netlink/netfilter/nfnl.h>
#include <netlink/netlink.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/route.h>
#include <stdlib.h>
#include <string.h>

/* Bits of CTA_FILTER_REPLY_FLAGS, which the kernel's own header does not export. */
enum { FILTER_IP_SRC = 1 << 0, FILTER_IP_DST = 1 << 1, FILTER_PROTO_NUM = 1 << 3 };

struct conntrack {
	struct nl_sock *ct, *route;
	bool no_filter;              /* a kernel before 5.8 */
};

/* libnl's words for its own code; the kernel's EPERM deserves better ones. */
static int nl_reason(struct reason *why, const char *what, int error)
{
	if (error == -NLE_PERM || error == -NLE_NOACCESS)
		return reason_set(why, REASON_BAD_REQUEST, "", "", "%s: not permitted; the capability CAP_NET_ADMIN is needed", what);
	return reason_set(why, REASON_BAD_REQUEST, "", "", "%s: %s", what, nl_geterror(error));
}

static struct nl_sock *open_socket(int protocol)
{
	struct nl_sock *s = nl_socket_alloc();
	if (s && nl_connect(s, protocol) < 0) {
		nl_socket_free(s);
		return NULL;
	}
	if (s) {
		nl_socket_set_buffer_size(s, 1 << 20, 0);
		nl_socket_disable_auto_ack(s);       /* each request here is answered by itself */
	}
	return s;
}

void conntrack_close(struct conntrack *c)
{
	if (!c)
		return;
	nl_socket_free(c->ct);
	nl_socket_free(c->route);
	free(c);
}

static struct nl_addr *to_nl(const struct prefix *p)
{
	return nl_addr_build(p->family == 4 ? AF_INET : AF_INET6, p->addr, p->family == 4 ? 4 : 16);
}

static bool from_nl(const struct nl_addr *a, struct prefix *out)
{
	if (!a)
		return false;
	unsigned len = nl_addr_get_len(a);
	if (len != 4 && len != 16)
		return false;
	*out = prefix_make(len == 4 ? 4 : 6, nl_addr_get_binary_addr(a), len == 4 ? 32 : 128);
	return true;
}

static bool is_icmp(uint8_t proto)
{
	return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

/* ORIGINAL 0, REPLY 1. */
static bool read_flow(struct nlmsghdr *h, struct flow *f)
{
	struct nfnl_ct *ct;
	if (nfnlmsg_ct_parse(h, &ct) < 0)
		return false;
	*f = (struct flow){ .proto = nfnl_ct_get_proto(ct) };
	bool ok = from_nl(nfnl_ct_get_src(ct, 0), &f->inside) && from_nl(nfnl_ct_get_dst(ct, 0), &f->asked) && from_nl(nfnl_ct_get_src(ct, 1), &f->target) &&
		  from_nl(nfnl_ct_get_dst(ct, 1), &f->external);
	if (is_icmp(f->proto)) {
		f->inside_port = nfnl_ct_get_icmp_id(ct, 0);
		f->external_port = nfnl_ct_get_icmp_id(ct, 1);
		f->icmp_type = nfnl_ct_get_icmp_type(ct, 0);
	} else {
		f->inside_port = nfnl_ct_get_src_port(ct, 0);
		f->asked_port = nfnl_ct_get_dst_port(ct, 0);
		f->target_port = nfnl_ct_get_src_port(ct, 1);
		f->external_port = nfnl_ct_get_dst_port(ct, 1);
	}
	f->zone = nfnl_ct_test_zone(ct) ? nfnl_ct_get_zone(ct) : 0;
	f->timeout = nfnl_ct_test_timeout(ct) ? nfnl_ct_get_timeout(ct) : 0;
	uint32_t status = nfnl_ct_get_status(ct);
	f->source_nat = status & IPS_SRC_NAT;
	f->destination_nat = status & IPS_DST_NAT;
	nfnl_ct_put(ct);
	return ok;
}

struct dump {
	const struct flow_key *key;
	bool (*fn)(void *arg, const struct flow *f);
	void *arg;
	bool enough;
};

/* Again by ourselves: an old kernel ignores the filter. */
static bool flow_matches(const struct flow *f, const struct flow_key *k)
{
	return (k->proto < 0 || f->proto == k->proto) && (k->zone < 0 || f->zone == k->zone) && (!k->target.family || prefix_equal(&f->target, &k->target)) &&
	       (!k->external.family || prefix_equal(&f->external, &k->external)) &&
	       (!k->has_ports || (f->target_port == k->target_port && f->external_port == k->external_port));
}

static int on_flow(struct nl_msg *msg, void *arg)
{
	struct dump *d = arg;
	struct flow f;
	if (!d->enough && read_flow(nlmsg_hdr(msg), &f) && flow_matches(&f, d->key))
		d->enough = !d->fn(d->arg, &f);
	return NL_OK;
}

static int on_ack(struct nl_msg *msg, void *arg)
{
	(void)msg;
	(void)arg;
	return NL_STOP;
}

/* Sends, then hears the whole answer: up to the end of a dump, or the acknowledgement where the request asked for one. */
static int talk(struct nl_sock *s, struct nl_msg *msg, nl_recvmsg_msg_cb_t fn, void *arg)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	if (!cb)
		return -NLE_NOMEM;
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, fn, arg);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_ack, NULL);
	int error = nl_send_auto(s, msg);
	if (error >= 0)
		error = nl_recvmsgs(s, cb);
	nl_cb_put(cb);
	return error < 0 ? error : 0;
}

static bool keep_flow(void *arg, const struct flow *f)
{
	*(struct flow *)arg = *f;
	return false;
}

static bool set_tuple(struct nfnl_ct *ct, const struct flow_key *k)
{
	struct nl_addr *src = to_nl(&k->target), *dst = to_nl(&k->external);
	bool ok = src && dst && nfnl_ct_set_src(ct, 1, src) == 0 && nfnl_ct_set_dst(ct, 1, dst) == 0;
	nl_addr_put(src);
	nl_addr_put(dst);
	nfnl_ct_set_family(ct, k->family == 4 ? AF_INET : AF_INET6);
	nfnl_ct_set_proto(ct, (uint8_t)k->proto);
	if (k->zone > 0)
		nfnl_ct_set_zone(ct, (uint16_t)k->zone);
	nfnl_ct_set_src_port(ct, 1, k->target_port);
	nfnl_ct_set_dst_port(ct, 1, k->external_port);
	return ok;
}

/* libnl's error, or 0 with what was found. */
static int get(struct conntrack *c, const struct flow_key *key, struct flow *out)
{
	struct nl_msg *msg = NULL;
	struct nfnl_ct *ct = nfnl_ct_alloc();
	*out = (struct flow){ 0 };
	/* The kernel marks even a single flow as one of several, so only the acknowledgement tells the end. */
	int error = ct && set_tuple(ct, key) ? nfnl_ct_build_query_request(ct, NLM_F_ACK, &msg) : -NLE_NOMEM;
	if (error >= 0) {
		struct dump d = { .key = key, .fn = keep_flow, .arg = out };
		error = talk(c->ct, msg, on_flow, &d);
		nlmsg_free(msg);
	}
	if (ct)
		nfnl_ct_put(ct);
	return error == -NLE_OBJ_NOTFOUND ? 0 : error;
}

int conntrack_get(struct conntrack *c, const struct flow_key *key, struct flow *out, struct reason *why)
{
	int error = get(c, key, out);
	return error < 0 ? nl_reason(why, "conntrack", error) : out->inside.family != 0;
}

/* Anybody may open the sockets: only a question, after a flow that nobody has, tells whether it is answered. */
static bool permitted(struct conntrack *c, struct reason *why)
{
	static const uint8_t nobody[4];
	struct flow_key key = { .family = 4, .proto = IPPROTO_UDP, .target = prefix_make(4, nobody, 32), .external = prefix_make(4, nobody, 32), .has_ports = true };
	struct flow none;
	int error = get(c, &key, &none);
	if (error != -NLE_PERM && error != -NLE_NOACCESS)
		return true;
	nl_reason(why, "conntrack", error);
	return false;
}

struct conntrack *conntrack_open(struct reason *why)
{
	struct conntrack *c = calloc(1, sizeof *c);
	if (!c || !(c->ct = open_socket(NETLINK_NETFILTER)) || !(c->route = open_socket(NETLINK_ROUTE)))
		reason_set(why, REASON_BAD_REQUEST, "", "", "netlink: %s", strerror(errno));
	else if (permitted(c, why))
		return c;
	conntrack_close(c);
	return NULL;
}

static bool put_filter(struct nl_msg *msg, const struct flow_key *k)
{
	uint32_t flags = (k->target.family ? FILTER_IP_SRC : 0u) | (k->external.family ? FILTER_IP_DST : 0u) | (k->proto >= 0 ? FILTER_PROTO_NUM : 0u);
	struct nlattr *tuple = nla_nest_start(msg, CTA_TUPLE_REPLY), *ip, *proto, *filter;
	int len = k->family == 4 ? 4 : 16, bad = !tuple;
	if (!bad && (k->target.family || k->external.family)) {
		bad |= !(ip = nla_nest_start(msg, CTA_TUPLE_IP));
		if (k->target.family)
			bad |= nla_put(msg, k->family == 4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, len, k->target.addr) < 0;
		if (k->external.family)
			bad |= nla_put(msg, k->family == 4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, len, k->external.addr) < 0;
		if (!bad)
			nla_nest_end(msg, ip);
	}
	if (!bad && k->proto >= 0) {
		bad |= !(proto = nla_nest_start(msg, CTA_TUPLE_PROTO)) || nla_put_u8(msg, CTA_PROTO_NUM, (uint8_t)k->proto) < 0;
		if (!bad)
			nla_nest_end(msg, proto);
	}
	if (bad)
		return false;
	nla_nest_end(msg, tuple);
	filter = nla_nest_start(msg, CTA_FILTER);
	bad = !filter || nla_put_u32(msg, CTA_FILTER_ORIG_FLAGS, 0) < 0 || nla_put_u32(msg, CTA_FILTER_REPLY_FLAGS, flags) < 0;
	if (!bad)
		nla_nest_end(msg, filter);
	return !bad;
}

static int dump_once(struct conntrack *c, struct dump *d, bool filtered)
{
	const struct flow_key *k = d->key;
	struct nl_msg *msg = nfnlmsg_alloc_simple(NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET, NLM_F_DUMP, k->family == 4 ? AF_INET : AF_INET6, 0);
	int error = !msg || (filtered && !put_filter(msg, k)) ? -NLE_NOMEM : talk(c->ct, msg, on_flow, d);
	nlmsg_free(msg);
	return error;
}

int conntrack_dump(struct conntrack *c, const struct flow_key *key, bool (*fn)(void *arg, const struct flow *f), void *arg, struct reason *why)
{
	struct dump d = { .key = key, .fn = fn, .arg = arg };
	bool filtered = !c->no_filter && (key->target.family || key->external.family || key->proto >= 0);
	int error = dump_once(c, &d, filtered);
	if (filtered && (error == -NLE_INVAL || error == -NLE_OPNOTSUPP)) {
		c->no_filter = true;
		error = dump_once(c, &d, false);
	}
	return error < 0 ? nl_reason(why, "conntrack", error) : 0;
}

static int on_route(struct nl_msg *msg, void *arg)
{
	struct route *out = arg;
	struct nlmsghdr *h = nlmsg_hdr(msg);
	struct nlattr *tb[RTA_MAX + 1];
	if (h->nlmsg_type != RTM_NEWROUTE || nlmsg_parse(h, sizeof(struct rtmsg), tb, RTA_MAX, NULL) < 0)
		return NL_OK;
	const struct rtmsg *r = nlmsg_data(h);
	out->local = r->rtm_type == RTN_LOCAL;
	out->gateway = tb[RTA_GATEWAY] != NULL;
	out->ifindex = tb[RTA_OIF] ? (int)nla_get_u32(tb[RTA_OIF]) : 0;
	return NL_OK;
}

int conntrack_route(struct conntrack *c, const struct prefix *host, struct route *out, struct reason *why)
{
	struct rtmsg r = { .rtm_family = host->family == 4 ? AF_INET : AF_INET6, .rtm_dst_len = prefix_bits(host) };
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_REQUEST);
	*out = (struct route){ 0 };
	int error = !msg || nlmsg_append(msg, &r, sizeof r, NLMSG_ALIGNTO) < 0 || nla_put(msg, RTA_DST, prefix_bits(host) / 8, host->addr) < 0
		    ? -NLE_NOMEM
		    : talk(c->route, msg, on_route, out);
	nlmsg_free(msg);
	if (error == -NLE_OBJ_NOTFOUND || error == -NLE_FAILURE)
		return 0;
	return error < 0 ? nl_reason(why, "route", error) : out->ifindex != 0;
}

struct neighbours {
	const struct prefix *in;
	bool (*fn)(void *arg, const struct neighbour *n);
	void *arg;
	bool enough;
};

static int on_neighbour(struct nl_msg *msg, void *arg)
{
	struct neighbours *d = arg;
	struct nlmsghdr *h = nlmsg_hdr(msg);
	struct nlattr *tb[NDA_MAX + 1];
	if (d->enough || h->nlmsg_type != RTM_NEWNEIGH || nlmsg_parse(h, sizeof(struct ndmsg), tb, NDA_MAX, NULL) < 0 || !tb[NDA_DST])
		return NL_OK;
	const struct ndmsg *n = nlmsg_data(h);
	int len = nla_len(tb[NDA_DST]);
	if ((len != 4 && len != 16) || n->ndm_state & (NUD_NOARP | NUD_FAILED | NUD_INCOMPLETE) || n->ndm_state == NUD_NONE)
		return NL_OK;
	struct neighbour out = { .address = prefix_make(len == 4 ? 4 : 6, nla_data(tb[NDA_DST]), len == 4 ? 32 : 128), .ifindex = n->ndm_ifindex };
	if (tb[NDA_LLADDR] && nla_len(tb[NDA_LLADDR]) == 6) {
		memcpy(out.mac, nla_data(tb[NDA_LLADDR]), 6);
		out.has_mac = true;
	}
	if (prefix_contains(d->in, &out.address))
		d->enough = !d->fn(d->arg, &out);
	return NL_OK;
}

static bool keep_neighbour(void *arg, const struct neighbour *n)
{
	*(struct neighbour *)arg = *n;
	return false;
}

int conntrack_neighbour(struct conntrack *c, int ifindex, const struct prefix *host, struct neighbour *out, struct reason *why)
{
	struct ndmsg n = { .ndm_family = host->family == 4 ? AF_INET : AF_INET6, .ndm_ifindex = ifindex };
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETNEIGH, NLM_F_REQUEST);
	struct neighbours d = { .in = host, .fn = keep_neighbour, .arg = out };
	*out = (struct neighbour){ 0 };
	int error = !msg || nlmsg_append(msg, &n, sizeof n, NLMSG_ALIGNTO) < 0 || nla_put(msg, NDA_DST, prefix_bits(host) / 8, host->addr) < 0
		    ? -NLE_NOMEM
		    : talk(c->route, msg, on_neighbour, &d);
	nlmsg_free(msg);
	if (error == -NLE_OBJ_NOTFOUND)
		return 0;
	return error < 0 ? nl_reason(why, "neighbour", error) : out->has_mac;
}

int conntrack_neighbours(struct conntrack *c, const struct prefix *in, bool (*fn)(void *arg, const struct neighbour *n), void *arg, struct reason *why)
{
	struct ndmsg n = { .ndm_family = in->family == 4 ? AF_INET : AF_INET6 };
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETNEIGH, NLM_F_REQUEST | NLM_F_DUMP);
	struct neighbours d = { .in = in, .fn = fn, .arg = arg };
	int error = !msg || nlmsg_append(msg, &n, sizeof n, NLMSG_ALIGNTO) < 0 ? -NLE_NOMEM : talk(c->route, msg, on_neighbour, &d);
	nlmsg_free(msg);
	return error < 0 ? nl_reason(why, "neighbours", error) : 0;
}
