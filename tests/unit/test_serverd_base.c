/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The base signal channel: its own checks, overlaps by RFC 9132's letter, redirection, and what is prepared for the loss of the channel. */
#include "test_serverd.h"

#include "dotsch-serverd/preset.h"
#include "dotsch-serverd/view.h"

#define WHO "\"peer\":\"isp\",\"cuid\":\"" CUID "\",\"mid\":"
#define SCOPE(target, lifetime) "\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{\"target-prefix\":[\"" target "\"],\"lifetime\":" lifetime "}]}"
#define PRESET(target, lifetime) "\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{\"target-prefix\":[\"" target "\"],\"lifetime\":" lifetime \
	",\"trigger-mitigation\":false}]}"

static char own_name[] = "example.com", *own_names[] = { own_name };

static int setup_base(void **state)
{
	struct fixture *f;

	setup(state);
	f = *state;
	f->peers[0].channel = CHANNEL_BASE;
	add_prefix(&f->peers[0].targets, "203.0.113.0/24");
	add_prefix(&f->peers[0].targets, "10.0.0.0/8");
	f->peers[0].names = (struct text_list){ own_names, 1 };
	return 0;
}

static struct mitigation prepared(const char *target, int64_t lifetime)
{
	struct mitigation m = asking(target, NULL, lifetime);

	m.trigger = 0;
	return m;
}

static void signal_channel(struct fixture *f, bool lost)
{
	outcome_free(&f->last);
	preset_signal(&f->core, &f->peers[0], f->credential, lost, f->at, &f->last);
}

static void add_text(struct text_list *l, const char *text)
{
	assert_int_equal(text_list_add(l, text, strlen(text)), 0);
}

static void ch_28_sources_are_optional_hints(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(put(f, 1, asking("203.0.113.9/32", NULL, 1800)), CODE_CREATED);
	assert_line(f, 0, "{\"type\":\"mitigate\"," WHO "1,\"consent\":\"given\"," SCOPE("203.0.113.9/32", "1800") "}");
	/* CH-16: they are carried; no domain of ours limits them, nor does the family of the target. */
	assert_int_equal(put(f, 2, asking("203.0.113.10/32", "198.51.100.0/24", 1800)), CODE_CREATED);
	assert_line(f, 0, "{\"type\":\"mitigate\"," WHO "2,\"consent\":\"given\",\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{\"target-prefix\":"
	    "[\"203.0.113.10/32\"],\"lifetime\":1800,\"ietf-dots-call-home:source-prefix\":[\"198.51.100.0/24\"]}]}}");
	assert_int_equal(put(f, 3, asking("203.0.113.11/32", "2001:db8:9::/48", 1800)), CODE_CREATED);
	/* A private target is the client's own affair, and a wide one too. */
	assert_int_equal(put(f, 4, asking("10.0.0.0/8", NULL, 1800)), CODE_CREATED);
	assert_line(f, 0, "{\"type\":\"mitigate\"," WHO "4,\"consent\":\"given\"," SCOPE("10.0.0.0/8", "1800") "}");
}

static void a_request_needs_one_target_of_any_kind(void **state)
{
	struct fixture *f = *state;
	struct mitigation m = asking(NULL, "198.51.100.0/24", 1800);

	assert_int_equal(put(f, 1, m), REASON_BAD_REQUEST);
	assert_diagnostic(f, "one of target-prefix, target-fqdn, target-uri, alias-name is mandatory");
	m = asking(NULL, NULL, 1800);
	add_text(&m.target_fqdn, "www.Example.com");
	assert_int_equal(put(f, 1, m), CODE_CREATED);
	m = asking(NULL, NULL, 1800);
	add_text(&m.target_uri, "https://user@shop.example.com:8443/x?y");
	assert_int_equal(put(f, 2, m), CODE_CREATED);
	m = asking(NULL, NULL, 1800);
	add_text(&m.target_uri, "coap://203.0.113.7/");
	assert_int_equal(put(f, 3, m), CODE_CREATED);
	/* There is no data channel that would have defined one. */
	m = asking(NULL, NULL, 1800);
	add_text(&m.alias_name, "web");
	assert_int_equal(put(f, 4, m), REASON_BAD_REQUEST);
	assert_diagnostic(f, "not a known alias");
}

static void targets_lie_in_the_clients_own_domain(void **state)
{
	static const char *const names[] = { "example.org", "notexample.com", "example.com.evil.net" };
	static const char *const uris[] = { "https://example.org/", "https://example.com@evil.net/", "https://evil.net/?example.com", "https://198.51.100.1/",
		"https://[2001:db8::1]/", "urn:example.com", "https://www.example.com.evil.net" };
	struct fixture *f = *state;
	struct mitigation m;

	assert_int_equal(put(f, 1, asking("198.51.100.1/32", NULL, 1800)), REASON_BAD_REQUEST);
	assert_diagnostic(f, "198.51.100.1/32 is not within this client's domain");
	assert_int_equal(put(f, 1, asking("203.0.112.0/23", NULL, 1800)), REASON_BAD_REQUEST);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		m = asking(NULL, NULL, 1800);
		add_text(&m.target_fqdn, names[i]);
		assert_int_equal(put(f, 1, m), REASON_BAD_REQUEST);
		assert_diagnostic(f, "is not within this client's domain");
	}
	for (size_t i = 0; i < sizeof(uris) / sizeof(*uris); i++) {
		m = asking(NULL, NULL, 1800);
		add_text(&m.target_uri, uris[i]);
		assert_int_equal(put(f, 1, m), REASON_BAD_REQUEST);
		assert_diagnostic(f, "is not within this client's domain");
	}
	/* A Call Home provider of the same program stays bound by its own rules. */
	f->peers[0].channel = CHANNEL_CALL_HOME;
	assert_int_equal(put(f, 1, asking("203.0.113.9/32", NULL, 1800)), REASON_BAD_REQUEST);
	assert_diagnostic(f, "source-prefix");
}

/* By the letter: a common target, whatever the sources. On a Call Home channel these two would stand side by side. */
static void overlap_is_one_of_targets(void **state)
{
	struct fixture *f = *state;

	put(f, 5, asking("203.0.113.9/32", "198.51.100.1/32", 1800));
	assert_int_equal(put(f, 6, asking("203.0.113.0/28", "198.51.100.2/32", 1800)), CODE_CREATED);
	assert_int_equal(n_lines(f), 2);
	assert_line(f, 1, "{\"type\":\"withdraw\"," WHO "5,\"cause\":\"replaced\"}");
	assert_int_equal(put(f, 4, asking("203.0.113.9/32", "198.51.100.3/32", 1800)), CODE_CONFLICT);
}

static void targets_of_a_client_are_not_guarded(void **state)
{
	struct fixture *f = *state;

	add_prefix(&f->core.guarded, "203.0.113.9/32");
	put(f, 1, asking("203.0.113.9/32", NULL, 1800));
	assert_line(f, 0, "{\"type\":\"mitigate\"," WHO "1,\"consent\":\"given\"," SCOPE("203.0.113.9/32", "1800") "}");
}

static void alternative(struct fixture *f, enum redirect_policy policy)
{
	f->settings.listen.redirect = policy;
	f->settings.listen.alt_server = "alt.example.net";
	f->settings.listen.alt_ttl = 600;
	add_prefix(&f->settings.listen.alt_records, "192.0.2.7");
}

static void assert_redirected(struct fixture *f)
{
	struct body b = answer(f);

	assert_int_equal(f->last.reply.max_age, 600);
	assert_int_equal(b.kind, BODY_REDIRECTED_SIGNAL);
	assert_string_equal(b.redirect.alt_server, "alt.example.net");
	assert_int_equal(b.redirect.alt_server_record.n, 1);
	body_free(&b);
}

static void a_full_server_names_the_next(void **state)
{
	struct fixture *f = *state;

	f->peers[0].max_mitigations = 1;
	put(f, 1, asking("203.0.113.1/32", NULL, 1800));
	assert_int_equal(put(f, 2, asking("203.0.113.2/32", NULL, 1800)), CODE_UNAVAILABLE);
	assert_int_equal(f->last.reply.max_age, RETRY_BUSY_S);
	alternative(f, REDIRECT_NEVER);
	assert_int_equal(put(f, 2, asking("203.0.113.2/32", NULL, 1800)), CODE_UNAVAILABLE);
	f->settings.listen.redirect = REDIRECT_FULL;
	f->redirects = true;
	assert_int_equal(put(f, 2, asking("203.0.113.2/32", NULL, 1800)), CODE_UNAVAILABLE);
	assert_redirected(f);
	/* Never on a Call Home channel (RFC 9066, 5.2.2). */
	f->redirects = false;
	f->peers[0].channel = CHANNEL_CALL_HOME;
	assert_int_equal(put(f, 3, asking("203.0.113.2/32", "10.20.30.40/32", 1800)), CODE_UNAVAILABLE);
	prefix_list_free(&f->settings.listen.alt_records);
}

static void a_server_that_is_given_up_sends_everybody_on(void **state)
{
	struct fixture *f = *state;

	put(f, 1, asking("203.0.113.1/32", NULL, 1800));
	alternative(f, REDIRECT_ALWAYS);
	f->redirects = true;
	assert_int_equal(put(f, 2, asking("203.0.113.2/32", NULL, 1800)), CODE_UNAVAILABLE);
	assert_redirected(f);
	assert_int_equal(simple(f, METHOD_GET, "config"), CODE_UNAVAILABLE);
	assert_redirected(f);
	/* What stands here can be ended here. */
	f->redirects = false;
	assert_int_equal(simple(f, METHOD_DELETE, "mitigate/cuid=" CUID "/mid=1"), CODE_DELETED);
	prefix_list_free(&f->settings.listen.alt_records);
}

static void a_client_does_not_redirect_us(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(simple(f, METHOD_PUT, "redirect"), CODE_NOT_FOUND);
	assert_diagnostic(f, "only a Call Home client redirects");
}

static void a_prepared_request_is_armed(void **state)
{
	struct fixture *f = *state;
	struct body b;

	assert_int_equal(put(f, 1, prepared("203.0.113.9/32", 1800)), CODE_CREATED);
	assert_int_equal(n_lines(f), 0);
	simple(f, METHOD_GET, "mitigate/cuid=" CUID "/mid=1");
	b = answer(f);
	assert_int_equal(b.scope[0].status, STATUS_SIGNAL_LOSS);
	assert_false(b.scope[0].has_start);          /* RFC 9132, 4.4.2 */
	assert_int_equal(b.scope[0].trigger, 0);
	assert_int_equal(b.scope[0].lifetime, 1800);
	body_free(&b);
	/* Nothing of it in a sync, nor does it make the session a mitigating one; a refresh stays as silent. */
	assert_string_equal(feed(f, "{\"type\":\"sync\",\"want\":true}"), "");
	assert_int_equal(n_lines(f), 2);
	assert_false(ledger_mitigating(&f->core.ledger, "isp"));
	advance(f, 1000);
	assert_int_equal(put(f, 1, prepared("203.0.113.9/32", 1800)), CODE_CHANGED);
	assert_int_equal(n_lines(f), 0);
	advance(f, 1799);
	assert_int_equal(status_of(f, 1), STATUS_SIGNAL_LOSS);
	advance(f, 1);
	assert_int_equal(n_lines(f), 0);
	assert_int_equal(status_of(f, 1), STATUS_NONE);
}

static void ch_24_call_home_takes_no_prepared_request(void **state)
{
	struct fixture *f = *state;
	struct mitigation m = asking("203.0.113.9/32", "10.20.30.40/32", 1800);

	f->peers[0].channel = CHANNEL_CALL_HOME;
	m.trigger = 0;
	assert_int_equal(put(f, 1, m), REASON_BAD_REQUEST);
}

static void the_loss_of_the_channel_fires_it(void **state)
{
	struct fixture *f = *state;
	struct body b;

	put(f, 1, prepared("203.0.113.9/32", 1800));
	put(f, 2, prepared("203.0.113.10/32", 1800));
	/* Another credential's loss is none of this client's. */
	preset_signal(&f->core, &f->peers[0], "psk:other", true, f->at, &f->last);
	assert_int_equal(n_lines(f), 0);
	advance(f, 300);
	signal_channel(f, true);
	assert_int_equal(n_lines(f), 2);
	assert_line(f, 0, "{\"type\":\"mitigate\"," WHO "1,\"consent\":\"given\"," PRESET("203.0.113.9/32", "1500") "}");
	assert_int_equal(f->last.effects[0].kind, EFFECT_CHANGED);      /* so it is kept, and told to observers */
	assert_true(ledger_mitigating(&f->core.ledger, "isp"));
	simple(f, METHOD_GET, "mitigate/cuid=" CUID "/mid=1");
	b = answer(f);
	assert_int_equal(b.scope[0].status, STATUS_IN_PROGRESS);
	assert_true(b.scope[0].has_start);
	body_free(&b);
	/* Recovery of the channel is no reason to stop (RFC 9132, 4.4.4); a loss that is told twice fires once. */
	signal_channel(f, true);
	assert_int_equal(n_lines(f), 0);
	signal_channel(f, false);
	assert_int_equal(n_lines(f), 0);
	assert_int_equal(status_of(f, 1), STATUS_IN_PROGRESS);
	/* The client ends it as any other. */
	assert_int_equal(simple(f, METHOD_DELETE, "mitigate/cuid=" CUID "/mid=1"), CODE_DELETED);
	assert_int_equal(status_of(f, 1), STATUS_CLIENT_WITHDRAWN);
	advance(f, 120);
	assert_line(f, 0, "{\"type\":\"withdraw\"," WHO "1,\"cause\":\"client\"}");
}

/* What comes back from an agent that has passed a request on (RFC 9066, Figure 5). */
static void a_status_is_known_by_its_origin(void **state)
{
	struct fixture *f = *state;

	put(f, 7, asking("203.0.113.9/32", NULL, 1800));
	assert_string_equal(feed(f, "{\"type\":\"status\",\"peer\":\"cpe-0001\",\"cuid\":\"x\",\"mid\":40,\"origin\":{" WHO "7},\"status\":\"waiting\"}"), "");
	assert_int_equal(status_of(f, 7), STATUS_IN_PROGRESS);
	assert_string_equal(feed(f, "{\"type\":\"status\",\"peer\":\"cpe-0001\",\"cuid\":\"x\",\"mid\":40,\"origin\":{" WHO "7},\"status\":\"attack-successfully-mitigated\","
	    "\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{\"pkts-dropped\":\"12\"}]}}"), "");
	assert_int_equal(status_of(f, 7), STATUS_MITIGATED);
	assert_string_equal(feed(f, "{\"type\":\"status\",\"origin\":{" WHO "8},\"status\":\"attack-stopped\"}"), "");
	assert_string_equal(feed(f, "{\"type\":\"status\",\"origin\":{\"peer\":7,\"mid\":-1},\"status\":\"attack-stopped\"}"), "");
	assert_int_equal(status_of(f, 7), STATUS_MITIGATED);
}

#define ANSWERED(code, more) "{\"type\":\"response\",\"origin\":{" WHO "7},\"peer\":\"cpe-0001\",\"cuid\":\"x\",\"mid\":40,\"method\":\"PUT\",\"resource\":\"mitigate\",\"code\":\"" code "\"" more "}"
#define BECAUSE(cause) ",\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{\"mid\":40,\"conflict-information\":{\"conflict-cause\":\"" cause "\"}}]}"
#define TOLD(status, more) "{\"type\":\"status\",\"origin\":{" WHO "7},\"peer\":\"cpe-0001\",\"cuid\":\"x\",\"mid\":40,\"status\":\"" status "\"" more "}"

/* Who was asked says no: its cause goes on where it is one of ours to tell, and the client never waits for what does not come. */
static void a_refusal_comes_back_up(void **state)
{
	static const struct { const char *line; enum dots_status status; enum conflict_cause cause; } cases[] = {
		{ ANSWERED("4.09", BECAUSE("request-rejected-legitimate-traffic")), STATUS_WITHDRAWN, CONFLICT_LEGITIMATE_TRAFFIC },
		{ TOLD("attack-mitigation-withdrawn", BECAUSE("request-rejected-legitimate-traffic")), STATUS_WITHDRAWN, CONFLICT_LEGITIMATE_TRAFFIC },
		{ ANSWERED("4.09", BECAUSE("overlapping-targets")), STATUS_WITHDRAWN, CONFLICT_CAUSE_NONE },
		{ ANSWERED("4.00", ",\"diagnostic\":\"source-prefix: not in scope\""), STATUS_WITHDRAWN, CONFLICT_CAUSE_NONE },
		{ TOLD("refused", ",\"reason\":\"it could not be sent\""), STATUS_WITHDRAWN, CONFLICT_CAUSE_NONE },
		{ TOLD("attack-mitigation-terminated", ",\"reason\":\"the peer has ended it\""), STATUS_WITHDRAWN, CONFLICT_CAUSE_NONE },
		/* The agent asks again by itself, or others of the parts stand; and what is no answer to our request. */
		{ ANSWERED("5.03", ",\"max-age\":60"), STATUS_IN_PROGRESS, CONFLICT_CAUSE_NONE },
		{ ANSWERED("4.09", BECAUSE("cuid-collision")), STATUS_IN_PROGRESS, CONFLICT_CAUSE_NONE },
		{ ANSWERED("4.00", ",\"part\":[1,2]"), STATUS_IN_PROGRESS, CONFLICT_CAUSE_NONE },
		{ ANSWERED("2.01", ""), STATUS_IN_PROGRESS, CONFLICT_CAUSE_NONE },
		{ "{\"type\":\"response\",\"peer\":\"base\",\"cuid\":\"" CUID "\",\"mid\":7,\"method\":\"PUT\",\"resource\":\"mitigate\",\"code\":\"4.00\"}", STATUS_IN_PROGRESS, CONFLICT_CAUSE_NONE },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct record *r;
		struct mitigation seen;

		f->last.reply.code = 0;
		assert_int_equal(put(f, 7, asking("203.0.113.9/32", NULL, 1800)), CODE_CREATED);
		assert_string_equal(feed(f, cases[i].line), "");
		r = ledger_find(&f->core.ledger, f->peers[0].name, CUID, 7);
		assert_non_null(r);
		seen = view_record(r, CONTENT_ALL, f->at.now);
		if (seen.status != cases[i].status || (seen.has_conflict ? seen.conflict.cause : CONFLICT_CAUSE_NONE) != cases[i].cause)
			fail_msg("%s: status %d, cause %d", cases[i].line, seen.status, seen.has_conflict ? (int)seen.conflict.cause : 0);
		assert_int_equal(n_lines(f), cases[i].status == STATUS_WITHDRAWN ? 1 : 0);
		if (cases[i].status == STATUS_WITHDRAWN)
			assert_line(f, 0, "{\"type\":\"withdraw\"," WHO "7,\"cause\":\"rejected\"}");
		record_free(ledger_take(&f->core.ledger, r));
	}
}

/* It was taken back, and they end it: that is no refusal. */
static void an_end_that_was_asked_for_is_none(void **state)
{
	struct fixture *f = *state;

	put(f, 7, asking("203.0.113.9/32", NULL, 1800));
	simple(f, METHOD_DELETE, "mitigate/cuid=" CUID "/mid=7");
	feed(f, TOLD("attack-mitigation-terminated", ""));
	assert_int_equal(status_of(f, 7), STATUS_CLIENT_WITHDRAWN);
}

static void deleting_an_armed_one_disarms_it(void **state)
{
	struct fixture *f = *state;

	put(f, 1, prepared("203.0.113.9/32", 1800));
	assert_int_equal(simple(f, METHOD_DELETE, "mitigate/cuid=" CUID "/mid=1"), CODE_DELETED);
	assert_int_equal(n_lines(f), 0);
	signal_channel(f, true);
	assert_int_equal(n_lines(f), 0);
	assert_int_equal(status_of(f, 1), STATUS_NONE);
}

/* RFC 9132, Table 3: the last word is told four times, 3 s apart, then it is armed again. */
static void assert_four_times(struct fixture *f, enum dots_status last)
{
	for (int i = 1; i < 4; i++) {
		advance(f, 3);
		assert_int_equal(f->last.n_effects, 1);
		assert_int_equal(f->last.effects[0].kind, EFFECT_REPORTED);
		assert_int_equal(status_of(f, 1), last);
	}
	advance(f, 3);
	assert_int_equal(f->last.n_effects, 1);
	assert_int_equal(n_lines(f), 0);
	assert_int_equal(status_of(f, 1), STATUS_SIGNAL_LOSS);
	advance(f, 300);
	assert_int_equal(status_of(f, 1), STATUS_SIGNAL_LOSS);
	signal_channel(f, true);
	assert_int_equal(n_lines(f), 1);
}

static void an_immediate_request_takes_the_place_of_a_fired_one(void **state)
{
	struct fixture *f = *state;
	struct body b;

	put(f, 1, prepared("203.0.113.9/32", 3600));
	signal_channel(f, true);
	signal_channel(f, false);
	assert_int_equal(put(f, 2, asking("203.0.113.0/28", NULL, 30)), CODE_CREATED);
	assert_int_equal(n_lines(f), 2);
	assert_line(f, 0, "{\"type\":\"mitigate\"," WHO "2,\"consent\":\"given\"," SCOPE("203.0.113.0/28", "30") "}");
	assert_line(f, 1, "{\"type\":\"withdraw\"," WHO "1,\"cause\":\"replaced\"}");
	simple(f, METHOD_GET, "mitigate/cuid=" CUID "/mid=1");
	b = answer(f);
	assert_int_equal(b.scope[0].status, STATUS_WITHDRAWN);
	assert_true(b.scope[0].has_conflict);
	assert_int_equal(b.scope[0].conflict.status, CONFLICT_INACTIVE_OTHER_ACTIVE);
	assert_int_equal(b.scope[0].conflict.cause, CONFLICT_OVERLAPPING_TARGETS);
	body_free(&b);
	assert_four_times(f, STATUS_WITHDRAWN);
}

/* Of different kinds: neither replaces the other, until the channel is lost. */
static void an_active_request_stands_beside_an_armed_one(void **state)
{
	struct fixture *f = *state;

	put(f, 5, asking("203.0.113.9/32", NULL, 100));
	assert_int_equal(put(f, 1, prepared("203.0.113.9/32", 3600)), CODE_CREATED);
	assert_int_equal(status_of(f, 5), STATUS_IN_PROGRESS);
	assert_int_equal(status_of(f, 1), STATUS_SIGNAL_LOSS);
	assert_int_equal(put(f, 4, asking("203.0.113.9/32", NULL, 100)), CODE_CONFLICT);
	assert_int_equal(put(f, 0, prepared("203.0.113.9/32", 3600)), CODE_CONFLICT);
	/* Of one kind: the higher mid. Nobody hears of one that was never in force. */
	assert_int_equal(put(f, 6, prepared("203.0.113.8/30", 3600)), CODE_CREATED);
	assert_int_equal(n_lines(f), 0);
	assert_int_equal(status_of(f, 1), STATUS_NONE);
	assert_int_equal(status_of(f, 5), STATUS_IN_PROGRESS);
}

/* What was prepared comes first then, and its client, once back, asks again for what it wants (RFC 9132, 4.4.1.3). */
static void the_loss_withdraws_what_a_prepared_one_overlaps(void **state)
{
	struct fixture *f = *state;

	put(f, 1, prepared("203.0.113.8/29", 3600));
	put(f, 5, asking("203.0.113.9/32", NULL, 100));
	put(f, 6, asking("203.0.113.99/32", NULL, 100));
	signal_channel(f, true);
	assert_int_equal(n_lines(f), 2);
	assert_line(f, 0, "{\"type\":\"mitigate\"," WHO "1,\"consent\":\"given\"," PRESET("203.0.113.8/29", "3600") "}");
	assert_line(f, 1, "{\"type\":\"withdraw\"," WHO "5,\"cause\":\"replaced\"}");
	assert_int_equal(status_of(f, 1), STATUS_IN_PROGRESS);
	assert_int_equal(ledger_find(&f->core.ledger, "isp", CUID, 5)->life.ended, STATUS_WITHDRAWN);        /* observers read it */
	assert_int_equal(status_of(f, 5), STATUS_NONE);
	assert_int_equal(status_of(f, 6), STATUS_IN_PROGRESS);
	signal_channel(f, false);
	assert_int_equal(put(f, 5, asking("203.0.113.9/32", NULL, 100)), CODE_CREATED);
	assert_int_equal(status_of(f, 1), STATUS_WITHDRAWN);
	assert_four_times(f, STATUS_WITHDRAWN);
}

static void a_fired_one_whose_attack_has_stopped_is_armed_again(void **state)
{
	struct fixture *f = *state;

	put(f, 1, prepared("203.0.113.9/32", 36000));
	signal_channel(f, true);
	/* Its client is still lost: the attack may have paused. */
	feed(f, "{\"type\":\"status\"," WHO "1,\"status\":\"attack-stopped\"}");
	assert_int_equal(n_lines(f), 0);
	assert_int_equal(status_of(f, 1), STATUS_STOPPED);
	signal_channel(f, false);
	assert_line(f, 0, "{\"type\":\"withdraw\"," WHO "1,\"cause\":\"stopped\"}");
	assert_int_equal(status_of(f, 1), STATUS_STOPPED);
	assert_four_times(f, STATUS_STOPPED);
	signal_channel(f, false);
	feed(f, "{\"type\":\"status\"," WHO "1,\"status\":\"attack-stopped\"}");
	assert_line(f, 0, "{\"type\":\"withdraw\"," WHO "1,\"cause\":\"stopped\"}");
	/* One that acts at once stays until its client ends it. */
	put(f, 9, asking("203.0.113.99/32", NULL, 3600));
	feed(f, "{\"type\":\"status\"," WHO "9,\"status\":\"attack-stopped\"}");
	assert_int_equal(n_lines(f), 0);
	assert_int_equal(status_of(f, 9), STATUS_STOPPED);
}

static void the_owner_is_asked_before_the_loss(void **state)
{
	struct fixture *f = *state;

	f->peers[0].policy.consent = CONSENT_ASK;
	put(f, 1, prepared("203.0.113.9/32", 1800));
	put(f, 2, prepared("203.0.113.10/32", 1800));
	put(f, 3, prepared("203.0.113.11/32", 1800));
	assert_string_equal(feed(f, "{\"type\":\"decision\"," WHO "1,\"decision\":\"accept\"}"), "");
	assert_int_equal(n_lines(f), 0);
	assert_int_equal(status_of(f, 1), STATUS_SIGNAL_LOSS);
	assert_string_equal(feed(f, "{\"type\":\"decision\"," WHO "2,\"decision\":\"reject\"}"), "");
	assert_int_equal(n_lines(f), 0);
	signal_channel(f, true);
	assert_int_equal(n_lines(f), 2);
	assert_line(f, 0, "{\"type\":\"mitigate\"," WHO "1,\"consent\":\"given\"," PRESET("203.0.113.9/32", "1800") "}");
	assert_line(f, 1, "{\"type\":\"mitigate\"," WHO "3,\"consent\":\"pending\"," PRESET("203.0.113.11/32", "1800") "}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_base, teardown_base)

static int teardown_base(void **state)
{
	struct fixture *f = *state;

	f->peers[0].names = (struct text_list){ NULL, 0 };
	return teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ch_28_sources_are_optional_hints), TEST(a_request_needs_one_target_of_any_kind), TEST(targets_lie_in_the_clients_own_domain),
		TEST(overlap_is_one_of_targets), TEST(targets_of_a_client_are_not_guarded), TEST(a_full_server_names_the_next),
		TEST(a_server_that_is_given_up_sends_everybody_on), TEST(a_client_does_not_redirect_us), TEST(a_prepared_request_is_armed),
		TEST(ch_24_call_home_takes_no_prepared_request), TEST(the_loss_of_the_channel_fires_it), TEST(deleting_an_armed_one_disarms_it), TEST(a_status_is_known_by_its_origin), TEST(a_refusal_comes_back_up), TEST(an_end_that_was_asked_for_is_none),
		TEST(an_immediate_request_takes_the_place_of_a_fired_one), TEST(an_active_request_stands_beside_an_armed_one), TEST(the_loss_withdraws_what_a_prepared_one_overlaps),
		TEST(a_fired_one_whose_attack_has_stopped_is_armed_again), TEST(the_owner_is_asked_before_the_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
