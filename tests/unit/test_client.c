/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dotsch-client's agent against a scripted router: real sessions over a wire in memory, under a clock that the test moves. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../dotsch-client/agent.h"
#include "../../dotsch-client/callhome.h"
#include "../../dotsch-client/command.h"
#include "../../dotsch-client/mitigations.h"
#include "client_fake.h"
#include "client_lines.h"
#include "store/store.h"

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

static void count_sent(void *arg, const struct kept_request *k)
{
	*(unsigned *)arg += k->sent;
}

static unsigned sent_by_the_disk(struct lab *l)
{
	unsigned n = 0;
	struct reason why;
	assert_int_equal(state_load(l->agent.state, count_sent, &n, &why), 0);
	return n;
}

static struct lab *watched;
static unsigned on_disk_at_put;

static int look_at_the_disk(struct wire *w, int side, const struct message *m, int64_t *extra)
{
	(void)w, (void)extra;
	if (side == LEFT && m->code == METHOD_PUT && m->n_path > 3)
		on_disk_at_put = sent_by_the_disk(watched);
	return 1;
}

/* What a crash would forget does not go out: nor does the promise to wait. */
static void on_the_disk_before_the_wire(void **state)
{
	struct lab *l = *state;
	lab_say_only(l, MITIGATE("early", ""));
	assert_null(lab_last(l, "status"));
	lab_run(l, 10);
	assert_true(lab_saw(l, "status", "status", "waiting"));
	assert_int_equal(sent_by_the_disk(l), 0);
	watched = l;
	on_disk_at_put = 99;
	l->wire->fate = look_at_the_disk;
	lab_connect(l);
	lab_run(l, 100);
	assert_int_equal(l->router.n_puts, 1);
	assert_int_equal(on_disk_at_put, 1);
	lab_say_only(l, "{\"type\":\"mitigate\",\"ref\":\"other\"," SCOPE("\"target-prefix\":[\"203.0.113.10/32\"]," SOURCE ",\"lifetime\":1800") "}");
	assert_int_equal(l->router.n_puts, 1);
	lab_run(l, 4000);
	assert_int_equal(l->router.n_puts, 2);
	assert_int_equal(on_disk_at_put, 2);
	/* A withdrawal, too: the next run must not ask for it again. */
	wire_forget(l->wire);
	lab_say_only(l, "{\"type\":\"withdraw\",\"ref\":\"other\"}");
	assert_int_equal(wire_count(l->wire, LEFT, METHOD_DELETE), 0);
	lab_run(l, 4000);
	assert_int_equal(l->router.n_deletes, 1);
}

/* A full disk: refused and said so, and nothing is sent that could not be withdrawn after a crash. What is withdrawn goes out all the same. */
static void full_disk(void **state)
{
	struct lab *l = *state;
	struct rlimit was, none = { 0 };
	lab_connect(l);
	lab_say(l, MITIGATE("case-1", ""));
	lab_run(l, 100);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	none.rlim_max = was.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	lab_say(l, "{\"type\":\"mitigate\",\"ref\":\"other\"," SCOPE("\"target-prefix\":[\"203.0.113.10/32\"]," SOURCE ",\"lifetime\":1800") "}");
	lab_say(l, "{\"type\":\"withdraw\",\"ref\":\"case-1\"}");
	lab_run(l, 100);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_true(lab_saw(l, "status", "reason", "the state cannot be written"));
	assert_int_equal(l->router.n_puts, 1);
	assert_int_equal(l->router.n_deletes, 1);
	lab_run(l, 4000);
	assert_int_equal(requests_count(l->agent.requests), 1);
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

static void waits_for_the_router(void **state)
{
	struct lab *l = *state;
	lab_say(l, MITIGATE("early", ""));
	const json_t *status = lab_last(l, "status");
	assert_non_null(status);
	assert_string_equal(json_string_value(json_object_get(status, "status")), "waiting");
	assert_string_equal(json_string_value(json_object_get(status, "peer")), "cpe-0001");
	lab_run(l, 600000);
	lab_connect(l);
	lab_run(l, 100);
	assert_int_equal(l->router.n_puts, 1);
	/* What is left of it: ten minutes have passed. */
	assert_in_range(l->router.put.lifetime, 1199, 1200);
	assert_true(lab_saw(l, "response", "ref", "early"));
}

static void waits_until_its_lifetime_ends(void **state)
{
	struct lab *l = *state;
	l->console.wait_s = -1;
	lab_say(l, MITIGATE("early", ""));
	console_end(&l->console);
	lab_run(l, 1799000);
	assert_int_equal(l->finished, 0);
	lab_run(l, 2000);
	assert_true(lab_saw(l, "status", "status", "expired"));
	assert_int_equal(requests_count(l->agent.requests), 0);
	assert_int_equal(l->finished, 1);
	assert_int_equal(l->status, 1);
	lab_connect(l);
	lab_run(l, 100);
	assert_int_equal(l->router.n_puts, 0);
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

static void withdraw_while_away(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_say(l, MITIGATE("case-1", ""));
	lab_run(l, 100);
	wire_break(l->wire, LEFT, "the cable was cut");
	lab_run(l, 100);
	assert_true(lab_saw(l, "session", "event", "down"));
	lab_say(l, "{\"type\":\"withdraw\",\"ref\":\"case-1\"}");
	assert_true(lab_saw(l, "status", "status", "waiting"));
	lab_reconnect(l);
	lab_run(l, 100);
	assert_int_equal(l->router.n_deletes, 1);
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

/* RFC 9132, 4.4.1: another cuid on cause 3, once the old one is somebody else's. */
static void cuid_collision(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	l->router.answer = CODE(4, 9);
	l->router.cause = CONFLICT_CUID_COLLISION;
	l->router.answers_left = 1;
	lab_say(l, MITIGATE("case-1", ""));
	lab_run(l, 100);
	assert_int_equal(l->router.n_puts, 2);
	assert_string_not_equal(l->router.cuid, l->agent.cuid);
	assert_int_equal(strlen(l->router.cuid), 22);
	assert_true(lab_saw(l, "response", "code", "2.01"));
	/* What is kept follows the new one. */
	char cuid[CUID_MAX_BYTES + 1];
	snprintf(cuid, sizeof cuid, "%s", l->router.cuid);
	lab_restart(l);
	assert_int_equal(requests_count(l->agent.requests), 1);
	lab_reconnect(l);
	lab_say(l, "{\"type\":\"withdraw\",\"ref\":\"case-1\"}");
	lab_run(l, 4000);
	assert_int_equal(l->router.n_deletes, 1);
	assert_string_equal(l->agent.routers->cuid, cuid);
	lab_restart(l);
	assert_int_equal(requests_count(l->agent.requests), 0);
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

static int swallow(struct wire *w, int side, const struct message *m, int64_t *extra)
{
	(void)w;
	(void)m;
	(void)extra;
	return side == LEFT;
}

/* CH-11a: nothing arrives from the router; the channel stays in use. */
static void silent_router_keeps_being_asked(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_run(l, 1000);
	l->wire->fate = swallow;
	lab_say(l, MITIGATE("case-1", ""));
	lab_run(l, 1000000);
	assert_true(lab_saw(l, "status", "status", "unanswered"));
	assert_true(lab_saw(l, "session", "event", "silent"));
	assert_null(lab_find(l, "session", "event", "down"));
	assert_true(l->router.n_puts > 5);
	l->wire->fate = NULL;
	lab_run(l, 100000);
	assert_true(lab_saw(l, "response", "code", "2.01"));
	assert_true(lab_saw(l, "session", "event", "heard"));
}

/* The link is lost while the answer is under way: the request is not. */
static void asked_again_after_the_link_was_lost(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_run(l, 1000);
	l->wire->fate = swallow;
	lab_say(l, MITIGATE("case-1", ""));
	lab_run(l, 100);
	uint32_t mid = l->router.mid;
	wire_break(l->wire, LEFT, "gone");
	lab_run(l, 100);
	l->wire->fate = NULL;
	lab_reconnect(l);
	lab_run(l, 200);
	assert_int_equal(l->router.mid, mid);
	assert_true(lab_saw(l, "response", "code", "2.01"));
}

/* The router lost its state with its power: the request in force is made again, with its mid. */
static void router_that_forgot(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_say(l, MITIGATE("case-1", ""));
	lab_run(l, 100000);
	uint32_t mid = l->router.mid;
	wire_break(l->wire, LEFT, "gone");
	lab_run(l, 100);
	l->router.known = false;
	lab_reconnect(l);
	lab_run(l, 8000);
	assert_int_equal(l->router.n_puts, 2);
	assert_int_equal(l->router.mid, mid);
	assert_in_range(l->router.put.lifetime, 1690, 1701);
}

/* A peer that takes everything and knows nothing: no storm of requests. */
static void denied_again_and_again(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	l->router.denies = true;
	lab_say(l, MITIGATE("case-1", ""));
	lab_run(l, 100000);
	assert_int_equal(l->router.n_puts, 2);
}

static void observed_again_after_reconnection(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_say(l, MITIGATE("case-1", ""));
	lab_run(l, 100);
	wire_break(l->wire, LEFT, "gone");
	lab_run(l, 100);
	router_status_quietly(l, STATUS_MITIGATED);
	lab_reconnect(l);
	lab_run(l, 100);
	assert_int_equal(l->router.n_puts, 1);
	assert_true(lab_saw(l, "status", "status", "attack-successfully-mitigated"));
}

/* CH-09: the router's configuration is fetched, and its heartbeat-interval is kept; CH-10: a heartbeat right after its own. */
static void config_and_heartbeats(void **state)
{
	struct lab *l = *state;
	l->router.heartbeat_interval = 45;
	lab_connect(l);
	lab_run(l, 1000);
	assert_in_range(wire_count(l->wire, LEFT, METHOD_GET), 1, 2);
	assert_null(lab_last(l, "response"));
	lab_say(l, "{\"type\":\"config\",\"to\":\"cpe-0001\"}");
	lab_run(l, 100);
	assert_true(lab_saw(l, "response", "resource", "config"));
	wire_forget(l->wire);
	lab_run(l, 43000);
	size_t early = wire_count(l->wire, LEFT, METHOD_PUT);
	lab_run(l, 450000);
	assert_int_equal(early, 0);
	assert_in_range(wire_count(l->wire, LEFT, METHOD_PUT), 9, 12);
}

/* CH-09: our wishes, drawn to what the router offers, without what is in force anyway. */
static void negotiation(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_run(l, 20000);
	assert_int_equal(l->router.config_puts, 1);
	assert_true(l->router.wished.has_mitigating && l->router.wished.has_idle);
	assert_int_equal(l->router.wished.mitigating.p[SIGCONF_HEARTBEAT_INTERVAL].current, 240);
	assert_false(l->router.wished.mitigating.p[SIGCONF_MISSING_HB_ALLOWED].has_current);
	assert_int_equal(l->router.wished.idle.p[SIGCONF_HEARTBEAT_INTERVAL].current, 60);
	/* Our own heartbeats go by what the router shows, and it still shows 30. */
	wire_forget(l->wire);
	lab_run(l, 300000);
	assert_in_range(wire_count(l->wire, LEFT, METHOD_PUT), 9, 12);
}

/* RFC 9132, 4.5: what TCP does by itself is not negotiated over it, neither by configuration nor by command, and is not taken from the router. */
static void negotiation_over_tcp(void **state)
{
	struct lab *l = *state;
	struct sigconf *wanted = &l->agent.config.wanted;
	l->wire->transport = l->wire->end[LEFT]->transport = l->wire->end[RIGHT]->transport = TRANSPORT_TCP;
	wanted->mitigating.p[SIGCONF_MISSING_HB_ALLOWED].current = 7;
	wanted->idle.p[SIGCONF_MAX_RETRANSMIT] = (struct sigconf_value){ .has_current = true, .current = 5 };
	l->router.missing_hb_allowed = 4;
	lab_connect(l);
	lab_run(l, 20000);
	assert_int_equal(l->router.config_puts, 1);
	assert_true(l->router.wished.mitigating.p[SIGCONF_HEARTBEAT_INTERVAL].has_current);
	assert_null(sigconf_unreliable(&l->router.wished));
	assert_int_equal(router_by_name(&l->agent, "cpe-0001")->config.idle.p[SIGCONF_MISSING_HB_ALLOWED].current, 15);
	lab_say(l, "{\"type\":\"config\",\"to\":\"cpe-0001\",\"action\":\"set\",\"ietf-dots-signal-channel:signal-config\":{\"idle-config\":{\"max-retransmit\":{\"current-value\":5}}}}");
	assert_true(lab_saw(l, "error", "field", "max-retransmit"));
	lab_run(l, 20000);
	assert_int_equal(l->router.config_puts, 1);
}

static void auto_withdraw(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_say(l, MITIGATE("case-1", "\"keep\":true,"));
	lab_run(l, 100);
	router_status(l, STATUS_STOPPED);
	lab_run(l, 4000);
	assert_true(lab_saw(l, "status", "status", "attack-stopped"));
	assert_int_equal(l->router.n_deletes, 1);
}

/* Only when it is told to: the detector may know better. */
static void stopped_is_told_only(void **state)
{
	struct lab *l = *state;
	l->agent.config.auto_withdraw = false;
	lab_connect(l);
	lab_say(l, MITIGATE("case-1", ""));
	lab_run(l, 300);
	router_status(l, STATUS_STOPPED);
	lab_run(l, 8000);
	assert_true(lab_saw(l, "status", "status", "attack-stopped"));
	assert_int_equal(l->router.n_deletes, 0);
	assert_int_equal(requests_count(l->agent.requests), 1);
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

/* More requests than one session takes at a time: they wait their turn, none is dropped. */
static void oldest_first(void **state)
{
	struct lab *l = *state;
	lab_say(l, MITIGATE("old", ""));
	lab_say(l, "{\"type\":\"mitigate\",\"ref\":\"new\"," SCOPE("\"target-prefix\":[\"203.0.113.0/24\"]," SOURCE ",\"lifetime\":1800") "}");
	lab_connect(l);
	lab_run(l, 10000);
	assert_int_equal(l->router.n_puts, 2);
	assert_int_equal(l->router.put.target_prefix.v[0].len, 24);
	assert_int_equal(requests_count(l->agent.requests), 1);
	assert_non_null(requests_by_ref(l->agent.requests, "new"));
}

static void crowd(void **state)
{
	struct lab *l = *state;
	char line[500];
	for (int i = 0; i < 700; i++) {
		snprintf(line, sizeof line, "{\"type\":\"mitigate\",\"ref\":\"r%d\"," SCOPE("\"target-prefix\":[\"203.0.113.9/32\"],\"source-prefix\":[\"2001:db8:8::%x/128\",\"100.64.8.21/32\"],"
		         "\"source-port-range\":[{\"lower-port\":%d}],\"lifetime\":86400") "}", i, i + 1, i + 1);
		lab_say(l, line);
	}
	lab_forget(l);
	lab_connect(l);
	l->router.denies = false;
	for (int i = 0; i < 100; i++) {
		lab_run(l, 10000);
		lab_forget(l);
	}
	assert_true(l->router.n_puts >= 700);
	assert_int_equal(requests_count(l->agent.requests), 700);
	unsigned active = 0;
	for (const struct entry *e = l->agent.routers->entries; e; e = e->next)
		active += e->state == ENTRY_ACTIVE;
	assert_int_equal(active, 700);
}

static void wait_for_the_block(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	l->console.wait_s = 60;
	lab_say(l, MITIGATE("case-1", ""));
	console_end(&l->console);
	lab_run(l, 1000);
	assert_int_equal(l->finished, 0);
	router_status(l, STATUS_MITIGATED);
	lab_run(l, 4000);
	assert_int_equal(l->finished, 1);
	assert_int_equal(l->status, 0);
}

/* A router blocks at once: whoever waits does not wait for the 3 s between two notifications. */
static void wait_for_a_quick_block(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_run(l, 4000);
	l->console.wait_s = 60;
	lab_say(l, MITIGATE("case-1", ""));
	console_end(&l->console);
	lab_run(l, 60);
	assert_int_equal(l->router.n_puts, 1);
	router_status(l, STATUS_MITIGATED);
	lab_run(l, 300);
	assert_int_equal(l->finished, 1);
	assert_int_equal(l->status, 0);
}

static void wait_in_vain(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	l->console.wait_s = 60;
	lab_say(l, MITIGATE("case-1", ""));
	console_end(&l->console);
	lab_run(l, 59000);
	assert_int_equal(l->finished, 0);
	assert_null(l->console.unfinished);
	lab_run(l, 2000);
	assert_int_equal(l->finished, 1);
	assert_int_equal(l->status, 1);
	const json_t *open = json_array_get(l->console.unfinished, 0);
	assert_string_equal(json_string_value(json_object_get(open, "ref")), "case-1");
	assert_string_equal(json_string_value(json_object_get(open, "state")), "active");
	assert_string_equal(json_string_value(json_object_get(open, "status")), "attack-mitigation-in-progress");
	assert_int_equal(json_array_size(l->console.unfinished), 1);
}

/* Many, and a query that is not answered: the first twenty, and how many more. */
static void wait_for_many_in_vain(void **state)
{
	struct lab *l = *state;
	char text[400];
	l->console.wait_s = 60;
	for (unsigned i = 0; i < 25; i++) {
		snprintf(text, sizeof text, "{\"type\":\"mitigate\"," SCOPE("\"target-prefix\":[\"203.0.113.%u/32\"]," SOURCE ",\"lifetime\":1800") "}", i);
		lab_say(l, text);
	}
	console_end(&l->console);
	lab_run(l, 61000);
	assert_int_equal(l->status, 1);
	assert_int_equal(json_array_size(l->console.unfinished), 21);
	assert_string_equal(json_string_value(json_object_get(json_array_get(l->console.unfinished, 0), "state")), "waiting");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(l->console.unfinished, 20), "more")), 5);
}

static void query_in_vain(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_run(l, 4000);
	l->wire->fate = swallow;
	l->console.wait_s = 1;
	lab_say(l, "{\"type\":\"query\",\"to\":\"cpe-0001\",\"ref\":\"q\"}");
	console_end(&l->console);
	lab_run(l, 1100);
	assert_int_equal(l->status, 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(l->console.unfinished, 0), "method")), "GET");
	assert_string_equal(json_string_value(json_object_get(json_array_get(l->console.unfinished, 0), "ref")), "q");
}

static void end_of_input(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_say(l, MITIGATE("case-1", ""));
	console_end(&l->console);
	assert_int_equal(l->finished, 0);
	lab_run(l, 100);
	assert_int_equal(l->finished, 1);
	assert_int_equal(l->status, 0);
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

static void query_and_observe_unknown(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_say(l, MITIGATE("case-1", ""));
	lab_run(l, 100);
	lab_forget(l);
	lab_say(l, "{\"type\":\"query\",\"to\":\"cpe-0001\",\"ref\":\"case-1\"}");
	lab_run(l, 100);
	assert_string_equal(json_string_value(json_object_get(lab_last(l, "response"), "code")), "2.05");
	lab_say(l, "{\"type\":\"observe\",\"to\":\"cpe-0001\",\"mid\":4000000000}");
	lab_run(l, 4000);
	assert_true(lab_saw(l, "status", "reason", "does not know it"));
}

static void mids_rise_over_restarts(void **state)
{
	struct lab *l = *state;
	uint32_t last = 0;
	for (int run = 0; run < 3; run++) {
		struct reason why;
		for (int i = 0; i < 1500; i++) {
			uint32_t mid;
			assert_int_equal(state_next_mid(l->agent.state, &mid, &why), 0);
			assert_true(mid > last || (!run && !i));
			last = mid;
		}
		lab_restart(l);
	}
	/* Meanwhile nobody else may use the state. */
	struct reason why = { 0 };
	assert_null(state_open(l->wire->loop, l->agent.config.state, &why));
	assert_non_null(strstr(why.text, "in use"));
}

/* One request in force, one that waits for its router, one that is being withdrawn, one that is over: each goes on as it stood. */
static void restart_goes_on(void **state)
{
	struct lab *l = *state;
	bool several;
	lab_connect(l);
	lab_say(l, MITIGATE("in-force", "\"keep\":true,"));
	lab_run(l, 100);
	uint32_t in_force = l->router.mid;
	lab_say(l, "{\"type\":\"mitigate\",\"ref\":\"waits\"," SCOPE(TARGET ",\"source-prefix\":[\"100.64.8.22/32\"],\"lifetime\":1800") "}");
	lab_say(l, "{\"type\":\"mitigate\",\"ref\":\"leaves\"," SCOPE("\"target-prefix\":[\"203.0.113.77/32\"]," SOURCE ",\"lifetime\":1800") "}");
	lab_say(l, "{\"type\":\"mitigate\",\"ref\":\"over\"," SCOPE("\"target-prefix\":[\"203.0.113.78/32\"]," SOURCE ",\"lifetime\":1800") "}");
	lab_run(l, 5000);
	lab_say(l, "{\"type\":\"withdraw\",\"ref\":\"over\"}");
	lab_run(l, 1000);
	wire_break(l->wire, LEFT, "gone");
	lab_run(l, 100);
	lab_say(l, "{\"type\":\"withdraw\",\"ref\":\"leaves\"}");
	assert_int_equal(l->router.n_deletes, 1);
	unsigned puts = l->router.n_puts;
	lab_restart(l);
	assert_int_equal(requests_count(l->agent.requests), 3);
	struct entry *e = requests_by_mid(l->agent.requests, NULL, in_force, &several);
	assert_non_null(e);
	assert_int_equal(e->state, ENTRY_ACTIVE);
	assert_true(e->keep);
	assert_int_equal(requests_by_ref(l->agent.requests, "waits")->state, ENTRY_WAITING);
	assert_int_equal(requests_by_ref(l->agent.requests, "leaves")->state, ENTRY_LEAVING);
	assert_null(requests_by_ref(l->agent.requests, "over"));
	lab_forget(l);
	lab_reconnect(l);
	lab_run(l, 5000);
	/* Refreshed since it is kept, with its own mid; withdrawn; observed again. */
	assert_int_equal(l->router.n_puts, puts + 1);
	assert_int_equal(l->router.n_deletes, 2);
	assert_non_null(lab_find(l, "status", "ref", "in-force"));
	lab_say(l, MITIGATE("newer", ""));
	assert_true(requests_by_ref(l->agent.requests, "newer")->mid > in_force + 3);
}

/* RFC 9132, 4.4.1: past three quarters of the numbers, and with nothing under way, they begin at 0 again. The file is one of the first version. */
static void mids_restart(void **state)
{
	static const char *const first[] = {
		"CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
		"CREATE TABLE request (peer TEXT NOT NULL, cuid TEXT NOT NULL, mid INTEGER NOT NULL, ref TEXT NOT NULL, part INTEGER NOT NULL, parts INTEGER NOT NULL,"
		" standing INTEGER NOT NULL, status INTEGER NOT NULL, keep INTEGER NOT NULL, sent INTEGER NOT NULL, lifetime INTEGER NOT NULL, ends INTEGER NOT NULL,"
		" document TEXT NOT NULL, PRIMARY KEY (peer, cuid, mid)) WITHOUT ROWID;"
		"INSERT INTO meta VALUES ('mid', 3221225470);", NULL };
	struct lab *l = *state;
	struct reason why = { 0 };
	char path[100];
	uint32_t mid;
	snprintf(path, sizeof path, "%s/old.db", l->folder);
	struct store *store = store_open(l->wire->loop, path, first, &why);
	assert_non_null(store);
	store_close(store);
	struct state *s = state_open(l->wire->loop, path, &why);
	assert_non_null(s);
	state_idle(s);
	assert_int_equal(state_next_mid(s, &mid, &why), 0);
	assert_int_equal(mid, 3221225470);
	for (int i = 0; i < 3; i++)
		assert_int_equal(state_next_mid(s, &mid, &why), 0);
	assert_int_equal(mid, 3221225473);
	/* Asked for meanwhile: the old ones go on. */
	state_idle(s);
	assert_int_equal(state_next_mid(s, &mid, &why), 0);
	assert_int_equal(mid, 3221225474);
	for (int i = 0; i < 5000 && state_pending(s); i++)
		loop_step(l->wire->loop, 1);
	assert_int_equal(state_next_mid(s, &mid, &why), 0);
	assert_int_equal(mid, 3221225475);
	state_idle(s);
	for (int i = 0; i < 5000 && state_pending(s); i++)
		loop_step(l->wire->loop, 1);
	assert_int_equal(state_next_mid(s, &mid, &why), 0);
	assert_int_equal(mid, 0);
	state_close(s);
	s = state_open(l->wire->loop, path, &why);
	assert_non_null(s);
	assert_int_equal(state_next_mid(s, &mid, &why), 0);
	assert_int_equal(mid, 1);
	state_close(s);
	unlink(path);
	strcat(path, ".lock");
	unlink(path);
}

/* Not while anything is in force under the old one: the conflict is told. */
static void cuid_stays_while_active(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_say(l, MITIGATE("case-1", ""));
	lab_run(l, 100);
	l->router.answer = CODE(4, 9);
	l->router.cause = CONFLICT_CUID_COLLISION;
	lab_say(l, "{\"type\":\"mitigate\",\"ref\":\"other\"," SCOPE("\"target-prefix\":[\"203.0.113.10/32\"]," SOURCE ",\"lifetime\":1800") "}");
	lab_run(l, 4000);
	assert_string_equal(l->router.cuid, l->agent.cuid);
	assert_int_equal(l->router.n_puts, 2);
	assert_true(lab_saw(l, "response", "conflict", "another client uses this cuid"));
	assert_int_equal(requests_count(l->agent.requests), 1);
}

static void peer_lines(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_say(l, "{\"type\":\"peer\",\"action\":\"add\",\"name\":\"new\",\"certificate-name\":\"new.example\",\"domain\":[\"192.0.2.0/24\"]}");
	assert_int_equal(peers_count(l->agent.peers), 3);
	/* What changes nothing leaves the session alone. */
	lab_say(l, "{\"type\":\"peer\",\"name\":\"cpe-0001\",\"psk-identity\":\"cpe-0001\",\"psk-key\":\"00000000000000000000000000000001\",\"domain\":[\"100.64.8.21/32\",\"2001:db8:8::/48\"]}");
	assert_null(lab_find(l, "session", "event", "down"));
	/* A clash leaves everything as it was. */
	lab_say(l, "{\"type\":\"peer\",\"name\":\"cpe-0001\",\"psk-identity\":\"cpe-0002\",\"psk-key\":\"00000000000000000000000000000001\"}");
	assert_non_null(lab_last(l, "error"));
	assert_non_null(peers_by_psk(l->agent.peers, "cpe-0001"));
	lab_say(l, "{\"type\":\"peer\",\"name\":\"cpe-0001\",\"psk-identity\":\"cpe-0001\",\"psk-key\":\"00000000000000000000000000000002\",\"domain\":[\"100.64.8.21/32\"]}");
	assert_non_null(lab_find(l, "session", "event", "down"));
	lab_say(l, "{\"type\":\"peer\",\"action\":\"remove\",\"name\":\"cpe-0001\"}");
	assert_null(peers_by_name(l->agent.peers, "cpe-0001"));
	assert_true(lab_saw(l, "peer", "name", "cpe-0001"));
}


int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST("request, answer, observation, status", request_and_status), LAB_TEST("on the disk before the wire", on_the_disk_before_the_wire), LAB_TEST("full disk", full_disk),
		LAB_TEST("CH-13 to CH-23, CH-35 before sending", refused_before_sending),
		LAB_TEST("broken lines", broken_lines), LAB_TEST("bare document", bare_document), LAB_TEST("waits for the router", waits_for_the_router),
		LAB_TEST("waits until its lifetime ends", waits_until_its_lifetime_ends), LAB_TEST("withdraw by ref", withdraw_by_ref),
		LAB_TEST("withdraw before sending", withdraw_before_it_was_sent), LAB_TEST("withdraw while away", withdraw_while_away),
		LAB_TEST("keep refreshes", keep_refreshes), LAB_TEST("without keep it ends", without_keep_it_ends), LAB_TEST("same ref again", same_ref_again),
		LAB_TEST("4.09 in words", conflict_is_told), LAB_TEST("cuid collision", cuid_collision), LAB_TEST("5.03 and Max-Age", busy_is_retried),
		LAB_TEST("5.03 redirect dropped silently", redirect_is_dropped_silently), LAB_TEST("CH-11a silent router", silent_router_keeps_being_asked),
		LAB_TEST("asked again after a lost link", asked_again_after_the_link_was_lost), LAB_TEST("router that forgot", router_that_forgot),
		LAB_TEST("denied again and again", denied_again_and_again), LAB_TEST("observed again", observed_again_after_reconnection), LAB_TEST("CH-09, CH-10 config and heartbeats", config_and_heartbeats),
		LAB_TEST("CH-09 negotiation", negotiation), LAB_TEST("S-13 negotiation over TCP", negotiation_over_tcp), LAB_TEST("auto-withdraw", auto_withdraw), LAB_TEST("attack-stopped is told only", stopped_is_told_only), LAB_TEST("CH-22 warning without ports", warns_without_ports),
		LAB_TEST("CH-38 shared addresses", shared_addresses),
		LAB_TEST("crowd", crowd), LAB_TEST("oldest first", oldest_first), LAB_TEST("wait for the block", wait_for_the_block), LAB_TEST("wait for a quick block", wait_for_a_quick_block), LAB_TEST("wait in vain", wait_in_vain), LAB_TEST("wait for many in vain", wait_for_many_in_vain), LAB_TEST("query in vain", query_in_vain), LAB_TEST("end of input", end_of_input),
		LAB_TEST("several routers", several_routers), LAB_TEST("divided by size", divided_by_size), LAB_TEST("CH-38 subscriber", subscriber_picks_the_router),
		LAB_TEST("query, observe an unknown mid", query_and_observe_unknown), LAB_TEST("mids rise over restarts", mids_rise_over_restarts),
		LAB_TEST("restart goes on", restart_goes_on), LAB_TEST("mids begin at 0 again", mids_restart),
		LAB_TEST("cuid stays while something is active", cuid_stays_while_active), LAB_TEST("peer lines", peer_lines),
	};
	return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
