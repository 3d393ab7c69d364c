/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "dots/sigconf.h"

static void set(struct sigconf_set *s, enum sigconf_param p, uint32_t v)
{
	s->p[p].has_current = true;
	s->p[p].current = v;
}

static void test_defaults(void **state)
{
	(void)state;
	static const struct {
		enum sigconf_param p;
		uint32_t min, current, max;
	} rows[SIGCONF_PARAMS] = {
		{ SIGCONF_HEARTBEAT_INTERVAL, 15, 30, 240 }, { SIGCONF_MISSING_HB_ALLOWED, 3, 15, 20 }, { SIGCONF_PROBING_RATE, 5, 5, 20 },
		{ SIGCONF_MAX_RETRANSMIT, 2, 3, 15 }, { SIGCONF_ACK_TIMEOUT, 100, 200, 3000 }, { SIGCONF_ACK_RANDOM_FACTOR, 110, 150, 400 },
	};
	struct sigconf c;
	sigconf_defaults(&c);
	assert_true(c.has_mitigating && c.has_idle);
	for (size_t i = 0; i < SIGCONF_PARAMS; i++) {
		const struct sigconf_value *v = &c.mitigating.p[rows[i].p];
		assert_true(v->has_max && v->has_min && v->has_current);
		assert_int_equal(v->min, rows[i].min);
		assert_int_equal(v->current, rows[i].current);
		assert_int_equal(v->max, rows[i].max);
		assert_memory_equal(v, &c.idle.p[rows[i].p], sizeof *v);
	}
	/* What the protocol itself needs: a heartbeat of 150 bytes fits the defaults. */
	assert_true(sigconf_heartbeat_fits(&c.idle, 150));
	assert_false(sigconf_heartbeat_fits(&c.idle, 151));
}

/* CH-09: the side behind the NAT bounds the heartbeat interval, and the other one chooses within. */
static void test_ch09_apply(void **state)
{
	(void)state;
	static const struct {
		enum sigconf_param p;
		uint32_t v;
		int code;                /* 0: accepted */
		const char *text;
	} rows[] = {
		{ SIGCONF_HEARTBEAT_INTERVAL, 15, 0, "" }, { SIGCONF_HEARTBEAT_INTERVAL, 60, 0, "" }, { SIGCONF_HEARTBEAT_INTERVAL, 0, 0, "" },
		{ SIGCONF_HEARTBEAT_INTERVAL, 14, 150, "14 of mitigating-config is not in 15..60" }, { SIGCONF_HEARTBEAT_INTERVAL, 61, 150, "not in 15..60" },
		{ SIGCONF_MISSING_HB_ALLOWED, 3, 0, "" }, { SIGCONF_MISSING_HB_ALLOWED, 0, 150, "not in 3..20" }, { SIGCONF_MISSING_HB_ALLOWED, 21, 150, "not in 3..20" },
		{ SIGCONF_PROBING_RATE, 4, 150, "not in 5..20" }, { SIGCONF_MAX_RETRANSMIT, 16, 150, "not in 2..15" }, { SIGCONF_ACK_TIMEOUT, 100, 0, "" },
		{ SIGCONF_ACK_TIMEOUT, 99, 150, "0.99 of mitigating-config is not in 1.00..30.00" }, { SIGCONF_ACK_RANDOM_FACTOR, 401, 150, "4.01" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct sigconf offer, active, before, put = { .has_mitigating = true };
		struct reason why = { 0 };
		sigconf_defaults(&offer);
		offer.mitigating.p[SIGCONF_HEARTBEAT_INTERVAL].max = 60;
		active = before = offer;
		set(&put.mitigating, rows[i].p, rows[i].v);
		assert_int_equal(sigconf_apply(&offer, &put, &active, &why), rows[i].code ? -1 : 0);
		assert_int_equal(why.code, rows[i].code);
		assert_non_null(strstr(why.text, rows[i].text));
		assert_int_equal(active.mitigating.p[rows[i].p].current, rows[i].code ? before.mitigating.p[rows[i].p].current : rows[i].v);
		assert_memory_equal(&active.idle, &before.idle, sizeof active.idle);
	}
}

static void test_refused(void **state)
{
	(void)state;
	struct sigconf offer, active, before, put = { 0 };
	struct reason why;
	sigconf_defaults(&offer);
	active = before = offer;
	assert_int_equal(sigconf_apply(&offer, &put, &active, &why), -1);      /* nothing in it */
	assert_int_equal(why.code, REASON_BAD_REQUEST);
	put.has_idle = true;
	assert_int_equal(sigconf_apply(&offer, &put, &active, &why), -1);
	assert_string_equal(why.section, "RFC 9132, 4.5");
	set(&put.idle, SIGCONF_HEARTBEAT_INTERVAL, 20);
	put.idle.p[SIGCONF_HEARTBEAT_INTERVAL].has_max = true;
	assert_int_equal(sigconf_apply(&offer, &put, &active, &why), -1);
	assert_int_equal(why.code, REASON_BAD_REQUEST);
	assert_string_equal(why.field, "heartbeat-interval");
	put.idle.p[SIGCONF_HEARTBEAT_INTERVAL].has_max = false;
	/* One bad value, and none is taken. */
	put.has_mitigating = true;
	set(&put.mitigating, SIGCONF_MAX_RETRANSMIT, 9999);
	assert_int_equal(sigconf_apply(&offer, &put, &active, &why), -1);
	assert_memory_equal(&active, &before, sizeof active);
	put.has_mitigating = false;                                            /* what the set does not stand for is not looked at */
	assert_int_equal(sigconf_apply(&offer, &put, &active, &why), 0);
	assert_int_equal(active.idle.p[SIGCONF_HEARTBEAT_INTERVAL].current, 20);
	assert_int_equal(active.mitigating.p[SIGCONF_MAX_RETRANSMIT].current, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_ch09_apply), cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
