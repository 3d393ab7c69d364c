/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dotsch-client's agent against a scripted router: real sessions over a wire in memory, under a clock that the test moves. Requests, refusals and withdrawals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../dotsch-client/agent.h"
#include "../../dotsch-client/mitigations.h"
#include "client_fake.h"
#include "client_lines.h"

/* The main way: the request goes out at once, is answered, observed, and told. */
static void request_and_status(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	assert_true(lab_saw(l, "session", "event", "up"));
	wire_forget(l->wire);
	lab_say(l, MITIGATE("case-17", ""));
	/* As soon as it is on the disk: nothing else delays it. */
	assert_int_equal(wire_count(l->wire, LEFT, METHOD_PUT), 1);
	lab_run(l, 300);
	assert_int_equal(l->router.n_puts, 1);
	assert_string_equal(l->router.cuid, l->agent.cuid);
	assert_int_equal(l->router.put.target_prefix.n, 1);
	assert_int_equal(l->router.put.lifetime, 1800);
	assert_true(lab_saw(l, "response", "code", "2.01"));
	assert_true(lab_saw(l, "response", "ref", "case-17"));
	assert_true(lab_saw(l, "status", "status", "attack-mitigation-in-progress"));
	router_status(l, STATUS_MITIGATED);
	lab_run(l, 4000);
	assert_true(lab_saw(l, "status", "status", "attack-successfully-mitigated"));
	assert_string_equal(json_string_value(json_object_get(lab_last(l, "status"), "ref")), "case-17");
	assert_int_equal(json_integer_value(json_object_get(lab_last(l, "status"), "mid")), l->router.mid);
}

/* CH-13 … CH-23, CH-35: refused before anything is sent. */
static void refused_before_sending(void **state)
{
	struct lab *l = *state;
	static const struct { const char *id, *scope, *field; } cases[] = {
		{ "CH-13", "\"target-prefix\":[\"203.0.113.9/33\"]," SOURCE ",\"lifetime\":60", "target-prefix" },
		{ "CH-14 loopback", TARGET ",\"source-prefix\":[\"127.0.0.1/32\"],\"lifetime\":60", "source-prefix" },
		{ "CH-14 multicast", TARGET ",\"source-prefix\":[\"ff02::1/128\"],\"lifetime\":60", "source-prefix" },
		{ "CH-14 broadcast", TARGET ",\"source-prefix\":[\"255.255.255.255/32\"],\"lifetime\":60", "source-prefix" },
		{ "CH-15 nobody's", TARGET ",\"source-prefix\":[\"192.0.2.1/32\"],\"lifetime\":60", "source-prefix" },
		{ "CH-15 wider than the domain", TARGET ",\"source-prefix\":[\"100.64.8.0/24\"],\"lifetime\":60", "source-prefix" },
		{ "CH-17", TARGET ",\"source-prefix\":[\"100.64.8.21/32\"],\"source-port-range\":[{\"lower-port\":7,\"upper-port\":6}],\"lifetime\":60", "upper-port" },
		{ "CH-18", TARGET ",\"source-prefix\":[\"100.64.8.21/32\"],\"source-icmp-type-range\":[{\"lower-type\":256}],\"lifetime\":60", "lower-type" },
		{ "CH-19", TARGET ",\"lifetime\":60", "source-prefix" },
		{ "CH-20", SOURCE ",\"target-fqdn\":[\"a.example\"],\"lifetime\":60", "target-prefix" },
		{ "CH-23", TARGET "," SOURCE ",\"trigger-mitigation\":false,\"lifetime\":60", "trigger-mitigation" },
		{ "CH-35", TARGET ",\"source-prefix\":[\"198.51.100.5/32\"],\"lifetime\":60", "source-prefix" },
		{ "lifetime 0", TARGET "," SOURCE ",\"lifetime\":0", "lifetime" },
	};
	lab_connect(l);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char line[1000];
		snprintf(line, sizeof line, "{\"type\":\"mitigate\",\"ref\":\"%s\"," SCOPE("%s") "}", cases[i].id, cases[i].scope);
		lab_forget(l);
		lab_say(l, line);
		const json_t *error = lab_last(l, "error");
		if (!error)
			fail_msg("%s was not refused", cases[i].id);
		assert_string_equal(json_string_value(json_object_get(error, "ref")), cases[i].id);
		const char *field = json_string_value(json_object_get(error, "field"));
		if (!field || !strstr(field, cases[i].field))
			fail_msg("%s: field %s", cases[i].id, field ? field : "none");
		assert_true(strlen(json_string_value(json_object_get(error, "reason"))) > 10);
	}
	lab_run(l, 5000);
	assert_int_equal(l->router.n_puts, 0);
	assert_int_equal(requests_count(l->agent.requests), 0);
	/* The next good one works. */
	lab_say(l, MITIGATE("good", ""));
	lab_run(l, 100);
	assert_int_equal(l->router.n_puts, 1);
}

static void broken_lines(void **state)
{
	struct lab *l = *state;
	static const char *const lines[] = {
		"{", "[]", "nonsense", "{\"type\":7}", "{\"type\":\"withdraw\"}", "{\"type\":\"withdraw\",\"ref\":\"unknown\"}", "{\"type\":\"withdraw\",\"mid\":99}",
		"{\"type\":\"query\"}", "{\"type\":\"query\",\"to\":\"nobody\"}", "{\"type\":\"query\",\"to\":\"cpe-0001\"}", "{\"type\":\"mitigate\"}",
		"{\"type\":\"mitigate\",\"type\":\"mitigate\"}", "{\"type\":\"refresh\",\"ref\":\"x\"}", "{\"type\":\"config\",\"to\":\"cpe-0001\",\"action\":\"eat\"}",
		"{\"type\":\"peer\"}", "{\"type\":\"peer\",\"name\":\"x\",\"action\":\"remove\"}", "{\"type\":\"peer\",\"name\":\"x\"}", "{\"type\":\"redirect\",\"to\":\"cpe-0001\"}",
	};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		lab_forget(l);
		lab_say(l, lines[i]);
		if (!lab_last(l, "error"))
			fail_msg("not refused: %s", lines[i]);
	}
	lab_forget(l);
	lab_say(l, "{\"type\":\"session\",\"event\":\"up\"}");
	lab_say(l, "{\"type\":\"of-another-program\",\"x\":1}");
	lab_say(l, "   ");
	lab_say(l, "");
	assert_int_equal(l->n_lines, 0);
}

/* A bare document of another DOTS tool, with integers for enumerations and no module prefix. */
static void bare_document(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_say(l, "{" SCOPE(TARGET ",\"source-prefix\":[\"100.64.8.21\"],\"lifetime\":1800") "}");
	lab_run(l, 100);
	assert_int_equal(l->router.n_puts, 1);
	assert_true(lab_saw(l, "response", "code", "2.01"));
}

static void withdraw_by_ref(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_say(l, MITIGATE("case-1", ""));
	lab_run(l, 100);
	lab_say(l, "{\"type\":\"withdraw\",\"ref\":\"case-1\"}");
	lab_run(l, 100);
	assert_int_equal(l->router.n_deletes, 1);
	assert_true(lab_saw(l, "response", "code", "2.02"));
	assert_true(lab_saw(l, "response", "method", "DELETE"));
	/* Once more: there is nothing to do, and no error. */
	lab_say(l, "{\"type\":\"withdraw\",\"ref\":\"case-1\"}");
	assert_null(lab_last(l, "error"));
	lab_run(l, 400000);
	assert_int_equal(requests_count(l->agent.requests), 0);
}

static void withdraw_before_it_was_sent(void **state)
{
	struct lab *l = *state;
	lab_say(l, MITIGATE("early", ""));
	lab_say(l, "{\"type\":\"withdraw\",\"ref\":\"early\"}");
	assert_true(lab_saw(l, "status", "status", "withdrawn"));
	assert_int_equal(requests_count(l->agent.requests), 0);
	lab_connect(l);
	lab_run(l, 5000);
	assert_int_equal(l->router.n_puts + l->router.n_deletes, 0);
}

/* The same mid, before the lifetime ends, as long as it is wanted. */
static void keep_refreshes(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_say(l, MITIGATE("case-1", "\"keep\":true,"));
	lab_run(l, 100);
	uint32_t mid = l->router.mid;
	lab_run(l, 1600000);
	assert_int_equal(l->router.n_puts, 2);
	assert_int_equal(l->router.mid, mid);
	assert_int_equal(l->router.put.lifetime, 1800);
	lab_run(l, 3600000);
	assert_in_range(l->router.n_puts, 4, 5);
	assert_int_equal(requests_count(l->agent.requests), 1);
}

static void without_keep_it_ends(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_say(l, MITIGATE("case-1", ""));
	lab_run(l, 1810000);
	assert_int_equal(l->router.n_puts, 1);
	assert_true(lab_saw(l, "status", "status", "attack-mitigation-terminated"));
	assert_int_equal(requests_count(l->agent.requests), 0);
}

/* The same ref with the same content again is a refresh; with another content it is a new request with a higher mid, which replaces the old one. */
static void same_ref_again(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_say(l, MITIGATE("case-1", ""));
	lab_run(l, 100);
	uint32_t mid = l->router.mid;
	lab_say(l, MITIGATE("case-1", ""));
	lab_run(l, 100);
	assert_int_equal(l->router.n_puts, 2);
	assert_int_equal(l->router.mid, mid);
	lab_say(l, "{\"type\":\"mitigate\",\"ref\":\"case-1\"," SCOPE("\"target-prefix\":[\"203.0.113.0/24\"]," SOURCE ",\"lifetime\":1800") "}");
	lab_run(l, 100);
	assert_true(l->router.mid > mid);
	assert_int_equal(requests_count(l->agent.requests), 1);
	assert_true(lab_saw(l, "status", "reason", "replaced by mid"));
}

static void conflict_is_told(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	l->router.answer = CODE(4, 9);
	l->router.cause = CONFLICT_LEGITIMATE_TRAFFIC;
	lab_say(l, MITIGATE("case-1", ""));
	console_end(&l->console);
	lab_run(l, 100);
	assert_true(lab_saw(l, "response", "code", "4.09"));
	assert_true(lab_saw(l, "response", "conflict", "legitimate traffic"));
	assert_int_equal(requests_count(l->agent.requests), 0);
	assert_int_equal(l->status, 1);
	assert_int_equal(l->finished, 1);
}

static void busy_is_retried(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	l->router.answer = CODE(5, 3);
	l->router.max_age = 20;
	l->router.answers_left = 1;
	lab_say(l, MITIGATE("case-1", ""));
	lab_run(l, 19000);
	assert_int_equal(l->router.n_puts, 1);
	assert_true(lab_saw(l, "status", "status", "waiting"));
	lab_run(l, 2000);
	assert_int_equal(l->router.n_puts, 2);
	assert_true(lab_saw(l, "response", "code", "2.01"));
}

/* RFC 9066, 5.2.2: no line, no move; the request is sent again later. */
static void redirect_is_dropped_silently(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	l->router.answer = CODE(5, 3);
	l->router.redirect = true;
	l->router.max_age = 20;
	l->router.answers_left = 1;
	lab_say(l, MITIGATE("case-1", ""));
	lab_run(l, 5000);
	assert_int_equal(l->router.n_puts, 1);
	assert_null(lab_find(l, "response", "method", "PUT"));
	lab_run(l, 20000);
	assert_int_equal(l->router.n_puts, 2);
	assert_true(lab_saw(l, "response", "code", "2.01"));
}

/* CH-22: ports or ICMP types should come with an IPv4 source; IPv6 needs none. */
static void warns_without_ports(void **state)
{
	static const struct { const char *scope; bool warns; } cases[] = {
		{ TARGET ",\"source-prefix\":[\"100.64.8.21/32\"]", true },
		{ TARGET "," SOURCE, false },
		{ "\"target-prefix\":[\"203.0.113.9/32\"],\"source-prefix\":[\"100.64.8.21/32\"],\"source-icmp-type-range\":[{\"lower-type\":8}]", false },
		{ "\"target-prefix\":[\"2001:db8:c000::9/128\"],\"source-prefix\":[\"2001:db8:8::1/128\"]", false },
	};
	struct lab *l = *state;
	lab_connect(l);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char line[600];
		lab_forget(l);
		snprintf(line, sizeof line, "{\"type\":\"mitigate\"," SCOPE("%s,\"lifetime\":60") "}", cases[i].scope);
		lab_say(l, line);
		lab_run(l, 4000);
		const char *warning = json_string_value(json_object_get(lab_find(l, "response", "method", "PUT"), "warning"));
		assert_int_equal(warning != NULL, cases[i].warns);
		assert_true(!warning || strstr(warning, "source-port-range"));
	}
	assert_int_equal(l->router.n_puts, 4);
}

/* CH-38: what customers share needs ports. */
static void shared_addresses(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_say(l, "{\"type\":\"mitigate\",\"to\":\"cpe-0001\",\"subscriber\":\"2001:db8:8::2\"," SCOPE(TARGET ",\"source-prefix\":[\"192.0.0.2/32\"],\"lifetime\":1800") "}");
	assert_non_null(lab_last(l, "error"));
	lab_forget(l);
	lab_say(l, "{\"type\":\"mitigate\",\"subscriber\":\"2001:db8:8::2\"," SCOPE(TARGET ",\"source-prefix\":[\"192.0.0.2/32\"],\"lifetime\":1800") "}");
	assert_string_equal(json_string_value(json_object_get(lab_last(l, "error"), "field")), "source-port-range");
	lab_forget(l);
	lab_say(l, "{\"type\":\"mitigate\",\"subscriber\":\"2001:db8:8::2\"," SCOPE(TARGET ",\"source-prefix\":[\"192.0.0.2/32\"],"
	        "\"source-port-range\":[{\"lower-port\":1712,\"upper-port\":1727}],\"lifetime\":1800") "}");
	assert_null(lab_last(l, "error"));
	lab_run(l, 100);
	assert_int_equal(l->router.n_puts, 1);
}

/* Sources of two routers: two requests, each told as a part. */
static void several_routers(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_say(l, "{\"type\":\"mitigate\",\"ref\":\"both\"," SCOPE(TARGET ",\"source-prefix\":[\"100.64.8.21/32\",\"100.64.8.22/32\"],\"lifetime\":1800") "}");
	lab_run(l, 100);
	assert_int_equal(l->router.n_puts, 1);
	assert_int_equal(l->router.put.source_prefix.n, 1);
	assert_non_null(lab_find(l, "response", "peer", "cpe-0001"));
	const json_t *other = lab_find(l, "status", "peer", "cpe-0002");
	assert_non_null(other);
	assert_int_equal(json_integer_value(json_array_get(json_object_get(other, "part"), 1)), 2);
	lab_say(l, "{\"type\":\"withdraw\",\"ref\":\"both\"}");
	lab_run(l, 100);
	assert_int_equal(l->router.n_deletes, 1);
}

/* Too large for a datagram: divided, and no two parts overlap. */
static void divided_by_size(void **state)
{
	struct lab *l = *state;
	struct buf line = { 0 };
	lab_connect(l);
	buf_text(&line, "{\"type\":\"mitigate\",\"ref\":\"big\",\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{\"target-prefix\":[\"2001:db8:c000::9/128\"],\"lifetime\":1800,\"source-prefix\":[\"2001:db8:8::/64\"");
	for (int i = 0; i < 300; i++)
		buf_printf(&line, ",\"2001:db8:8:%x::%x/128\"", i % 2, i + 1);
	buf_text(&line, "]}]}}");
	buf_u8(&line, '\0');
	lab_say(l, (char *)line.data);
	lab_run(l, 60000);
	assert_null(lab_last(l, "error"));
	/* 150 of them lie in the /64 that is named, too. */
	assert_int_equal(l->router.sources_seen, 151);
	assert_true(l->router.n_puts > 2);
	assert_int_equal(requests_count(l->agent.requests), l->router.n_puts);
	buf_free(&line);
}

static void subscriber_picks_the_router(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_say(l, "{\"type\":\"mitigate\",\"ref\":\"b4\",\"subscriber\":\"2001:db8:8::2\"," SCOPE(TARGET ",\"source-prefix\":[\"192.168.1.30/32\"],\"lifetime\":1800") "}");
	lab_run(l, 100);
	assert_int_equal(l->router.n_puts, 1);
	lab_forget(l);
	lab_say(l, "{\"type\":\"mitigate\",\"ref\":\"b4\",\"subscriber\":\"2001:db9::2\"," SCOPE(TARGET ",\"source-prefix\":[\"192.168.1.30/32\"],\"lifetime\":1800") "}");
	assert_string_equal(json_string_value(json_object_get(lab_last(l, "error"), "field")), "subscriber");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST("request, answer, observation, status", request_and_status), LAB_TEST("CH-13 to CH-23, CH-35 before sending", refused_before_sending),
		LAB_TEST("broken lines", broken_lines), LAB_TEST("bare document", bare_document), LAB_TEST("withdraw by ref", withdraw_by_ref),
		LAB_TEST("withdraw before sending", withdraw_before_it_was_sent), LAB_TEST("keep refreshes", keep_refreshes),
		LAB_TEST("without keep it ends", without_keep_it_ends), LAB_TEST("same ref again", same_ref_again), LAB_TEST("4.09 in words", conflict_is_told),
		LAB_TEST("5.03 and Max-Age", busy_is_retried), LAB_TEST("5.03 redirect dropped silently", redirect_is_dropped_silently),
		LAB_TEST("CH-22 warning without ports", warns_without_ports), LAB_TEST("CH-38 shared addresses", shared_addresses),
		LAB_TEST("several routers", several_routers), LAB_TEST("divided by size", divided_by_size),
		LAB_TEST("CH-38 subscriber", subscriber_picks_the_router),
	};
	return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
