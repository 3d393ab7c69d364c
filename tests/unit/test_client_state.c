/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dotsch-client: what the disk holds before anything is sent, over restarts, and when it is full. */
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
#include "../../dotsch-client/mitigations.h"
#include "client_fake.h"
#include "client_lines.h"
#include "store/store.h"

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
	assert_int_equal(sent_by_the_disk(l), 1);
	lab_run(l, 4000);
	assert_int_equal(requests_count(l->agent.requests), 1);
	/* There is room again: a crash must not bring back what was withdrawn meanwhile. */
	lab_say(l, "{\"type\":\"peers\"}");
	assert_int_equal(sent_by_the_disk(l), 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		LAB_TEST("on the disk before the wire", on_the_disk_before_the_wire), LAB_TEST("full disk", full_disk), LAB_TEST("cuid collision", cuid_collision),
		LAB_TEST("mids rise over restarts", mids_rise_over_restarts), LAB_TEST("restart goes on", restart_goes_on),
		LAB_TEST("mids begin at 0 again", mids_restart), LAB_TEST("cuid stays while something is active", cuid_stays_while_active),
	};
	return cmocka_run_group_tests_name("client_state", tests, NULL, NULL);
}
