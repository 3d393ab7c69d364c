/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "dots/envelope.h"
#include "dots/json.h"

#define SCOPE "\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{\"target-prefix\":[\"203.0.113.9/32\"],\"lifetime\":60}]}"

static int parse(const char *text, struct envelope *e, struct reason *why)
{
	*why = (struct reason){ 0 };
	return envelope_parse(text, strlen(text), e, why);
}

static void test_members(void **state)
{
	(void)state;
	struct envelope e;
	struct reason why;
	assert_int_equal(parse("{\"type\":\"mitigate\",\"time\":\"2026-11-22T23:28:07.500Z\",\"attack-time\":\"2026-11-23T00:28:07+01:00\",\"ref\":\"r1\",\"to\":\"cpe\","
	    "\"peer\":\"isp\",\"cuid\":\"abc\",\"mid\":4294967295,\"part\":[2,3],\"subscriber\":\"2001:db8::1\",\"x\":1," SCOPE "}", &e, &why), 0);
	assert_int_equal(e.type, LINE_MITIGATE);
	assert_string_equal(e.ref, "r1");
	assert_string_equal(e.to, "cpe");
	assert_string_equal(e.peer, "isp");
	assert_string_equal(e.cuid, "abc");
	assert_string_equal(e.subscriber, "2001:db8::1");
	assert_true(e.has_mid && e.mid == UINT32_MAX);
	assert_true(e.has_part && e.part == 2 && e.parts == 3);
	assert_int_equal(e.time - e.attack_time, 500);
	assert_int_equal(e.body.n_scope, 1);
	assert_int_equal(envelope_lifetime_left(&e, 0, e.time), 60);
	assert_int_equal(envelope_lifetime_left(&e, 0, e.time - 5000), 60);
	assert_int_equal(envelope_lifetime_left(&e, 0, e.time + 20999), 40);
	assert_int_equal(envelope_lifetime_left(&e, 0, e.time + 60000), 0);
	assert_int_equal(envelope_lifetime_left(&e, 1, e.time), 0);
	e.body.scope[0].lifetime = LIFETIME_INDEFINITE;
	assert_int_equal(envelope_lifetime_left(&e, 0, e.time + 60000), LIFETIME_INDEFINITE);
	envelope_free(&e);
	envelope_free(&e);
	envelope_free(NULL);
}

static void test_kinds(void **state)
{
	(void)state;
	struct envelope e;
	struct reason why;
	assert_int_equal(parse("{" SCOPE "}", &e, &why), 0);          /* a bare DOTS document */
	assert_int_equal(e.type, LINE_MITIGATE);
	assert_string_equal(e.type_name, "mitigate");
	envelope_free(&e);
	assert_int_equal(parse("{\"type\":\"weather\",\"mid\":\"nonsense\"}", &e, &why), 0);
	assert_int_equal(e.type, LINE_UNKNOWN);
	assert_string_equal(e.type_name, "weather");
	envelope_free(&e);
	/* An error is never answered, whatever is in it. */
	assert_int_equal(parse("{\"type\":\"error\",\"mid\":\"nonsense\",\"ref\":\"r\"," SCOPE "}", &e, &why), 0);
	assert_int_equal(e.type, LINE_ERROR);
	assert_string_equal(e.ref, "r");
	envelope_free(&e);
	static const char *const names[] = { "mitigate", "withdraw", "status", "sync", "decision", "query", "observe", "unobserve", "refresh", "efficacy", "config",
		"redirect", "peers", "peer", "pending", "watch", "response", "session", "error" };
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
		char line[300];
		snprintf(line, sizeof line, "{\"type\":\"%s\"," SCOPE "}", names[i]);
		assert_int_equal(parse(line, &e, &why), 0);
		assert_int_equal(e.type, i + 1);
		envelope_free(&e);
	}
}

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		const char *line, *field, *text;
	} rows[] = {
		{ "", "", "not JSON" }, { "[]", "", "one JSON object" }, { "{\"type\":\"query\"} x", "", "not JSON" }, { "{\"a\":1,\"a\":2}", "", "duplicate" },
		{ "{}", "type", "is missing" }, { "{\"type\":1}", "type", "expected a string" }, { "{\"type\":\"query\",\"ref\":1}", "ref", "expected a string" },
		{ "{\"type\":\"query\",\"mid\":-1}", "mid", "negative" }, { "{\"type\":\"query\",\"mid\":4294967296}", "mid", "more than" },
		{ "{\"type\":\"query\",\"time\":\"yesterday\"}", "time", "not a time" }, { "{\"type\":\"query\",\"part\":[3,2]}", "part", "1 <= i <= n" },
		{ "{\"type\":\"query\",\"part\":[1,2,3]}", "part", "1 <= i <= n" }, { "{\"type\":\"query\",\"cuid\":\"\"}", "cuid", "empty" },
		{ "{\"type\":\"query\",\"cuid\":\"a/b\"}", "cuid", "\"/\"" }, { "{\"type\":\"mitigate\"}", "mitigation-scope", "is missing" },
		{ "{\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{},{}]}}", "scope", "2 entries" },
		{ "{\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[]}}", "scope", "empty list" },
		{ "{\"type\":\"heartbeat\",\"ref\":{}}", "ref", "expected a string" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct envelope e;
		struct reason why;
		assert_int_equal(parse(rows[i].line, &e, &why), -1);
		assert_int_equal(why.code, REASON_BAD_REQUEST);
		assert_string_equal(why.field, rows[i].field);
		assert_non_null(strstr(why.text, rows[i].text));
		assert_true(*why.section != '\0');
		envelope_free(&e);
	}
}

static void test_error_echoes(void **state)
{
	(void)state;
	struct envelope e;
	struct reason why;
	assert_int_equal(parse("{\"type\":\"mitigate\",\"ref\":\"r9\",\"peer\":\"isp\",\"cuid\":\"c\",\"mid\":7}", &e, &why), -1);
	json_t *error = envelope_error(&why, &e);
	char *text = json_line_format(error, NULL);
	assert_int_equal(strncmp(text, "{\"type\":\"error\",\"time\":\"20", 26), 0);
	assert_non_null(strstr(text, "\"field\":\"mitigation-scope\",\"section\":\"RFC 9132, 4.4.1\",\"ref\":\"r9\",\"peer\":\"isp\",\"cuid\":\"c\",\"mid\":7}"));
	free(text);
	json_decref(error);
	envelope_free(&e);
	/* A quotation cut in the middle of a character is still JSON. */
	assert_int_equal(parse("{\"type\":\"query\",\"mid\":\"xééééééééééééééééééééééééééééé\"}", &e, &why), -1);
	error = envelope_error(&why, &e);
	assert_non_null(json_object_get(error, "reason"));
	json_decref(error);
	error = envelope_error(&why, NULL);
	assert_null(json_object_get(error, "ref"));
	json_decref(error);
	envelope_free(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members), cmocka_unit_test(test_kinds), cmocka_unit_test(test_refused), cmocka_unit_test(test_error_echoes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
