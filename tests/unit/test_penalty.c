/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of addresses that fail to authenticate: pure, with the time as an argument. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/limits.h"
#include "link/penalty.h"

static struct sockaddr_storage at(const char *text, uint16_t port)
{
	struct prefix p;
	struct sockaddr_storage ss;
	assert_int_equal(addr_parse(text, &p), 0);
	sockaddr_make(&p, port, &ss);
	return ss;
}

static void ch_45_counts_and_ends(void **state)
{
	(void)state;
	struct penalty *p = penalty_new(3, 1000);
	struct sockaddr_storage a = at("192.0.2.1", 1000), again = at("192.0.2.1", 2000), b = at("192.0.2.2", 1000);
	assert_false(penalty_failed(p, &a, 5000));
	assert_false(penalty_failed(p, &again, 5100));
	assert_false(penalty_holds(p, &a, 5100));
	assert_true(penalty_failed(p, &a, 5200));
	assert_true(penalty_holds(p, &again, 5200));
	assert_false(penalty_holds(p, &b, 5200));
	assert_true(penalty_holds(p, &a, 6199));
	assert_false(penalty_holds(p, &a, 6200));
	/* Then it begins from the start; and what lies longer apart than the time is forgotten. */
	assert_false(penalty_failed(p, &a, 6300));
	assert_false(penalty_failed(p, &a, 6400));
	assert_false(penalty_failed(p, &a, 7400));
	assert_false(penalty_failed(p, &a, 7500));
	assert_true(penalty_failed(p, &a, 7600));
	penalty_free(p);
}

static void ch_45_v6_by_64(void **state)
{
	(void)state;
	struct penalty *p = penalty_new(2, 1000);
	struct sockaddr_storage a = at("2001:db8:0:1::1", 1), b = at("2001:db8:0:1:ffff::2", 1), c = at("2001:db8:0:2::1", 1);
	assert_false(penalty_failed(p, &a, 1));
	assert_true(penalty_failed(p, &b, 2));
	assert_true(penalty_holds(p, &a, 3));
	assert_false(penalty_holds(p, &c, 3));
	penalty_free(p);
}

static void ch_45_a_live_session_vouches(void **state)
{
	(void)state;
	struct penalty *p = penalty_new(2, 1000);
	struct sockaddr_storage a = at("192.0.2.1", 1000);
	penalty_failed(p, &a, 1);
	assert_true(penalty_failed(p, &a, 2));
	penalty_up(p, &a);
	penalty_up(p, &a);
	assert_false(penalty_holds(p, &a, 3));
	for (int i = 0; i < 10; i++)
		assert_false(penalty_failed(p, &a, 4));
	assert_false(penalty_holds(p, &a, 5));
	penalty_down(p, &a);
	assert_false(penalty_failed(p, &a, 6));
	assert_false(penalty_failed(p, &a, 6));
	penalty_down(p, &a);
	assert_false(penalty_failed(p, &a, 7));
	assert_true(penalty_failed(p, &a, 8));
	penalty_free(p);
}

/* However many come: the memory is bounded, and it is the oldest one that is let go. */
static void ch_45_bounded(void **state)
{
	(void)state;
	struct penalty *p = penalty_new(1, INT64_C(1) << 40);
	struct sockaddr_storage first = at("198.51.100.1", 1), second = at("198.51.100.2", 1), s;
	assert_true(penalty_failed(p, &first, 1));
	assert_true(penalty_failed(p, &second, 1));
	for (unsigned i = 0; i < LISTEN_SUSPECTS - 2; i++) {
		struct prefix q = { .family = 4, .len = 32, .addr = { 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i } };
		sockaddr_make(&q, 1, &s);
		assert_true(penalty_failed(p, &s, 2));
	}
	assert_true(penalty_holds(p, &first, 3));
	struct sockaddr_storage last = at("198.51.100.3", 1);
	assert_true(penalty_failed(p, &last, 3));
	assert_false(penalty_holds(p, &first, 3));
	assert_true(penalty_holds(p, &second, 3));
	assert_true(penalty_holds(p, &last, 3));
	penalty_free(p);
}

static void off(void **state)
{
	(void)state;
	struct penalty *p = penalty_new(0, 1000);
	struct sockaddr_storage a = at("192.0.2.1", 1000);
	for (int i = 0; i < 100; i++)
		assert_false(penalty_failed(p, &a, i));
	assert_false(penalty_holds(p, &a, 100));
	penalty_up(p, &a);
	penalty_down(p, &a);
	penalty_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ch_45_counts_and_ends), cmocka_unit_test(ch_45_v6_by_64), cmocka_unit_test(ch_45_a_live_session_vouches), cmocka_unit_test(ch_45_bounded), cmocka_unit_test(off),
	};
	return cmocka_run_group_tests_name("penalty", tests, NULL, NULL);
}
