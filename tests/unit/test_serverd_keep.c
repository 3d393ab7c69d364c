/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What survives the program: the table as it was answered, without counters; the audit trail. */
#include "test_serverd.h"

#include <stdio.h>
#include <unistd.h>

#include "dotsch-serverd/keep.h"
#include "dotsch-serverd/preset.h"

#define TARGET "203.0.113.9/32"
#define SOURCE "10.20.30.40/32"
#define WHO "\"peer\":\"isp\",\"cuid\":\"" CUID "\",\"mid\":"

struct kept { struct fixture *f; char dir[64], path[100]; struct loop *loop; struct store *store; };

static int open_kept(void **state)
{
	struct kept *k = calloc(1, sizeof(*k));
	void *f;

	setup(&f);
	k->f = f;
	snprintf(k->dir, sizeof(k->dir), "/tmp/dotsch-keep-XXXXXX");
	assert_non_null(mkdtemp(k->dir));
	snprintf(k->path, sizeof(k->path), "%s/db", k->dir);
	k->loop = loop_new();
	k->store = keep_open(k->loop, k->path, NULL);
	assert_non_null(k->store);
	*state = k;
	return 0;
}

static int close_kept(void **state)
{
	struct kept *k = *state;
	void *f = k->f;

	store_close(k->store);
	loop_free(k->loop);
	unlink(k->path);
	rmdir(k->dir);
	teardown(&f);
	free(k);
	return 0;
}

static void on_commit(void *arg, bool ok, const char *why)
{
	(void)why;
	*(int *)arg += ok;
}

/* Keeps the last outcome. */
static void keep(struct kept *k)
{
	int done = 0;
	struct store_txn *t = store_begin(k->store);

	assert_true(keep_wanted(&k->f->last));
	keep_add(t, &k->f->last, k->f->at);
	store_commit(t, on_commit, &done);
	while (store_pending(k->store) > 0)
		loop_step(k->loop, 1000);
	assert_int_equal(done, 1);
}

/* The program is gone for `seconds`; the boot clock starts anew. */
static void restart(struct kept *k, int64_t seconds)
{
	store_close(k->store);
	outcome_free(&k->f->last);
	ledger_free(&k->f->core.ledger);
	k->f->at.wall += seconds * 1000;
	k->f->at.now = 5000;
	k->store = keep_open(k->loop, k->path, NULL);
	assert_non_null(k->store);
	assert_int_equal(keep_load(k->store, &k->f->core, k->f->at, NULL), 0);
}

static void what_was_answered_is_there_again(void **state)
{
	struct kept *k = *state;
	struct fixture *f = k->f;
	struct body b;
	char *l;

	put(f, 7, asking(TARGET, SOURCE, 1800));
	keep(k);
	feed(f, "{\"type\":\"status\"," WHO "7,\"status\":\"attack-successfully-mitigated\",\"hosts\":[{\"address\":\"192.168.1.66\"}],\"certainty\":\"exact\","
	    "\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{\"pkts-dropped\":\"12\"}]}}");
	keep(k);
	restart(k, 300);
	simple(f, METHOD_GET, "mitigate/cuid=" CUID "/mid=7");
	b = answer(f);
	assert_int_equal(b.scope[0].lifetime, 1500);
	assert_int_equal(b.scope[0].status, STATUS_IN_PROGRESS);
	assert_int_equal(b.scope[0].start, WALL / 1000);
	assert_int_equal(b.scope[0].has_counters, 0);
	body_free(&b);
	/* Emitted again, with the device it was resolved to. */
	feed(f, "{\"type\":\"sync\",\"want\":true}");
	assert_int_equal(n_lines(f), 3);
	l = line(f, 1);
	assert_non_null(strstr(l, "\"hosts\":[{\"address\":\"192.168.1.66\"}],\"certainty\":\"exact\""));
	free(l);
	/* A refresh is still a refresh. */
	assert_int_equal(put(f, 7, asking(TARGET, SOURCE, 1800)), CODE_CHANGED);
}

static void every_phase_survives(void **state)
{
	struct kept *k = *state;
	struct fixture *f = k->f;

	put(f, 1, asking(TARGET, "10.20.30.1/32", 1800));
	keep(k);
	simple(f, METHOD_DELETE, "mitigate/cuid=" CUID "/mid=1");
	keep(k);
	f->peers[0].policy.consent = CONSENT_ASK;
	put(f, 2, asking(TARGET, "10.20.30.2/32", 1800));
	keep(k);
	put(f, 3, asking(TARGET, "10.20.30.3/32", 1800));
	keep(k);
	feed(f, "{\"type\":\"decision\"," WHO "3,\"decision\":\"reject\"}");
	keep(k);
	f->peers[0].indefinite = true;
	put(f, 4, asking(TARGET, "10.20.30.4/32", LIFETIME_INDEFINITE));
	keep(k);
	put(f, 9, asking("203.0.113.10/32", SOURCE, 600));
	keep(k);
	put(f, 8, asking("203.0.113.10/32", SOURCE, 600));
	keep(k);
	restart(k, 60);
	assert_int_equal(status_of(f, 8), STATUS_WITHDRAWN);
	assert_int_equal(life_left(&ledger_find(&f->core.ledger, "isp", CUID, 8)->life, f->at.now), 585);
	assert_int_equal(status_of(f, 1), STATUS_CLIENT_WITHDRAWN);
	assert_true(ledger_find(&f->core.ledger, "isp", CUID, 2)->life.pending);
	assert_int_equal(put(f, 5, asking(TARGET, "10.20.30.3/32", 1800)), CODE_CONFLICT);
	assert_int_equal(life_left(&ledger_find(&f->core.ledger, "isp", CUID, 4)->life, f->at.now), LIFETIME_INDEFINITE);
	advance(f, 60);
	assert_int_equal(status_of(f, 1), STATUS_NONE);
}

/* Nor does a restart between the question and a refresh put the policy's answer off. */
static void a_question_ends_in_its_time(void **state)
{
	struct kept *k = *state;
	struct fixture *f = k->f;

	f->peers[0].policy.consent = CONSENT_ASK;
	f->peers[0].policy.consent_s = 300;
	put(f, 7, asking(TARGET, SOURCE, 600));
	keep(k);
	restart(k, 100);
	assert_int_equal(put(f, 7, asking(TARGET, SOURCE, 600)), CODE_CHANGED);
	advance(f, 200);
	assert_int_equal(status_of(f, 7), STATUS_WITHDRAWN);
}

static void what_ran_out_meanwhile_ends_at_once(void **state)
{
	struct kept *k = *state;
	struct fixture *f = k->f;

	put(f, 7, asking(TARGET, SOURCE, 1800));
	keep(k);
	restart(k, 1800);
	advance(f, 0);
	assert_int_equal(n_lines(f), 1);
	keep(k);
	restart(k, 0);
	assert_null(ledger_find(&f->core.ledger, "isp", CUID, 7));
}

/* A router boots in 1970: what is left is at most what was granted. */
static void a_wrong_clock_prolongs_nothing(void **state)
{
	struct kept *k = *state;
	struct fixture *f = k->f;

	put(f, 7, asking(TARGET, SOURCE, 1800));
	keep(k);
	restart(k, -WALL / 1000);
	assert_int_equal(life_left(&ledger_find(&f->core.ledger, "isp", CUID, 7)->life, f->at.now), 1800);
}

static void replaced_and_ended_are_gone(void **state)
{
	struct kept *k = *state;
	struct fixture *f = k->f;

	put(f, 7, asking(TARGET, SOURCE, 1800));
	keep(k);
	put(f, 8, asking(TARGET, SOURCE, 1800));
	keep(k);
	restart(k, 0);
	assert_null(ledger_find(&f->core.ledger, "isp", CUID, 7));
	assert_non_null(ledger_find(&f->core.ledger, "isp", CUID, 8));
	f->settings.terminating_s = 0;
	ledger_find(&f->core.ledger, "isp", CUID, 8)->life.terminating_s = 0;
	simple(f, METHOD_DELETE, "mitigate/cuid=" CUID "/mid=8");
	keep(k);
	restart(k, 0);
	assert_null(ledger_find(&f->core.ledger, "isp", CUID, 8));
}

/* Who a cuid belongs to is known after a restart too, as long as something is under it. */
static void the_credential_of_a_cuid_survives(void **state)
{
	struct kept *k = *state;
	struct fixture *f = k->f;

	put(f, 7, asking(TARGET, SOURCE, 1800));
	keep(k);
	restart(k, 60);
	f->credential = "certificate:ch2.isp.example";
	assert_int_equal(put(f, 8, asking(TARGET, "10.20.30.41/32", 1800)), CODE_CONFLICT);
	f->credential = "psk:cpe-0001";
	assert_int_equal(put(f, 7, asking(TARGET, SOURCE, 1800)), CODE_CHANGED);
	advance(f, 1800);
	keep(k);
	restart(k, 60);
	f->credential = "certificate:ch2.isp.example";
	assert_int_equal(put(f, 8, asking(TARGET, SOURCE, 1800)), CODE_CREATED);
	keep(k);
	restart(k, 60);
	f->credential = "psk:cpe-0001";
	assert_int_equal(put(f, 9, asking(TARGET, SOURCE, 1800)), CODE_CONFLICT);
}

static void collect(void *arg, const char *text)
{
	char *out = arg;
	struct reason why;
	json_t *line = json_line_parse(text, strlen(text), &why);

	assert_non_null(line);
	assert_string_equal(json_string_value(json_object_get(line, "type")), "audit");
	strcat(out, json_string_value(json_object_get(line, "event")));
	strcat(out, "/");
	strcat(out, json_string_value(json_object_get(line, "by")));
	strcat(out, " ");
	json_decref(line);
}

static void audit_trail(void **state)
{
	struct kept *k = *state;
	struct fixture *f = k->f;
	char text[400] = "";

	f->peers[0].policy.consent = CONSENT_ASK;
	put(f, 7, asking(TARGET, SOURCE, 1800));
	keep(k);
	feed(f, "{\"type\":\"decision\"," WHO "7,\"decision\":\"accept\"}");
	keep(k);
	advance(f, 1800);
	keep(k);
	assert_int_equal(keep_audit(k->store, 100, collect, text, NULL), 0);
	assert_string_equal(text, "requested/isp accepted/a decision line ended/expired ");
	text[0] = '\0';
	assert_int_equal(keep_audit(k->store, 1, collect, text, NULL), 0);
	assert_string_equal(text, "ended/expired ");
}

/* What was prepared for the loss of the channel is prepared still; that the server was gone is no loss by itself. */
static void an_armed_request_stays_armed(void **state)
{
	struct kept *k = *state;
	struct fixture *f = k->f;
	struct mitigation m = asking(TARGET, NULL, 1800);

	f->peers[0].channel = CHANNEL_BASE;
	add_prefix(&f->peers[0].targets, "203.0.113.0/24");
	m.trigger = 0;
	assert_int_equal(put(f, 7, m), CODE_CREATED);
	keep(k);
	restart(k, 100);
	feed(f, "{\"type\":\"sync\",\"want\":true}");
	assert_int_equal(n_lines(f), 2);
	assert_int_equal(status_of(f, 7), STATUS_SIGNAL_LOSS);
	outcome_free(&f->last);
	preset_signal(&f->core, &f->peers[0], f->credential, true, f->at, &f->last);
	assert_int_equal(n_lines(f), 1);
	keep(k);
	restart(k, 100);
	assert_int_equal(status_of(f, 7), STATUS_IN_PROGRESS);
	/* And a loss is one still: the attack may only pause, and there would be no second loss to fire it. */
	assert_string_equal(feed(f, "{\"type\":\"status\"," WHO "7,\"status\":\"attack-stopped\"}"), "");
	assert_int_equal(status_of(f, 7), STATUS_STOPPED);
}

static void whether_a_client_was_there_survives(void **state)
{
	static const enum presence all[] = { PRESENCE_LEFT, PRESENCE_LOST, PRESENCE_HERE };
	struct kept *k = *state;
	struct fixture *f = k->f;
	struct mitigation m = asking(TARGET, NULL, 1800);

	f->peers[0].channel = CHANNEL_BASE;
	add_prefix(&f->peers[0].targets, "203.0.113.0/24");
	m.trigger = 0;
	assert_int_equal(put(f, 7, m), CODE_CREATED);
	keep(k);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		outcome_free(&f->last);
		preset_signal(&f->core, &f->peers[0], f->credential, all[i], f->at, &f->last);
		keep(k);
		restart(k, 100);
		assert_int_equal(f->core.ledger.v[0]->presence, all[i]);
		assert_int_equal(status_of(f, 7), all[i] == PRESENCE_LEFT ? STATUS_SIGNAL_LOSS : STATUS_IN_PROGRESS);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_kept, close_kept)
	const struct CMUnitTest tests[] = {
		TEST(what_was_answered_is_there_again), TEST(every_phase_survives), TEST(a_question_ends_in_its_time),
		TEST(what_ran_out_meanwhile_ends_at_once), TEST(a_wrong_clock_prolongs_nothing),
		TEST(replaced_and_ended_are_gone), TEST(the_credential_of_a_cuid_survives), TEST(an_armed_request_stays_armed), TEST(whether_a_client_was_there_survives), TEST(audit_trail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
