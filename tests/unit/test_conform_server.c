/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules of the Call Home DOTS server that no other test pins down; each is a row of tests/CONFORMANCE.md. */
#include "test_serverd.h"

#include <stdio.h>
#include <unistd.h>

#define TARGET "203.0.113.9/32"
#define SOURCE "10.20.30.40/32"
#define WHO "\"peer\":\"isp\",\"cuid\":\"" CUID "\",\"mid\":"

static uint8_t put_hex(struct fixture *f, const char *path, const char *hex, int content_format)
{
	uint8_t raw[200];
	long len = hex_decode(hex, strlen(hex), raw, sizeof(raw));

	assert_true(len >= 0);
	message_init(&f->m);
	f->m.content_format = content_format;
	buf_reset(&f->payload);
	buf_put(&f->payload, raw, (size_t)len);
	return request(f, 0, METHOD_PUT, path);
}

/* The draft's own number, for both transports, unless something else was agreed upon (RFC 9066 assigns none). */
static void ch_06_port_4647_by_default(void **state)
{
	char path[] = "/tmp/test_conform_server.XXXXXX";
	int fd = mkstemp(path);
	struct reason why;
	struct settings *c;

	(void)state;
	assert_true(fd >= 0);
	dprintf(fd, "provider \"isp\" {\naddress = {\"192.0.2.1\"}\npsk-identity = \"cpe\"\npsk-key = \"00112233445566778899aabbccddeeff\"\nscope = {\"10.0.0.0/8\"}\n}\n"
	    "provider \"other\" {\naddress = {\"192.0.2.2\"}\nport = 4700\npsk-identity = \"cpe\"\npsk-key = \"00112233445566778899aabbccddeeff\"\nscope = {\"10.0.0.0/8\"}\n}\n");
	close(fd);
	c = settings_load(path, &why);
	unlink(path);
	if (c == NULL)
		fail_msg("%s", why.text);
	assert_int_equal(settings_peer(c, "isp")->port, 4647);
	assert_true(settings_peer(c, "isp")->udp);
	assert_true(settings_peer(c, "isp")->tcp);
	assert_int_equal(settings_peer(c, "other")->port, 4700);
	settings_free(c);
}

/* Names are for people: what is blocked is what target-prefix says, and a name is no overlap with an address. */
static void ch_21_no_address_comes_from_names(void **state)
{
	struct fixture *f = *state;
	struct mitigation m = asking(TARGET, SOURCE, 1800);

	assert_int_equal(text_list_add(&m.target_fqdn, "localhost", 9), 0);
	assert_int_equal(text_list_add(&m.target_uri, "https://198.51.100.77:8443/", 27), 0);
	assert_int_equal(put(f, 7, m), CODE_CREATED);
	assert_line(f, 0, "{\"type\":\"mitigate\"," WHO "7,\"consent\":\"given\",\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{\"target-prefix\":[\"203.0.113.9/32\"],"
	    "\"target-fqdn\":[\"localhost\"],\"target-uri\":[\"https://198.51.100.77:8443/\"],\"lifetime\":1800,\"ietf-dots-call-home:source-prefix\":[\"10.20.30.40/32\"]}]}}");
	assert_int_equal(put(f, 6, asking("198.51.100.77/32", SOURCE, 1800)), CODE_CREATED);
	assert_int_equal(put(f, 5, asking("203.0.113.10/32", SOURCE, 1800)), CODE_CREATED);
}

static void ch_24_trigger_false_is_4_00_and_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct mitigation m = asking(TARGET, SOURCE, 1800);

	m.trigger = 0;
	assert_int_equal(put(f, 7, m), REASON_BAD_REQUEST);
	assert_diagnostic(f, "trigger-mitigation");
	assert_int_equal(n_lines(f), 0);
	assert_int_equal(simple(f, METHOD_GET, "mitigate/cuid=" CUID), CODE_NOT_FOUND);
	m = asking(TARGET, SOURCE, 1800);
	m.trigger = 1;
	assert_int_equal(put(f, 7, m), CODE_CREATED);
}

static void ch_25_source_outside_the_scope_is_4_00(void **state)
{
	static const char *const outside[] = { "10.21.0.1/32", "10.16.0.0/12", "192.168.1.66/32", "100.64.8.21/32", "2001:db8:2::1/128", "2001:db8::/32" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(outside) / sizeof(*outside); i++) {
		struct mitigation m = asking(TARGET, SOURCE, 1800);

		/* One good source does not make up for it. */
		add_prefix(&m.source_prefix, outside[i]);
		assert_int_equal(put(f, 7, m), REASON_BAD_REQUEST);
		assert_diagnostic(f, outside[i]);
		assert_int_equal(f->core.ledger.n, 0);
	}
}

static void ch_26_every_routable_target_and_others_by_policy(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(put(f, 1, asking("198.51.100.1/32", SOURCE, 1800)), CODE_CREATED);
	assert_int_equal(put(f, 2, asking("2001:db8:ffff::1/128", "2001:db8:1::1/128", 1800)), CODE_CREATED);
	assert_int_equal(put(f, 3, asking("192.168.7.1/32", SOURCE, 1800)), REASON_BAD_REQUEST);
	add_prefix(&f->peers[0].targets, "192.168.7.0/24");
	assert_int_equal(put(f, 3, asking("192.168.7.1/32", SOURCE, 1800)), CODE_CREATED);
	assert_int_equal(put(f, 4, asking("192.168.8.1/32", SOURCE, 1800)), REASON_BAD_REQUEST);
}

/* What the ring says while the owner is asked is about no block: 2 is told once it says so again. */
static void ch_31_status_2_only_for_what_was_blocked_after_the_consent(void **state)
{
	struct fixture *f = *state;

	f->peers[0].policy.consent = CONSENT_ASK;
	put(f, 7, asking(TARGET, SOURCE, 1800));
	feed(f, "{\"type\":\"status\"," WHO "7,\"status\":\"attack-successfully-mitigated\"}");
	assert_int_equal(status_of(f, 7), STATUS_IN_PROGRESS);
	assert_string_equal(feed(f, "{\"type\":\"decision\"," WHO "7,\"decision\":\"accept\"}"), "");
	assert_int_equal(status_of(f, 7), STATUS_IN_PROGRESS);
	feed(f, "{\"type\":\"status\"," WHO "7,\"status\":\"attack-successfully-mitigated\"}");
	assert_int_equal(status_of(f, 7), STATUS_MITIGATED);
}

static void ch_32_sources_known_as_legitimate_too(void **state)
{
	struct fixture *f = *state;
	struct body b;

	add_prefix(&f->peers[0].legitimate_sources, "10.20.99.0/24");
	assert_int_equal(put(f, 7, asking(TARGET, "10.20.99.1/32", 1800)), CODE_CONFLICT);
	b = answer(f);
	assert_int_equal(b.n_scope, 1);
	assert_int_equal(b.scope[0].mid, 7);
	assert_int_equal(b.scope[0].conflict.cause, CONFLICT_LEGITIMATE_TRAFFIC);
	body_free(&b);
	assert_int_equal(n_lines(f), 0);
	assert_int_equal(put(f, 8, asking(TARGET, SOURCE, 1800)), CODE_CREATED);
}

/* A judgement of the owner's stands against what the ring finds out later. */
static void ch_48_named_host_and_rejection_stand(void **state)
{
	struct fixture *f = *state;
	struct record *r;

	f->peers[0].policy.consent = CONSENT_ASK;
	put(f, 7, asking(TARGET, SOURCE, 1800));
	feed(f, "{\"type\":\"status\"," WHO "7,\"hosts\":[{\"address\":\"192.168.1.2\"},{\"address\":\"192.168.1.3\"}],\"certainty\":\"ambiguous\"}");
	assert_string_equal(feed(f, "{\"type\":\"decision\"," WHO "7,\"decision\":\"accept\",\"host\":\"192.168.1.3\"}"), "");
	feed(f, "{\"type\":\"status\"," WHO "7,\"hosts\":[{\"address\":\"192.168.1.2\"},{\"address\":\"192.168.1.3\"},{\"address\":\"192.168.1.4\"}],\"certainty\":\"ambiguous\"}");
	r = ledger_find(&f->core.ledger, "isp", CUID, 7);
	assert_int_equal(json_array_size(r->hosts), 1);
	assert_string_equal(r->certainty, "exact");
	assert_string_equal(feed(f, "{\"type\":\"decision\"," WHO "7,\"decision\":\"reject\"}"), "");
	feed(f, "{\"type\":\"status\"," WHO "7,\"status\":\"attack-successfully-mitigated\"}");
	assert_int_equal(status_of(f, 7), STATUS_WITHDRAWN);
}

static void identifiers_in_the_path(void **state)
{
	static const struct { const char *path; uint8_t method, code; } rows[] = {
		{ "mitigate/cdid=/cuid=" CUID "/mid=7", METHOD_GET, REASON_BAD_REQUEST }, { "mitigate/mid=7", METHOD_GET, REASON_BAD_REQUEST },
		{ "mitigate/cdid=x/mid=7", METHOD_DELETE, REASON_BAD_REQUEST }, { "mitigate/mid=7/cuid=" CUID, METHOD_DELETE, REASON_BAD_REQUEST },
		{ "mitigate/CUID=" CUID "/mid=7", METHOD_GET, REASON_BAD_REQUEST }, { "mitigate/cuid", METHOD_GET, REASON_BAD_REQUEST },
		{ "mitigate/cuid=" CUID "/mid=007", METHOD_GET, REASON_BAD_REQUEST }, { "mitigate/cuid=" CUID "/", METHOD_GET, CODE_NOT_FOUND },
		{ "config/sid=", METHOD_GET, REASON_BAD_REQUEST }, { "config/sid=1/more", METHOD_GET, REASON_BAD_REQUEST }, { "config/mid=1", METHOD_GET, REASON_BAD_REQUEST },
		{ "config/sid=4294967296", METHOD_GET, REASON_BAD_REQUEST }, { "config/cuid=" CUID, METHOD_DELETE, REASON_BAD_REQUEST },
		{ "Mitigate/cuid=" CUID, METHOD_GET, CODE_NOT_FOUND }, { "tm-setup", METHOD_GET, CODE_NOT_FOUND },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		uint8_t code = simple(f, rows[i].method, rows[i].path);

		if (code != rows[i].code)
			fail_msg("%s: %u", rows[i].path, code);
	}
}

static void delete_while_the_owner_is_asked_is_at_once(void **state)
{
	struct fixture *f = *state;

	f->peers[0].policy.consent = CONSENT_ASK;
	put(f, 7, asking(TARGET, SOURCE, 1800));
	assert_int_equal(simple(f, METHOD_DELETE, "mitigate/cuid=" CUID "/mid=7"), CODE_DELETED);
	assert_line(f, 0, "{\"type\":\"withdraw\"," WHO "7,\"cause\":\"client\"}");
	assert_int_equal(status_of(f, 7), STATUS_NONE);
}

/* Active but terminating is not longer than the lifetime that was granted. */
static void terminating_ends_with_the_lifetime(void **state)
{
	struct fixture *f = *state;

	put(f, 7, asking(TARGET, SOURCE, 60));
	simple(f, METHOD_DELETE, "mitigate/cuid=" CUID "/mid=7");
	advance(f, 59);
	assert_int_equal(status_of(f, 7), STATUS_CLIENT_WITHDRAWN);
	advance(f, 1);
	assert_int_equal(status_of(f, 7), STATUS_NONE);
}

/* DELETE of what was withdrawn already is 2.02 again and does not prolong it. */
static void delete_again_changes_nothing(void **state)
{
	struct fixture *f = *state;

	put(f, 7, asking(TARGET, SOURCE, 1800));
	simple(f, METHOD_DELETE, "mitigate/cuid=" CUID "/mid=7");
	advance(f, 100);
	assert_int_equal(simple(f, METHOD_DELETE, "mitigate/cuid=" CUID "/mid=7"), CODE_DELETED);
	assert_int_equal(f->last.n_effects, 0);
	advance(f, 20);
	assert_int_equal(status_of(f, 7), STATUS_NONE);
}

static struct body got(struct fixture *f, const char *path)
{
	assert_int_equal(simple(f, METHOD_GET, path), CODE_CONTENT);
	return answer(f);
}

/* What a GET tells is what a request may be, and says nothing that only clients say. */
static void get_is_well_formed_to_the_last_second(void **state)
{
	struct fixture *f = *state;
	struct mitigation m = asking(TARGET, SOURCE, 60);
	struct body b;

	m.attack_status = ATTACK_UNDER_ATTACK;
	put(f, 7, m);
	m = asking(TARGET, SOURCE, LIFETIME_ABSENT);
	m.attack_status = ATTACK_UNDER_ATTACK;
	load(f, &m);
	f->m.if_match = f->m.if_match_empty = true;
	assert_int_equal(request(f, 0, METHOD_PUT, "mitigate/cuid=" CUID "/mid=7"), CODE_CHANGED);
	f->at.now += 59600;      /* 400 ms are left, and no timer has run */
	b = got(f, "mitigate/cuid=" CUID "/mid=7");
	assert_int_equal(b.scope[0].lifetime, 1);
	assert_int_equal(b.scope[0].attack_status, ATTACK_STATUS_NONE);
	body_free(&b);
	/* The owner's no: the client may count down to its next try. */
	assert_string_equal(feed(f, "{\"type\":\"decision\"," WHO "7,\"decision\":\"reject\"}"), "");
	advance(f, 600);
	b = got(f, "mitigate/cuid=" CUID "/mid=7");
	assert_int_equal(b.scope[0].conflict.retry_timer, 3000);
	assert_true(b.scope[0].lifetime > 0);
	body_free(&b);
	advance(f, 3020);
	b = got(f, "mitigate/cuid=" CUID "/mid=7");
	assert_int_equal(b.scope[0].conflict.retry_timer, 0);
	body_free(&b);
}

/* Parameters come back as they were asked for: a source is masked, nothing is sorted or left out. */
static void get_gives_the_parameters_back(void **state)
{
	struct fixture *f = *state;
	struct mitigation m = asking(TARGET, SOURCE, 1800), want;
	struct body b;

	add_prefix(&m.target_prefix, "198.51.100.0/24");
	add_prefix(&m.source_prefix, "10.20.0.7/32");
	assert_int_equal(range_list_add(&m.target_port, 8080, 8090), 0);
	assert_int_equal(range_list_add(&m.target_port, 443, 443), 0);
	assert_int_equal(protocol_list_add(&m.target_protocol, 17), 0);
	assert_int_equal(protocol_list_add(&m.target_protocol, 6), 0);
	assert_int_equal(range_list_add(&m.source_port, 5000, 5010), 0);
	assert_int_equal(range_list_add(&m.source_icmp_type, 8, 8), 0);
	assert_int_equal(mitigation_copy(&want, &m), 0);
	assert_int_equal(put(f, 7, m), CODE_CREATED);
	b = got(f, "mitigate/cuid=" CUID "/mid=7");
	assert_true(mitigation_same(&b.scope[0], &want));
	assert_int_equal(b.scope[0].target_port.v[0].lower, 8080);
	assert_int_equal(b.scope[0].target_prefix.v[1].len, 24);
	body_free(&b);
	mitigation_free(&want);
}

static bool observes(const char *path, const char *cuid, unsigned mid)
{
	struct message m;
	struct observed what = { .cuid = cuid, .mid = mid };
	char text[200];

	snprintf(text, sizeof(text), "%s", path);
	message_init(&m);
	m.code = METHOD_GET;
	set_path(&m, text);
	return resource_observes_mitigation(&what, &m);
}

static void observers_are_told_of_what_they_look_at(void **state)
{
	(void)state;
	assert_true(observes("mitigate/cuid=" CUID "/mid=7", CUID, 7));
	assert_true(observes("mitigate/cuid=" CUID, CUID, 7));
	assert_false(observes("mitigate/cuid=" CUID "/mid=8", CUID, 7));
	assert_false(observes("mitigate/cuid=another", CUID, 7));
	assert_false(observes("config", CUID, 7));
}

#define MITIGATING_HB(hex) "a1181ea11820a11821a11824" hex
#define IDLE_HB(hex) "a1181ea1182ca11821a11824" hex

static void ch_09_both_sets_are_bounded_by_the_nat(void **state)
{
	struct fixture *f = *state;
	struct body b;

	sigconfig_init(&f->config, TRANSPORT_UDP, 60);
	b = got(f, "config");
	assert_int_equal(b.config.mitigating.p[SIGCONF_HEARTBEAT_INTERVAL].max, 55);
	assert_int_equal(b.config.idle.p[SIGCONF_HEARTBEAT_INTERVAL].max, 55);
	body_free(&b);
	assert_int_equal(put_hex(f, "config/sid=1", MITIGATING_HB("1838"), CONTENT_FORMAT_DOTS_CBOR), CODE_UNPROCESSABLE);
	assert_int_equal(put_hex(f, "config/sid=1", IDLE_HB("1838"), CONTENT_FORMAT_DOTS_CBOR), CODE_UNPROCESSABLE);
	assert_diagnostic(f, "15..55");
	assert_int_equal(put_hex(f, "config/sid=1", IDLE_HB("1837"), CONTENT_FORMAT_DOTS_CBOR), CODE_CREATED);
	/* A NAT that forgets within the shortest interval there is: the shortest one is all that is on offer. */
	sigconfig_init(&f->config, TRANSPORT_UDP, 10);
	b = got(f, "config");
	assert_int_equal(b.config.idle.p[SIGCONF_HEARTBEAT_INTERVAL].max, 15);
	assert_int_equal(b.config.idle.p[SIGCONF_HEARTBEAT_INTERVAL].current, 15);
	body_free(&b);
}

/* A higher sid takes the place of the lower one, whose values vanish with it. */
static void config_of_a_higher_sid_starts_from_the_defaults(void **state)
{
	struct fixture *f = *state;
	struct heartbeat_config hb;

	assert_int_equal(put_hex(f, "config/sid=1", MITIGATING_HB("182d"), CONTENT_FORMAT_DOTS_CBOR), CODE_CREATED);
	assert_int_equal(put_hex(f, "config/sid=2", IDLE_HB("182d"), CONTENT_FORMAT_DOTS_CBOR), CODE_CREATED);
	sigconfig_heartbeat(&f->config, true, &hb);
	assert_int_equal(hb.interval_s, 30);
	sigconfig_heartbeat(&f->config, false, &hb);
	assert_int_equal(hb.interval_s, 45);
	assert_int_equal(simple(f, METHOD_GET, "config/sid=1"), CODE_NOT_FOUND);
	/* The same sid adds to what it has. */
	assert_int_equal(put_hex(f, "config/sid=2", MITIGATING_HB("182e"), CONTENT_FORMAT_DOTS_CBOR), CODE_CHANGED);
	sigconfig_heartbeat(&f->config, false, &hb);
	assert_int_equal(hb.interval_s, 45);
	/* DELETE without a sid, as after a restart of the client. */
	assert_int_equal(simple(f, METHOD_DELETE, "config"), CODE_DELETED);
	sigconfig_heartbeat(&f->config, false, &hb);
	assert_int_equal(hb.interval_s, 30);
}

static void config_and_redirect_ask_for_271(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(put_hex(f, "config/sid=1", MITIGATING_HB("182d"), 60), CODE_UNSUPPORTED_FORMAT);
	assert_int_equal(put_hex(f, "config/sid=1", MITIGATING_HB("182d"), -1), CODE_UNSUPPORTED_FORMAT);
	assert_int_equal(put_hex(f, "redirect", "a1182ea11980056f6368322e6973702e6578616d706c65", 60), CODE_UNSUPPORTED_FORMAT);
	assert_null(f->elsewhere.name);
}

/* Each set is in force in its own time: repeats of confirmable messages, too. */
static void transmission_goes_by_the_set_in_force(void **state)
{
	struct fixture *f = *state;
	struct transmission_config t;

	/* mitigating: max-retransmit 7, ack-timeout 4.00, ack-random-factor 3.00 */
	assert_int_equal(put_hex(f, "config/sid=1", "a1181ea11820a31826a11824071827a1182bc482211901901828a1182bc4822119012c", CONTENT_FORMAT_DOTS_CBOR), CODE_CREATED);
	sigconfig_transmission(&f->config, true, &t);
	assert_int_equal(t.max_retransmit, 7);
	assert_int_equal(t.ack_timeout_ms, 4000);
	assert_int_equal(t.random_percent, 300);
	sigconfig_transmission(&f->config, false, &t);
	assert_int_equal(t.max_retransmit, 3);
	assert_int_equal(t.ack_timeout_ms, 2000);
	assert_int_equal(t.random_percent, 150);
}

static void redirect_needs_no_identifiers_and_takes_them(void **state)
{
	static const char hex[] = "a1182ea31980056f6368322e6973702e6578616d706c65198006826931" "39322e302e322e376b323030313a6462383a3a37198007" "1affffffff";
	struct fixture *f = *state;

	assert_int_equal(put_hex(f, "redirect", hex, CONTENT_FORMAT_DOTS_CBOR), CODE_CREATED);
	assert_int_equal(f->elsewhere.hosts.n, 2);
	assert_string_equal(f->elsewhere.hosts.v[1], "2001:db8::7");
	assert_int_equal(f->elsewhere.ttl, UINT32_MAX);
	assert_int_equal(put_hex(f, "redirect/cuid=" CUID "/mid=1", hex, CONTENT_FORMAT_DOTS_CBOR), CODE_CREATED);
	assert_int_equal(put_hex(f, "redirect/cuid=/mid=1", hex, CONTENT_FORMAT_DOTS_CBOR), REASON_BAD_REQUEST);
}

/* 5.03 with alt-server is for base servers only: whatever a Call Home server cannot do, it says so in text. */
static bool no_room(void *arg)
{
	(void)arg;
	return false;
}

static void never_redirects_by_5_03(void **state)
{
	struct fixture *f = *state;

	f->core.room = no_room;
	assert_int_equal(put(f, 7, asking(TARGET, SOURCE, 1800)), CODE_UNAVAILABLE);
	assert_false(f->last.reply.dots_cbor);
	assert_true(f->last.reply.payload.len > 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(ch_06_port_4647_by_default), TEST(ch_09_both_sets_are_bounded_by_the_nat), TEST(ch_21_no_address_comes_from_names), TEST(ch_24_trigger_false_is_4_00_and_leaves_nothing),
		TEST(ch_25_source_outside_the_scope_is_4_00), TEST(ch_26_every_routable_target_and_others_by_policy), TEST(ch_31_status_2_only_for_what_was_blocked_after_the_consent),
		TEST(ch_32_sources_known_as_legitimate_too),
		TEST(ch_48_named_host_and_rejection_stand), TEST(identifiers_in_the_path), TEST(delete_while_the_owner_is_asked_is_at_once),
		TEST(terminating_ends_with_the_lifetime), TEST(delete_again_changes_nothing), TEST(get_is_well_formed_to_the_last_second), TEST(get_gives_the_parameters_back),
		TEST(observers_are_told_of_what_they_look_at), TEST(config_of_a_higher_sid_starts_from_the_defaults), TEST(config_and_redirect_ask_for_271),
		TEST(transmission_goes_by_the_set_in_force), TEST(redirect_needs_no_identifiers_and_takes_them), TEST(never_redirects_by_5_03),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
