/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dotsch-client's agent: what is not asked for again before a retry-timer has run out (RFC 9132, 4.4.1), and what waits while it is refreshed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../dotsch-client/agent.h"
#include "../../dotsch-client/mitigations.h"
#include "client_fake.h"
#include "client_lines.h"

#define ELSEWHERE "{\"type\":\"mitigate\",\"ref\":\"elsewhere\"," SCOPE("\"target-prefix\":[\"203.0.113.77/32\"]," SOURCE ",\"lifetime\":1800") "}"

/* The router refuses one request with that retry-timer, and would take all others. */
static void refuse_one(struct lab *l, enum conflict_cause cause, uint32_t retry_timer)
{
	l->router.answer = CODE(4, 9);
	l->router.cause = cause;
	l->router.retry_timer = retry_timer;
	l->router.answers_left = 1;
	lab_say(l, MITIGATE("case-1", ""));
	lab_run(l, 100);
	assert_int_equal(l->router.n_puts, 1);
	assert_true(lab_saw(l, "response", "conflict", "; not to be asked again within"));
	assert_int_equal(requests_count(l->agent.requests), 0);
}

static void new_command_waits(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	refuse_one(l, CONFLICT_ACCEPTLIST, 600);
	lab_say(l, MITIGATE("case-2", ""));
	lab_run(l, 100);
	assert_int_equal(l->router.n_puts, 1);
	assert_true(lab_saw(l, "status", "status", "waiting"));
	assert_true(lab_saw(l, "status", "reason", "an accept-list entry"));
	assert_true(lab_saw(l, "status", "reason", "not to be asked again before 20"));
	/* What has a target or a source of its own is not the same. */
	lab_say(l, ELSEWHERE);
	lab_run(l, 100);
	assert_int_equal(l->router.n_puts, 2);
	lab_run(l, 599000);
	assert_int_equal(l->router.n_puts, 2);
	lab_run(l, 2000);
	assert_string_equal(json_string_value(json_object_get(lab_find(l, "response", "method", "PUT"), "ref")), "case-2");
}

/* Said at once, and not after half an hour. */
static void shorter_than_the_timer(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	refuse_one(l, CONFLICT_LEGITIMATE_TRAFFIC, 3600);
	lab_say(l, MITIGATE("case-2", ""));
	console_end(&l->console);
	lab_run(l, 100);
	assert_true(lab_saw(l, "status", "status", "refused"));
	assert_true(lab_saw(l, "status", "reason", "its lifetime ends earlier"));
	assert_int_equal(requests_count(l->agent.requests), 0);
	assert_int_equal(l->finished, 1);
	assert_int_equal(l->status, 1);
	assert_int_equal(l->router.n_puts, 1);
}

static void over_a_restart(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	refuse_one(l, CONFLICT_ACCEPTLIST, 600);
	lab_say(l, MITIGATE("case-2", ""));
	lab_run(l, 100);
	lab_restart(l);
	assert_int_equal(requests_count(l->agent.requests), 1);
	lab_reconnect(l);
	lab_run(l, 590000);
	lab_say(l, "{\"type\":\"mitigate\",\"ref\":\"case-3\"," SCOPE(TARGET ",\"source-prefix\":[\"100.64.8.21\"],\"lifetime\":1800") "}");
	lab_run(l, 1000);
	assert_int_equal(l->router.n_puts, 1);
	/* The older one goes first. */
	lab_run(l, 10000);
	assert_int_equal(l->router.n_puts, 3);
	lab_restart(l);
	lab_reconnect(l);
	lab_say(l, MITIGATE("case-4", ""));
	lab_run(l, 1000);
	assert_int_equal(l->router.n_puts, 4);
}

/* What waits for another reason, and is asked for again by itself, is the same as a new command. */
static void what_waits_already(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	l->router.answer = CODE(5, 3);
	l->router.max_age = 20;
	l->router.answers_left = 1;
	lab_say(l, "{\"type\":\"mitigate\",\"ref\":\"early\"," SCOPE(TARGET ",\"source-prefix\":[\"100.64.8.21\"],\"lifetime\":1800") "}");
	lab_run(l, 100);
	l->router.n_puts = 0;
	l->router.answer = CODE(4, 9);
	l->router.cause = CONFLICT_ACCEPTLIST;
	l->router.retry_timer = 600;
	l->router.answers_left = 1;
	lab_say(l, MITIGATE("late", ""));
	lab_run(l, 590000);
	assert_int_equal(l->router.n_puts, 1);
	assert_true(lab_saw(l, "status", "ref", "early"));
	lab_run(l, 20000);
	assert_int_equal(l->router.n_puts, 2);
	assert_int_equal(requests_by_ref(l->agent.requests, "early")->state, ENTRY_ACTIVE);
}

/* Deactivated later, by a notification. */
static void by_notification(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_say(l, MITIGATE("case-1", ""));
	lab_run(l, 4000);
	l->router.cause = CONFLICT_LEGITIMATE_TRAFFIC;
	l->router.retry_timer = 600;
	l->router.tells_conflict = true;
	router_status(l, STATUS_WITHDRAWN);
	lab_run(l, 4000);
	lab_say(l, MITIGATE("case-2", ""));
	lab_run(l, 500000);
	assert_int_equal(l->router.n_puts, 1);
	assert_true(lab_saw(l, "status", "reason", "holds this for legitimate traffic"));
}

/* Kept by the peer, but inactive: asking again by itself waits for the timer, and a command to is refused. */
static void refresh_of_what_is_inactive(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_say(l, MITIGATE("case-1", "\"keep\":true,"));
	lab_run(l, 4000);
	l->router.cause = CONFLICT_OVERLAPPING_TARGETS;
	l->router.retry_timer = 1700;
	l->router.tells_conflict = true;
	router_status(l, STATUS_IN_PROGRESS);
	lab_run(l, 4000);
	lab_say(l, "{\"type\":\"refresh\",\"ref\":\"case-1\"}");
	assert_true(lab_saw(l, "error", "reason", "not to be asked again before"));
	lab_say(l, "{\"type\":\"efficacy\",\"ref\":\"case-1\",\"attack-status\":\"under-attack\"}");
	lab_say(l, MITIGATE("case-1", "\"keep\":true,"));
	lab_run(l, 1690000);
	assert_int_equal(l->router.n_puts, 1);
	lab_run(l, 20000);
	assert_int_equal(l->router.n_puts, 2);
}

/* The conflict was with a request of ours: a newer mid replaces that, so asking anew is right. */
static void our_own_conflict(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_say(l, ELSEWHERE);
	lab_run(l, 100);
	l->router.conflict_mid = l->router.mid;
	l->router.answer = CODE(4, 9);
	l->router.cause = CONFLICT_OVERLAPPING_TARGETS;
	l->router.retry_timer = 600;
	l->router.answers_left = 1;
	lab_say(l, MITIGATE("case-1", ""));
	lab_run(l, 100);
	lab_say(l, MITIGATE("case-2", ""));
	lab_run(l, 100);
	assert_int_equal(l->router.n_puts, 3);
}

/* A collision of cuids has no retry-timer, whatever the peer says. */
static void no_timer_of_a_collision(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	l->router.answer = CODE(4, 9);
	l->router.cause = CONFLICT_CUID_COLLISION;
	l->router.retry_timer = 600;
	l->router.answers_left = 1;
	lab_say(l, MITIGATE("case-1", ""));
	lab_run(l, 100);
	assert_int_equal(l->router.n_puts, 2);
}

/* A peer that refuses everything for ever does not fill the memory. */
static void bounded(void **state)
{
	struct lab *l = *state;
	char text[400];
	lab_connect(l);
	l->router.answer = CODE(4, 9);
	l->router.cause = CONFLICT_ACCEPTLIST;
	l->router.retry_timer = UINT32_MAX;
	for (unsigned i = 0; i < 1010; i++) {
		snprintf(text, sizeof text, "{\"type\":\"mitigate\"," SCOPE("\"target-prefix\":[\"203.0.%u.%u/32\"]," SOURCE ",\"lifetime\":60") "}", 100 + i / 250, i % 250);
		lab_say(l, text);
		lab_run(l, 10);
	}
	lab_run(l, 1000);
	assert_int_equal(l->router.n_puts, 1010);
	/* The last one is known, the first one was forgotten. */
	lab_say(l, text);
	lab_run(l, 100);
	assert_int_equal(l->router.n_puts, 1010);
	lab_say(l, "{\"type\":\"mitigate\"," SCOPE("\"target-prefix\":[\"203.0.100.0/32\"]," SOURCE ",\"lifetime\":60") "}");
	lab_run(l, 100);
	assert_int_equal(l->router.n_puts, 1011);
}

/* --- Refresh of what waits --- */

static void refresh_while_waiting(void **state)
{
	struct lab *l = *state;
	lab_say(l, MITIGATE("early", ""));
	lab_run(l, 600000);
	lab_say(l, "{\"type\":\"refresh\",\"ref\":\"early\",\"lifetime\":7200}");
	const json_t *about = lab_last(l, "request");
	assert_non_null(about);
	assert_string_equal(json_string_value(json_object_get(about, "state")), "waiting");
	assert_int_equal(json_integer_value(json_object_get(about, "lifetime")), 7200);
	/* After a crash, too. */
	lab_restart(l);
	lab_run(l, 7000000);
	assert_int_equal(requests_count(l->agent.requests), 1);
	lab_connect(l);
	lab_run(l, 100);
	assert_int_equal(l->router.n_puts, 1);
	assert_in_range(l->router.put.lifetime, 198, 200);
	/* The same words again while it waits: told, and longer. */
	l->router.answer = CODE(5, 3);
	l->router.max_age = 100;
	lab_say(l, "{\"type\":\"mitigate\",\"ref\":\"busy\"," SCOPE("\"target-prefix\":[\"203.0.113.77/32\"]," SOURCE ",\"lifetime\":300") "}");
	lab_run(l, 100);
	lab_forget(l);
	lab_say(l, "{\"type\":\"mitigate\",\"ref\":\"busy\"," SCOPE("\"target-prefix\":[\"203.0.113.77/32\"]," SOURCE ",\"lifetime\":900") "}");
	assert_int_equal(json_integer_value(json_object_get(lab_last(l, "request"), "lifetime")), 900);
	l->router.answer = 0;
	lab_run(l, 101000);
	assert_in_range(l->router.put.lifetime, 799, 801);
}

/* Not answered yet: it goes out again with the new time, under the same mid. */
static void refresh_while_asking(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_say(l, MITIGATE("case-1", ""));
	assert_int_equal(requests_by_ref(l->agent.requests, "case-1")->state, ENTRY_ASKING);
	lab_say(l, "{\"type\":\"refresh\",\"ref\":\"case-1\",\"lifetime\":7200}");
	lab_run(l, 100);
	assert_int_equal(l->router.put.lifetime, 7200);
	assert_int_equal(l->router.first_mid, l->router.mid);
	assert_int_equal(requests_count(l->agent.requests), 1);
}

static void refresh_of_what_is_over(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_say(l, MITIGATE("case-1", ""));
	lab_run(l, 4000);
	router_status(l, STATUS_TERMINATED);
	lab_run(l, 4000);
	lab_say(l, "{\"type\":\"refresh\",\"ref\":\"case-1\"}");
	assert_true(lab_saw(l, "error", "reason", "is over, so there is nothing to refresh"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST("CH-34 a new command waits for the retry-timer", new_command_waits), LAB_TEST("CH-34 a lifetime shorter than the retry-timer", shorter_than_the_timer),
		LAB_TEST("CH-34 the retry-timer over a restart", over_a_restart), LAB_TEST("CH-34 what waits already when the retry-timer comes", what_waits_already),
		LAB_TEST("CH-34 a retry-timer by notification", by_notification), LAB_TEST("CH-34 refresh of what is inactive", refresh_of_what_is_inactive),
		LAB_TEST("a conflict with our own request", our_own_conflict), LAB_TEST("a collision of cuids has no retry-timer", no_timer_of_a_collision),
		LAB_TEST("retry-timers are bounded", bounded), LAB_TEST("refresh while waiting", refresh_while_waiting), LAB_TEST("refresh while asking", refresh_while_asking),
		LAB_TEST("refresh of what is over", refresh_of_what_is_over),
	};
	return cmocka_run_group_tests_name("client_hold", tests, NULL, NULL);
}
