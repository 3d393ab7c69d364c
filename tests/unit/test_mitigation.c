/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "dots/body.h"

static void add_prefix(struct prefix_list *l, const char *text)
{
	struct prefix p;
	assert_int_equal(prefix_parse(text, true, &p), 0);
	assert_int_equal(prefix_list_add(l, &p), 0);
}

static void add_text(struct text_list *l, const char *text)
{
	assert_int_equal(text_list_add(l, text, strlen(text)), 0);
}

/* One mitigation with something in every list. */
static void fill(struct mitigation *m)
{
	mitigation_init(m);
	add_prefix(&m->target_prefix, "203.0.113.9");
	add_prefix(&m->target_prefix, "2001:db8::/32");
	range_list_add(&m->target_port, 80, 80);
	protocol_list_add(&m->target_protocol, 17);
	protocol_list_add(&m->target_protocol, 6);
	add_text(&m->target_fqdn, "victim.example");
	add_text(&m->target_uri, "https://victim.example/");
	add_text(&m->alias_name, "web");
	add_prefix(&m->source_prefix, "100.64.8.21");
	range_list_add(&m->source_port, 5000, 5010);
	range_list_add(&m->source_icmp_type, 8, 8);
	m->has_conflict = true;
	add_prefix(&m->conflict.target_prefix, "192.0.2.0/24");
	range_list_add(&m->conflict.target_port, 1, 2);
	protocol_list_add(&m->conflict.target_protocol, 1);
	add_text(&m->conflict.target_fqdn, "a.example");
	add_text(&m->conflict.target_uri, "a:b");
	add_text(&m->conflict.alias_name, "a");
	add_text(&m->conflict.acl_name, "acl");
	add_text(&m->conflict.acl_type, "");
	m->lifetime = 3600;
}

static void test_lists_grow(void **state)
{
	(void)state;
	struct mitigation m;
	mitigation_init(&m);
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(range_list_add(&m.source_port, (uint16_t)i, (uint16_t)(i + 1)), 0);
		assert_int_equal(protocol_list_add(&m.target_protocol, (uint8_t)i), 0);
		add_text(&m.alias_name, "alias");
	}
	assert_int_equal(m.source_port.n, 1000);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(m.source_port.v[i].lower, i);
	assert_int_equal(m.target_protocol.v[999], 999 % 256);
	mitigation_free(&m);
	assert_int_equal(m.source_port.n, 0);
	assert_int_equal(m.trigger, -1);
	mitigation_free(&m);
	mitigation_free(NULL);
}

static void test_copy(void **state)
{
	(void)state;
	struct mitigation a, b;
	fill(&a);
	assert_int_equal(mitigation_copy(&b, &a), 0);
	assert_true(mitigation_same(&a, &b));
	/* A copy is as good to append to as an original. */
	for (unsigned i = 0; i < 9; i++) {
		add_prefix(&b.source_prefix, "10.0.0.1");
		add_text(&b.conflict.acl_name, "more");
	}
	mitigation_free(&a);
	assert_string_equal(b.target_fqdn.v[0], "victim.example");
	assert_string_equal(b.conflict.acl_name.v[0], "acl");
	assert_int_equal(b.source_prefix.n, 10);
	assert_int_equal(b.lifetime, 3600);
	mitigation_free(&b);
}

static void test_same(void **state)
{
	(void)state;
	struct mitigation a, b;
	fill(&a);
	fill(&b);
	assert_true(mitigation_same(&a, &b));
	b.lifetime = 60;
	b.attack_status = ATTACK_UNDER_ATTACK;
	b.trigger = 1;                               /* the default, said aloud */
	struct prefix p = b.target_prefix.v[0];
	b.target_prefix.v[0] = b.target_prefix.v[1];
	b.target_prefix.v[1] = p;                    /* another order */
	protocol_list_add(&b.target_protocol, 6);    /* a repetition: the same set */
	assert_true(mitigation_same(&a, &b));
	b.trigger = 0;
	assert_false(mitigation_same(&a, &b));
	b.trigger = -1;
	b.source_port.v[0].upper++;
	assert_false(mitigation_same(&a, &b));
	b.source_port.v[0].upper--;
	add_text(&b.alias_name, "other");
	assert_false(mitigation_same(&a, &b));
	mitigation_free(&a);
	mitigation_free(&b);
}

struct overlap_row {
	const char *target_a, *source_a, *target_b, *source_b;
	bool targets, all;
};

static void test_overlap(void **state)
{
	(void)state;
	static const struct overlap_row rows[] = {
		{ "203.0.113.9", "100.64.8.21", "203.0.113.9", "100.64.8.21", true, true },
		{ "203.0.113.9", "100.64.8.21", "203.0.113.9", "100.64.8.22", true, false },      /* two devices, one victim */
		{ "203.0.113.9", "100.64.8.21", "203.0.113.0/24", "100.64.0.0/10", true, true },
		{ "203.0.113.9", "100.64.8.21", "203.0.113.8", "100.64.8.21", false, false },
		{ "203.0.113.9", NULL, "203.0.113.9", "100.64.8.21", true, true },                /* no source: every source */
		{ "::/0", "100.64.8.21", "203.0.113.9", "100.64.8.21", false, false },
		{ "2001:db8::/32", "2001:db8:1::/48", "2001:db8:ffff::1", "2001:db8:1:2::3", true, true },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct mitigation a, b;
		mitigation_init(&a);
		mitigation_init(&b);
		add_prefix(&a.target_prefix, rows[i].target_a);
		add_prefix(&b.target_prefix, rows[i].target_b);
		if (rows[i].source_a)
			add_prefix(&a.source_prefix, rows[i].source_a);
		if (rows[i].source_b)
			add_prefix(&b.source_prefix, rows[i].source_b);
		assert_int_equal(mitigation_targets_overlap(&a, &b), rows[i].targets);
		assert_int_equal(mitigation_targets_overlap(&b, &a), rows[i].targets);
		assert_int_equal(mitigation_overlap(&a, &b), rows[i].all);
		assert_int_equal(mitigation_overlap(&b, &a), rows[i].all);
		mitigation_free(&a);
		mitigation_free(&b);
	}
}

static void test_overlap_ports_and_names(void **state)
{
	(void)state;
	struct mitigation a, b;
	mitigation_init(&a);
	mitigation_init(&b);
	add_text(&a.target_fqdn, "Victim.example");
	add_text(&b.target_fqdn, "victim.EXAMPLE");
	assert_true(mitigation_targets_overlap(&a, &b));
	text_list_free(&b.target_fqdn);
	assert_false(mitigation_targets_overlap(&a, &b));
	add_text(&a.alias_name, "web");
	add_text(&b.alias_name, "web");
	assert_true(mitigation_overlap(&a, &b));
	range_list_add(&a.source_port, 5000, 5010);
	assert_true(mitigation_overlap(&a, &b));     /* b names no ports */
	range_list_add(&b.source_port, 0, 4999);
	range_list_add(&b.source_port, 5011, 65535);
	assert_false(mitigation_overlap(&a, &b));
	assert_false(mitigation_overlap(&b, &a));
	range_list_add(&b.source_port, 5010, 5010);
	assert_true(mitigation_overlap(&a, &b));
	b.source_port.n--;
	range_list_add(&a.source_icmp_type, 8, 8);
	range_list_add(&b.source_icmp_type, 0, 255);
	assert_true(mitigation_overlap(&a, &b));     /* a common ICMP type */
	mitigation_free(&a);
	mitigation_free(&b);
}

/* The sorted way, taken by long lists, says what trying every pair says. */
static void test_overlap_long_lists(void **state)
{
	(void)state;
	uint32_t seed = 1;
	for (unsigned round = 0; round < 200; round++) {
		struct mitigation a, b;
		mitigation_init(&a);
		mitigation_init(&b);
		for (unsigned i = 0; i < 120; i++) {
			struct mitigation *m = i < 60 ? &a : &b;
			seed = seed * 1103515245 + 12345;
			bool six = seed >> 8 & 1;
			uint8_t len = (uint8_t)(six ? 20 + (seed >> 9) % 100 : 12 + (seed >> 9) % 20);
			uint8_t bytes[16] = { (uint8_t)(seed >> 24), (uint8_t)(seed >> 16), (uint8_t)(seed >> 20), (uint8_t)i };
			struct prefix p = prefix_make(six ? 6 : 4, bytes, len);
			prefix_list_add(&m->target_prefix, &p);
		}
		bool expect = false;
		for (unsigned i = 0; i < 60; i++)
			for (unsigned k = 0; k < 60; k++)
				expect = expect || prefix_overlap(&a.target_prefix.v[i], &b.target_prefix.v[k]);
		assert_int_equal(mitigation_targets_overlap(&a, &b), expect);
		assert_int_equal(mitigation_targets_overlap(&b, &a), expect);
		mitigation_free(&a);
		mitigation_free(&b);
	}
	struct mitigation a, b;
	mitigation_init(&a);
	mitigation_init(&b);
	for (unsigned i = 0; i < 100; i++) {   /* even hosts against odd ones, and then one in common */
		struct prefix even = prefix_make(4, (uint8_t[]){ 192, 0, 2, (uint8_t)(2 * i) }, 32), odd = prefix_make(4, (uint8_t[]){ 192, 0, 2, (uint8_t)(2 * i + 1) }, 32);
		prefix_list_add(&a.target_prefix, &even);
		prefix_list_add(&b.target_prefix, &odd);
	}
	assert_false(mitigation_targets_overlap(&a, &b));
	prefix_list_add(&b.target_prefix, &a.target_prefix.v[50]);
	assert_true(mitigation_targets_overlap(&a, &b));
	prefix_list_free(&b.target_prefix);
	for (unsigned i = 0; i < 100; i++) {
		char name[32];
		snprintf(name, sizeof name, "a%u", i);
		add_text(&a.alias_name, name);
		snprintf(name, sizeof name, "b%u", i);
		add_text(&b.alias_name, name);
	}
	assert_false(mitigation_targets_overlap(&a, &b));
	add_text(&b.alias_name, "a42");
	assert_true(mitigation_targets_overlap(&a, &b));
	mitigation_free(&a);
	mitigation_free(&b);
}

static void test_body(void **state)
{
	(void)state;
	struct body b;
	body_init(&b);
	b.kind = BODY_MITIGATION_SCOPE;
	for (unsigned i = 0; i < 20; i++) {
		struct mitigation *m = body_add_scope(&b);
		assert_non_null(m);
		add_text(&m->alias_name, "x");
		m->mid = i;
	}
	assert_int_equal(b.scope[19].mid, 19);
	body_free(&b);
	assert_int_equal(b.kind, BODY_EMPTY);
	body_free(&b);
	body_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists_grow), cmocka_unit_test(test_copy), cmocka_unit_test(test_same), cmocka_unit_test(test_overlap),
		cmocka_unit_test(test_overlap_ports_and_names), cmocka_unit_test(test_overlap_long_lists), cmocka_unit_test(test_body),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
