/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every rule of a request, checked on both of its ways in: as a line (JSON) and as it comes over the wire (CBOR). Tests carry the requirement's number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "dots/cbor.h"
#include "dots/cbor_stream.h"
#include "dots/json.h"
#include "dots/keys.h"
#include "dots/validate.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static struct prefix domain_v[3], external_v[1], targets_v[1];
static char *alias_v[] = { (char[]){ "web" } };
static const struct prefix_list domain = { domain_v, 3 }, external = { external_v, 1 }, targets = { targets_v, 1 };
static const struct text_list aliases = { alias_v, 1 };
static const struct validate_rules call_home = { .call_home = true, .with_lifetime = true, .domain = &domain, .aliases = &aliases, .external = &external };
static const struct validate_rules any_source = { .call_home = true, .with_lifetime = true };
static const struct validate_rules base = { .with_lifetime = true, .aliases = &aliases };

static int setup(void **state)
{
	(void)state;
	return prefix_parse("100.64.8.0/24", false, &domain_v[0]) || prefix_parse("2001:db8:1::/48", false, &domain_v[1]) ||
	    prefix_parse("fe80::/10", false, &domain_v[2]) || prefix_parse("198.51.100.0/26", false, &external_v[0]) ||
	    prefix_parse("10.9.0.0/16", false, &targets_v[0]);
}

/* JSON to CBOR by the table of keys: a second way to write a request, that knows nothing of what it means. */
static void put_value(struct buf *out, const json_t *v)
{
	if (json_is_object(v)) {
		const char *name;
		json_t *member;
		cbor_put_map(out, json_object_size(v));
		json_object_foreach((json_t *)v, name, member) {
			const char *colon = strchr(name, ':');
			uint64_t key = 0;
			while (key < 65536 && (!dots_key_find(key) || strcmp(dots_key_find(key)->name, colon ? colon + 1 : name)))
				key++;
			cbor_put_uint(out, key);
			put_value(out, member);
		}
	} else if (json_is_array(v)) {
		cbor_put_array(out, json_array_size(v));
		for (size_t i = 0; i < json_array_size(v); i++)
			put_value(out, json_array_get(v, i));
	} else if (json_is_string(v)) {
		cbor_put_text(out, json_string_value(v));
	} else if (json_is_boolean(v)) {
		cbor_put_bool(out, json_is_true(v));
	} else {
		json_int_t n = json_integer_value(v);
		n < 0 ? cbor_put_negint(out, (uint64_t)(-1 - n)) : cbor_put_uint(out, (uint64_t)n);
	}
}

enum way { AS_LINE, ON_WIRE };

/* Reads the request with these members and checks it. */
static int check(const char *members, enum way way, const struct validate_rules *rules, struct reason *why)
{
	char text[4000];
	struct body b;
	int got;
	snprintf(text, sizeof text, "{\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{%s}]}}", members);
	json_t *line = json_line_parse(text, strlen(text), why);
	if (!line)
		fail_msg("%s: %s", members, why->text);
	*why = (struct reason){ 0 };
	if (way == AS_LINE) {
		got = dots_json_read(line, &b, why);
	} else {
		struct buf wire = { 0 };
		put_value(&wire, line);
		got = dots_cbor_decode(wire.data, wire.len, BODY_REQUEST, &b, why);
		buf_free(&wire);
	}
	json_decref(line);
	if (!got)
		got = validate_request(&b.scope[0], rules, why);
	body_free(&b);
	return got;
}

static void accept_way(const char *const *rows, size_t n, enum way way, const struct validate_rules *rules)
{
	for (size_t i = 0; i < n; i++) {
		struct reason why;
		if (check(rows[i], way, rules, &why))
			fail_msg("%s refused (%s): %s: %s", rows[i], way == ON_WIRE ? "wire" : "line", why.field, why.text);
	}
}

static void accept_all(const char *const *rows, size_t n, const struct validate_rules *rules)
{
	accept_way(rows, n, AS_LINE, rules);
	accept_way(rows, n, ON_WIRE, rules);
}

struct row {
	const char *members, *field, *section, *text;
};

static void refuse_way(const struct row *rows, size_t n, enum way way, const struct validate_rules *rules)
{
	for (size_t i = 0; i < n; i++) {
		struct reason why;
		const struct row *r = &rows[i];
		if (!check(r->members, way, rules, &why))
			fail_msg("%s accepted", r->members);
		if (strcmp(why.field, r->field) || strcmp(why.section, r->section) || !strstr(why.text, r->text))
			fail_msg("%s (%s): \"%s\" \"%s\" \"%s\", expected \"%s\" \"%s\" \"%s\"", r->members, way == ON_WIRE ? "wire" : "line", why.field, why.section, why.text,
			    r->field, r->section, r->text);
		assert_int_equal(why.code, REASON_BAD_REQUEST);   /* CH-27: as in base, 4.00 */
	}
}

/* Both ways refuse the same thing with the same words. */
static void refuse_all(const struct row *rows, size_t n, const struct validate_rules *rules)
{
	refuse_way(rows, n, AS_LINE, rules);
	refuse_way(rows, n, ON_WIRE, rules);
}

#define ACCEPT(rules, ...) accept_all((const char *const[]){ __VA_ARGS__ }, COUNT(((const char *const[]){ __VA_ARGS__ })), &(rules))
#define REFUSE_ALL(rows, rules) refuse_all(rows, COUNT(rows), &(rules))

#define T4 "\"target-prefix\":[\"203.0.113.9/32\"]"
#define T6 "\"target-prefix\":[\"2001:db8:ffff::9/128\"]"
#define S4 ",\"source-prefix\":[\"100.64.8.21/32\"]"
#define S6 ",\"source-prefix\":[\"2001:db8:1::21/128\"]"
#define L ",\"lifetime\":60"
#define TARGET(p) "\"target-prefix\":[\"" p "\"]"
#define SOURCE(p) ",\"source-prefix\":[\"" p "\"]"

static void test_accepted(void **state)
{
	(void)state;
	ACCEPT(call_home, T4 S4 L, T6 S6 L, T4 S4 ",\"lifetime\":-1", T4 S4 ",\"lifetime\":1", T4 S4 ",\"lifetime\":4294967295",
	    "\"target-prefix\":[\"203.0.113.9/32\",\"2001:db8:ffff::9/128\"]" S4 L, T4 ",\"source-prefix\":[\"2001:db8:1::/64\",\"100.64.8.0/24\"]" L,
	    T4 S4 L ",\"target-protocol\":[0,255]", T4 S4 L ",\"attack-status\":1", T4 S4 L ",\"target-uri\":[\"https://www.example/%20?a=b#c\",\"a:b\"]",
	    T4 S4 L ",\"target-port-range\":[{\"lower-port\":0},{\"lower-port\":1,\"upper-port\":65535}]",
	    T4 S4 L ",\"target-fqdn\":[\"www.example\",\"_sip._udp.example.\",\"xn--bcher-kva.example\",\"a\"]");
	/* An efficacy update may leave the lifetime out; it is then unchanged. */
	const struct validate_rules efficacy = { .call_home = true };
	ACCEPT(efficacy, T4 S4, T4 S4 ",\"attack-status\":2", T4 S4 L);
}

static void test_lifetime(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ T4 S4, "lifetime", "RFC 9132, 4.4.1", "is missing" },
		{ T4 S4 ",\"lifetime\":0", "lifetime", "RFC 9132, 4.4.1", "0 is not 1..4294967295" },
		{ T4 S4 ",\"lifetime\":-2", "lifetime", "RFC 9132, 4.4.1", "-2 is not" },
		{ T4 S4 ",\"lifetime\":4294967296", "lifetime", "RFC 9132, 4.4.1", "4294967296 is not" },
	};
	REFUSE_ALL(rows, call_home);
}

/* No empty lists, no empty texts (RFC 9132, 4.4.1). */
static void test_empty(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "\"target-prefix\":[]" S4 L, "target-prefix", "RFC 9132, 4.4.1", "empty list" },
		{ TARGET("") S4 L, "target-prefix", "RFC 9132, 4.4.1", "is empty" },
		{ T4 ",\"source-prefix\":[]" L, "source-prefix", "RFC 9066, 5.3.1", "empty list" },
		{ T4 SOURCE("") L, "source-prefix", "RFC 9066, 5.3.1", "is empty" },
		{ T4 S4 L ",\"target-port-range\":[]", "target-port-range", "RFC 9132, 4.4.1", "empty list" },
		{ T4 S4 L ",\"target-protocol\":[]", "target-protocol", "RFC 9132, 4.4.1", "empty list" },
		{ T4 S4 L ",\"target-fqdn\":[]", "target-fqdn", "RFC 9132, 4.4.1", "empty list" },
		{ T4 S4 L ",\"target-fqdn\":[\"\"]", "target-fqdn", "RFC 9132, 4.4.1", "is empty" },
		{ T4 S4 L ",\"target-uri\":[]", "target-uri", "RFC 9132, 4.4.1", "empty list" },
		{ T4 S4 L ",\"target-uri\":[\"\"]", "target-uri", "RFC 9132, 4.4.1", "is empty" },
		{ T4 S4 L ",\"alias-name\":[]", "alias-name", "RFC 9132, 4.4.1", "empty list" },
		{ T4 S4 L ",\"alias-name\":[\"\"]", "alias-name", "RFC 9132, 4.4.1", "is empty" },
		{ T4 S4 L ",\"source-port-range\":[]", "source-port-range", "RFC 9066, 5.3.1", "empty list" },
		{ T4 S4 L ",\"source-icmp-type-range\":[]", "source-icmp-type-range", "RFC 9066, 5.3.1", "empty list" },
	};
	REFUSE_ALL(rows, call_home);
}

static void test_server_only(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ T4 S4 L ",\"mid\":7", "mid", "RFC 9132, 4.4.1", "has no place in a request" },
		{ T4 S4 L ",\"mitigation-start\":7", "mitigation-start", "RFC 9132, 4.4.2", "has no place in a request" },
		{ T4 S4 L ",\"status\":2", "status", "RFC 9132, 4.4.2", "has no place in a request" },
		{ T4 S4 L ",\"conflict-information\":{}", "conflict-information", "RFC 9132, 4.4.2", "has no place in a request" },
		{ T4 S4 L ",\"bytes-dropped\":0", "bytes-dropped", "RFC 9132, 4.4.2", "has no place in a request" },
		{ T4 S4 L ",\"bps-dropped\":0", "bps-dropped", "RFC 9132, 4.4.2", "has no place in a request" },
		{ T4 S4 L ",\"pkts-dropped\":0", "pkts-dropped", "RFC 9132, 4.4.2", "has no place in a request" },
		{ T4 S4 L ",\"pps-dropped\":0", "pps-dropped", "RFC 9132, 4.4.2", "has no place in a request" },
	};
	REFUSE_ALL(rows, call_home);
}

/* Their place is the Uri-Path; a line's reader ignores them as it does every unknown member. */
static void test_identifiers_in_the_body(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ T4 S4 L ",\"cuid\":\"JsS3O6jh2HfM8ypzxXQUQQ\"", "cuid", "RFC 9132, 4.4.1", "stands in the Uri-Path" },
		{ T4 S4 L ",\"cdid\":\"JsS3O6jh2HfM8ypzxXQUQQ\"", "cdid", "RFC 9132, 4.4.1", "stands in the Uri-Path" },
	};
	refuse_way(rows, COUNT(rows), ON_WIRE, &call_home);
}

static void test_base_needs_a_target(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "\"lifetime\":60", "target-prefix", "RFC 9132, 4.4.1", "there is no target" },
		{ "\"lifetime\":60,\"target-protocol\":[17],\"target-port-range\":[{\"lower-port\":53}]", "target-prefix", "RFC 9132, 4.4.1", "there is no target" },
		{ T4, "lifetime", "RFC 9132, 4.4.1", "is missing" },
		{ "\"alias-name\":[\"mail\"]" L, "alias-name", "RFC 9132, 4.4.1", "\"mail\" is not a known alias" },
	};
	REFUSE_ALL(rows, base);
	ACCEPT(base, T4 L, "\"target-fqdn\":[\"www.example\"]" L, "\"target-uri\":[\"https://www.example\"]" L, "\"alias-name\":[\"web\"]" L,
	    T4 L ",\"trigger-mitigation\":false", TARGET("10.1.2.0/24") L, TARGET("169.254.1.1/32") L);
}

static void test_ch13_prefix_length(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ TARGET("203.0.113.9/33") S4 L, "target-prefix", "RFC 9132, 4.4.1", "the prefix length is 0..32" },
		{ TARGET("2001:db8::1/129") S6 L, "target-prefix", "RFC 9132, 4.4.1", "the prefix length is 0..128" },
		{ T4 SOURCE("100.64.8.21/33") L, "source-prefix", "RFC 9066, 5.3.1", "the prefix length is 0..32" },
		{ T6 SOURCE("2001:db8:1::/129") L, "source-prefix", "RFC 9066, 5.3.1", "the prefix length is 0..128" },
		{ TARGET("203.0.113.9/032") S4 L, "target-prefix", "RFC 9132, 4.4.1", "without leading zeros" },
		{ TARGET("203.0.113.9/") S4 L, "target-prefix", "RFC 9132, 4.4.1", "the prefix length is 0..32" },
		{ TARGET("203.0.113.9/-1") S4 L, "target-prefix", "RFC 9132, 4.4.1", "the prefix length is 0..32" },
		{ TARGET("203.0.113.09/32") S4 L, "target-prefix", "RFC 9132, 4.4.1", "is not a prefix" },
		{ TARGET("203.0.113/24") S4 L, "target-prefix", "RFC 9132, 4.4.1", "is not a prefix" },
		{ TARGET("fe80::1%eth0/128") S6 L, "target-prefix", "RFC 9132, 4.4.1", "is not a prefix" },
		{ TARGET("0x7f.0.0.1/32") S4 L, "target-prefix", "RFC 9132, 4.4.1", "is not a prefix" },
		{ TARGET("203.0.113.9/32 ") S4 L, "target-prefix", "RFC 9132, 4.4.1", "0..32" },
		{ TARGET("victim.example") S4 L, "target-prefix", "RFC 9132, 4.4.1", "\"victim.example\" is not a prefix" },
		{ TARGET("1111111111111111111111111111111111111111111111111111111111111/32") S4 L, "target-prefix", "RFC 9132, 4.4.1", "is not a prefix" },
	};
	REFUSE_ALL(rows, call_home);
	/* CIDR is wanted on the wire; in a line a bare address is a host. Host bits are masked, whatever the way. */
	static const struct row bare[] = {
		{ TARGET("203.0.113.9") S4 L, "target-prefix", "RFC 9132, 4.4.1", "\"203.0.113.9\" has no prefix length; a host is 203.0.113.9/32" },
		{ T6 SOURCE("2001:db8:1::1") L, "source-prefix", "RFC 9066, 5.3.1", "a host is 2001:db8:1::1/128" },
	};
	refuse_way(bare, COUNT(bare), ON_WIRE, &call_home);
	accept_way((const char *const[]){ bare[0].members, bare[1].members }, 2, AS_LINE, &call_home);
	ACCEPT(call_home, TARGET("203.0.113.9/24") SOURCE("100.64.8.21/24") L, TARGET("2001:DB8:0:0:ffff::9/64") SOURCE("2001:db8:1::21/64") L);
}

static void test_ch14_forbidden_sources(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ T4 SOURCE("127.0.0.1/32") L, "source-prefix", "RFC 9066, 5.3.1", "loopback" },
		{ T4 SOURCE("127.0.0.0/8") L, "source-prefix", "RFC 9066, 5.3.1", "loopback" },
		{ T4 SOURCE("126.0.0.0/7") L, "source-prefix", "RFC 9066, 5.3.1", "126.0.0.0/7 touches loopback" },
		{ T6 SOURCE("::1/128") L, "source-prefix", "RFC 9066, 5.3.1", "loopback" },
		{ T4 SOURCE("224.0.0.0/4") L, "source-prefix", "RFC 9066, 5.3.1", "multicast" },
		{ T4 SOURCE("239.255.255.250/32") L, "source-prefix", "RFC 9066, 5.3.1", "multicast" },
		{ T4 SOURCE("192.0.0.0/2") L, "source-prefix", "RFC 9066, 5.3.1", "multicast" },
		{ T6 SOURCE("ff02::1/128") L, "source-prefix", "RFC 9066, 5.3.1", "multicast" },
		{ T6 SOURCE("fe00::/7") L, "source-prefix", "RFC 9066, 5.3.1", "multicast" },
		{ T4 SOURCE("255.255.255.255/32") L, "source-prefix", "RFC 9066, 5.3.1", "broadcast" },
		{ T4 SOURCE("255.255.255.0/24") L, "source-prefix", "RFC 9066, 5.3.1", "broadcast" },
		{ T4 SOURCE("0.0.0.0/32") L, "source-prefix", "RFC 9066, 5.3.1", "unspecified" },
		{ T6 SOURCE("::/128") L, "source-prefix", "RFC 9066, 5.3.1", "unspecified" },
		{ T4 SOURCE("0.0.0.0/0") L, "source-prefix", "RFC 9066, 5.3.1", "0.0.0.0/0 touches" },
		{ T6 SOURCE("::/0") L, "source-prefix", "RFC 9066, 5.3.1", "::/0 touches" },
		{ T6 SOURCE("::ffff:100.64.8.21/128") L, "source-prefix", "RFC 9066, 5.3.1", "IPv4-mapped" },
		{ T6 SOURCE("::ffff:0:0/95") L, "source-prefix", "RFC 9066, 5.3.1", "IPv4-mapped" },
		{ T6 SOURCE("::100.64.8.21/128") L, "source-prefix", "RFC 9066, 5.3.1", "IPv4-compatible" },
		/* One bad one among good ones is enough. */
		{ T4 ",\"source-prefix\":[\"100.64.8.1/32\",\"100.64.8.2/32\",\"127.0.0.1/32\"]" L, "source-prefix", "RFC 9066, 5.3.1", "127.0.0.1/32 touches loopback" },
	};
	REFUSE_ALL(rows, any_source);
	REFUSE_ALL(rows, call_home);
	/* The neighbours of those blocks, and link-local, are allowed (RFC 9066, 5.3.1). */
	ACCEPT(any_source, T4 SOURCE("126.255.255.255/32") L, T4 SOURCE("128.0.0.0/32") L, T4 SOURCE("223.255.255.255/32") L, T4 SOURCE("255.255.255.254/32") L,
	    T4 SOURCE("169.254.7.7/32") L, T6 SOURCE("fe80::7/128") L, T4 SOURCE("10.0.0.0/8") L, T4 SOURCE("192.168.1.0/24") L, T6 SOURCE("fd00::/8") L);
	ACCEPT(call_home, T6 SOURCE("fe80::7/128") L);
}

/* The same blocks are no targets either, on both kinds of channel. */
static void test_forbidden_targets(void **state)
{
	(void)state;
	static const struct row v4[] = {
		{ TARGET("127.0.0.1/32") S4 L, "target-prefix", "RFC 9132, 4.4.1", "loopback" },
		{ TARGET("126.0.0.0/7") S4 L, "target-prefix", "RFC 9132, 4.4.1", "loopback" },
		{ TARGET("224.0.0.1/32") S4 L, "target-prefix", "RFC 9132, 4.4.1", "multicast" },
		{ TARGET("255.255.255.255/32") S4 L, "target-prefix", "RFC 9132, 4.4.1", "broadcast" },
		{ TARGET("0.0.0.0/32") S4 L, "target-prefix", "RFC 9132, 4.4.1", "unspecified" },
		{ TARGET("0.0.0.0/0") S4 L, "target-prefix", "RFC 9132, 4.4.1", "0.0.0.0/0 touches" },
		{ TARGET("::1/128") S6 L, "target-prefix", "RFC 9132, 4.4.1", "loopback" },
		{ TARGET("ff0e::1/128") S6 L, "target-prefix", "RFC 9132, 4.4.1", "multicast" },
		{ TARGET("::/128") S6 L, "target-prefix", "RFC 9132, 4.4.1", "unspecified" },
		{ TARGET("::/0") S6 L, "target-prefix", "RFC 9132, 4.4.1", "::/0 touches" },
		{ TARGET("::ffff:203.0.113.9/128") S6 L, "target-prefix", "RFC 9132, 4.4.1", "IPv4-mapped" },
		{ TARGET("::203.0.113.9/128") S6 L, "target-prefix", "RFC 9132, 4.4.1", "IPv4-compatible" },
	};
	REFUSE_ALL(v4, call_home);
	REFUSE_ALL(v4, base);
}

/* CH-15 is the Call Home client's check before it sends, CH-25 the server's before it acts: one function. */
static void test_ch15_ch25_sources_in_the_domain(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ T4 SOURCE("100.64.9.21/32") L, "source-prefix", "RFC 9066, 5.3.1", "100.64.9.21/32 is not within" },
		{ T4 SOURCE("100.64.8.0/23") L, "source-prefix", "RFC 9066, 5.3.1", "100.64.8.0/23 is not within" },
		{ T6 SOURCE("2001:db8:2::/48") L, "source-prefix", "RFC 9066, 5.3.1", "is not within" },
		{ T6 SOURCE("2001:db8::/32") L, "source-prefix", "RFC 9066, 5.3.1", "is not within" },
		{ T4 ",\"source-prefix\":[\"100.64.8.1/32\",\"192.168.1.1/32\"]" L, "source-prefix", "RFC 9066, 5.3.1", "192.168.1.1/32 is not within" },
	};
	REFUSE_ALL(rows, call_home);
	ACCEPT(any_source, rows[0].members, rows[4].members);
	const struct prefix_list none = { 0 };
	const struct validate_rules empty = { .call_home = true, .with_lifetime = true, .domain = &none };
	static const struct row any[] = { { T4 S4 L, "source-prefix", "RFC 9066, 5.3.1", "is not within" } };
	REFUSE_ALL(any, empty);
}

static void test_ch16_ch28_base_sources_are_optional_hints(void **state)
{
	(void)state;
	ACCEPT(base, T4 L, T4 SOURCE("192.0.2.0/24") L, T6 SOURCE("192.0.2.0/24") L, T4 SOURCE("198.51.100.5/32") L ",\"source-port-range\":[{\"lower-port\":7}]",
	    T4 L ",\"source-icmp-type-range\":[{\"lower-type\":8}]");
}

static void test_ch17_source_ports(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ T4 S4 L ",\"source-port-range\":[{\"upper-port\":5}]", "lower-port", "RFC 9066, 5.3.1", "is missing in source-port-range" },
		{ T4 S4 L ",\"source-port-range\":[{\"lower-port\":6,\"upper-port\":5}]", "upper-port", "RFC 9066, 5.3.1", "5 of source-port-range is less than" },
		{ T4 S4 L ",\"source-port-range\":[{\"lower-port\":65536}]", "lower-port", "RFC 9066, 5.3.1", "65536 of source-port-range is not in 0..65535" },
		{ T4 S4 L ",\"source-port-range\":[{\"lower-port\":1,\"upper-port\":65536}]", "upper-port", "RFC 9066, 5.3.1", "0..65535" },
		{ T4 S4 L ",\"source-port-range\":[{\"lower-port\":1,\"upper-port\":2},{\"lower-port\":3},{\"lower-port\":1}]", "source-port-range", "RFC 9066, 5.3.1",
		    "lower-port 1 twice" },
		{ T4 S4 L ",\"target-port-range\":[{\"lower-port\":2,\"upper-port\":1}]", "upper-port", "RFC 9132, 4.4.1", "less than" },
		{ T4 S4 L ",\"target-port-range\":[{\"lower-port\":1},{\"lower-port\":1}]", "target-port-range", "RFC 9132, 4.4.1", "lower-port 1 twice" },
		{ T4 S4 L ",\"target-protocol\":[256]", "target-protocol", "RFC 9132, 4.4.1", "255" },
	};
	REFUSE_ALL(rows, call_home);
	ACCEPT(call_home, T4 S4 L ",\"source-port-range\":[{\"lower-port\":5000}]", T4 S4 L ",\"source-port-range\":[{\"lower-port\":0,\"upper-port\":65535}]",
	    T4 S4 L ",\"source-port-range\":[{\"lower-port\":7,\"upper-port\":7},{\"lower-port\":6,\"upper-port\":8}]",
	    T4 S4 L ",\"source-port-range\":[{\"lower-port\":1}],\"target-port-range\":[{\"lower-port\":1}]",
	    T4 S4 L ",\"source-port-range\":[{\"lower-port\":5000}],\"target-protocol\":[1]");
}

static void test_ch18_icmp_types(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ T4 S4 L ",\"source-icmp-type-range\":[{\"upper-type\":5}]", "lower-type", "RFC 9066, 5.3.1", "is missing in source-icmp-type-range" },
		{ T4 S4 L ",\"source-icmp-type-range\":[{\"lower-type\":9,\"upper-type\":8}]", "upper-type", "RFC 9066, 5.3.1", "less than" },
		{ T4 S4 L ",\"source-icmp-type-range\":[{\"lower-type\":256}]", "lower-type", "RFC 9066, 5.3.1", "0..255" },
		{ T4 S4 L ",\"source-icmp-type-range\":[{\"lower-type\":8,\"upper-type\":256}]", "upper-type", "RFC 9066, 5.3.1", "0..255" },
		{ T4 S4 L ",\"source-icmp-type-range\":[{\"lower-type\":8},{\"lower-type\":8}]", "source-icmp-type-range", "RFC 9066, 5.3.1", "lower-type 8 twice" },
	};
	REFUSE_ALL(rows, call_home);
	ACCEPT(call_home, T4 S4 L ",\"source-icmp-type-range\":[{\"lower-type\":8}]", T4 S4 L ",\"source-icmp-type-range\":[{\"lower-type\":0,\"upper-type\":255}]");
}

static void test_ch19_source_prefix_is_mandatory(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ T4 L, "source-prefix", "RFC 9066, 5.3.1", "is missing" },
		{ T4 L ",\"source-port-range\":[{\"lower-port\":5000}]", "source-prefix", "RFC 9066, 5.3.1", "is missing" },
	};
	REFUSE_ALL(rows, call_home);
	REFUSE_ALL(rows, any_source);
}

static void test_ch20_target_prefix_is_mandatory(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "\"lifetime\":60" S4, "target-prefix", "RFC 9066, 5.3.1", "is missing" },
		{ "\"lifetime\":60,\"target-fqdn\":[\"www.example\"],\"target-uri\":[\"https://www.example\"],\"alias-name\":[\"web\"]" S4, "target-prefix",
		    "RFC 9066, 5.3.1", "is missing" },
		{ T4 S4 L ",\"alias-name\":[\"mail\"]", "alias-name", "RFC 9132, 4.4.1", "not a known alias" },
	};
	REFUSE_ALL(rows, call_home);
	ACCEPT(call_home, T4 S4 L ",\"alias-name\":[\"web\"]");
	static const struct row unknown[] = { { T4 S4 L ",\"alias-name\":[\"web\"]", "alias-name", "RFC 9132, 4.4.1", "\"web\" is not a known alias" } };
	REFUSE_ALL(unknown, any_source);
}

static void test_ch22_ports_may_be_left_out(void **state)
{
	(void)state;
	ACCEPT(call_home, T6 S6 L, T4 S4 L);
}

static void test_ch23_ch24_trigger_false(void **state)
{
	(void)state;
	static const struct row rows[] = { { T4 S4 L ",\"trigger-mitigation\":false", "trigger-mitigation", "RFC 9066, 5.3.1", "is false" } };
	REFUSE_ALL(rows, call_home);
	ACCEPT(call_home, T4 S4 L ",\"trigger-mitigation\":true");
}

static void test_ch26_routable_targets(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ TARGET("10.9.1.1/32") S4 L, "target-prefix", "RFC 9066, 5.3.1", "10.9.1.1/32 touches private" },
		{ TARGET("172.16.0.0/12") S4 L, "target-prefix", "RFC 9066, 5.3.1", "private" },
		{ TARGET("192.168.0.0/16") S4 L, "target-prefix", "RFC 9066, 5.3.1", "private" },
		{ TARGET("192.0.0.0/8") S4 L, "target-prefix", "RFC 9066, 5.3.1", "private" },
		{ TARGET("100.64.8.22/32") S4 L, "target-prefix", "RFC 9066, 5.3.1", "private or shared" },
		{ TARGET("fd00::1/128") S6 L, "target-prefix", "RFC 9066, 5.3.1", "private" },
		{ TARGET("169.254.1.1/32") S4 L, "target-prefix", "RFC 9066, 5.3.1", "link-local" },
		{ TARGET("fe80::1/128") S6 L, "target-prefix", "RFC 9066, 5.3.1", "link-local" },
	};
	REFUSE_ALL(rows, call_home);
	struct validate_rules policy = call_home;
	policy.targets = &targets;
	ACCEPT(policy, TARGET("10.9.1.1/32") S4 L, TARGET("10.9.0.0/16") S4 L, T4 S4 L);
	static const struct row outside[] = { { TARGET("10.8.0.0/15") S4 L, "target-prefix", "RFC 9066, 5.3.1", "private" } };
	REFUSE_ALL(outside, policy);
	ACCEPT(call_home, TARGET("9.255.255.255/32") S4 L, TARGET("11.0.0.0/8") S4 L, TARGET("100.128.0.0/9") S4 L, TARGET("2000::/3") S6 L);
}

static void test_ch35_external_addresses(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ T4 SOURCE("198.51.100.5/32") L, "source-prefix", "RFC 9066, 5.3.2", "198.51.100.5/32 touches 198.51.100.0/26" },
		{ T4 SOURCE("198.51.100.0/24") L, "source-prefix", "RFC 9066, 5.3.2", "inside address is wanted" },
	};
	REFUSE_ALL(rows, call_home);
}

static void test_families(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ T4 S6 L, "source-prefix", "RFC 9066, 5.3.1", "every source is IPv6 and every target IPv4" },
		{ T6 S4 L, "source-prefix", "RFC 9066, 5.3.1", "every source is IPv4 and every target IPv6" },
	};
	REFUSE_ALL(rows, call_home);
}

static void test_names(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ T4 S4 L ",\"target-fqdn\":[\"a..example\"]", "target-fqdn", "RFC 9132, 4.4.1", "not a domain name" },
		{ T4 S4 L ",\"target-fqdn\":[\"*.example\"]", "target-fqdn", "RFC 9132, 4.4.1", "not a domain name" },
		{ T4 S4 L ",\"target-fqdn\":[\"-a.example\"]", "target-fqdn", "RFC 9132, 4.4.1", "not a domain name" },
		{ T4 S4 L ",\"target-fqdn\":[\"a b\"]", "target-fqdn", "RFC 9132, 4.4.1", "not a domain name" },
		{ T4 S4 L ",\"target-fqdn\":[\".\"]", "target-fqdn", "RFC 9132, 4.4.1", "not a domain name" },
		{ T4 S4 L ",\"target-fqdn\":[\"a234567890123456789012345678901234567890123456789012345678901234.example\"]", "target-fqdn", "RFC 9132, 4.4.1",
		    "not a domain name" },
		{ T4 S4 L ",\"target-fqdn\":[\"bücher.example\"]", "target-fqdn", "RFC 9132, 4.4.1", "not a domain name" },
		{ T4 S4 L ",\"target-fqdn\":[\"a\\u001b[31m\"]", "target-fqdn", "RFC 9132, 4.4.1", "printable" },
		{ T4 S4 L ",\"target-uri\":[\"www.example\"]", "target-uri", "RFC 9132, 4.4.1", "not a URI" },
		{ T4 S4 L ",\"target-uri\":[\"://x\"]", "target-uri", "RFC 9132, 4.4.1", "not a URI" },
		{ T4 S4 L ",\"target-uri\":[\"1a:x\"]", "target-uri", "RFC 9132, 4.4.1", "not a URI" },
		{ T4 S4 L ",\"target-uri\":[\"http://a b\"]", "target-uri", "RFC 9132, 4.4.1", "not a URI" },
		{ T4 S4 L ",\"target-uri\":[\"http:\"]", "target-uri", "RFC 9132, 4.4.1", "not a URI" },
		{ T4 S4 L ",\"target-uri\":[\"http://é\"]", "target-uri", "RFC 9132, 4.4.1", "not a URI" },
	};
	REFUSE_ALL(rows, call_home);
	char long_name[400];
	snprintf(long_name, sizeof long_name, T4 S4 L ",\"target-fqdn\":[\"%0254d\"]", 0);
	const struct row too_long[] = { { long_name, "target-fqdn", "RFC 9132, 4.4.1", "at most 253" } };
	REFUSE_ALL(too_long, call_home);
}

static void test_cuid(void **state)
{
	(void)state;
	struct reason why = { 0 };
	char text[65];
	assert_int_equal(validate_cuid("JsS3O6jh2HfM8ypzxXQUQQ", &why), 0);
	assert_int_equal(validate_cuid("é", &why), 0);
	memset(text, 'a', 64);
	text[64] = '\0';
	assert_int_equal(validate_cuid(text, &why), 0);
	static const struct {
		const char *cuid, *text;
	} rows[] = { { "", "is empty" }, { "a/b", "\"/\"" }, { "a\nb", "printable" }, { "\xff", "printable" }, { "\x7f", "printable" },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "has 65 bytes, at most 64" } };
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(validate_cuid(rows[i].cuid, &why), -1);
		assert_string_equal(why.field, "cuid");
		assert_string_equal(why.section, "RFC 9132, 4.4.1.1");
		assert_non_null(strstr(why.text, rows[i].text));
		assert_int_equal(why.code, REASON_BAD_REQUEST);
	}
}

static void test_number(void **state)
{
	(void)state;
	struct reason why = { 0 };
	uint32_t out = 1;
	assert_int_equal(validate_number("mid", "0", &out, &why), 0);
	assert_int_equal(out, 0);
	assert_int_equal(validate_number("mid", "4294967295", &out, &why), 0);
	assert_int_equal(out, UINT32_MAX);
	static const char *const bad[] = { "", "00", "01", "-1", "+1", " 1", "1 ", "4294967296", "99999999999999999999999", "1a", "0x1", "1.0", "١" };
	for (size_t i = 0; i < COUNT(bad); i++) {
		out = 42;
		assert_int_equal(validate_number("mid", bad[i], &out, &why), -1);
		assert_string_equal(why.field, "mid");
		assert_string_equal(why.section, "RFC 9132, 4.4.1");
		assert_int_equal(out, 42);
	}
	assert_int_equal(validate_number("sid", "x", &out, &why), -1);
	assert_string_equal(why.field, "sid");
	assert_string_equal(why.section, "RFC 9132, 4.5");
	assert_non_null(strstr(why.text, "0..4294967295"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted), cmocka_unit_test(test_lifetime), cmocka_unit_test(test_empty), cmocka_unit_test(test_server_only),
		cmocka_unit_test(test_identifiers_in_the_body), cmocka_unit_test(test_base_needs_a_target), cmocka_unit_test(test_ch13_prefix_length),
		cmocka_unit_test(test_ch14_forbidden_sources), cmocka_unit_test(test_forbidden_targets), cmocka_unit_test(test_ch15_ch25_sources_in_the_domain),
		cmocka_unit_test(test_ch16_ch28_base_sources_are_optional_hints), cmocka_unit_test(test_ch17_source_ports), cmocka_unit_test(test_ch18_icmp_types),
		cmocka_unit_test(test_ch19_source_prefix_is_mandatory), cmocka_unit_test(test_ch20_target_prefix_is_mandatory),
		cmocka_unit_test(test_ch22_ports_may_be_left_out), cmocka_unit_test(test_ch23_ch24_trigger_false), cmocka_unit_test(test_ch26_routable_targets),
		cmocka_unit_test(test_ch35_external_addresses), cmocka_unit_test(test_families), cmocka_unit_test(test_names), cmocka_unit_test(test_cuid),
		cmocka_unit_test(test_number),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
