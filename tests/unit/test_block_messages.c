/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages to and from parts of the kernel that not every kernel has: NFQUEUE, and flows that a flowtable forwards past the filter. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>

#include "block.h"
#include "block_fake.h"
#include "nft.h"

/* As `nft --debug=mnl add rule … queue num 3 bypass` sends it. */
static void queue_as_nft_says_it(void **state)
{
	(void)state;
	static const uint8_t want[] = { 44, 0, 1, 0x80, 10, 0, 1, 0, 'q', 'u', 'e', 'u', 'e', 0, 0, 0, 28, 0, 2, 0x80, 6, 0, 1, 0, 0, 3, 0, 0, 6, 0, 2, 0, 0, 1, 0, 0,
		6, 0, 3, 0, 0, 1, 0, 0 };
	struct reason why;
	struct nft *n = nft_open("x", &why);
	assert_non_null(n);
	nft_begin(n);
	nft_rule_begin(n, "c");
	nft_queue(n, 3);
	nft_rule_end(n);
	assert_int_equal(nft_commit(n, &why), 0);
	nft_close(n);
	uint8_t said[sizeof fake_said];
	memcpy(said, fake_said, fake_said_len);
	for (size_t i = 0; i + 4 < fake_said_len; i += 4)   /* newer libnl flags nests, older ones do not */
		if ((said[i] == 44 && said[i + 2] == 1) || (said[i] == 28 && said[i + 2] == 2))
			said[i + 3] = 0x80;
	assert_non_null(memmem(said, fake_said_len, want, sizeof want));
}

static void put_tuple(struct nl_msg *m, int attr, const char *source, const char *target, uint8_t protocol, uint16_t sport, uint16_t dport)
{
	struct prefix s, t;
	assert_int_equal(addr_parse(source, &s), 0);
	assert_int_equal(addr_parse(target, &t), 0);
	struct nlattr *tuple = nla_nest_start(m, attr), *ip = nla_nest_start(m, CTA_TUPLE_IP);
	nla_put(m, s.family == 4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, s.family == 4 ? 4 : 16, s.addr);
	nla_put(m, s.family == 4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, s.family == 4 ? 4 : 16, t.addr);
	nla_nest_end(m, ip);
	struct nlattr *proto = nla_nest_start(m, CTA_TUPLE_PROTO);
	nla_put_u8(m, CTA_PROTO_NUM, protocol);
	nla_put_u16(m, CTA_PROTO_SRC_PORT, htons(sport));
	nla_put_u16(m, CTA_PROTO_DST_PORT, htons(dport));
	nla_nest_end(m, proto);
	nla_nest_end(m, tuple);
}

/* A conntrack entry: from an inside source, behind the translation 100.64.8.21:27733. */
static struct nl_msg *entry(const char *source, const char *target, uint8_t protocol, uint16_t sport, uint16_t dport, uint32_t status)
{
	struct nl_msg *m = nlmsg_alloc();
	struct nfgenmsg g = { .nfgen_family = strchr(source, ':') ? AF_INET6 : AF_INET };
	nlmsg_put(m, 0, 1, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW, 0, NLM_F_MULTI);
	nlmsg_append(m, &g, sizeof g, 4);
	put_tuple(m, CTA_TUPLE_ORIG, source, target, protocol, sport, dport);
	put_tuple(m, CTA_TUPLE_REPLY, target, strchr(source, ':') ? source : "100.64.8.21", protocol, dport, strchr(source, ':') ? sport : 27733);
	nla_put_u32(m, CTA_STATUS, htonl(status));
	nla_put_u32(m, CTA_ID, htonl(0x1234));
	return m;
}

static struct block b;

/* Whether the flow is cut: what is sent is a deletion of just this entry. */
static bool cut(const char *source, const char *target, uint8_t protocol, uint16_t sport, uint16_t dport, uint32_t status)
{
	struct flows *f = flows_new(b.loop, follow_flow, &b);
	assert_non_null(f);
	struct nl_msg *m = entry(source, target, protocol, sport, dport, status);
	struct nlattr *tb[CTA_MAX + 1], *orig[CTA_MAX + 1];
	fake_said_len = 0;
	flows_take(f, nlmsg_hdr(m), (int)nlmsg_hdr(m)->nlmsg_len);
	bool said = fake_said_len > 0;
	if (said) {
		struct nlmsghdr *h = (struct nlmsghdr *)fake_said;
		assert_int_equal(h->nlmsg_type, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE);
		assert_int_equal(h->nlmsg_flags & NLM_F_REQUEST, NLM_F_REQUEST);
		assert_int_equal(nlmsg_parse(h, sizeof(struct nfgenmsg), tb, CTA_MAX, NULL), 0);
		assert_int_equal(nlmsg_parse(nlmsg_hdr(m), sizeof(struct nfgenmsg), orig, CTA_MAX, NULL), 0);
		/* Without the tuple the kernel would delete every flow there is. */
		assert_non_null(tb[CTA_TUPLE_ORIG]);
		assert_int_equal(nla_len(tb[CTA_TUPLE_ORIG]), nla_len(orig[CTA_TUPLE_ORIG]));
		assert_memory_equal(nla_data(tb[CTA_TUPLE_ORIG]), nla_data(orig[CTA_TUPLE_ORIG]), (size_t)nla_len(tb[CTA_TUPLE_ORIG]));
		assert_int_equal(nla_get_u32(tb[CTA_ID]), htonl(0x1234));
	}
	nlmsg_free(m);
	flows_free(f);
	return said;
}

static void block_one(const char *line, const struct host *hosts, size_t n, bool has_hosts, enum hook hook)
{
	struct envelope e;
	struct reason why;
	struct plan_policy policy = { .hook = hook, .device_hook = HOOK_FORWARD };
	assert_int_equal(envelope_parse(line, strlen(line), &e, &why), 0);
	struct entry *entry = table_add(&b.table, "isp", "c", true, 1, NULL);
	struct plan_input in = { .m = &e.body.scope[0], .has_hosts = has_hosts, .hosts = hosts, .n_hosts = n };
	entry->unit = calloc(1, sizeof *entry->unit);
	assert_int_equal(plan_make(&in, &policy, &entry->unit->plan), 0);
	assert_int_equal(entry->unit->plan.outcome, PLAN_ENFORCE);
	envelope_free(&e);
}

static void remove_one(void *arg, struct entry *e)
{
	table_remove(arg, e);
}

#define LINE "{\"type\":\"mitigate\",\"mid\":1,\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{\"target-prefix\":[\"203.0.113.9/32\"],\"target-protocol\":[17]," \
	"\"ietf-dots-call-home:source-prefix\":[\"100.64.8.21/32\"],\"ietf-dots-call-home:source-port-range\":[{\"lower-port\":27733}],\"lifetime\":60}]}}"

static void offloaded_flows_are_cut(void **state)
{
	(void)state;
	const uint32_t seen = IPS_SEEN_REPLY | IPS_CONFIRMED | IPS_ASSURED;
	struct host h = { .has_address = true };
	addr_parse("192.168.1.66", &h.address);
	b.loop = loop_new();
	assert_true(b.loop && table_init(&b.table));
	block_one(LINE, &h, 1, true, HOOK_FORWARD);
	/* The device is known: whatever it sends there. */
	assert_true(cut("192.168.1.66", "203.0.113.9", 17, 40000, 443, seen | IPS_OFFLOAD));
	assert_true(cut("192.168.1.66", "203.0.113.9", 17, 40001, 443, seen | IPS_OFFLOAD | IPS_HW_OFFLOAD));
	assert_true(cut("192.168.1.66", "203.0.113.9", 17, 40001, 443, seen | IPS_HW_OFFLOAD));
	assert_false(cut("192.168.1.66", "203.0.113.9", 17, 40000, 443, seen));           /* the filter sees it */
	assert_false(cut("192.168.1.67", "203.0.113.9", 17, 40000, 443, seen | IPS_OFFLOAD));
	assert_false(cut("192.168.1.66", "203.0.113.8", 17, 40000, 443, seen | IPS_OFFLOAD));
	assert_false(cut("192.168.1.66", "203.0.113.9", 6, 40000, 443, seen | IPS_OFFLOAD));
	assert_false(cut("2001:db8:123::66", "2001:db8::9", 17, 40000, 443, seen | IPS_OFFLOAD));
	table_each(&b.table, remove_one, &b.table);
	/* It is not: just its outside address and port. */
	block_one(LINE, NULL, 0, true, HOOK_FORWARD);
	assert_true(cut("192.168.1.66", "203.0.113.9", 17, 40000, 443, seen | IPS_OFFLOAD));
	assert_false(cut("100.64.8.21", "203.0.113.8", 17, 27733, 443, seen | IPS_OFFLOAD));
	table_each(&b.table, remove_one, &b.table);
	table_free(&b.table);
	loop_free(b.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queue_as_nft_says_it),
		cmocka_unit_test(offloaded_flows_are_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
