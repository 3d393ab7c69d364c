/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dotsch-client: a router that calls, is silent, is gone or has forgotten; its configuration and heartbeats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../dotsch-client/agent.h"
#include "../../dotsch-client/callhome.h"
#include "../../dotsch-client/mitigations.h"
#include "client_fake.h"
#include "client_lines.h"

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

/* CH-11a: nothing arrives from the router; the channel stays in use. */
static void silent_router_keeps_being_asked(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_run(l, 1000);
	l->wire->fate = wire_lose_right;
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
	l->wire->fate = wire_lose_right;
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
		LAB_TEST("waits for the router", waits_for_the_router), LAB_TEST("waits until its lifetime ends", waits_until_its_lifetime_ends),
		LAB_TEST("withdraw while away", withdraw_while_away), LAB_TEST("CH-11a silent router", silent_router_keeps_being_asked),
		LAB_TEST("asked again after a lost link", asked_again_after_the_link_was_lost), LAB_TEST("router that forgot", router_that_forgot),
		LAB_TEST("denied again and again", denied_again_and_again), LAB_TEST("observed again", observed_again_after_reconnection),
		LAB_TEST("CH-09, CH-10 config and heartbeats", config_and_heartbeats), LAB_TEST("CH-09 negotiation", negotiation),
		LAB_TEST("S-13 negotiation over TCP", negotiation_over_tcp), LAB_TEST("crowd", crowd), LAB_TEST("oldest first", oldest_first),
		LAB_TEST("peer lines", peer_lines),
	};
	return cmocka_run_group_tests_name("client_session", tests, NULL, NULL);
}
