/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dispatch.h"
#include "ranges.h"

static void add(struct prefix_list *l, const char *text)
{
	struct prefix p;
	assert_int_equal(prefix_parse(text, true, &p), 0);
	assert_int_equal(prefix_list_add(l, &p), 0);
}

/* texts: one prefix a unit, numbered from 1. */
static void make(uint8_t family, const char *const *texts, size_t n, const struct dispatch *before, uint32_t *last, struct dispatch *out)
{
	struct prefix_list l[16] = { 0 };
	struct route r[16];
	for (size_t i = 0; i < n; i++) {
		add(&l[i], texts[i]);
		r[i] = (struct route){ .unit = (uint32_t)i + 1, .by = &l[i] };
	}
	assert_int_equal(dispatch_make(family, r, n, before, last, out), 0);
	for (size_t i = 0; i < n; i++)
		prefix_list_free(&l[i]);
}

static void expect(const struct dispatch *d, const char *want)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	dispatch_print(d, f);
	fclose(f);
	assert_string_equal(text, want);
	free(text);
}

static void nested_and_repeated(void **state)
{
	(void)state;
	static const char *const texts[] = { "203.0.113.0/24", "203.0.113.9/32", "203.0.113.9/32", "198.51.100.0/25", "203.0.113.0/24" };
	uint32_t last = 0;
	struct dispatch d, e;
	make(4, texts, 4, NULL, &last, &d);
	expect(&d, "198.51.100.0-198.51.100.127 m4\n"
	    "203.0.113.0-203.0.113.8 m1\n"
	    "203.0.113.9-203.0.113.9 d1\n"
	    "203.0.113.10-203.0.113.255 m1\n"
	    "d1: m1 m2 m3\n");
	/* The junction keeps its chain while others come. */
	make(4, texts, 5, &d, &last, &e);
	expect(&e, "198.51.100.0-198.51.100.127 m4\n"
	    "203.0.113.0-203.0.113.8 d2\n"
	    "203.0.113.9-203.0.113.9 d1\n"
	    "203.0.113.10-203.0.113.255 d2\n"
	    "d2: m1 m5\n"
	    "d1: m1 m5 m2 m3\n");
	dispatch_free(&d);
	dispatch_free(&e);
}

static void the_whole_space(void **state)
{
	(void)state;
	static const char *const texts[] = { "::/0", "8000::/1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128" };
	uint32_t last = 0;
	struct dispatch d;
	make(6, texts, 3, NULL, &last, &d);
	expect(&d, "::-7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff m1\n"
	    "8000::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe d1\n"
	    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff d2\n"
	    "d1: m1 m2\n"
	    "d2: m1 m2 m3\n");
	dispatch_free(&d);
	make(4, texts, 3, NULL, &last, &d);
	expect(&d, "");
	dispatch_free(&d);
}

/* Many mitigations of one target: by their sources, where those tell them apart. */
static void one_target_for_many(void **state)
{
	(void)state;
	struct prefix_list target = { 0 }, source[20] = { 0 };
	struct route r[20];
	struct dispatch d, e;
	uint32_t last = 0;
	char text[PREFIX_TEXT_MAX];
	add(&target, "203.0.113.9/32");
	for (size_t i = 0; i < 20; i++) {
		snprintf(text, sizeof text, "198.51.100.%zu", i / 2);
		add(&source[i], text);
		r[i] = (struct route){ .unit = (uint32_t)i + 1, .by = &target, .then = i == 3 ? NULL : &source[i] };
	}
	assert_int_equal(dispatch_make(4, r, LINEAR_MAX, NULL, &last, &d), 0);
	expect(&d, "203.0.113.9-203.0.113.9 d1\nd1: m1 m2 m3 m4 m5 m6 m7 m8 m9 m10 m11 m12 m13 m14 m15 m16\n");
	assert_int_equal(dispatch_make(4, r, 20, &d, &last, &e), 0);
	assert_int_equal(e.n_junctions, 1);
	assert_int_equal(e.junction[0].id, 1);
	assert_int_equal(e.junction[0].n, 1);
	assert_int_equal(e.junction[0].unit[0], 4);
	assert_int_equal(e.junction[0].by_source->n_segments, 10);
	assert_int_equal(e.junction[0].by_source->n_junctions, 9);
	dispatch_free(&d);
	dispatch_free(&e);
	prefix_list_free(&target);
	for (size_t i = 0; i < 20; i++)
		prefix_list_free(&source[i]);
}

/* Random prefixes: every address leads to exactly the units that contain it. */
static void against_a_plain_search(void **state)
{
	(void)state;
	unsigned seed = 20261122;
	for (int round = 0; round < 300; round++) {
		struct prefix_list l[12] = { 0 };
		struct route r[12];
		uint32_t last = 0;
		struct dispatch d;
		for (size_t i = 0; i < 12; i++) {
			for (int k = 0; k < 3; k++) {
				uint8_t a[4] = { 203, 0, (uint8_t)(rand_r(&seed) % 2), (uint8_t)rand_r(&seed) };
				struct prefix p = prefix_make(4, a, (uint8_t)(22 + rand_r(&seed) % 11));
				prefix_list_add(&l[i], &p);
			}
			prefixes_merge(&l[i]);
			r[i] = (struct route){ .unit = (uint32_t)i + 1, .by = &l[i] };
		}
		assert_int_equal(dispatch_make(4, r, 12, NULL, &last, &d), 0);
		for (unsigned x = 0; x < 1024; x++) {
			uint8_t a[16] = { 203, 0, (uint8_t)(x >> 8), (uint8_t)x };
			struct prefix p = prefix_make(4, a, 32);
			unsigned want = 0, got = 0;
			for (size_t i = 0; i < 12; i++)
				for (size_t k = 0; k < l[i].n; k++)
					want |= prefix_contains(&l[i].v[k], &p) ? 1u << i : 0;
			for (size_t s = 0; s < d.n_segments; s++) {
				if (memcmp(d.segment[s].first, a, 4) > 0 || memcmp(d.segment[s].last, a, 4) < 0)
					continue;
				assert_int_equal(got, 0);
				if (!d.segment[s].leaf.junction)
					got |= 1u << (d.segment[s].leaf.id - 1);
				for (size_t j = 0; d.segment[s].leaf.junction && j < d.n_junctions; j++)
					for (size_t u = 0; d.junction[j].id == d.segment[s].leaf.id && u < d.junction[j].n; u++)
						got |= 1u << (d.junction[j].unit[u] - 1);
			}
			assert_int_equal(got, want);
		}
		dispatch_free(&d);
		for (size_t i = 0; i < 12; i++)
			prefix_list_free(&l[i]);
	}
}

static void merging(void **state)
{
	(void)state;
	struct prefix_list l = { 0 };
	static const char *const texts[] = { "10.0.0.3", "10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.1", "192.0.2.128/25", "192.0.2.0/24", "2001:db8::/33", "2001:db8:8000::/33" };
	char text[PREFIX_TEXT_MAX];
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		add(&l, texts[i]);
	prefixes_merge(&l);
	assert_int_equal(l.n, 3);
	assert_string_equal(prefix_format(&l.v[0], text), "10.0.0.0/30");
	assert_string_equal(prefix_format(&l.v[1], text), "192.0.2.0/24");
	assert_string_equal(prefix_format(&l.v[2], text), "2001:db8::/32");
	prefix_list_free(&l);
	struct range_list r = { 0 };
	range_list_add(&r, 60000, 65535);
	range_list_add(&r, 5, 9);
	range_list_add(&r, 10, 12);
	range_list_add(&r, 65535, 65535);
	ranges_merge(&r);
	assert_int_equal(r.n, 2);
	assert_int_equal(r.v[0].upper, 12);
	assert_int_equal(r.v[1].upper, 65535);
	range_list_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nested_and_repeated), cmocka_unit_test(the_whole_space), cmocka_unit_test(one_target_for_many), cmocka_unit_test(against_a_plain_search), cmocka_unit_test(merging),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
