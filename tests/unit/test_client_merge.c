/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Peers that take any common target for an overlap: requests are asked for together, and the rest anew when one of them leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../dotsch-client/merge.h"
#include "../../dotsch-client/mitigations.h"
#include "client_fake.h"

#define SCOPE(x) "\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{" x "}]}"
#define STRICT "{\"type\":\"peer\",\"name\":\"cpe-0001\",\"psk-identity\":\"cpe-0001\",\"psk-key\":\"00000000000000000000000000000001\",\"domain\":[\"100.64.8.21/32\",\"2001:db8:8::/48\"],\"overlap\":\"strict\"}"
#define ASK(ref, target, source, port, lifetime) "{\"type\":\"mitigate\",\"ref\":\"" ref "\"," SCOPE("\"target-prefix\":[\"2001:db8:c000::" target "/128\"]," \
	"\"source-prefix\":[\"2001:db8:8::" source "/128\"],\"source-port-range\":[{\"lower-port\":" port "}],\"lifetime\":" lifetime) "}"
#define A ASK("a", "9", "a", "5000", "1800")
#define B ASK("b", "9", "b", "6000", "1800")

static void strict(struct lab *l)
{
	lab_say(l, STRICT);
	assert_null(lab_last(l, "error"));
	lab_connect(l);
	lab_run(l, 4000);
}

static struct entry *entry(struct lab *l, const char *ref)
{
	return requests_by_ref(l->agent.requests, ref);
}

static const char *told(struct lab *l, const char *ref)
{
	const json_t *line = lab_find(l, "status", "ref", ref);
	return line ? json_string_value(json_object_get(line, "status")) : "nothing";
}

/* Both asked, the second one for both. */
static void both(struct lab *l)
{
	strict(l);
	lab_say(l, A);
	lab_run(l, 4000);
	assert_int_equal(l->router.n_puts, 1);
	lab_say(l, B);
	lab_run(l, 4000);
	assert_int_equal(l->router.n_puts, 2);
	assert_int_equal(l->router.put.source_prefix.n, 2);
}

static void asked_for_together(void **state)
{
	struct lab *l = *state;
	both(l);
	assert_int_equal(l->router.put.source_port.n, 2);
	assert_int_equal(l->router.put.target_prefix.n, 1);
	assert_int_equal(l->router.mid, entry(l, "b")->mid);
	assert_ptr_equal(entry(l, "a")->leader, entry(l, "b"));
	/* Both are told, with the mid that the peer has. */
	const json_t *line = lab_find(l, "status", "ref", "a");
	assert_int_equal(json_integer_value(json_object_get(line, "mid")), l->router.mid);
	assert_true(lab_saw(l, "status", "reason", "asked for together"));
	assert_true(lab_saw(l, "response", "warning", "every source, port and protocol"));
	router_status(l, STATUS_MITIGATED);
	lab_run(l, 4000);
	assert_string_equal(told(l, "a"), "attack-successfully-mitigated");
	assert_string_equal(told(l, "b"), "attack-successfully-mitigated");
	/* Asked for again it is refreshed as it is. */
	lab_say(l, A);
	lab_run(l, 4000);
	assert_int_equal(l->router.n_puts, 3);
	assert_int_equal(l->router.put.source_prefix.n, 2);
	assert_int_equal(l->router.mid, entry(l, "b")->mid);
	lab_say(l, "{\"type\":\"query\",\"ref\":\"a\"}");
	lab_run(l, 4000);
	assert_int_equal(json_integer_value(json_object_get(lab_find(l, "response", "method", "GET"), "mid")), l->router.mid);
}

static void other_targets_stay_apart(void **state)
{
	struct lab *l = *state;
	strict(l);
	lab_say(l, A);
	lab_say(l, ASK("c", "10", "c", "7000", "1800"));
	lab_run(l, 8000);
	assert_int_equal(l->router.n_puts, 2);
	assert_int_equal(l->router.put.source_prefix.n, 1);
	assert_null(entry(l, "a")->leader);
}

/* Without the word, a Call Home server holds both. */
static void sources_tell_apart(void **state)
{
	struct lab *l = *state;
	lab_connect(l);
	lab_say(l, A);
	lab_say(l, B);
	lab_run(l, 8000);
	assert_int_equal(l->router.n_puts, 2);
	assert_int_equal(l->router.put.source_prefix.n, 1);
	assert_null(entry(l, "a")->leader);
}

static void the_older_leaves(void **state)
{
	struct lab *l = *state;
	both(l);
	uint32_t mid = l->router.mid;
	lab_say(l, "{\"type\":\"withdraw\",\"ref\":\"a\"}");
	lab_run(l, 4000);
	assert_int_equal(l->router.n_deletes, 0);
	assert_int_equal(l->router.n_puts, 3);
	assert_true(l->router.mid > mid);
	assert_int_equal(l->router.put.source_prefix.n, 1);
	assert_int_equal(l->router.put.source_port.v[0].lower, 6000);
	assert_string_equal(told(l, "a"), "withdrawn");
	assert_null(entry(l, "a"));
	assert_int_equal(requests_count(l->agent.requests), 1);
	/* And then the last one, as ever. */
	lab_say(l, "{\"type\":\"withdraw\",\"ref\":\"b\"}");
	lab_run(l, 4000);
	assert_int_equal(l->router.n_deletes, 1);
}

static void the_newer_leaves(void **state)
{
	struct lab *l = *state;
	both(l);
	uint32_t mid = l->router.mid;
	lab_say(l, ASK("c", "9", "c", "7000", "1800"));
	lab_run(l, 4000);
	assert_int_equal(l->router.put.source_prefix.n, 3);
	lab_say(l, "{\"type\":\"withdraw\",\"ref\":\"c\"}");
	lab_run(l, 4000);
	assert_int_equal(l->router.n_puts, 4);
	assert_int_equal(l->router.n_deletes, 0);
	assert_true(l->router.mid > mid);
	assert_int_equal(l->router.put.source_prefix.n, 2);
	assert_string_equal(told(l, "c"), "withdrawn");
	assert_ptr_equal(entry(l, "a")->leader, entry(l, "b"));
	assert_int_equal(l->router.mid, entry(l, "b")->mid);
}

static void withdrawn_by_mid(void **state)
{
	struct lab *l = *state;
	char line[100];
	both(l);
	snprintf(line, sizeof line, "{\"type\":\"withdraw\",\"mid\":%u}", l->router.mid);
	lab_say(l, line);
	lab_run(l, 4000);
	assert_int_equal(l->router.n_puts, 2);
	assert_int_equal(l->router.n_deletes, 1);
	assert_string_equal(told(l, "a"), "withdrawn");
	lab_run(l, 400000);
	assert_int_equal(requests_count(l->agent.requests), 0);
}

static void one_ends(void **state)
{
	struct lab *l = *state;
	strict(l);
	lab_say(l, ASK("a", "9", "a", "5000", "600"));
	lab_run(l, 4000);
	lab_say(l, B);
	lab_run(l, 4000);
	assert_in_range(l->router.put.lifetime, 1799, 1800);
	lab_run(l, 610000);
	assert_string_equal(told(l, "a"), "attack-mitigation-terminated");
	assert_null(entry(l, "a"));
	assert_int_equal(l->router.n_puts, 3);
	assert_int_equal(l->router.put.source_prefix.n, 1);
	assert_in_range(l->router.put.lifetime, 1150, 1210);
	lab_run(l, 1300000);
	assert_int_equal(requests_count(l->agent.requests), 0);
}

static void kept_by_one(void **state)
{
	struct lab *l = *state;
	strict(l);
	lab_say(l, "{\"type\":\"mitigate\",\"ref\":\"a\",\"keep\":true," SCOPE("\"target-prefix\":[\"2001:db8:c000::9/128\"],\"source-prefix\":[\"2001:db8:8::a/128\"],\"lifetime\":900") "}");
	lab_run(l, 4000);
	lab_say(l, ASK("b", "9", "b", "6000", "600"));
	lab_run(l, 700000);
	assert_null(entry(l, "b"));
	assert_int_equal(l->router.put.source_prefix.n, 1);
	lab_run(l, 4000000);
	assert_non_null(entry(l, "a"));
	assert_true(l->router.n_puts >= 6);
	assert_int_equal(l->router.put.lifetime, 900);
}

/* The rest is not taken: what is still there under the old mid goes as well, and everybody is told. */
static void the_rest_is_refused(void **state)
{
	struct lab *l = *state;
	both(l);
	l->router.answer = CODE(4, 0);
	lab_say(l, "{\"type\":\"withdraw\",\"ref\":\"a\"}");
	lab_run(l, 8000);
	assert_int_equal(l->router.n_deletes, 1);
	assert_string_equal(told(l, "a"), "refused");
	assert_string_equal(json_string_value(json_object_get(lab_find(l, "response", "ref", "b"), "code")), "4.00");
	assert_int_equal(requests_count(l->agent.requests), 0);
}

/* Withdrawn while the request that takes it along is on its way: what came out of it is not wanted any more. */
static void left_meanwhile(void **state)
{
	struct lab *l = *state;
	strict(l);
	lab_say(l, A);
	lab_run(l, 4000);
	l->wire->fate = wire_lose_right;
	lab_say(l, B);
	lab_run(l, 100);
	lab_say(l, "{\"type\":\"withdraw\",\"ref\":\"a\"}");
	lab_run(l, 100);
	l->wire->fate = NULL;
	lab_run(l, 30000);
	assert_int_equal(l->router.put.source_prefix.n, 1);
	assert_int_equal(l->router.put.source_port.v[0].lower, 6000);
	assert_int_equal(l->router.mid, entry(l, "b")->mid);
}

static void too_large_together(void **state)
{
	struct lab *l = *state;
	struct buf line = { 0 };
	strict(l);
	for (char name = 'a'; name < 'c'; name++) {
		buf_reset(&line);
		buf_printf(&line, "{\"type\":\"mitigate\",\"ref\":\"%c\",\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{\"target-prefix\":[\"2001:db8:c000::9/128\"],\"lifetime\":1800,\"source-prefix\":[", name);
		for (int i = 0; i < 40; i++)
			buf_printf(&line, "%s\"2001:db8:8:%c::%x/128\"", i ? "," : "", name, i + 1);
		buf_text(&line, "]}]}}");
		buf_u8(&line, '\0');
		lab_say(l, (char *)line.data);
		lab_run(l, 4000);
	}
	buf_free(&line);
	assert_int_equal(l->router.n_puts, 1);
	assert_true(lab_saw(l, "error", "reason", "together with the 1 other"));
	assert_string_equal(json_string_value(json_object_get(lab_last(l, "error"), "ref")), "b");
}

static void after_a_restart(void **state)
{
	struct lab *l = *state;
	/* Peers of lines are not kept: a restart reads the file. */
	char path[100];
	snprintf(path, sizeof path, "%s/peers.jsonl", l->folder);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(STRICT "\n", f);
	fclose(f);
	both(l);
	uint32_t mid = l->router.mid;
	lab_restart(l);
	assert_ptr_equal(entry(l, "a")->leader, entry(l, "b"));
	lab_forget(l);
	lab_reconnect(l);
	lab_run(l, 8000);
	assert_int_equal(l->router.mid, mid);
	router_status(l, STATUS_MITIGATED);
	lab_run(l, 4000);
	assert_string_equal(told(l, "a"), "attack-successfully-mitigated");
	assert_string_equal(told(l, "b"), "attack-successfully-mitigated");
	lab_say(l, "{\"type\":\"withdraw\",\"ref\":\"b\"}");
	lab_run(l, 4000);
	assert_int_equal(l->router.put.source_prefix.n, 1);
	assert_int_equal(l->router.put.source_port.v[0].lower, 5000);
	assert_true(l->router.mid > mid);
	assert_string_equal(told(l, "b"), "withdrawn");
	assert_int_equal(requests_count(l->agent.requests), 1);
	/* A withdrawal that was not through. */
	lab_say(l, B);
	lab_run(l, 4000);
	wire_break(l->wire, LEFT, "gone");
	lab_run(l, 100);
	lab_say(l, "{\"type\":\"withdraw\",\"ref\":\"a\"}");
	lab_restart(l);
	lab_reconnect(l);
	lab_run(l, 8000);
	assert_int_equal(l->router.put.source_prefix.n, 1);
	assert_int_equal(l->router.put.source_port.v[0].lower, 6000);
	assert_null(entry(l, "a"));
	assert_int_equal(requests_count(l->agent.requests), 1);
}

#define LAB_TEST(name, fn) { name, fn, lab_setup, lab_teardown, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST("asked for together", asked_for_together), LAB_TEST("other targets stay apart", other_targets_stay_apart), LAB_TEST("sources tell apart", sources_tell_apart),
		LAB_TEST("the older leaves", the_older_leaves), LAB_TEST("the newer leaves", the_newer_leaves), LAB_TEST("withdrawn by mid", withdrawn_by_mid),
		LAB_TEST("one ends", one_ends), LAB_TEST("kept by one", kept_by_one), LAB_TEST("the rest is refused", the_rest_is_refused), LAB_TEST("left meanwhile", left_meanwhile),
		LAB_TEST("too large together", too_large_together), LAB_TEST("after a restart", after_a_restart),
	};
	return cmocka_run_group_tests_name("client_merge", tests, NULL, NULL);
}
