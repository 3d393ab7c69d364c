/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "dots/portset.h"

/* First, last, number of ranges and of ports, for known port sets (the 0x34 one is RFC 7597's own). */
static void test_known_sets(void **state)
{
	(void)state;
	static const struct {
		uint8_t a, k;
		uint16_t psid, first_lower, first_upper, second_lower, last_lower, last_upper;
		unsigned ranges, ports;
	} rows[] = {
		{ 6, 6, 0x2b, 1712, 1727, 2736, 65200, 65215, 63, 1008 },
		{ 4, 8, 0x2b, 4784, 4799, 8880, 62128, 62143, 15, 240 },
		{ 0, 6, 13, 13312, 14335, 0, 13312, 14335, 1, 1024 },
		{ 6, 8, 0x34, 1232, 1235, 2256, 64720, 64723, 63, 252 },
		{ 6, 10, 5, 1029, 1029, 2053, 64517, 64517, 63, 63 },
		{ 0, 16, 4711, 4711, 4711, 0, 4711, 4711, 1, 1 },
		{ 0, 0, 0, 0, 65535, 0, 0, 65535, 1, 65536 },
		{ 6, 0, 0, 0, 65535, 0, 0, 65535, 1, 65536 },
	};
	for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
		struct portset s = { rows[r].a, rows[r].k };
		uint16_t lower = 0, upper = 0;
		unsigned i, ports = 0;
		assert_true(portset_valid(&s));
		for (i = 0; portset_range(&s, rows[r].psid, i, &lower, &upper); i++) {
			ports += upper - lower + 1u;
			if (i == 0) {
				assert_int_equal(lower, rows[r].first_lower);
				assert_int_equal(upper, rows[r].first_upper);
			} else if (i == 1) {
				assert_int_equal(lower, rows[r].second_lower);
			}
			assert_int_equal(portset_psid(&s, lower), rows[r].psid);
			assert_int_equal(portset_psid(&s, upper), rows[r].psid);
		}
		assert_int_equal(i, rows[r].ranges);
		assert_int_equal(ports, rows[r].ports);
		assert_int_equal(lower, rows[r].last_lower);
		assert_int_equal(upper, rows[r].last_upper);
		assert_false(portset_range(&s, rows[r].psid, UINT32_MAX, &lower, &upper));
	}
}

static void test_neighbours(void **state)
{
	(void)state;
	struct portset s = { 6, 6 };
	assert_int_equal(portset_psid(&s, 1715), 0x2b);
	assert_int_equal(portset_psid(&s, 1711), 0x2a);
	assert_int_equal(portset_psid(&s, 1728), 0x2c);
	assert_int_equal(portset_psid(&s, 50000), 0x35);
	assert_int_equal(portset_psid(&s, 500), -1);
	assert_int_equal(portset_psid(&s, 1023), -1);
	assert_int_equal(portset_psid(&s, 1024), 0);
}

/* For every a and k each port is in exactly one set, or in none when it is excluded; and the set is the one portset_psid names. */
static void test_partition(void **state)
{
	(void)state;
	static uint8_t owners[65536];
	for (uint8_t a = 0; a <= 16; a++)
		for (uint8_t k = 1; a + k <= 16; k += k < 8 ? 1 : 4) {
			struct portset s = { a, k };
			memset(owners, 0, sizeof owners);
			for (unsigned psid = 0; psid < 1u << k; psid++) {
				uint16_t lower, upper;
				for (unsigned i = 0; portset_range(&s, (uint16_t)psid, i, &lower, &upper); i++)
					for (unsigned port = lower; port <= upper; port++) {
						owners[port]++;
						if (portset_psid(&s, (uint16_t)port) != (int)psid)
							fail_msg("a=%u k=%u port %u", a, k, port);
					}
			}
			for (unsigned port = 0; port < 65536; port++)
				if (owners[port] != (portset_psid(&s, (uint16_t)port) >= 0) || owners[port] != (a == 0 || port >= 1u << (16 - a)))
					fail_msg("a=%u k=%u port %u has %u owners", a, k, port, owners[port]);
		}
}

static void test_bounds(void **state)
{
	(void)state;
	static const struct {
		uint8_t a, k;
		bool valid;
	} rows[] = { { 0, 16, true }, { 16, 0, true }, { 8, 8, true }, { 8, 9, false }, { 17, 0, false }, { 0, 17, false }, { 255, 1, false }, { 128, 128, false } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(portset_valid(&(struct portset){ rows[i].a, rows[i].k }), rows[i].valid);
	struct portset s = { 6, 6 };
	uint16_t lower, upper;
	assert_false(portset_range(&s, 64, 0, &lower, &upper));   /* no such PSID */
	assert_false(portset_range(&s, 1, 63, &lower, &upper));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_sets), cmocka_unit_test(test_neighbours), cmocka_unit_test(test_partition), cmocka_unit_test(test_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
