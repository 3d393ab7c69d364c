/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules of the Call Home DOTS client that no other test pins down; each is a row of tests/CONFORMANCE.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "../../dotsch-client/agent.h"
#include "../../dotsch-client/callhome.h"
#include "../../dotsch-client/mitigations.h"
#include "client_fake.h"

#define TARGET "\"target-prefix\":[\"203.0.113.9/32\"],\"target-protocol\":[17]"
#define SOURCE "\"ietf-dots-call-home:source-prefix\":[\"100.64.8.21/32\"]"
#define PORTS ",\"ietf-dots-call-home:source-port-range\":[{\"lower-port\":5000}]"
#define SCOPE(x) "\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{" x "}]}"
#define MITIGATE(ref, more) "{\"type\":\"mitigate\",\"ref\":\"" ref "\"," SCOPE(TARGET "," SOURCE more ",\"lifetime\":1800") "}"

/* Of the messages that the client sent, those of this method whose third path segment is `resource`; the last one's fourth in sid. */
static unsigned asked_for(const struct lab *l, uint8_t method, const char *resource, char sid[80])
{
	unsigned n = 0;
	for (size_t i = 0; i < l->wire->n_sent; i++) {
		const struct message *m = &l->wire->sent[i]->m;
		if (l->wire->sent[i]->side != LEFT || m->code != method || m->n_path < 3 || strcmp(m->path[2], resource))
			continue;
		n++;
		snprintf(sid, 80, "%s", m->n_path > 3 ? m->path[3] : "");
	}
	return n;
}

/* The draft's own number, for both transports, unless something else was agreed upon (RFC 9066 assigns none). */
static void ch_06_port_4647_by_default(void **state)
{
	struct lab *l = *state;
	assert_int_equal(l->agent.config.port, 4647);
	assert_true(l->agent.config.udp);
	assert_true(l->agent.config.tcp);
}

static void ch_22_warns_of_an_ipv4_source_without_ports(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_say(l, MITIGATE("all-ports", ""));
	lab_run(l, 100);
	const json_t *answer = lab_find(l, "response", "ref", "all-ports");
	assert_non_null(answer);
	assert_string_equal(json_string_value(json_object_get(answer, "code")), "2.01");
	assert_non_null(strstr(json_string_value(json_object_get(answer, "warning")), "source-port-range"));
	lab_forget(l);
	lab_say(l, "{\"type\":\"mitigate\",\"ref\":\"ports\"," SCOPE("\"target-prefix\":[\"203.0.113.10/32\"]," SOURCE PORTS ",\"lifetime\":60") "}");
	lab_say(l, "{\"type\":\"mitigate\",\"ref\":\"types\"," SCOPE("\"target-prefix\":[\"203.0.113.11/32\"]," SOURCE ",\"source-icmp-type-range\":[{\"lower-type\":8}],\"lifetime\":60") "}");
	lab_say(l, "{\"type\":\"mitigate\",\"ref\":\"six\"," SCOPE("\"target-prefix\":[\"2001:db8:ffff::9/128\"],\"source-prefix\":[\"2001:db8:8::1/128\"],\"lifetime\":60") "}");
	lab_run(l, 4000);
	static const char *const refs[] = { "ports", "types", "six" };
	for (size_t i = 0; i < sizeof refs / sizeof *refs; i++) {
		answer = lab_find(l, "response", "ref", refs[i]);
		assert_non_null(answer);
		assert_null(json_object_get(answer, "warning"));
	}
}

/* Also when the request names its router: a source of another one's domain is not sent to it. */
static void ch_15_holds_for_a_router_that_is_named(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_say(l, "{\"type\":\"mitigate\",\"to\":\"cpe-0001\",\"ref\":\"foreign\"," SCOPE(TARGET ",\"source-prefix\":[\"100.64.8.22/32\"],\"lifetime\":60") "}");
	assert_string_equal(json_string_value(json_object_get(lab_last(l, "error"), "field")), "source-prefix");
	lab_forget(l);
	lab_say(l, "{\"type\":\"mitigate\",\"to\":\"cpe-0001\",\"ref\":\"both\"," SCOPE(TARGET ",\"source-prefix\":[\"100.64.8.21/32\",\"100.64.8.22/32\"],\"lifetime\":60") "}");
	assert_string_equal(json_string_value(json_object_get(lab_last(l, "error"), "field")), "source-prefix");
	lab_run(l, 5000);
	assert_int_equal(l->router.n_puts, 0);
	lab_say(l, "{\"type\":\"mitigate\",\"to\":\"cpe-0001\",\"ref\":\"own\"," SCOPE(TARGET "," SOURCE ",\"lifetime\":60") "}");
	lab_run(l, 100);
	assert_int_equal(l->router.n_puts, 1);
}

/* Also when the outside of the translator lies in a router's domain by mistake, and for a wider prefix around it. */
static void ch_35_outside_of_a_translator_is_never_a_source(void **state)
{
	struct lab *l = *state;
	lab_say(l, "{\"type\":\"peer\",\"action\":\"add\",\"name\":\"wide\",\"certificate-name\":\"wide.example\",\"domain\":[\"198.51.100.0/24\"]}");
	assert_null(lab_last(l, "error"));
	static const char *const sources[] = { "198.51.100.5/32", "198.51.100.63/32", "198.51.100.0/25", "198.51.100.0/24" };
	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
		for (int named = 0; named < 2; named++) {
			char line[500];
			snprintf(line, sizeof line, "{\"type\":\"mitigate\",%s\"ref\":\"x\"," SCOPE(TARGET ",\"source-prefix\":[\"%s\"]" PORTS ",\"lifetime\":60") "}",
			    named ? "\"to\":\"wide\"," : "", sources[i]);
			lab_forget(l);
			lab_say(l, line);
			const json_t *error = lab_last(l, "error");
			if (!error)
				fail_msg("%s was taken", sources[i]);
			assert_string_equal(json_string_value(json_object_get(error, "section")), "RFC 9066, 5.3.2");
			assert_non_null(strstr(json_string_value(json_object_get(error, "reason")), "dotsch-map"));
		}
	lab_forget(l);
	lab_say(l, "{\"type\":\"mitigate\",\"ref\":\"beside\"," SCOPE(TARGET ",\"source-prefix\":[\"198.51.100.64/32\"]" PORTS ",\"lifetime\":60") "}");
	assert_null(lab_last(l, "error"));
}

/* RFC 9132, 4.5: the one set while a mitigation is in force, the other otherwise; it changes by itself, and back. */
static void sets_change_with_the_first_and_the_last_mitigation(void **state)
{
	struct lab *l = *state;
	l->router.heartbeat_interval = 120;
	l->router.mitigating_interval = 20;
	lab_connect(l);
	lab_run(l, 150000);
	wire_forget(l->wire);
	lab_run(l, 600000);
	assert_in_range(wire_count(l->wire, LEFT, METHOD_PUT), 4, 6);
	lab_say(l, "{\"type\":\"mitigate\",\"ref\":\"one\"," SCOPE(TARGET "," SOURCE PORTS ",\"lifetime\":600") "}");
	lab_run(l, 10000);
	wire_forget(l->wire);
	lab_run(l, 400000);
	assert_in_range(wire_count(l->wire, LEFT, METHOD_PUT), 19, 21);
	lab_run(l, 600000);
	wire_forget(l->wire);
	lab_run(l, 600000);
	assert_in_range(wire_count(l->wire, LEFT, METHOD_PUT), 4, 6);
}

/* Heartbeats do not wait for the configuration: with its defaults from the first moment. */
static int lose_config(struct wire *w, int side, const struct message *m, int64_t *extra)
{
	(void)w, (void)extra;
	return !(side == LEFT && m->n_path > 2 && !strcmp(m->path[2], "config"));
}

static void heartbeats_begin_with_the_session(void **state)
{
	struct lab *l = *state;
	l->wire->fate = lose_config;
	lab_connect(l);
	lab_run(l, 301000);
	assert_in_range(wire_count(l->wire, LEFT, METHOD_PUT), 9, 11);
}

/* RFC 9132, 4.5.2: what was negotiated is asked for again, by its sid, before its Max-Age is over. */
static void config_is_asked_for_again_by_its_sid(void **state)
{
	struct lab *l = *state;
	char sid[80], put[80];
	l->router.config_max_age = 600;
	lab_connect(l);
	lab_run(l, 20000);
	assert_int_equal(asked_for(l, METHOD_PUT, "config", put), 1);
	assert_memory_equal(put, "sid=", 4);
	wire_forget(l->wire);
	lab_run(l, 575000);
	assert_int_equal(asked_for(l, METHOD_GET, "config", sid), 1);
	assert_string_equal(sid, put);
	/* A router that does not know it any more is asked for what it has. */
	l->router.knows_no_sid = true;
	wire_forget(l->wire);
	lab_run(l, 600000);
	assert_string_equal(sid, put);
	assert_true(asked_for(l, METHOD_GET, "config", sid) >= 2);
	assert_string_equal(sid, "");
}

/* RFC 9132, 4.5.2: not while there is an attack. */
static void config_is_left_alone_during_an_attack(void **state)
{
	struct lab *l = *state;
	char sid[80];
	l->router.config_max_age = 300;
	lab_connect(l);
	lab_run(l, 20000);
	lab_say(l, MITIGATE("case-1", PORTS));
	lab_run(l, 1000);
	wire_forget(l->wire);
	lab_run(l, 1700000);
	assert_int_equal(asked_for(l, METHOD_GET, "config", sid), 0);
	lab_run(l, 600000);
	assert_true(asked_for(l, METHOD_GET, "config", sid) >= 1);
}

/* RFC 9132, 4.5.2: without a Max-Age it is good for 60 s. */
static void config_without_max_age_is_good_for_60_s(void **state)
{
	struct lab *l = *state;
	char sid[80];
	l->router.config_max_age = -1;
	lab_connect(l);
	lab_run(l, 20000);
	wire_forget(l->wire);
	lab_run(l, 600000);
	assert_in_range(asked_for(l, METHOD_GET, "config", sid), 10, 12);
}

/* RFC 9132, 4.5.2: after a 4.22 the bounds are asked for; the same PUT is not sent again. */
static void config_that_is_out_of_range_leads_to_a_get(void **state)
{
	struct lab *l = *state;
	char sid[80];
	l->router.config_code = CODE(4, 22);
	lab_connect(l);
	lab_run(l, 60000);
	assert_int_equal(l->router.config_puts, 1);
	assert_int_equal(asked_for(l, METHOD_GET, "config", sid), 2);
	assert_string_equal(sid, "");
}

/* RFC 9132, 4.4.1: the answer's lifetime is the one that holds. */
static void granted_lifetime_counts(void **state)
{
	struct lab *l = *state;
	l->router.granted = 400;
	lab_connect(l);
	lab_say(l, "{\"type\":\"mitigate\",\"ref\":\"kept\",\"keep\":true," SCOPE(TARGET "," SOURCE PORTS ",\"lifetime\":1800") "}");
	lab_run(l, 299000);
	assert_int_equal(l->router.n_puts, 1);
	lab_run(l, 100000);
	assert_int_equal(l->router.n_puts, 2);
}

/* A server that calls every cuid a collision is not asked for ever. */
static void cuid_collisions_without_end_end(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	l->router.answer = CODE(4, 9);
	l->router.cause = CONFLICT_CUID_COLLISION;
	lab_say(l, MITIGATE("case-1", PORTS));
	lab_run(l, 100000);
	assert_in_range(l->router.n_puts, 2, 5);
	assert_int_equal(requests_count(l->agent.requests), 0);
}

static void set_mid(const struct lab *l, uint32_t mid)
{
	char path[128], sql[100];
	sqlite3 *db;
	snprintf(path, sizeof path, "%s/client.db", l->folder);
	snprintf(sql, sizeof sql, "INSERT OR REPLACE INTO meta VALUES ('mid', %lu)", (unsigned long)mid);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* RFC 9132, 4.4.1.1: past three quarters of 2^32 - 1 the mids begin at 0 again, but not while there is a mitigation. */
static void mid_restarts_past_three_quarters_once_nothing_is_active(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	/* Before that an idle time changes nothing. */
	lab_say(l, MITIGATE("low", PORTS));
	lab_run(l, 5000);
	uint32_t low = l->router.mid;
	lab_say(l, "{\"type\":\"withdraw\",\"ref\":\"low\"}");
	lab_run(l, 400000);
	assert_int_equal(requests_count(l->agent.requests), 0);
	lab_say(l, MITIGATE("low", PORTS));
	lab_run(l, 5000);
	assert_true(l->router.mid > low);
	lab_say(l, "{\"type\":\"withdraw\",\"ref\":\"low\"}");
	lab_run(l, 400000);
	wire_break(l->wire, LEFT, "gone");
	lab_run(l, 100);
	lab_restart_with(l, set_mid, 3221225471u);
	lab_reconnect(l);
	lab_say(l, MITIGATE("one", PORTS));
	lab_say(l, "{\"type\":\"mitigate\",\"ref\":\"two\"," SCOPE("\"target-prefix\":[\"203.0.113.10/32\"]," SOURCE PORTS ",\"lifetime\":3600") "}");
	lab_run(l, 5000);
	assert_true(l->router.mid > 3221225471u);
	lab_say(l, "{\"type\":\"withdraw\",\"ref\":\"one\"}");
	lab_run(l, 400000);
	lab_say(l, MITIGATE("three", PORTS));
	lab_run(l, 5000);
	assert_true(l->router.mid > 3221225471u);
	lab_say(l, "{\"type\":\"withdraw\",\"ref\":\"two\"}");
	lab_say(l, "{\"type\":\"withdraw\",\"ref\":\"three\"}");
	lab_run(l, 400000);
	assert_int_equal(requests_count(l->agent.requests), 0);
	lab_say(l, MITIGATE("four", PORTS));
	lab_run(l, 5000);
	assert_int_equal(l->router.mid, 0);
}

/* RFC 9132, 6: an answer with a key that has to be understood and is not cannot be used; the session and the request go on. */
static void notification_with_an_unknown_required_key_is_passed_over(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_say(l, MITIGATE("case-1", PORTS));
	lab_run(l, 5000);
	lab_forget(l);
	/* status 3, and key 60 beside it */
	l->router.raw = "a101a10281a21003183c01";
	router_status(l, STATUS_STOPPED);
	lab_run(l, 5000);
	assert_null(lab_find(l, "status", "status", "attack-stopped"));
	assert_int_equal(l->router.n_deletes, 0);
	assert_null(lab_find(l, "session", "event", "down"));
	/* The same without it (an optional one beside it) counts. */
	l->router.raw = "a101a10281a21003198abc01";
	router_status(l, STATUS_STOPPED);
	lab_run(l, 5000);
	assert_non_null(lab_find(l, "status", "status", "attack-stopped"));
}

/* RFC 9132, 4.4.2.1: status 3 is no order; who asked for it may know better. */
static void status_3_withdraws_only_when_that_is_configured(void **state)
{
	struct lab *l = *state;
	l->agent.config.auto_withdraw = false;
	lab_connect(l);
	lab_say(l, MITIGATE("case-1", PORTS));
	lab_run(l, 5000);
	router_status(l, STATUS_STOPPED);
	lab_run(l, 60000);
	assert_non_null(lab_find(l, "status", "status", "attack-stopped"));
	assert_int_equal(l->router.n_deletes, 0);
	assert_int_equal(requests_count(l->agent.requests), 1);
}

/* RFC 9066, 5.3.1: refused later, by a notification: it is told with its cause, and is over. */
static void ch_32_refusal_by_notification_ends_the_request(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_say(l, "{\"type\":\"mitigate\",\"ref\":\"kept\",\"keep\":true," SCOPE(TARGET "," SOURCE PORTS ",\"lifetime\":600") "}");
	lab_run(l, 5000);
	/* status 7; conflict-cause 4 */
	l->router.raw = "a101a10281a2100711a11304";
	router_status(l, STATUS_WITHDRAWN);
	lab_run(l, 5000);
	const json_t *told = lab_find(l, "status", "status", "attack-mitigation-withdrawn");
	assert_non_null(told);
	char *text = json_dumps(told, JSON_COMPACT);
	assert_non_null(strstr(text, "request-rejected-legitimate-traffic"));
	free(text);
	unsigned puts = l->router.n_puts;
	lab_run(l, 900000);
	assert_int_equal(l->router.n_puts, puts);
	assert_int_equal(requests_count(l->agent.requests), 0);
}

/* What a notification says of another mid is not of this one. */
static void status_of_another_mid_is_passed_over(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_say(l, MITIGATE("case-1", PORTS));
	lab_run(l, 5000);
	lab_forget(l);
	l->router.raw = "a101a10281a205181e1003";    /* mid 30 */
	router_status(l, STATUS_STOPPED);
	lab_run(l, 5000);
	assert_null(lab_find(l, "status", "status", "attack-stopped"));
	assert_int_equal(l->router.n_deletes, 0);
}

/* A Call Home client serves heartbeats, and nothing else. */
static void client_serves_heartbeats_only(void **state)
{
	struct lab *l = *state;
	static const struct { const char *hex; uint8_t code; } rows[] = {
		{ "51010001aabb2e77656c6c2d6b6e6f776e04646f7473086d69746967617465", CODE(4, 4) },
		{ "51010002aabb2e77656c6c2d6b6e6f776e04646f747306636f6e666967", CODE(4, 4) },
		{ "51020003aabb2e77656c6c2d6b6e6f776e04646f7473026862", CODE(4, 5) },
		{ "51030004aabb2e77656c6c2d6b6e6f776e04646f747302686212010fffa11831a11833f5", CODE(2, 4) },
	};
	lab_connect(l);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char hex[200];
		lab_run(l, 4000);
		wire_forget(l->wire);
		snprintf(hex, sizeof hex, "%s", rows[i].hex);
		wire_inject_hex(l->wire, LEFT, hex);
		lab_run(l, 100);
		if (wire_count(l->wire, LEFT, rows[i].code) != 1)
			fail_msg("%s", rows[i].hex);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, lab_setup, lab_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(ch_06_port_4647_by_default), T(ch_15_holds_for_a_router_that_is_named), T(ch_22_warns_of_an_ipv4_source_without_ports), T(ch_35_outside_of_a_translator_is_never_a_source),
		T(sets_change_with_the_first_and_the_last_mitigation), T(heartbeats_begin_with_the_session), T(config_is_asked_for_again_by_its_sid), T(config_is_left_alone_during_an_attack),
		T(config_without_max_age_is_good_for_60_s), T(config_that_is_out_of_range_leads_to_a_get),
		T(granted_lifetime_counts), T(cuid_collisions_without_end_end), T(mid_restarts_past_three_quarters_once_nothing_is_active),
		T(notification_with_an_unknown_required_key_is_passed_over), T(client_serves_heartbeats_only),
		T(status_3_withdraws_only_when_that_is_configured), T(ch_32_refusal_by_notification_ends_the_request), T(status_of_another_mid_is_passed_over),
	};
	return cmocka_run_group_tests_name("conform_client", tests, NULL, NULL);
}
