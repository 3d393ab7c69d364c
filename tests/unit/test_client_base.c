/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Peers that are base DOTS servers: dialled, asked by other rules, redirected, lost and dialled again. Sockets and GnuTLS are scripted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../dotsch-client/mitigations.h"
#include "client_fake.h"

#define SCOPE(x) "\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{" x "}]}"
#define DMS "\"name\":\"dms\",\"address\":[\"192.0.2.1\",\"dms.example\"],\"psk-identity\":\"us\",\"psk-key\":\"00000000000000000000000000000000\""
#define ASK(ref, scope) "{\"type\":\"mitigate\",\"to\":\"dms\",\"ref\":\"" ref "\"," SCOPE(scope ",\"lifetime\":1800") "}"
#define TARGET "\"target-prefix\":[\"192.0.2.80/32\"]"

static void add_server(struct lab *l)
{
	lab_say(l, "{\"type\":\"peer\",\"action\":\"add\"," DMS "}");
	assert_null(lab_last(l, "error"));
}

static struct router *server(struct lab *l)
{
	return router_by_name(&l->agent, "dms");
}

static void dialled_and_asked(void **state)
{
	struct lab *l = *state;
	add_server(l);
	assert_int_equal(dialling.begun, 1);
	assert_int_equal(dialling.config.port, 4646);
	assert_int_equal(dialling.config.n_hosts, 2);
	assert_true(dialling.config.udp && dialling.config.tcp);
	assert_int_equal(dialling.config.retry_min_s, 60);
	assert_int_equal(dialling.config.attempt_delay_ms, 250);
	lab_say(l, ASK("early", TARGET));
	assert_true(lab_saw(l, "status", "reason", "waits until it is reached"));
	lab_answer_dial(l);
	assert_true(lab_saw(l, "session", "event", "up"));
	assert_true(json_is_true(json_object_get(lab_last(l, "session"), "dialled")));
	lab_run(l, 100);
	assert_int_equal(l->router.n_puts, 1);
	/* RFC 9132, 4.3: while one is in force, attempts are nearer to each other. */
	assert_int_equal(dialling.config.attempt_delay_ms, 100);
	/* No source was named, and none is asked for; the cuid is made of the identity that the server knows. */
	assert_int_equal(l->router.put.source_prefix.n, 0);
	assert_string_equal(l->router.cuid, server(l)->cuid);
	assert_string_not_equal(l->router.cuid, l->agent.cuid);
	assert_int_equal(strlen(l->router.cuid), 22);
	/* CH-22 is no matter here. */
	assert_null(json_object_get(lab_find(l, "response", "method", "PUT"), "warning"));
}

/* What Call Home bans passes: names, aliases, a preconfigured mitigation, private targets, sources as hints. */
static void passed_through(void **state)
{
	struct lab *l = *state;
	add_server(l);
	lab_answer_dial(l);
	lab_say(l, ASK("names", "\"alias-name\":[\"our-web\"],\"target-fqdn\":[\"www.example\"],\"target-uri\":[\"https://www.example/\"],\"trigger-mitigation\":false"));
	assert_null(lab_last(l, "error"));
	lab_run(l, 4000);
	assert_int_equal(l->router.n_puts, 1);
	assert_int_equal(l->router.put.alias_name.n, 1);
	assert_string_equal(l->router.put.alias_name.v[0], "our-web");
	assert_int_equal(l->router.put.target_fqdn.n, 1);
	assert_int_equal(l->router.put.target_uri.n, 1);
	assert_int_equal(l->router.put.trigger, 0);
	/* Armed is not attacked: the idle set holds. */
	assert_int_equal(server(l)->active, 0);
	lab_say(l, ASK("hints", "\"target-prefix\":[\"10.0.0.1/32\"],\"source-prefix\":[\"198.51.100.5/32\",\"192.0.2.1/32\"]"));
	assert_null(lab_last(l, "error"));
	lab_run(l, 4000);
	assert_int_equal(l->router.n_puts, 2);
	assert_int_equal(l->router.put.source_prefix.n, 2);
	assert_int_equal(server(l)->active, 1);
}

static void refused(void **state)
{
	struct lab *l = *state;
	static const struct { const char *line, *field; } cases[] = {
		{ ASK("x", "\"target-protocol\":[17]"), "target-prefix" },
		{ ASK("x", "\"target-prefix\":[\"127.0.0.1/32\"]"), "target-prefix" },
		{ "{\"type\":\"mitigate\"," SCOPE(TARGET ",\"lifetime\":60") "}", "source-prefix" },
		{ "{\"type\":\"redirect\",\"to\":\"dms\",\"ietf-dots-signal-channel:redirected-signal\":{\"ietf-dots-call-home:alt-ch-client\":\"x.example\"}}", "to" },
		{ "{\"type\":\"peer\",\"action\":\"add\",\"name\":\"other\",\"address\":\"192.0.2.2\"}", "psk-identity" },
	};
	add_server(l);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		lab_forget(l);
		lab_say(l, cases[i].line);
		const json_t *error = lab_last(l, "error");
		if (!error)
			fail_msg("not refused: %s", cases[i].line);
		assert_string_equal(json_string_value(json_object_get(error, "field")), cases[i].field);
	}
	lab_forget(l);
	lab_say(l, cases[2].line);
	assert_true(lab_saw(l, "error", "reason", "a base server is named by to"));
}

/* RFC 9132, 4.6. */
static void redirected(void **state)
{
	struct lab *l = *state;
	add_server(l);
	lab_answer_dial(l);
	l->router.answer = CODE(5, 3);
	l->router.redirect = true;
	l->router.max_age = 600;
	l->router.answers_left = 1;
	lab_say(l, ASK("case-1", TARGET));
	lab_run(l, 100);
	assert_true(lab_saw(l, "session", "why", "redirected to other.example"));
	assert_int_equal(dialling.begun, 2);
	assert_int_equal(dialling.ended, 1);
	assert_string_equal(dialling.host, "other.example");
	assert_int_equal(l->router.n_puts, 1);
	l->router.redirect = false;
	lab_answer_dial(l);
	lab_run(l, 100);
	assert_int_equal(l->router.n_puts, 2);
	assert_true(lab_saw(l, "response", "code", "2.01"));
	/* Not while there is an attack; then back. */
	lab_run(l, 700000);
	assert_int_equal(dialling.begun, 2);
	lab_say(l, "{\"type\":\"withdraw\",\"ref\":\"case-1\"}");
	lab_run(l, 15000);
	assert_int_equal(dialling.begun, 3);
	assert_string_equal(dialling.host, "192.0.2.1");
	/* The one that we have just left is no place to be sent to. */
	lab_answer_dial(l);
	l->router.answer = CODE(5, 3);
	l->router.redirect = true;
	l->router.answers_left = 1;
	lab_say(l, ASK("case-2", TARGET));
	lab_run(l, 4000);
	assert_int_equal(dialling.begun, 3);
	assert_int_equal(l->router.n_puts, 3);
	l->router.redirect = false;
	lab_run(l, 61000);
	assert_int_equal(l->router.n_puts, 4);
}

static void nobody_where_we_were_sent(void **state)
{
	struct lab *l = *state;
	add_server(l);
	lab_answer_dial(l);
	l->router.answer = CODE(5, 3);
	l->router.redirect = true;
	l->router.max_age = 0;
	l->router.answers_left = 1;
	lab_say(l, ASK("case-1", TARGET));
	lab_run(l, 100);
	assert_string_equal(dialling.host, "other.example");
	dialling.ops.failed(dialling.arg, "UDP 192.0.2.9: no answer", 300);
	lab_run(l, 100);
	assert_true(lab_saw(l, "session", "event", "unreachable"));
	assert_string_equal(dialling.host, "192.0.2.1");
	/* For one session only: a Max-Age of 0. */
	lab_run(l, 400000);
	lab_answer_dial(l);
	lab_run(l, 100);
	assert_true(lab_saw(l, "response", "code", "2.01"));
}

/* RFC 9132, 4.7: silence in idle time is a loss; while an attack is on it may be the attack, and another session is tried beside. */
static void silence(void **state)
{
	struct lab *l = *state;
	add_server(l);
	lab_answer_dial(l);
	lab_run(l, 1000);
	l->wire->fate = wire_lose_right;
	lab_run(l, 600000);
	assert_true(lab_saw(l, "session", "why", "nothing was heard"));
	assert_int_equal(dialling.again, 1);
	assert_null(server(l)->session);
	l->wire->fate = NULL;
	lab_answer_dial(l);
	lab_say(l, ASK("case-1", TARGET));
	lab_run(l, 1000);
	assert_int_equal(server(l)->active, 1);
	lab_forget(l);
	l->wire->fate = wire_lose_right;
	lab_run(l, 1000000);
	assert_true(lab_saw(l, "session", "event", "silent"));
	assert_null(lab_find(l, "session", "event", "down"));
	assert_non_null(server(l)->session);
	assert_int_equal(dialling.again, 2);
	/* Nobody there: the old session stays. */
	dialling.ops.failed(dialling.arg, "UDP 192.0.2.1: no answer", 300);
	assert_null(lab_find(l, "session", "event", "unreachable"));
	assert_non_null(server(l)->session);
}

static void closed_by_the_server(void **state)
{
	struct lab *l = *state;
	add_server(l);
	lab_answer_dial(l);
	session_close(l->router.session, true);
	l->router.session = NULL;
	lab_run(l, 100);
	assert_true(lab_saw(l, "session", "event", "down"));
	/* It may start anew, and so may a thousand other clients. */
	assert_int_equal(dialling.again, 0);
	lab_run(l, 10000);
	assert_int_equal(dialling.again, 1);
}

static void entries_change(void **state)
{
	struct lab *l = *state;
	add_server(l);
	lab_answer_dial(l);
	/* The same again changes nothing; another address is dialled anew. */
	lab_say(l, "{\"type\":\"peer\"," DMS "}");
	assert_int_equal(dialling.begun, 1);
	assert_null(lab_find(l, "session", "event", "down"));
	lab_say(l, "{\"type\":\"peer\",\"name\":\"dms\",\"address\":\"192.0.2.7\",\"psk-identity\":\"us\",\"psk-key\":\"00000000000000000000000000000000\"}");
	assert_true(lab_saw(l, "session", "why", "its entry was changed"));
	assert_int_equal(dialling.begun, 2);
	assert_int_equal(dialling.ended, 1);
	assert_string_equal(dialling.host, "192.0.2.7");
	lab_say(l, "{\"type\":\"peers\",\"to\":\"dms\"}");
	assert_string_equal(json_string_value(json_array_get(json_object_get(lab_last(l, "peer"), "server"), 0)), "192.0.2.7");
	lab_say(l, "{\"type\":\"peer\",\"action\":\"remove\",\"name\":\"dms\"}");
	assert_int_equal(dialling.ended, 2);
	/* A reload drops what is not in the file. */
	add_server(l);
	assert_int_equal(dialling.begun, 3);
	agent_reload(&l->agent);
	assert_int_equal(dialling.ended, 3);
}

#define LAB_TEST(name, fn) { name, fn, lab_setup, lab_teardown, NULL }

/* Fired, replaced by one that acts at once, and armed again (RFC 9132, Table 3): for us it is the same request all the time. */
static void prepared_stays(void **state)
{
	static const enum dots_status told[] = { STATUS_SIGNAL_LOSS, STATUS_MITIGATED, STATUS_WITHDRAWN, STATUS_SIGNAL_LOSS, STATUS_STOPPED, STATUS_SIGNAL_LOSS };
	struct lab *l = *state;
	add_server(l);
	lab_say(l, ASK("prepared", TARGET ",\"trigger-mitigation\":false"));
	lab_answer_dial(l);
	lab_run(l, 300);
	for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
		router_status(l, told[i]);
		lab_run(l, 4000);
		assert_int_equal(requests_by_ref(l->agent.requests, "prepared")->state, ENTRY_ACTIVE);
	}
	assert_true(lab_saw(l, "status", "status", "attack-mitigation-withdrawn"));
	assert_int_equal(l->router.n_deletes, 0);
	router_status(l, STATUS_TERMINATED);
	lab_run(l, 900000);
	assert_null(requests_by_ref(l->agent.requests, "prepared"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST("dialled and asked", dialled_and_asked), LAB_TEST("CH-28 passed through", passed_through), LAB_TEST("refused", refused),
		LAB_TEST("redirected", redirected), LAB_TEST("nobody where we were sent", nobody_where_we_were_sent), LAB_TEST("silence", silence),
		LAB_TEST("closed by the server", closed_by_the_server), LAB_TEST("entries change", entries_change), LAB_TEST("prepared stays", prepared_stays),
	};
	return cmocka_run_group_tests_name("client_base", tests, NULL, NULL);
}
