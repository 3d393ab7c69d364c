/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dots/envelope.h"
#include "plan.h"

/* What is planned for the DOTS scope and hosts, as text. */
static char *planned(const char *scope, const struct host *hosts, size_t n, bool has_hosts, const char *certainty, bool pending, const struct plan_policy *policy)
{
	char line[4096], *text = NULL;
	size_t len;
	struct envelope e;
	struct reason why;
	struct plan p;
	snprintf(line, sizeof line, "{\"type\":\"mitigate\",\"mid\":1,\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[%s]}}", scope);
	if (envelope_parse(line, strlen(line), &e, &why) < 0)
		fail_msg("%s: %s", why.field, why.text);
	struct plan_input in = { .m = &e.body.scope[0], .has_hosts = has_hosts, .hosts = hosts, .n_hosts = n, .certainty = certainty, .pending = pending };
	assert_int_equal(plan_make(&in, policy, &p), 0);
	FILE *f = open_memstream(&text, &len);
	plan_print(&p, f);
	fclose(f);
	plan_free(&p);
	envelope_free(&e);
	return text;
}

static const struct plan_policy usual = { .hook = HOOK_FORWARD, .device_hook = HOOK_FORWARD };

static void expect_with(const struct plan_policy *policy, const char *scope, const char *address, const char *mac, const char *want)
{
	struct host h = { 0 };
	if (address) {
		h.has_address = true;
		assert_int_equal(prefix_parse(address, true, &h.address), 0);
	}
	if (mac) {
		h.has_mac = true;
		memcpy(h.mac, mac, 6);
	}
	char *got = planned(scope, &h, address || mac ? 1 : 0, address || mac, NULL, false, policy);
	assert_string_equal(got, want);
	free(got);
}

#define SCOPE(target, source, more) "{\"target-prefix\":[" target "],\"ietf-dots-call-home:source-prefix\":[" source "]," more "\"lifetime\":60}"
#define SPORT "\"ietf-dots-call-home:source-port-range\":[{\"lower-port\":5000,\"upper-port\":5010}],"
#define TYPE8 "\"ietf-dots-call-home:source-icmp-type-range\":[{\"lower-type\":8}],"
#define UDP "\"target-protocol\":[17],"
#define DPORT "\"target-port-range\":[{\"lower-port\":53},{\"lower-port\":123,\"upper-port\":124}],"
#define MAC "\x02\x00\x5e\x10\x00\x66"

static void CH_39_device_only(void **state)
{
	(void)state;
	/* The source's address and ports were the key of the look-up and are no part of the rule. */
	expect_with(&usual, SCOPE("\"203.0.113.9/32\"", "\"100.64.8.21/32\"", UDP DPORT SPORT), "192.168.1.66", MAC,
	    "forward ipv4 from 192.168.1.66/32 to 203.0.113.9/32 udp to port 53,123-124: drop\n");
	/* A request that names source ports is about protocols that have some. */
	expect_with(&usual, SCOPE("\"203.0.113.9/32\"", "\"100.64.8.21/32\"", SPORT), "192.168.1.66", NULL,
	    "forward ipv4 from 192.168.1.66/32 to 203.0.113.9/32 tcp,udp,dccp,sctp,udplite: drop\n");
	expect_with(&usual, SCOPE("\"203.0.113.9/32\"", "\"100.64.8.21/32\"", ""), "192.168.1.66", NULL, "forward ipv4 from 192.168.1.66/32 to 203.0.113.9/32: drop\n");
}

static void ipv6_device_by_its_mac_too(void **state)
{
	(void)state;
	expect_with(&usual, SCOPE("\"2001:db8:c000::9/128\"", "\"2001:db8:123::66/128\"", UDP), "2001:db8:123::66", MAC,
	    "forward ipv6 from 2001:db8:123::66/128 to 2001:db8:c000::9/128 udp: drop\n"
	    "forward ipv6 from 02:00:5e:10:00:66 to 2001:db8:c000::9/128 udp: drop\n");
}

static void expect_empty_hosts(const char *scope, const char *want)
{
	char *got = planned(scope, NULL, 0, true, NULL, false, &usual);
	assert_string_equal(got, want);
	free(got);
}

static void external_tuple_exactly(void **state)
{
	(void)state;
	expect_empty_hosts(SCOPE("\"203.0.113.9/32\"", "\"100.64.8.21/32\"", UDP SPORT),
	    "postrouting forwarded ipv4 from 100.64.8.21/32 to 203.0.113.9/32 udp from port 5000-5010: drop\n");
	/* ICMP has no source port: a rule on it would hit every host behind the address. */
	expect_empty_hosts(SCOPE("\"203.0.113.9/32\"", "\"100.64.8.21/32\"", "\"target-protocol\":[17,1]," SPORT TYPE8),
	    "postrouting forwarded ipv4 from 100.64.8.21/32 to 203.0.113.9/32 udp from port 5000-5010: drop\n");
	expect_empty_hosts(SCOPE("\"203.0.113.9/32\"", "\"100.64.8.21/32\"", "\"target-protocol\":[1]," SPORT),
	    "refused invalid: no packet can match: targets and sources are of different families, or the protocols do not fit\n");
	expect_empty_hosts(SCOPE("\"203.0.113.9/32\"", "\"100.64.8.21/32\"", UDP),
	    "held unresolved: no inside host was found, and without a source port a rule would hit others as well\n");
	/* Where the device is not known, its packets are known behind routing only, where a mark steers nothing. */
	struct plan_policy mark = usual;
	mark.action = (struct action){ .verb = VERB_MARK, .number = 1 };
	char *got = planned(SCOPE("\"203.0.113.9/32\"", "\"100.64.8.21/32\"", UDP SPORT), NULL, 0, true, NULL, false, &mark);
	assert_string_equal(got, "held unresolved: no inside host was found, and behind the translation a mark comes too late for routing\n");
	free(got);
}

static void uncertain_is_not_enforced(void **state)
{
	(void)state;
	struct host h[2] = { { .has_address = true }, { .has_address = true } };
	prefix_parse("192.168.1.66", true, &h[0].address);
	prefix_parse("192.168.1.67", true, &h[1].address);
	char *got = planned(SCOPE("\"203.0.113.9/32\"", "\"100.64.8.21/32\"", SPORT), h, 2, true, "ambiguous", false, &usual);
	assert_string_equal(got, "held ambiguous: 2 inside hosts match and the request does not tell them apart (ambiguous)\n");
	free(got);
	got = planned(SCOPE("\"203.0.113.9/32\"", "\"100.64.8.21/32\"", SPORT), h, 1, true, "stale", false, &usual);
	assert_string_equal(got, "held ambiguous: 1 inside host matches, but not for sure (stale)\n");
	free(got);
	/* A word that nobody knows promises nothing. */
	got = planned(SCOPE("\"203.0.113.9/32\"", "\"100.64.8.21/32\"", SPORT), h, 2, true, "certain", false, &usual);
	assert_string_equal(got, "held ambiguous: 2 inside hosts match and the request does not tell them apart (certain)\n");
	free(got);
	got = planned(SCOPE("\"203.0.113.9/32\"", "\"100.64.8.21/32\"", SPORT), h, 1, true, "unresolved", false, &usual);
	assert_string_equal(got, "held ambiguous: 1 inside host matches, but not for sure (unresolved)\n");
	free(got);
	got = planned(SCOPE("\"203.0.113.9/32\"", "\"100.64.8.21/32\"", SPORT), h, 1, true, "exact", true, &usual);
	assert_string_equal(got, "held pending: the owner has not consented yet\n");
	free(got);
}

static void as_requested_without_a_map(void **state)
{
	(void)state;
	expect_with(&usual, SCOPE("\"203.0.113.9/32\",\"203.0.113.8/32\",\"203.0.113.9/32\",\"2001:db8:c000::9/128\"", "\"198.51.100.0/25\",\"198.51.100.128/25\",\"2001:db8:123::/64\"",
	    "\"target-protocol\":[58,17,1]," DPORT SPORT TYPE8), NULL, NULL,
	    "forward ipv4 from 198.51.100.0/24 to 203.0.113.8/31 udp from port 5000-5010 to port 53,123-124: drop\n"
	    "forward ipv4 from 198.51.100.0/24 to 203.0.113.8/31 icmp type 8: drop\n"
	    "forward ipv6 from 2001:db8:123::/64 to 2001:db8:c000::9/128 udp from port 5000-5010 to port 53,123-124: drop\n"
	    "forward ipv6 from 2001:db8:123::/64 to 2001:db8:c000::9/128 ipv6-icmp type 8: drop\n");
	/* Types alone mean ICMP alone. */
	expect_with(&usual, SCOPE("\"203.0.113.9/32\"", "\"198.51.100.5/32\"", TYPE8), NULL, NULL, "forward ipv4 from 198.51.100.5/32 to 203.0.113.9/32 icmp type 8: drop\n");
	expect_with(&usual, "{\"target-fqdn\":[\"victim.example\"],\"ietf-dots-call-home:source-prefix\":[\"198.51.100.5/32\"],\"lifetime\":60}", NULL, NULL,
	    "refused invalid: there is no target-prefix, and names are not resolved here\n");
	/* Nothing of one family alone can match. */
	expect_with(&usual, SCOPE("\"203.0.113.9/32\"", "\"2001:db8:123::/64\"", UDP), NULL, NULL,
	    "refused invalid: no packet can match: targets and sources are of different families, or the protocols do not fit\n");
}

static void never_block(void **state)
{
	(void)state;
	struct prefix never_v, own_v;
	struct prefix_list never = { &never_v, 1 }, own = { &own_v, 1 };
	struct plan_policy strict = { .hook = HOOK_PREROUTING, .device_hook = HOOK_FORWARD, .never = &never, .own = &own };
	prefix_parse("192.168.1.2/32", false, &never_v);
	prefix_parse("203.0.113.20/32", false, &own_v);
	expect_with(&strict, SCOPE("\"203.0.113.9/32\"", "\"100.64.8.21/32\"", UDP), "192.168.1.2", NULL, "refused never-block: the policy never blocks 192.168.1.2/32\n");
	expect_with(&strict, SCOPE("\"203.0.113.16/28\"", "\"198.51.100.7/32\"", UDP), NULL, NULL, "refused never-block: 203.0.113.20 is an address of this machine\n");
	expect_with(&strict, SCOPE("\"203.0.113.9/32\"", "\"100.64.8.21/32\"", UDP), "203.0.113.20", NULL, "refused never-block: 203.0.113.20 is an address of this machine\n");
	/* A rule where packets are forwarded would never see any: it must not look as if something were done. */
	strict.hook = HOOK_FORWARD;
	expect_with(&strict, SCOPE("\"203.0.113.20/32\"", "\"198.51.100.7/32\"", UDP), NULL, NULL,
	    "refused never-block: 203.0.113.20 is an address of this machine, and what comes to it is not forwarded\n");
	expect_with(&strict, SCOPE("\"203.0.113.20/31\"", "\"198.51.100.7/32\"", UDP), NULL, NULL, "forward ipv4 from 198.51.100.7/32 to 203.0.113.20/31 udp: drop\n");
	strict.hook = HOOK_PREROUTING;
	expect_with(&strict, SCOPE("\"127.0.0.1/32\"", "\"198.51.100.7/32\"", UDP), NULL, NULL, "refused invalid: 127.0.0.1/32 touches loopback addresses\n");
}

static void fragments_by_policy(void **state)
{
	(void)state;
	struct plan_policy all = usual;
	all.drop_fragments = true;
	expect_with(&all, SCOPE("\"203.0.113.9/32\"", "\"198.51.100.7/32\"", UDP DPORT), NULL, NULL,
	    "forward ipv4 from 198.51.100.7/32 to 203.0.113.9/32 udp to port 53,123-124: drop\n"
	    "forward ipv4 from 198.51.100.7/32 to 203.0.113.9/32 udp later fragments: drop\n");
	expect_with(&all, SCOPE("\"203.0.113.9/32\"", "\"198.51.100.7/32\"", UDP), NULL, NULL, "forward ipv4 from 198.51.100.7/32 to 203.0.113.9/32 udp: drop\n");
	expect_with(&all, SCOPE("\"203.0.113.9/32\"", "\"198.51.100.7/32\"", "\"ietf-dots-call-home:source-icmp-type-range\":[{\"lower-type\":8}],"), NULL, NULL,
	    "forward ipv4 from 198.51.100.7/32 to 203.0.113.9/32 icmp type 8: drop\n"
	    "forward ipv4 from 198.51.100.7/32 to 203.0.113.9/32 icmp later fragments: drop\n");
}

static void quarantine_is_of_everything(void **state)
{
	(void)state;
	struct plan_policy q = { .hook = HOOK_FORWARD, .device_hook = HOOK_FORWARD, .action = { .verb = VERB_QUARANTINE } };
	expect_with(&q, SCOPE("\"203.0.113.9/32\"", "\"100.64.8.21/32\"", UDP), "192.168.1.66", MAC,
	    "forward ipv4 from 192.168.1.66/32 to 0.0.0.0/0: quarantine\n"
	    "forward ipv4 from 02:00:5e:10:00:66 to 0.0.0.0/0: quarantine\n"
	    "forward ipv6 from 02:00:5e:10:00:66 to ::/0: quarantine\n");
}

static bool covers(const struct plan *p, const char *source, const char *target, uint8_t protocol, uint16_t from, uint16_t to)
{
	struct prefix s, t;
	assert_int_equal(addr_parse(source, &s), 0);
	assert_int_equal(addr_parse(target, &t), 0);
	return plan_covers(p, &s, &t, protocol, from, to);
}

static void flows_that_a_plan_is_about(void **state)
{
	(void)state;
	static const char line[] = "{\"type\":\"mitigate\",\"mid\":1,\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":["
	    SCOPE("\"203.0.113.8/30\"", "\"198.51.100.7/32\"", "\"target-protocol\":[17,47,1]," DPORT SPORT TYPE8) "]}}";
	struct envelope e;
	struct reason why;
	struct plan p;
	assert_int_equal(envelope_parse(line, sizeof line - 1, &e, &why), 0);
	struct plan_input in = { .m = &e.body.scope[0] };
	assert_int_equal(plan_make(&in, &usual, &p), 0);
	assert_true(covers(&p, "198.51.100.7", "203.0.113.11", 17, 5010, 124));
	assert_false(covers(&p, "198.51.100.7", "203.0.113.11", 17, 5011, 124));
	assert_false(covers(&p, "198.51.100.7", "203.0.113.11", 17, 5010, 125));
	assert_false(covers(&p, "198.51.100.7", "203.0.113.12", 17, 5010, 124));
	assert_false(covers(&p, "198.51.100.8", "203.0.113.11", 17, 5010, 124));
	assert_false(covers(&p, "198.51.100.7", "203.0.113.11", 6, 5010, 124));
	assert_true(covers(&p, "198.51.100.7", "203.0.113.11", 47, 0, 0));
	assert_true(covers(&p, "198.51.100.7", "203.0.113.11", 1, 0, 0));
	assert_false(covers(&p, "2001:db8::7", "2001:db8::8", 17, 5010, 124));
	plan_free(&p);
	envelope_free(&e);
}

static void actions(void **state)
{
	(void)state;
	static const char *const good[] = { "drop", "reject", "limit:100packets/s", "limit:64000bytes/s", "quarantine", "queue:3", "mark:0x10", "log", "dry-run" };
	static const char *const bad[] = { "", "dropp", "drop:1", "limit", "limit:", "limit:0/s", "limit:-1/s", "limit:5/m", "limit:9999999999/s", "queue:65536", "queue:x", "mark:",
		"mark:4294967296", "mark:-1" };
	struct action a;
	struct reason why;
	char text[48];
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(action_parse(good[i], &a, &why), 0);
		assert_string_equal(action_format(&a, text), good[i]);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(action_parse(bad[i], &a, &why), -1);
		assert_string_equal(why.field, "action");
	}
	assert_int_equal(action_parse("limit:64kbytes/s", &a, &why), 0);
	assert_true(a.bytes && a.rate == 64000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(CH_39_device_only), cmocka_unit_test(ipv6_device_by_its_mac_too), cmocka_unit_test(external_tuple_exactly),
		cmocka_unit_test(uncertain_is_not_enforced), cmocka_unit_test(as_requested_without_a_map), cmocka_unit_test(never_block),
		cmocka_unit_test(fragments_by_policy), cmocka_unit_test(quarantine_is_of_everything), cmocka_unit_test(actions), cmocka_unit_test(flows_that_a_plan_is_about),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
