/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dotsch-client: what becomes of a request as the router tells it, and who waits for that. */
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
	l->wire->fate = wire_lose_right;
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
	lab_run(l, 100);
	assert_int_equal(json_integer_value(json_object_get(lab_last(l, "request"), "mid")), 4000000000);
	lab_run(l, 4000);
	assert_true(lab_saw(l, "status", "reason", "does not know it"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST("auto-withdraw", auto_withdraw), LAB_TEST("attack-stopped is told only", stopped_is_told_only),
		LAB_TEST("wait for the block", wait_for_the_block), LAB_TEST("wait for a quick block", wait_for_a_quick_block),
		LAB_TEST("wait in vain", wait_in_vain), LAB_TEST("wait for many in vain", wait_for_many_in_vain), LAB_TEST("query in vain", query_in_vain),
		LAB_TEST("end of input", end_of_input), LAB_TEST("query, observe an unknown mid", query_and_observe_unknown),
	};
	return cmocka_run_group_tests_name("client_status", tests, NULL, NULL);
}
