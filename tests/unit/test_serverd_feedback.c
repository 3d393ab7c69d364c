/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The lines that come in, consent, and the session configuration. */
#include "test_serverd.h"

#define TARGET "203.0.113.9/32"
#define SOURCE "10.20.30.40/32"
#define WHO "\"peer\":\"isp\",\"cuid\":\"" CUID "\",\"mid\":"
#define STATUS7(label, rest) "{\"type\":\"status\",\"time\":\"2026-11-22T20:15:00.250Z\"," WHO "7,\"status\":\"" label "\"" rest "}"

static void status_and_counters(void **state)
{
	struct fixture *f = *state;
	struct body b;

	put(f, 7, asking(TARGET, SOURCE, 1800));
	assert_string_equal(feed(f, STATUS7("attack-successfully-mitigated", ",\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{\"mid\":7,"
	    "\"bytes-dropped\":\"18446744073709551615\",\"pkts-dropped\":\"12\",\"pps-dropped\":\"3\"}]}")), "");
	assert_int_equal(f->last.n_effects, 1);
	assert_int_equal(f->last.effects[0].kind, EFFECT_REPORTED);
	assert_int_equal(simple(f, METHOD_GET, "mitigate/cuid=" CUID "/mid=7"), CODE_CONTENT);
	b = answer(f);
	assert_int_equal(b.scope[0].status, STATUS_MITIGATED);
	assert_int_equal(b.scope[0].has_counters, (1u << COUNTERS) - 1);
	assert_true(b.scope[0].counters[COUNTER_BYTES] == UINT64_MAX);
	assert_int_equal(b.scope[0].counters[COUNTER_PKTS], 12);
	body_free(&b);
	/* The same again is no news. */
	feed(f, STATUS7("attack-successfully-mitigated", ""));
	assert_int_equal(f->last.n_effects, 0);
	feed(f, STATUS7("attack-stopped", ""));
	assert_int_equal(f->last.n_effects, 1);
	assert_int_equal(status_of(f, 7), STATUS_STOPPED);
	feed(f, STATUS7("attack-exceeded-capability", ",\"reason\":\"the set is full\""));
	assert_int_equal(status_of(f, 7), STATUS_EXCEEDED);
	assert_string_equal(ledger_find(&f->core.ledger, "isp", CUID, 7)->note, "the set is full");
}

static void counted(struct fixture *f, const char *bytes, const char *pkts, uint64_t want[COUNTERS])
{
	char text[400];
	struct body b;

	snprintf(text, sizeof(text), STATUS7("attack-successfully-mitigated", ",\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{\"mid\":7,"
	    "\"bytes-dropped\":\"%s\",\"bps-dropped\":\"999\",\"pkts-dropped\":\"%s\",\"pps-dropped\":\"999\"}]}"), bytes, pkts);
	assert_string_equal(feed(f, text), "");
	assert_int_equal(simple(f, METHOD_GET, "mitigate/cuid=" CUID "/mid=7"), CODE_CONTENT);
	b = answer(f);
	memcpy(want, b.scope[0].counters, sizeof(b.scope[0].counters));
	body_free(&b);
}

/* RFC 9132, 4.4.2: measured into five-minute buckets, averaged over the time since the mitigation began; bps is bytes. */
static void rates_are_averages_of_five_minutes(void **state)
{
	struct fixture *f = *state;
	uint64_t c[COUNTERS];
	struct body b;

	put(f, 7, asking(TARGET, SOURCE, 86400));
	advance(f, 100);
	counted(f, "100000", "1000", c);
	assert_int_equal(c[COUNTER_BPS], 1000);
	assert_int_equal(c[COUNTER_PPS], 10);
	/* The first bucket is full: 3000 a second. The next ones count once they are full. */
	advance(f, 200);
	counted(f, "900000", "9000", c);
	assert_int_equal(c[COUNTER_BPS], 3000);
	assert_int_equal(c[COUNTER_PPS], 30);
	advance(f, 10);
	counted(f, "99000000", "9000", c);
	assert_int_equal(c[COUNTER_BPS], 3000);
	assert_int_equal(c[COUNTER_BYTES], 99000000);
	advance(f, 290);
	counted(f, "99000000", "9000", c);
	assert_int_equal(c[COUNTER_BPS], 165000);
	assert_int_equal(c[COUNTER_PPS], 15);
	/* Nothing is told any more, and the average falls. */
	advance(f, 600);
	assert_int_equal(simple(f, METHOD_GET, "mitigate/cuid=" CUID "/mid=7"), CODE_CONTENT);
	b = answer(f);
	assert_int_equal(b.scope[0].counters[COUNTER_BPS], 82500);
	body_free(&b);
}

/* Modulo 2^64, and on over a restart of who counts. */
static void counters_wrap_and_begin_anew(void **state)
{
	struct fixture *f = *state;
	uint64_t c[COUNTERS];

	put(f, 7, asking(TARGET, SOURCE, 86400));
	advance(f, 1);
	counted(f, "18446744073709551000", "100", c);
	advance(f, 299);
	counted(f, "18446744073709551000", "100", c);
	advance(f, 300);
	counted(f, "384", "40", c);
	assert_int_equal(c[COUNTER_BYTES], 384);
	assert_int_equal(c[COUNTER_PKTS], 140);
	assert_true(c[COUNTER_BPS] > UINT64_C(18446744073709551000) / 601 && c[COUNTER_BPS] < UINT64_C(18446744073709551000) / 599);
}

/* CH-47: nothing about the inside goes to the provider; the owner and the ring have it. */
static void hosts_stay_here_CH_47(void **state)
{
	static const char hosts[] = ",\"hosts\":[{\"address\":\"192.168.1.66\",\"mac\":\"02:00:00:00:00:66\",\"name\":\"camera\"}],\"certainty\":\"exact\"";
	struct fixture *f = *state;
	char text[500];

	put(f, 7, asking(TARGET, SOURCE, 1800));
	snprintf(text, sizeof(text), STATUS7("attack-successfully-mitigated", "%s"), hosts);
	assert_string_equal(feed(f, text), "");
	assert_int_equal(f->last.effects[0].kind, EFFECT_HOSTS);
	simple(f, METHOD_GET, "mitigate/cuid=" CUID "/mid=7");
	assert_null(memmem(f->last.reply.payload.data, f->last.reply.payload.len, "192.168", 7));
	assert_null(memmem(f->last.reply.payload.data, f->last.reply.payload.len, "camera", 6));
	/* A refresh carries the resolution along. */
	put(f, 7, asking(TARGET, SOURCE, 1800));
	assert_string_equal(json_string_value(json_object_get(json_array_get(json_object_get(json_array_get(f->last.lines, 0), "hosts"), 0), "address")),
	    "192.168.1.66");
	assert_string_equal(json_string_value(json_object_get(json_array_get(f->last.lines, 0), "certainty")), "exact");
}

static void refused_becomes_cause_4(void **state)
{
	struct fixture *f = *state;
	struct body b;

	put(f, 7, asking(TARGET, SOURCE, 1800));
	assert_string_equal(feed(f, STATUS7("refused", ",\"reason\":\"never-block\"")), "");
	assert_int_equal(simple(f, METHOD_GET, "mitigate/cuid=" CUID "/mid=7"), CODE_CONTENT);
	b = answer(f);
	assert_int_equal(b.scope[0].status, STATUS_WITHDRAWN);
	assert_int_equal(b.scope[0].conflict.cause, CONFLICT_LEGITIMATE_TRAFFIC);
	body_free(&b);
}

static void status_lines_that_do_not_fit(void **state)
{
	struct fixture *f = *state;

	put(f, 7, asking(TARGET, SOURCE, 1800));
	assert_string_not_equal(feed(f, "{\"type\":\"status\",\"peer\":\"isp\",\"mid\":7}"), "");
	assert_string_not_equal(feed(f, STATUS7("never-heard-of", "")), "");
	assert_string_not_equal(feed(f, "{\"type\":\"status\","), "");
	assert_string_not_equal(feed(f, "[]"), "");
	assert_string_not_equal(feed(f, STATUS7("refused", ",\"reason\":5")), "");
	/* Of a mitigation that is gone, or of no provider of ours: not an error, a ring is asynchronous. */
	assert_string_equal(feed(f, "{\"type\":\"status\",\"peer\":\"isp\",\"cuid\":\"x\",\"mid\":99,\"status\":\"attack-stopped\"}"), "");
	assert_int_equal(f->last.n_effects, 0);
	assert_int_equal(status_of(f, 7), STATUS_IN_PROGRESS);
}

static void own_types_are_dropped(void **state)
{
	static const char *const own[] = {
		"{\"type\":\"withdraw\"," WHO "7,\"cause\":\"client\"}", "{\"type\":\"error\",\"reason\":\"x\"}", "{\"type\":\"session\",\"event\":\"up\"}",
		"{\"type\":\"weather\",\"sun\":true}", "{\"type\":\"sync\",\"event\":\"begin\"}",
		"{\"type\":\"mitigate\"," WHO "9,\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{\"target-prefix\":[\"203.0.113.9/32\"],\"lifetime\":5}]}}",
	};
	struct fixture *f = *state;

	put(f, 7, asking(TARGET, SOURCE, 1800));
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++) {
		assert_string_equal(feed(f, own[i]), "");
		assert_int_equal(n_lines(f), 0);
		assert_int_equal(f->last.n_effects, 0);
	}
	assert_int_equal(status_of(f, 7), STATUS_IN_PROGRESS);
	assert_int_equal(status_of(f, 9), STATUS_NONE);
}

static void sync_names_every_live_mitigation(void **state)
{
	struct fixture *f = *state;

	put(f, 7, asking(TARGET, SOURCE, 1800));
	put(f, 8, asking(TARGET, "10.20.30.41/32", 1800));
	put(f, 9, asking(TARGET, "10.20.30.42/32", 60));
	simple(f, METHOD_DELETE, "mitigate/cuid=" CUID "/mid=8");       /* terminating, still enforced */
	advance(f, 60);
	assert_string_equal(feed(f, "{\"type\":\"sync\",\"want\":true}"), "");
	assert_int_equal(n_lines(f), 4);
	assert_line(f, 0, "{\"type\":\"sync\",\"event\":\"begin\"}");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(f->last.lines, 1), "mid")), 7);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(f->last.lines, 2), "mid")), 8);
	assert_line(f, 3, "{\"type\":\"sync\",\"event\":\"end\"}");
}

static void consent_ask_CH_29_CH_30(void **state)
{
	struct fixture *f = *state;
	struct body b;
	char *l;

	f->peers[0].policy.consent = CONSENT_ASK;
	assert_int_equal(put(f, 7, asking(TARGET, SOURCE, 1800)), CODE_CREATED);
	b = answer(f);
	assert_int_equal(b.scope[0].status, STATUS_IN_PROGRESS);
	body_free(&b);
	l = line(f, 0);
	assert_non_null(strstr(l, "\"consent\":\"pending\""));
	free(l);
	/* What the ring says about a pending one changes nothing but the device. */
	feed(f, STATUS7("attack-successfully-mitigated", ",\"hosts\":[{\"address\":\"192.168.1.66\"},{\"address\":\"192.168.1.67\"}],\"certainty\":\"ambiguous\""));
	assert_int_equal(status_of(f, 7), STATUS_IN_PROGRESS);
	/* The owner goes on being told why he is asked, not that he is. */
	put(f, 8, asking("200.0.0.0/8", SOURCE, 1800));
	assert_string_equal(feed(f, "{\"type\":\"status\"," WHO "8,\"status\":\"attack-mitigation-in-progress\",\"enforced\":false,\"cause\":\"pending\",\"reason\":\"no consent\"}"), "");
	assert_non_null(strstr(ledger_find(&f->core.ledger, "isp", CUID, 8)->note, "target"));
	assert_string_equal(feed(f, "{\"type\":\"decision\"," WHO "7,\"decision\":\"accept\",\"host\":\"192.168.1.67\"}"), "");
	l = line(f, 0);
	assert_non_null(strstr(l, "\"consent\":\"given\",\"hosts\":[{\"address\":\"192.168.1.67\"}],\"certainty\":\"exact\""));
	free(l);
	feed(f, STATUS7("attack-successfully-mitigated", ""));
	assert_int_equal(status_of(f, 7), STATUS_MITIGATED);
}

/* Which device it is cannot be told: nothing is blocked, nothing is refused, and the owner may name it (design rules 6 and 8). */
static void held_until_the_owner_names_the_device(void **state)
{
	struct fixture *f = *state;
	struct record *r;

	put(f, 7, asking(TARGET, SOURCE, 1800));
	r = ledger_find(&f->core.ledger, "isp", CUID, 7);
	assert_non_null(r);
	assert_string_equal(feed(f, "{\"type\":\"status\"," WHO "7,\"status\":\"attack-mitigation-in-progress\",\"enforced\":false,\"cause\":\"ambiguous\",\"reason\":\"2 hosts\","
	    "\"hosts\":[{\"address\":\"192.168.1.2\"},{\"address\":\"192.168.1.3\"}],\"certainty\":\"ambiguous\"}"), "");
	assert_true(r->held);
	assert_int_equal(r->life.phase, PHASE_ACTIVE);
	/* A slip of the pen would cut off another one, and tell the provider of a success. */
	assert_non_null(strstr(feed(f, "{\"type\":\"decision\"," WHO "7,\"decision\":\"accept\",\"host\":\"192.168.1.4\"}"),
	    "192.168.1.4 is none of the devices that were found: 192.168.1.2, 192.168.1.3"));
	assert_true(r->held);
	assert_int_equal(json_array_size(r->hosts), 2);
	assert_string_equal(feed(f, "{\"type\":\"decision\"," WHO "7,\"decision\":\"accept\",\"host\":\"192.168.1.3\"}"), "");
	assert_int_equal(json_array_size(r->hosts), 1);
	assert_string_equal(r->certainty, "exact");
	assert_string_equal(feed(f, "{\"type\":\"status\"," WHO "7,\"status\":\"attack-successfully-mitigated\"}"), "");
	assert_false(r->held);
	assert_string_equal(feed(f, "{\"type\":\"status\"," WHO "7,\"status\":\"attack-mitigation-in-progress\",\"enforced\":false,\"cause\":\"pending\"}"), "");
	assert_false(r->held);
}

/* An owner who names no host has said yes to what is found: what the map finds later is kept as ever, and named again after a restart of the map. */
static void hosts_found_after_the_decision_CH_39(void **state)
{
	struct fixture *f = *state;
	struct record *r;

	f->peers[0].policy.consent = CONSENT_ASK;
	put(f, 7, asking(TARGET, SOURCE, 1800));
	r = ledger_find(&f->core.ledger, "isp", CUID, 7);
	assert_string_equal(feed(f, "{\"type\":\"status\"," WHO "7,\"status\":\"attack-mitigation-in-progress\",\"hosts\":[],\"certainty\":\"unresolved\"}"), "");
	assert_string_equal(feed(f, "{\"type\":\"decision\"," WHO "7,\"decision\":\"accept\"}"), "");
	assert_string_equal(
	    feed(f, "{\"type\":\"status\"," WHO "7,\"status\":\"attack-successfully-mitigated\",\"hosts\":[{\"address\":\"192.168.1.66\"}],\"certainty\":\"likely\"}"), "");
	assert_int_equal(json_array_size(r->hosts), 1);
	assert_string_equal(r->certainty, "likely");
	assert_int_equal(f->last.effects[0].kind, EFFECT_HOSTS);
	/* The same device with another certainty is news, too. Nothing said about it is none. */
	feed(f, STATUS7("attack-successfully-mitigated", ",\"hosts\":[{\"address\":\"192.168.1.66\"}],\"certainty\":\"stale\""));
	assert_string_equal(r->certainty, "stale");
	assert_int_equal(f->last.effects[0].kind, EFFECT_HOSTS);
	feed(f, STATUS7("attack-successfully-mitigated", ",\"hosts\":[{\"address\":\"192.168.1.66\"}]"));
	assert_string_equal(r->certainty, "stale");
}

static void decision_reject_CH_32(void **state)
{
	struct fixture *f = *state;
	struct body b;

	f->peers[0].policy.consent = CONSENT_ASK;
	put(f, 7, asking(TARGET, SOURCE, 1800));
	assert_string_equal(feed(f, "{\"type\":\"decision\"," WHO "7,\"decision\":\"reject\"}"), "");
	assert_line(f, 0, "{\"type\":\"withdraw\"," WHO "7,\"cause\":\"rejected\"}");
	assert_int_equal(simple(f, METHOD_GET, "mitigate/cuid=" CUID "/mid=7"), CODE_CONTENT);
	b = answer(f);
	assert_int_equal(b.scope[0].status, STATUS_WITHDRAWN);
	assert_int_equal(b.scope[0].conflict.cause, CONFLICT_LEGITIMATE_TRAFFIC);
	assert_int_equal(b.scope[0].conflict.retry_timer, 3600);
	body_free(&b);
	/* Asking again, under this or another mid, or after a DELETE, does not undo the owner's word. */
	assert_int_equal(put(f, 7, asking(TARGET, SOURCE, 1800)), CODE_CONFLICT);
	assert_int_equal(put(f, 8, asking(TARGET, SOURCE, 1800)), CODE_CONFLICT);
	simple(f, METHOD_DELETE, "mitigate/cuid=" CUID "/mid=7");
	assert_int_equal(put(f, 9, asking(TARGET, SOURCE, 1800)), CODE_CONFLICT);
	assert_int_equal(put(f, 9, asking(TARGET, "10.20.30.41/32", 1800)), CODE_CREATED);
	advance(f, 3600 + 45);
	assert_int_equal(put(f, 10, asking(TARGET, SOURCE, 1800)), CODE_CREATED);
}

static void decision_errors(void **state)
{
	struct fixture *f = *state;

	put(f, 7, asking(TARGET, SOURCE, 1800));
	assert_string_not_equal(feed(f, "{\"type\":\"decision\"," WHO "8,\"decision\":\"accept\"}"), "");
	assert_string_not_equal(feed(f, "{\"type\":\"decision\"," WHO "7,\"decision\":\"perhaps\"}"), "");
	assert_string_not_equal(feed(f, "{\"type\":\"decision\"," WHO "7}"), "");
	assert_string_not_equal(feed(f, "{\"type\":\"decision\"," WHO "7,\"decision\":\"accept\",\"host\":\"nobody\"}"), "");
	assert_int_equal(status_of(f, 7), STATUS_IN_PROGRESS);
}

static void unanswered_question_times_out_by_policy(void **state)
{
	struct fixture *f = *state;

	f->peers[0].policy.consent = CONSENT_ASK;
	f->peers[0].policy.consent_s = 300;
	put(f, 7, asking(TARGET, SOURCE, 1800));
	advance(f, 299);
	assert_int_equal(n_lines(f), 0);
	advance(f, 1);
	assert_line(f, 0, "{\"type\":\"withdraw\"," WHO "7,\"cause\":\"rejected\"}");
	assert_int_equal(status_of(f, 7), STATUS_WITHDRAWN);
	f->peers[0].policy.consent_accept = true;
	put(f, 8, asking(TARGET, "10.20.30.41/32", 1800));
	advance(f, 300);
	assert_int_equal(n_lines(f), 1);
	assert_false(ledger_find(&f->core.ledger, "isp", CUID, 8)->life.pending);
	advance(f, 1500);
	assert_int_equal(status_of(f, 8), STATUS_NONE);
}

/* Whoever asks again does not put it off, be his lifetimes long or short. */
static void a_refresh_does_not_prolong_the_question(void **state)
{
	struct fixture *f = *state;

	f->peers[0].policy.consent = CONSENT_ASK;
	f->peers[0].policy.consent_s = 300;
	put(f, 7, asking(TARGET, SOURCE, 1800));
	put(f, 8, asking(TARGET, "10.20.30.41/32", 200));
	advance(f, 150);
	assert_int_equal(put(f, 7, asking(TARGET, SOURCE, 1800)), CODE_CHANGED);
	assert_int_equal(put(f, 8, asking(TARGET, "10.20.30.41/32", 200)), CODE_CHANGED);
	advance(f, 149);
	assert_int_equal(n_lines(f), 0);
	advance(f, 1);
	assert_int_equal(n_lines(f), 2);
	assert_int_equal(status_of(f, 7), STATUS_WITHDRAWN);
	assert_int_equal(status_of(f, 8), STATUS_WITHDRAWN);
}

static enum verdict judge(struct fixture *f, const char *target, const char *source)
{
	struct mitigation m = asking(target, source, 60);
	enum verdict v = consent_judge(&f->peers[0], &f->core.guarded, &m, NULL);

	mitigation_free(&m);
	return v;
}

static void never_auto(void **state)
{
	struct fixture *f = *state;

	add_prefix(&f->core.guarded, "198.51.100.1");
	assert_int_equal(judge(f, "203.0.0.0/16", SOURCE), VERDICT_ACCEPT);
	assert_int_equal(judge(f, "203.0.0.0/15", SOURCE), VERDICT_ASK);
	assert_int_equal(judge(f, "2001:db8::/32", "2001:db8:1::1/128"), VERDICT_ACCEPT);
	assert_int_equal(judge(f, "2001:db8::/31", "2001:db8:1::1/128"), VERDICT_ASK);
	assert_int_equal(judge(f, "198.51.100.0/24", SOURCE), VERDICT_ASK);
	assert_int_equal(judge(f, "198.51.100.1/32", SOURCE), VERDICT_ASK);
	assert_int_equal(judge(f, "198.51.100.2/32", SOURCE), VERDICT_ACCEPT);
	f->peers[0].policy.ask_above = 32;
	assert_int_equal(judge(f, TARGET, SOURCE), VERDICT_ACCEPT);
	assert_int_equal(judge(f, TARGET, "10.20.30.0/24"), VERDICT_ASK);
}

static uint8_t config_put(struct fixture *f, unsigned sid, const char *hex)
{
	uint8_t raw[100];
	char path[50];
	long len = hex_decode(hex, strlen(hex), raw, sizeof(raw));

	message_init(&f->m);
	f->m.content_format = CONTENT_FORMAT_DOTS_CBOR;
	buf_put(&f->payload, raw, (size_t)len);
	snprintf(path, sizeof(path), "config/sid=%u", sid);
	return request(f, 0, METHOD_PUT, path);
}

#define MITIGATING_HB(hex) "a1181ea11820a11821a11824" hex

static void config_get_tells_values_and_bounds_CH_09(void **state)
{
	struct fixture *f = *state;
	struct body b;

	sigconfig_init(&f->config, TRANSPORT_UDP, 60);
	assert_int_equal(simple(f, METHOD_GET, "config"), CODE_CONTENT);
	assert_int_equal(f->last.reply.max_age, CONFIG_MAX_AGE_S);
	b = answer(f);
	assert_int_equal(b.kind, BODY_SIGNAL_CONFIG);
	assert_true(b.config.has_mitigating && b.config.has_idle);
	assert_int_equal(b.config.mitigating.p[SIGCONF_HEARTBEAT_INTERVAL].current, 30);
	assert_int_equal(b.config.mitigating.p[SIGCONF_HEARTBEAT_INTERVAL].max, 55);
	assert_int_equal(b.config.idle.p[SIGCONF_MISSING_HB_ALLOWED].current, 15);
	assert_int_equal(b.config.idle.p[SIGCONF_ACK_TIMEOUT].current, 200);
	body_free(&b);
	assert_int_equal(simple(f, METHOD_GET, "config/sid=1"), CODE_NOT_FOUND);
	assert_int_equal(simple(f, METHOD_GET, "config/cuid=x"), REASON_BAD_REQUEST);
}

static void config_put_and_delete(void **state)
{
	struct fixture *f = *state;
	struct heartbeat_config hb;

	assert_int_equal(config_put(f, 5, MITIGATING_HB("182d")), CODE_CREATED);
	assert_int_equal(config_put(f, 5, MITIGATING_HB("182e")), CODE_CHANGED);
	sigconfig_heartbeat(&f->config, true, &hb);
	assert_int_equal(hb.interval_s, 46);
	assert_int_equal(hb.missing_allowed, 15);
	assert_true(hb.lose);
	assert_true(hb.early);
	sigconfig_heartbeat(&f->config, false, &hb);
	assert_int_equal(hb.interval_s, 30);
	assert_int_equal(config_put(f, 4, MITIGATING_HB("182d")), REASON_BAD_REQUEST);
	assert_int_equal(config_put(f, 6, MITIGATING_HB("01")), CODE_UNPROCESSABLE);
	assert_int_equal(config_put(f, 6, "a1181ea0"), REASON_BAD_REQUEST);
	assert_int_equal(config_put(f, 6, "a11831a11833f5"), REASON_BAD_REQUEST);
	assert_int_equal(simple(f, METHOD_PUT, "config"), REASON_BAD_REQUEST);
	assert_int_equal(simple(f, METHOD_GET, "config/sid=5"), CODE_CONTENT);
	assert_int_equal(simple(f, METHOD_DELETE, "config/sid=6"), CODE_NOT_FOUND);
	assert_int_equal(simple(f, METHOD_DELETE, "config/sid=5"), CODE_DELETED);
	sigconfig_heartbeat(&f->config, true, &hb);
	assert_int_equal(hb.interval_s, 30);
	assert_int_equal(simple(f, METHOD_GET, "config/sid=5"), CODE_NOT_FOUND);
}

/* RFC 9132, 4.5: TCP repeats by itself, and what else it makes pointless is not negotiated. */
static void config_over_tcp(void **state)
{
	struct fixture *f = *state;
	struct heartbeat_config hb;
	struct transmission_config repeat;
	struct body b;

	sigconfig_init(&f->config, TRANSPORT_TCP, 60);
	/* sid 1: heartbeat-interval 45, missing-hb-allowed 40 (out of bounds anyhow), max-retransmit 5 */
	assert_int_equal(config_put(f, 1, "a1181ea11820a31821a11824182d1825a1182418281826a1182405"), CODE_CREATED);
	sigconfig_heartbeat(&f->config, true, &hb);
	assert_int_equal(hb.interval_s, 45);
	assert_int_equal(hb.missing_allowed, 15);
	sigconfig_transmission(&f->config, true, &repeat);
	assert_int_equal(repeat.max_retransmit, 3);
	assert_int_equal(simple(f, METHOD_GET, "config"), CODE_CONTENT);
	b = answer(f);
	assert_int_equal(b.config.mitigating.p[SIGCONF_HEARTBEAT_INTERVAL].current, 45);
	for (unsigned p = 0; p < SIGCONF_PARAMS; p++) {
		bool told = p == SIGCONF_HEARTBEAT_INTERVAL || p == SIGCONF_PROBING_RATE;

		assert_int_equal(b.config.mitigating.p[p].has_current, told);
		assert_int_equal(b.config.idle.p[p].has_max, told);
	}
	body_free(&b);
	assert_int_equal(config_put(f, 2, "a1181ea11820a11825a1182405"), REASON_BAD_REQUEST);
	assert_non_null(strstr((const char *)f->last.reply.payload.data, "missing-hb-allowed"));
	sigconfig_heartbeat(&f->config, true, &hb);
	assert_int_equal(hb.interval_s, 45);
}

static uint8_t redirect(struct fixture *f, const char *hex)
{
	uint8_t raw[200];
	long len = hex_decode(hex, strlen(hex), raw, sizeof(raw));

	assert_true(len > 0);
	message_init(&f->m);
	f->m.content_format = CONTENT_FORMAT_DOTS_CBOR;
	buf_put(&f->payload, raw, (size_t)len);
	return request(f, 0, METHOD_PUT, "redirect/cuid=" CUID "/mid=1");
}

static void redirection_is_read(void **state)
{
	struct fixture *f = *state;

	/* ch2.isp.example, 192.0.2.7, ttl 600 */
	assert_int_equal(redirect(f, "a1182ea31980056f6368322e6973702e6578616d706c6519800681693139322e302e322e37198007190258"), CODE_CREATED);
	assert_string_equal(f->elsewhere.name, "ch2.isp.example");
	assert_int_equal(f->elsewhere.hosts.n, 1);
	assert_string_equal(f->elsewhere.hosts.v[0], "192.0.2.7");
	assert_int_equal(f->elsewhere.ttl, 600);
	/* no records: the name is resolved; no ttl: for this session only */
	assert_int_equal(redirect(f, "a1182ea11980056f6368322e6973702e6578616d706c65"), CODE_CREATED);
	assert_string_equal(f->elsewhere.hosts.v[0], "ch2.isp.example");
	assert_int_equal(f->elsewhere.ttl, 0);
}

static void redirection_that_cannot_be_followed_is_4_00(void **state)
{
	/* nothing in it; no name; the name "a b"; a loopback record; alt-server of the base protocol; a heartbeat */
	static const char *const bad[] = { "a1182ea0", "a1182ea1198007190258", "a1182ea119800563612062", "a1182ea21980056f6368322e6973702e6578616d706c6519800681693132372e302e302e31",
		"a1182ea2182f61611980056f6368322e6973702e6578616d706c65", "a11831a11833f5" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(redirect(f, bad[i]), REASON_BAD_REQUEST);
		assert_null(f->elsewhere.name);
	}
	assert_int_equal(simple(f, METHOD_GET, "redirect"), CODE_METHOD_NOT_ALLOWED);
}

/* Only to a listener that we have talked to within five minutes are we not sent again (RFC 9132, 4.6). */
static void redirection_to_whom_we_have_met_is_4_00(void **state)
{
	static const char ch2[] = "a1182ea11980056f6368322e6973702e6578616d706c65";
	static const char ch2_at_192_0_2_7[] = "a1182ea21980056f6368322e6973702e6578616d706c6519800681693139322e302e322e37";
	static const char ch3[] = "a1182ea11980056f6368332e6973702e6578616d706c65";
	struct fixture *f = *state;
	struct prefix there;
	char name[20];

	text_list_add(&f->peers[0].server_names, "CH3.isp.example", 15);
	addr_parse("192.0.2.1", &there);
	redirect_arrive(&f->places, NULL, &there, f->at.now);
	assert_int_equal(redirect(f, ch3), REASON_BAD_REQUEST);
	assert_int_equal(redirect(f, ch2), CODE_CREATED);
	redirect_leave(&f->places, f->at.now);
	redirect_arrive(&f->places, "ch2.isp.example", &there, f->at.now);
	assert_int_equal(redirect(f, ch2), REASON_BAD_REQUEST);
	/* Another listener of that name is somebody else. */
	assert_int_equal(redirect(f, ch2_at_192_0_2_7), CODE_CREATED);
	advance(f, REDIRECT_MET_S - 1);
	assert_int_equal(redirect(f, ch3), REASON_BAD_REQUEST);
	advance(f, 1);
	assert_int_equal(redirect(f, ch3), CODE_CREATED);
	assert_int_equal(redirect(f, ch2), REASON_BAD_REQUEST);
	/* And the number of stations is bounded. */
	for (unsigned i = 0; i < REDIRECT_MET_MAX; i++) {
		assert_int_equal(redirect(f, ch3), CODE_CREATED);
		redirect_leave(&f->places, f->at.now);
		snprintf(name, sizeof(name), "x%u.example", i);
		redirect_arrive(&f->places, name, &there, f->at.now);
	}
	assert_int_equal(redirect(f, ch3), REASON_BAD_REQUEST);
	text_list_free(&f->peers[0].server_names);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(status_and_counters), TEST(rates_are_averages_of_five_minutes), TEST(counters_wrap_and_begin_anew), TEST(hosts_stay_here_CH_47), TEST(refused_becomes_cause_4), TEST(status_lines_that_do_not_fit), TEST(own_types_are_dropped),
		TEST(sync_names_every_live_mitigation), TEST(consent_ask_CH_29_CH_30), TEST(held_until_the_owner_names_the_device), 
		TEST(hosts_found_after_the_decision_CH_39), TEST(decision_reject_CH_32), TEST(decision_errors),
		TEST(unanswered_question_times_out_by_policy), TEST(a_refresh_does_not_prolong_the_question), TEST(never_auto),
		TEST(config_get_tells_values_and_bounds_CH_09), TEST(config_put_and_delete),
		TEST(config_over_tcp), TEST(redirection_is_read), TEST(redirection_that_cannot_be_followed_is_4_00), TEST(redirection_to_whom_we_have_met_is_4_00),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
