/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Computed mappings: RFC 6052 addresses, MAP, NPTv6, prefixes that map one to one, and how long a mapping is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "certainty.h"
#include "dots/portset.h"
#include "leases.h"
#include "rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct prefix p(const char *text)
{
	struct prefix out;
	assert_int_equal(prefix_parse(text, true, &out), 0);
	return out;
}

static const char *text_of(const struct prefix *q)
{
	static char text[PREFIX_TEXT_MAX];
	return prefix_format(q, text);
}

static void test_nat64_addresses(void **state)
{
	(void)state;
	static const struct { const char *nat64, *v4, *want; } rows[] = {
		{ "64:ff9b::/96", "203.0.113.9", "64:ff9b::cb00:7109/128" },
		{ "2001:db8::/32", "203.0.113.9", "2001:db8:cb00:7109::/64" },
		{ "2001:db8:100::/40", "203.0.113.9", "2001:db8:1cb:71:9::/80" },
		{ "2001:db8:122::/48", "203.0.113.9", "2001:db8:122:cb00:71:900::/88" },
		{ "2001:db8:122:300::/56", "203.0.113.9", "2001:db8:122:3cb:0:7109::/96" },
		{ "2001:db8:122:344::/64", "203.0.113.9", "2001:db8:122:344:cb:71:900:0/104" },
		{ "64:ff9b::/96", "203.0.113.0/24", "64:ff9b::cb00:7100/120" },
		{ "2001:db8:100::/40", "203.0.113.0/24", "2001:db8:1cb:71::/64" },
		{ "2001:db8:100::/40", "203.0.113.0/25", "2001:db8:1cb:71::/73" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct prefix nat64 = p(rows[i].nat64), v4 = p(rows[i].v4), out;
		assert_true(nat64_embed(&nat64, &v4, &out));
		assert_string_equal(text_of(&out), rows[i].want);
	}
	struct prefix odd = p("2001:db8::/33"), v4 = p("192.0.2.1"), out;
	assert_false(nat64_embed(&odd, &v4, &out));
	assert_false(nat64_embed(&v4, &v4, &out));
}

static struct nat_rule map_rule(const char *rule6, const char *rule4, uint8_t ea, uint8_t offset)
{
	struct prefix in = p(rule6), out = p(rule4);
	return (struct nat_rule){ .kind = RULE_MAP, .in = wide_of(&in), .out = wide_of(&out), .ea_len = ea, .offset = offset };
}

static void test_map_customers(void **state)
{
	(void)state;
	static const struct { int port; const char *ce; } rows[] = {
		{ 1715, "2001:db8:a02a:ac00:0:c633:642a:2b/128" }, { 1712, "2001:db8:a02a:ac00:0:c633:642a:2b/128" }, { 1727, "2001:db8:a02a:ac00:0:c633:642a:2b/128" },
		{ 65215, "2001:db8:a02a:ac00:0:c633:642a:2b/128" }, { 1711, "2001:db8:a02a:a800:0:c633:642a:2a/128" }, { 1728, "2001:db8:a02a:b000:0:c633:642a:2c/128" },
		{ 50000, "2001:db8:a02a:d400:0:c633:642a:35/128" },
	};
	struct nat_rule r = map_rule("2001:db8:a000::/40", "198.51.100.0/24", 14, 6);
	struct prefix v4 = p("198.51.100.42"), other = p("198.51.101.42"), ce;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(map_ce(&r, &v4, rows[i].port, &ce), 0);
		assert_string_equal(text_of(&ce), rows[i].ce);
	}
	assert_int_equal(map_ce(&r, &v4, 500, &ce), -1);
	assert_int_equal(map_ce(&r, &v4, -1, &ce), -3);
	assert_int_equal(map_ce(&r, &other, 1715, &ce), -2);
	/* o + r = 32: a full address; less: a prefix of addresses is one customer's. */
	r = map_rule("2001:db8:a000::/40", "198.51.100.0/24", 8, 6);
	assert_int_equal(map_ce(&r, &v4, -1, &ce), 0);
	assert_string_equal(text_of(&ce), "2001:db8:a02a::c633:642a:0/128");
	r = map_rule("2001:db8:a000::/40", "198.51.100.0/24", 4, 6);
	assert_int_equal(map_ce(&r, &v4, 80, &ce), 0);
	assert_string_equal(text_of(&ce), "2001:db8:a020::/44");
}

/* Every port from 1024 on belongs to exactly one customer, and to the same one whichever way it is computed. */
static void test_map_ports_have_one_owner(void **state)
{
	(void)state;
	struct nat_rule r = map_rule("2001:db8:a000::/40", "198.51.100.0/24", 14, 6);
	struct prefix v4 = p("198.51.100.42"), ce;
	struct portset set = { 6, (uint8_t)map_psid_len(&r) };
	assert_int_equal(set.psid_len, 6);
	for (int port = 0; port < 65536; port++) {
		int got = map_ce(&r, &v4, port, &ce), psid = portset_psid(&set, (uint16_t)port);
		assert_int_equal(got, port < 1024 ? -1 : 0);
		if (got == 0)
			assert_int_equal(ce.addr[15], psid);
	}
}

/* Checksums over the whole address are what NPTv6 keeps: the sum of all words is the same on both sides. */
static unsigned words(const struct prefix *q)
{
	unsigned sum = 0;
	for (int i = 0; i < 16; i += 2)
		sum += (unsigned)q->addr[i] << 8 | q->addr[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum % 0xffff;
}

static void test_nptv6(void **state)
{
	(void)state;
	static const struct { const char *out, *in, *address, *want; } rows[] = {
		{ "2001:db8:1::/48", "fd01:203:405::/48", "2001:db8:1:d550::1234", "fd01:203:405:1::1234/128" },    /* the example of RFC 6296, 3.1, backwards */
		{ "2001:db8:1:2::/64", "fd01:203:405:6::/64", "2001:db8:1:2:8888::1", NULL },
		{ "2001:db8:1:2::/64", "fd01:203:405:6::/64", "2001:db8:1:2:ffff:1::1", NULL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct prefix out = p(rows[i].out), in = p(rows[i].in), address = p(rows[i].address), inside;
		assert_true(nptv6_inside(&out, &in, &address, &inside));
		assert_true(prefix_contains(&in, &inside));
		assert_int_equal(words(&address), words(&inside));
		if (rows[i].want)
			assert_string_equal(text_of(&inside), rows[i].want);
	}
	struct prefix out = p("2001:db8:1::/48"), in = p("fd01:203:405::/48"), elsewhere = p("2001:db8:2::1"), part = p("2001:db8:1::/52"), inside;
	assert_false(nptv6_inside(&out, &in, &elsewhere, &inside));
	assert_false(nptv6_inside(&out, &in, &part, &inside));   /* the adjusted word is not known */
	assert_true(nptv6_inside(&out, &in, &out, &inside));
	assert_string_equal(text_of(&inside), "fd01:203:405::/48");
}

static void test_certainty(void **state)
{
	(void)state;
	static const struct { int64_t attack; bool fixed; uint32_t life; enum certainty want; } rows[] = {
		{ 0, false, 0, CERTAINTY_LIKELY }, { 120000, false, 0, CERTAINTY_LIKELY }, { 120001, false, 0, CERTAINTY_STALE }, { 420000, false, 300, CERTAINTY_LIKELY },
		{ 420001, false, 300, CERTAINTY_STALE }, { -120000, false, 300, CERTAINTY_LIKELY }, { -120001, false, 300, CERTAINTY_STALE },
		{ 999999999, true, 0, CERTAINTY_LIKELY }, { 4294967295000 + 120000, false, UINT32_MAX, CERTAINTY_LIKELY },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(certainty_of_mapping(1795343400000 + rows[i].attack, 1795343400000, rows[i].fixed, rows[i].life), rows[i].want);
	assert_int_equal(certainty_of_event(10000, 10, 20), CERTAINTY_EXACT);
	assert_int_equal(certainty_of_event(20999, 10, 20), CERTAINTY_EXACT);
	assert_int_equal(certainty_of_event(21000, 10, 20), CERTAINTY_STALE);
	assert_int_equal(certainty_of_event(9999, 10, 20), CERTAINTY_STALE);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_leases(void **state)
{
	(void)state;
	char path[64];
	snprintf(path, sizeof path, "/tmp/test_map_rules.%d", (int)getpid());
	struct leases *l = leases_new(path);
	struct prefix camera = p("192.168.1.66"), six = p("2001:db8:123::66"), nobody = p("192.168.1.99");
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 0x66 };
	assert_null(leases_name(l, &camera, mac));       /* no file yet */
	static const char *const files[] = {
		"1700000000 02:00:00:00:00:66 192.168.1.66 camera 01:02:00:00:00:00:66\n1700000000 02:00:00:00:00:67 192.168.1.67 * *\n",
		"# br-lan 020000000066 ipv4 camera 1700000000 42 32 192.168.1.66/32\n# br-lan 0001 1 camera 1700000000 66 128 2001:db8:123::66/128 2001:db8:124::66/128\n",
		"address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state\n192.168.1.66,02:00:00:00:00:66,01:02,4000,1700000000,1,0,0,camera.,0\n",
	};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		unlink(path);
		write_file(path, files[i]);
		leases_free(l);
		l = leases_new(path);
		assert_string_equal(leases_name(l, &camera, NULL), "camera");
		assert_null(leases_name(l, &nobody, NULL));
		if (i != 1)
			assert_string_equal(leases_name(l, &six, mac), "camera");
		else
			assert_string_equal(leases_name(l, &six, NULL), "camera");
	}
	/* A name that is no name, and lines that are no leases. */
	write_file(path, "1 02:00:00:00:00:66 192.168.1.66 evil\033[2J x\n# \n,,,\n1 2\n\n");
	leases_free(l);
	l = leases_new(path);
	assert_null(leases_name(l, &camera, mac));
	leases_free(l);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nat64_addresses), cmocka_unit_test(test_map_customers), cmocka_unit_test(test_map_ports_have_one_owner),
		cmocka_unit_test(test_nptv6), cmocka_unit_test(test_certainty), cmocka_unit_test(test_leases),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
