/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the owner has said beforehand, as serverd.conf says it: per provider, per prefix, by size, and what his silence means. */
#include "test_serverd.h"

#include <stdio.h>
#include <unistd.h>

#include "dotsch-serverd/policy.h"

#define HEAD "provider \"isp\" {\naddress = {\"192.0.2.1\"}\npsk-identity = \"a\"\npsk-key = \"00112233445566778899aabbccddeeff\"\nscope = {\"10.20.0.0/16\"}\n"

static struct settings *read_text(const char *text, struct reason *why)
{
	char path[] = "/tmp/dotsch-policy-XXXXXX";
	int fd = mkstemp(path);
	struct settings *s;

	assert_true(fd >= 0);
	assert_true(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	s = settings_load(path, why);
	unlink(path);
	return s;
}

static struct settings *settings_of(const char *text)
{
	struct reason why;
	struct settings *s = read_text(text, &why);

	if (s == NULL)
		fail_msg("%s: %s", why.field, why.text);
	return s;
}

static struct ruling ruling_of(const struct settings *s, const char *source)
{
	struct mitigation m = asking("203.0.113.9/32", source, 600);
	struct ruling r;

	policy_rule(&s->peers[0], &m, &r);
	mitigation_free(&m);
	return r;
}

static void nothing_said_is_ask(void **state)
{
	struct settings *s = settings_of(HEAD "}\n");

	(void)state;
	assert_true(ruling_of(s, "10.20.1.1/32").ask);
	assert_int_equal(ruling_of(s, "10.20.1.1/32").consent_s, 0);
	assert_false(ruling_of(s, "10.20.1.1/32").consent_accept);
	settings_free(s);
}

/* A provider's section says it for itself; what it does not say stands above. */
static void said_for_all_and_for_one_CH_30(void **state)
{
	struct settings *s = settings_of("consent = \"auto\"\nconsent-time = \"5m\"\nconsent-default = \"accept\"\n" HEAD "}\n");

	(void)state;
	assert_false(ruling_of(s, "10.20.1.1/32").ask);
	assert_int_equal(ruling_of(s, "10.20.1.1/32").consent_s, 300);
	assert_true(ruling_of(s, "10.20.1.1/32").consent_accept);
	settings_free(s);
	s = settings_of("consent = \"auto\"\nconsent-time = \"5m\"\n" HEAD "consent = \"ask\"\nconsent-time = \"1m\"\n}\n");
	assert_true(ruling_of(s, "10.20.1.1/32").ask);
	assert_int_equal(ruling_of(s, "10.20.1.1/32").consent_s, 60);
	settings_free(s);
}

/* A /24 is not one host. */
static void wide_sources_are_asked_about_CH_46(void **state)
{
	struct settings *s = settings_of(HEAD "consent = \"auto\"\nask-above = 32\n}\n");

	(void)state;
	assert_false(ruling_of(s, "10.20.1.1/32").ask);
	assert_true(ruling_of(s, "10.20.1.0/31").ask);
	assert_non_null(strstr(ruling_of(s, "10.20.1.0/31").why, "ask-above"));
	settings_free(s);
}

static void longest_prefix_wins_CH_30(void **state)
{
	struct settings *s = settings_of(HEAD "consent = \"auto\"\n"
	    "policy \"office\" {\nsource = {\"10.20.4.0/22\"}\nconsent = \"ask\"\nconsent-time = \"10m\"\n}\n"
	    "policy \"cameras\" {\nsource = {\"10.20.5.0/24\", \"10.20.7.0/24\"}\nconsent = \"auto\"\nask-above = 30\nconsent-time = \"1m\"\nconsent-default = \"accept\"\n}\n}\n");

	(void)state;
	assert_false(ruling_of(s, "10.20.1.1/32").ask);
	assert_true(ruling_of(s, "10.20.4.1/32").ask);
	assert_int_equal(ruling_of(s, "10.20.4.1/32").consent_s, 600);
	assert_false(ruling_of(s, "10.20.5.1/32").ask);
	assert_false(ruling_of(s, "10.20.7.4/30").ask);
	assert_true(ruling_of(s, "10.20.7.0/29").ask);
	assert_int_equal(ruling_of(s, "10.20.7.0/29").consent_s, 60);
	assert_true(ruling_of(s, "10.20.7.0/29").consent_accept);
	/* Wider than the policies: all that are inside count, and the strictest holds. */
	assert_true(ruling_of(s, "10.20.0.0/16").ask);
	assert_int_equal(ruling_of(s, "10.20.0.0/16").consent_s, 60);
	assert_false(ruling_of(s, "10.20.0.0/16").consent_accept);
	settings_free(s);
}

/* A name that nobody can have is told by -n, and not by failed calls. */
static void bad_names_are_refused(void **state)
{
#define CALLS(keys) "provider \"isp\" {\n" keys "\npsk-identity = \"a\"\npsk-key = \"00112233445566778899aabbccddeeff\"\nscope = {\"10.20.0.0/16\"}\n}\n"
#define SERVES(keys) "listen {\n" keys "\n}\nclient \"c\" {\npsk-identity = {\"a\"}\npsk-key = {\"00112233445566778899aabbccddeeff\"}\ntarget-scope = {\"10.20.0.0/16\"}\n}\n"
	static const struct { const char *text, *field, *says; } bad[] = {
		{ CALLS("address = {\"isp.example\", \"-bad..name\"}"), "address", "\"-bad..name\": must be an address or a name: a label begins or ends with a hyphen" },
		{ CALLS("address = {\"192.0.2.300\"}"), "address", "neither an address nor a name" }, { CALLS("domain = \"isp..example\""), "domain", "a label is empty" },
		{ CALLS("domain = \"\""), "domain", "a label is empty" },
		{ CALLS("address = {\"192.0.2.1\"}\nserver-name = {\"ch isp.example\"}"), "server-name", "\"ch isp.example\": must be a name: only letters" },
		{ CALLS("address = {\"192.0.2.1\"}\nserver-name = {\"192.0.2.1\"}"), "server-name", "must be a name" },
		{ SERVES("alt-server = \"dots 2.example\""), "alt-server", "\"dots 2.example\": must be a name: only letters" },
	};
	struct reason why;

	(void)state;
	settings_free(settings_of(CALLS("address = {\"isp.example.\", \"2001:db8::1\"}\nserver-name = {\"ch.isp.example\"}")));
	settings_free(settings_of(SERVES("alt-server = \"dots2.example\"")));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_null(read_text(bad[i].text, &why));
		assert_string_equal(why.field, bad[i].field);
		if (strstr(why.text, bad[i].says) == NULL)
			fail_msg("\"%s\" is not in \"%s\"", bad[i].says, why.text);
	}
}

static void bad_policies_are_refused(void **state)
{
	static const struct { const char *text, *says; } bad[] = {
		{ "policy \"x\" {\nconsent = \"ask\"\n}\n", "policy \"x\": missing" }, { "policy \"x\" {\nsource = {\"10.20.0.0/33\"}\n}\n", "not a prefix" },
		{ "policy \"x\" {\nsource = {\"10.20.0.0/24\"}\nconsent = \"maybe\"\n}\n", "must be \"auto\" or \"ask\"" },
	};
	char text[600];
	struct reason why;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text), HEAD "%s}\n", bad[i].text);
		assert_null(read_text(text, &why));
		if (strstr(why.text, bad[i].says) == NULL)
			fail_msg("\"%s\" is not in \"%s\"", bad[i].says, why.text);
	}
}

/* The whole way: two prefixes, two answers, and each its own time. */
static void requests_meet_their_policy_CH_29(void **state)
{
	struct fixture *f = *state;
	struct policy ask = { .consent = CONSENT_ASK, .consent_s = 60, .consent_accept = true };

	add_prefix(&ask.source, "10.20.5.0/24");
	f->peers[0].policies = &ask;
	f->peers[0].n_policies = 1;
	put(f, 1, asking("203.0.113.9/32", "10.20.1.1/32", 600));
	assert_false(ledger_find(&f->core.ledger, "isp", CUID, 1)->life.pending);
	put(f, 2, asking("203.0.113.9/32", "10.20.5.1/32", 600));
	assert_true(ledger_find(&f->core.ledger, "isp", CUID, 2)->life.pending);
	advance(f, 60);
	assert_false(ledger_find(&f->core.ledger, "isp", CUID, 2)->life.pending);
	ask.consent_accept = false;
	put(f, 3, asking("203.0.113.9/32", "10.20.5.2/32", 600));
	advance(f, 60);
	assert_int_equal(ledger_find(&f->core.ledger, "isp", CUID, 3)->life.phase, PHASE_REJECTED);
	/* A peer that has gone meanwhile: silence is no yes. */
	put(f, 4, asking("203.0.113.9/32", "10.20.5.3/32", 600));
	f->settings.n_peers = 0;
	advance(f, 60);
	assert_int_equal(ledger_find(&f->core.ledger, "isp", CUID, 4)->life.phase, PHASE_REJECTED);
	prefix_list_free(&ask.source);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(nothing_said_is_ask), TEST(said_for_all_and_for_one_CH_30), TEST(wide_sources_are_asked_about_CH_46), TEST(longest_prefix_wins_CH_30),
		TEST(bad_policies_are_refused), TEST(bad_names_are_refused), TEST(requests_meet_their_policy_CH_29),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
