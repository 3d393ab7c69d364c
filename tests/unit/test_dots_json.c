/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "dots/json.h"

#define SCOPE(inner) "{\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{" inner "}]}}"

static int read_text(const char *text, struct body *b, struct reason *why)
{
	json_t *line = json_line_parse(text, strlen(text), why);
	assert_non_null(line);
	int got = dots_json_read(line, b, why);
	json_decref(line);
	return got;
}

static char *written(const struct body *b)
{
	json_t *line = json_object();
	dots_json_write(b, line);
	char *text = json_line_format(line, NULL);
	json_decref(line);
	return text;
}

/* Documents in our own form come back byte for byte. */
static void test_round_trip(void **state)
{
	(void)state;
	static const char *const docs[] = {
		"{}",
		SCOPE(""),
		SCOPE("\"target-prefix\":[\"203.0.113.9/32\"],\"target-protocol\":[17],\"lifetime\":1800,\"ietf-dots-call-home:source-prefix\":[\"10.20.30.40/32\"],"
		      "\"ietf-dots-call-home:source-port-range\":[{\"lower-port\":5000,\"upper-port\":5010}]"),
		SCOPE("\"mid\":7,\"mitigation-start\":\"1507818434\",\"target-prefix\":[\"2001:db8::/32\",\"192.0.2.0/24\"],\"target-port-range\":[{\"lower-port\":80},"
		      "{\"lower-port\":443,\"upper-port\":444}],\"target-protocol\":[6,17],\"target-fqdn\":[\"a.example\"],\"target-uri\":[\"coap://a.example\"],"
		      "\"alias-name\":[\"web\",\"mail\"],\"lifetime\":-1,\"trigger-mitigation\":true,\"attack-status\":\"under-attack\","
		      "\"status\":\"attack-successfully-mitigated\",\"conflict-information\":{\"conflict-status\":\"request-active\",\"conflict-cause\":"
		      "\"request-rejected-legitimate-traffic\",\"retry-timer\":120,\"conflict-scope\":{\"target-prefix\":[\"192.0.2.1/32\"],\"acl-list\":[{\"acl-name\":\"a\","
		      "\"acl-type\":\"t\"},{\"acl-name\":\"b\"}],\"mid\":3}},\"bytes-dropped\":\"18446744073709551615\",\"bps-dropped\":\"1\",\"pkts-dropped\":\"2\","
		      "\"pps-dropped\":\"0\",\"ietf-dots-call-home:source-prefix\":[\"100.64.8.21/32\"],\"ietf-dots-call-home:source-icmp-type-range\":[{\"lower-type\":8}]"),
		"{\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{\"mid\":1},{\"mid\":2}]}}",
		"{\"ietf-dots-signal-channel:signal-config\":{\"mitigating-config\":{\"heartbeat-interval\":{\"max-value\":240,\"min-value\":15,\"current-value\":30},"
		"\"ack-timeout\":{\"max-value-decimal\":\"30.00\",\"min-value-decimal\":\"1.00\",\"current-value-decimal\":\"2.00\"}},"
		"\"idle-config\":{\"ack-random-factor\":{\"current-value-decimal\":\"1.05\"}}}}",
		("{\"ietf-dots-signal-channel:redirected-signal\":{\"ietf-dots-call-home:alt-ch-client\":\"ch2.isp.example\",\"ietf-dots-call-home:alt-ch-client-record\":"
		"[\"192.0.2.7\"],\"ietf-dots-call-home:ttl\":600}}"),
		"{\"ietf-dots-signal-channel:redirected-signal\":{\"alt-server\":\"s.example\",\"alt-server-record\":[\"2001:db8::1\"]}}",
		"{\"ietf-dots-signal-channel:heartbeat\":{\"peer-hb-status\":true}}",
	};
	for (size_t i = 0; i < sizeof docs / sizeof *docs; i++) {
		struct body b;
		struct reason why = { 0 };
		assert_int_equal(read_text(docs[i], &b, &why), 0);
		char *text = written(&b);
		assert_string_equal(text, docs[i]);
		free(text);
		body_free(&b);
	}
}

/* Other forms that are accepted, and what they become. */
static void test_lenient(void **state)
{
	(void)state;
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ SCOPE("\"source-prefix\":[\"10.0.0.1\"],\"status\":2,\"mitigation-start\":5,\"unknown\":[]"),
		    SCOPE("\"mitigation-start\":\"5\",\"status\":\"attack-successfully-mitigated\",\"ietf-dots-call-home:source-prefix\":[\"10.0.0.1/32\"]") },
		{ SCOPE("\"target-prefix\":[\"192.0.2.9/24\",\"2001:DB8::1\"],\"mid\":\"9\""), SCOPE("\"mid\":9,\"target-prefix\":[\"192.0.2.0/24\",\"2001:db8::1/128\"]") },
		{ SCOPE("\"conflict-information\":{\"conflict-cause\":4,\"retry-timer\":\"30\"}"),
		    SCOPE("\"conflict-information\":{\"conflict-cause\":\"request-rejected-legitimate-traffic\",\"retry-timer\":30}") },
		{ "{\"ietf-dots-signal-channel:signal-config\":{\"idle-config\":{\"ack-timeout\":{\"current-value-decimal\":2.5}}}}",
		    "{\"ietf-dots-signal-channel:signal-config\":{\"idle-config\":{\"ack-timeout\":{\"current-value-decimal\":\"2.50\"}}}}" },
		{ "{\"ietf-dots-signal-channel:redirected-signal\":{\"alt-ch-client\":\"a.example\"}}",
		    "{\"ietf-dots-signal-channel:redirected-signal\":{\"ietf-dots-call-home:alt-ch-client\":\"a.example\"}}" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct body b;
		struct reason why = { 0 };
		assert_int_equal(read_text(rows[i].in, &b, &why), 0);
		char *text = written(&b);
		assert_string_equal(text, rows[i].out);
		free(text);
		body_free(&b);
	}
}

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		const char *in, *field, *section, *text;
	} rows[] = {
		{ SCOPE("\"target-prefix\":[]"), "target-prefix", "RFC 9132, 4.4.1", "empty list" },
		{ SCOPE("\"target-prefix\":\"192.0.2.1\""), "target-prefix", "RFC 9132, 4.4.1", "expected a list" },
		{ SCOPE("\"target-prefix\":[\"\"]"), "target-prefix", "RFC 9132, 4.4.1", "is empty" },
		{ SCOPE("\"target-prefix\":[17]"), "target-prefix", "RFC 9132, 4.4.1", "not a string" },
		{ SCOPE("\"target-prefix\":[\"192.0.2.1/33\"]"), "target-prefix", "RFC 9132, 4.4.1", "0..32" },
		{ SCOPE("\"target-prefix\":[\"fe80::1%eth0\"]"), "target-prefix", "RFC 9132, 4.4.1", "not a prefix" },
		{ SCOPE("\"target-port-range\":[{\"upper-port\":5}]"), "lower-port", "RFC 9132, 4.4.1", "is missing" },
		{ SCOPE("\"target-port-range\":[{\"lower-port\":6,\"upper-port\":5}]"), "upper-port", "RFC 9132, 4.4.1", "less than" },
		{ SCOPE("\"target-port-range\":[{\"lower-port\":65536}]"), "lower-port", "RFC 9132, 4.4.1", "0..65535" },
		{ SCOPE("\"target-port-range\":[80]"), "target-port-range", "RFC 9132, 4.4.1", "not an object" },
		{ SCOPE("\"source-icmp-type-range\":[{\"lower-type\":256}]"), "lower-type", "RFC 9066, 5.3.1", "0..255" },
		{ SCOPE("\"source-prefix\":[\"10.0.0.1\"],\"ietf-dots-call-home:source-prefix\":[\"10.0.0.1\"]"), "source-prefix", "RFC 9066, 5.3.1", "twice" },
		{ SCOPE("\"target-protocol\":[256]"), "target-protocol", "RFC 9132, 4.4.1", "0..255" },
		{ SCOPE("\"alias-name\":[\"\"]"), "alias-name", "RFC 9132, 4.4.1", "is empty" },
		{ SCOPE("\"target-fqdn\":[\"a\\u0007b\"]"), "target-fqdn", "RFC 9132, 4.4.1", "printable" },
		{ SCOPE("\"lifetime\":0"), "lifetime", "RFC 9132, 4.4.1", "1..4294967295" },
		{ SCOPE("\"lifetime\":-2"), "lifetime", "RFC 9132, 4.4.1", "1..4294967295" },
		{ SCOPE("\"lifetime\":\"60\""), "lifetime", "RFC 9132, 4.4.1", "expected an integer" },
		{ SCOPE("\"status\":\"fine\""), "status", "RFC 9132, 4.4.2", "no label" },
		{ SCOPE("\"status\":0"), "status", "RFC 9132, 4.4.2", "1..8" },
		{ SCOPE("\"status\":9"), "status", "RFC 9132, 4.4.2", "1..8" },
		{ SCOPE("\"trigger-mitigation\":1"), "trigger-mitigation", "RFC 9132, 4.4.1", "true or false" },
		{ SCOPE("\"bytes-dropped\":\"-1\""), "bytes-dropped", "RFC 9132, 4.4.2", "not a decimal" },
		{ "{\"ietf-dots-signal-channel:heartbeat\":{}}", "peer-hb-status", "RFC 9132, 4.7", "missing" },
		{ "{\"ietf-dots-signal-channel:heartbeat\":[]}", "ietf-dots-signal-channel:heartbeat", "RFC 7951", "expected an object" },
		{ "{\"ietf-dots-signal-channel:heartbeat\":{\"peer-hb-status\":true},\"ietf-dots-signal-channel:signal-config\":{}}",
		    "ietf-dots-signal-channel:heartbeat", "RFC 7951", "one DOTS container" },
		{ "{\"ietf-dots-signal-channel:signal-config\":{\"idle-config\":{\"ack-timeout\":{\"current-value-decimal\":\"2.005\"}}}}", "current-value-decimal",
		    "RFC 9132, 4.5", "2.00" },
		{ "{\"ietf-dots-signal-channel:signal-config\":{\"idle-config\":{\"max-retransmit\":{\"current-value\":65536}}}}", "current-value", "RFC 9132, 4.5",
		    "65535" },
		{ "{\"ietf-dots-signal-channel:redirected-signal\":{\"alt-server-record\":[\"192.0.2.1/32\"]}}", "alt-server-record", "RFC 9132, 4.6",
		    "not an address" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct body b;
		struct reason why = { 0 };
		assert_int_equal(read_text(rows[i].in, &b, &why), -1);
		assert_int_equal(b.kind, BODY_EMPTY);
		assert_int_equal(why.code, REASON_BAD_REQUEST);
		assert_string_equal(why.field, rows[i].field);
		assert_string_equal(why.section, rows[i].section);
		assert_non_null(strstr(why.text, rows[i].text));
	}
}

/* A filter changes one mitigation and leaves what it does not know. */
static void test_write_mitigation(void **state)
{
	(void)state;
	static const char in[] = "{\"type\":\"mitigate\",\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{\"source-prefix\":[\"10.0.0.1/32\"],\"odd\":{\"a\":1},"
				 "\"lifetime\":5}],\"more\":true},\"last\":1}";
	struct reason why;
	struct body b;
	json_t *line = json_line_parse(in, sizeof in - 1, &why);
	assert_int_equal(dots_json_read(line, &b, &why), 0);
	b.scope[0].lifetime = 9;
	dots_json_write_mitigation(&b.scope[0], line);
	char *text = json_line_format(line, NULL);
	assert_string_equal(text, "{\"type\":\"mitigate\",\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{\"lifetime\":9,"
	    "\"ietf-dots-call-home:source-prefix\":[\"10.0.0.1/32\"],\"odd\":{\"a\":1}}],\"more\":true},\"last\":1}");
	free(text);
	json_decref(line);
	line = json_object();
	dots_json_write_mitigation(&b.scope[0], line);
	text = json_line_format(line, NULL);
	assert_string_equal(text, SCOPE("\"lifetime\":9,\"ietf-dots-call-home:source-prefix\":[\"10.0.0.1/32\"]"));
	free(text);
	json_decref(line);
	body_free(&b);
}

static void test_labels(void **state)
{
	(void)state;
	assert_null(dots_status_label(STATUS_NONE));
	assert_null(dots_status_label((enum dots_status)99));
	for (unsigned s = STATUS_IN_PROGRESS; s <= STATUS_SIGNAL_LOSS; s++)
		assert_int_equal(dots_status_of(dots_status_label((enum dots_status)s)), s);
	assert_int_equal(dots_status_of("nonsense"), STATUS_NONE);
	assert_string_equal(conflict_cause_label(CONFLICT_LEGITIMATE_TRAFFIC), "request-rejected-legitimate-traffic");
	assert_string_equal(conflict_status_label(CONFLICT_ALL_INACTIVE), "all-requests-inactive");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_lenient), cmocka_unit_test(test_refused), cmocka_unit_test(test_write_mitigation),
		cmocka_unit_test(test_labels),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
