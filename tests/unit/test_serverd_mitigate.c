/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The outcomes of PUT, GET and DELETE on `mitigate` (RFC 9132, 4.4; RFC 9066, 5.3.1). */
#include "test_serverd.h"

#define TARGET "203.0.113.9/32"
#define SOURCE "10.20.30.40/32"
#define SCOPE(lifetime) "\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{\"target-prefix\":[\"203.0.113.9/32\"],\"lifetime\":" lifetime \
	",\"ietf-dots-call-home:source-prefix\":[\"10.20.30.40/32\"]}]}"
#define WHO "\"peer\":\"isp\",\"cuid\":\"" CUID "\",\"mid\":"

static void put_new(void **state)
{
	struct fixture *f = *state;
	struct body b;

	assert_int_equal(put(f, 7, asking(TARGET, SOURCE, 1800)), CODE_CREATED);
	b = answer(f);
	assert_int_equal(b.n_scope, 1);
	assert_int_equal(b.scope[0].mid, 7);
	assert_int_equal(b.scope[0].lifetime, 1800);
	assert_int_equal(b.scope[0].status, STATUS_NONE);
	body_free(&b);
	assert_int_equal(n_lines(f), 1);
	assert_line(f, 0, "{\"type\":\"mitigate\"," WHO "7,\"consent\":\"given\"," SCOPE("1800") "}");
	assert_int_equal(f->last.n_effects, 1);
	assert_int_equal(f->last.effects[0].kind, EFFECT_ADDED);
}

static void put_refresh(void **state)
{
	struct fixture *f = *state;
	struct body b;

	put(f, 7, asking(TARGET, SOURCE, 1800));
	advance(f, 600);
	assert_int_equal(put(f, 7, asking(TARGET, SOURCE, 3600)), CODE_CHANGED);
	b = answer(f);
	assert_int_equal(b.scope[0].lifetime, 3600);
	body_free(&b);
	assert_line(f, 0, "{\"type\":\"mitigate\"," WHO "7,\"consent\":\"given\"," SCOPE("3600") "}");
	advance(f, 3599);
	assert_int_equal(status_of(f, 7), STATUS_IN_PROGRESS);
	advance(f, 1);
	assert_int_equal(status_of(f, 7), STATUS_NONE);
}

static void put_same_mid_with_other_parameters_is_4_00(void **state)
{
	struct fixture *f = *state;

	put(f, 7, asking(TARGET, SOURCE, 1800));
	assert_int_equal(put(f, 7, asking(TARGET, "10.20.30.41/32", 1800)), REASON_BAD_REQUEST);
	assert_diagnostic(f, "stands for another request");
	assert_int_equal(put(f, 7, asking("203.0.113.10/32", SOURCE, 1800)), REASON_BAD_REQUEST);
	assert_int_equal(n_lines(f), 0);
}

static void put_higher_mid_replaces_what_overlaps(void **state)
{
	struct fixture *f = *state;

	put(f, 7, asking(TARGET, SOURCE, 1800));
	assert_int_equal(put(f, 8, asking("203.0.113.0/24", SOURCE, 1800)), CODE_CREATED);
	assert_int_equal(n_lines(f), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(f->last.lines, 0), "type")), "mitigate");
	assert_line(f, 1, "{\"type\":\"withdraw\"," WHO "7,\"cause\":\"replaced\"}");
	assert_int_equal(status_of(f, 7), STATUS_NONE);
	assert_int_equal(status_of(f, 8), STATUS_IN_PROGRESS);
}

/* Two infected devices that attack one victim do not cancel each other (design rule 1). */
static void put_same_target_other_source_is_no_overlap(void **state)
{
	struct fixture *f = *state;

	put(f, 7, asking(TARGET, SOURCE, 1800));
	assert_int_equal(put(f, 8, asking(TARGET, "10.20.30.41/32", 1800)), CODE_CREATED);
	assert_int_equal(n_lines(f), 1);
	assert_int_equal(put(f, 6, asking(TARGET, "10.20.30.42/32", 1800)), CODE_CREATED);
	assert_int_equal(status_of(f, 7), STATUS_IN_PROGRESS);
}

static void put_lower_mid_is_4_09_cause_1_with_scope(void **state)
{
	struct fixture *f = *state;
	struct body b;

	put(f, 9, asking(TARGET, SOURCE, 1800));
	assert_int_equal(put(f, 8, asking(TARGET, SOURCE, 1800)), CODE_CONFLICT);
	b = answer(f);
	assert_int_equal(b.scope[0].mid, 8);
	assert_true(b.scope[0].has_conflict);
	assert_int_equal(b.scope[0].conflict.cause, CONFLICT_OVERLAPPING_TARGETS);
	assert_int_equal(b.scope[0].conflict.status, CONFLICT_INACTIVE_OTHER_ACTIVE);
	assert_true(b.scope[0].conflict.has_mid);
	assert_int_equal(b.scope[0].conflict.mid, 9);
	assert_true(b.scope[0].conflict.has_retry_timer);
	assert_int_equal(b.scope[0].conflict.retry_timer, 1800);
	body_free(&b);
	assert_int_equal(n_lines(f), 0);
}

/* Deactivated, not forgotten: for the retry-timer and 45 s (RFC 9132, 4.4.1.3). */
static void put_lower_mid_is_kept_inactive_and_taken_up_later(void **state)
{
	struct fixture *f = *state;
	struct body b;

	put(f, 9, asking(TARGET, SOURCE, 600));
	put(f, 8, asking(TARGET, SOURCE, 1800));
	advance(f, 100);
	simple(f, METHOD_GET, "mitigate/cuid=" CUID "/mid=8");
	b = answer(f);
	assert_int_equal(b.scope[0].status, STATUS_WITHDRAWN);
	assert_int_equal(b.scope[0].lifetime, 545);
	assert_int_equal(b.scope[0].conflict.status, CONFLICT_INACTIVE_OTHER_ACTIVE);
	assert_int_equal(b.scope[0].conflict.cause, CONFLICT_OVERLAPPING_TARGETS);
	assert_int_equal(b.scope[0].conflict.retry_timer, 500);
	assert_int_equal(b.scope[0].conflict.mid, 9);
	body_free(&b);
	/* Not part of what is in force. */
	feed(f, "{\"type\":\"sync\",\"want\":true}");
	assert_int_equal(n_lines(f), 3);
	/* Asked for again while the other is there, it waits on. */
	assert_int_equal(put(f, 8, asking(TARGET, SOURCE, 1800)), CODE_CONFLICT);
	assert_int_equal(put(f, 8, asking(TARGET, "10.20.30.0/24", 1800)), REASON_BAD_REQUEST);
	advance(f, 500);
	assert_int_equal(status_of(f, 9), STATUS_NONE);
	assert_int_equal(status_of(f, 8), STATUS_WITHDRAWN);
	assert_int_equal(put(f, 8, asking(TARGET, SOURCE, 1800)), CODE_CHANGED);
	assert_int_equal(n_lines(f), 1);
	assert_int_equal(status_of(f, 8), STATUS_IN_PROGRESS);
	advance(f, 46);
	assert_int_equal(status_of(f, 8), STATUS_IN_PROGRESS);
}

static void put_inactive_ends_by_itself_by_delete_and_by_a_newer_one(void **state)
{
	struct fixture *f = *state;

	put(f, 9, asking(TARGET, SOURCE, 600));
	put(f, 8, asking(TARGET, SOURCE, 1800));
	advance(f, 644);
	assert_int_equal(status_of(f, 8), STATUS_WITHDRAWN);
	advance(f, 1);
	assert_int_equal(status_of(f, 8), STATUS_NONE);
	put(f, 19, asking(TARGET, SOURCE, 600));
	put(f, 18, asking(TARGET, SOURCE, 1800));
	assert_int_equal(simple(f, METHOD_DELETE, "mitigate/cuid=" CUID "/mid=18"), CODE_DELETED);
	assert_int_equal(n_lines(f), 0);
	assert_int_equal(status_of(f, 18), STATUS_NONE);
	put(f, 18, asking(TARGET, SOURCE, 1800));
	assert_int_equal(put(f, 20, asking(TARGET, SOURCE, 1800)), CODE_CREATED);
	assert_int_equal(n_lines(f), 2);
	assert_int_equal(status_of(f, 18), STATUS_NONE);
	/* One that is in force for ever leaves nothing to wait for. */
	f->peers[0].indefinite = true;
	put(f, 30, asking("203.0.113.10/32", SOURCE, LIFETIME_INDEFINITE));
	assert_int_equal(put(f, 29, asking("203.0.113.10/32", SOURCE, 600)), CODE_CONFLICT);
	assert_int_equal(status_of(f, 29), STATUS_NONE);
}

static void put_unknown_traffic_known_as_legitimate_is_4_09_cause_4_CH_32(void **state)
{
	struct fixture *f = *state;
	struct body b;

	add_prefix(&f->peers[0].legitimate_targets, "203.0.113.0/28");
	assert_int_equal(put(f, 7, asking(TARGET, SOURCE, 1800)), CODE_CONFLICT);
	b = answer(f);
	assert_int_equal(b.scope[0].conflict.cause, CONFLICT_LEGITIMATE_TRAFFIC);
	assert_false(b.scope[0].conflict.has_mid);
	body_free(&b);
	assert_int_equal(n_lines(f), 0);
}

/* The list is of now: what was accepted before ends when it is asked for again. */
static void refresh_of_what_is_legitimate_meanwhile_is_4_09_cause_4_CH_32(void **state)
{
	struct fixture *f = *state;
	struct body b;

	assert_int_equal(put(f, 7, asking(TARGET, SOURCE, 1800)), CODE_CREATED);
	add_prefix(&f->peers[0].legitimate_targets, "203.0.113.0/28");
	assert_int_equal(put(f, 7, asking(TARGET, SOURCE, 1800)), CODE_CONFLICT);
	b = answer(f);
	assert_int_equal(b.scope[0].conflict.cause, CONFLICT_LEGITIMATE_TRAFFIC);
	body_free(&b);
	assert_int_equal(n_lines(f), 1);
	assert_line(f, 0, "{\"type\":\"withdraw\",\"peer\":\"isp\",\"cuid\":\"" CUID "\",\"mid\":7,\"cause\":\"rejected\"}");
	assert_int_equal(status_of(f, 7), STATUS_WITHDRAWN);
}

static void put_over_capacity_is_5_03_with_max_age(void **state)
{
	struct fixture *f = *state;

	f->peers[0].max_mitigations = 1;
	put(f, 7, asking(TARGET, SOURCE, 1800));
	assert_int_equal(put(f, 8, asking(TARGET, "10.20.30.41/32", 1800)), CODE_UNAVAILABLE);
	assert_int_equal(f->last.reply.max_age, RETRY_BUSY_S);
	/* One that takes the place of another still goes. */
	assert_int_equal(put(f, 8, asking(TARGET, SOURCE, 1800)), CODE_CREATED);
	/* And one that was kept inactive has its place already. */
	f->peers[0].max_mitigations = 2;
	assert_int_equal(put(f, 7, asking(TARGET, SOURCE, 1800)), CODE_CONFLICT);
	assert_int_equal(simple(f, METHOD_DELETE, "mitigate/cuid=" CUID "/mid=8"), CODE_DELETED);
	advance(f, 120);
	assert_int_equal(put(f, 9, asking(TARGET, "10.20.30.41/32", 1800)), CODE_CREATED);
	assert_int_equal(put(f, 7, asking(TARGET, SOURCE, 1800)), CODE_CHANGED);
	assert_int_equal(put(f, 10, asking(TARGET, "10.20.30.42/32", 1800)), CODE_UNAVAILABLE);
}

static bool no_room(void *arg)
{
	(void)arg;
	return false;
}

static void put_while_the_ring_is_full_is_5_03(void **state)
{
	struct fixture *f = *state;

	f->core.room = no_room;
	assert_int_equal(put(f, 7, asking(TARGET, SOURCE, 1800)), CODE_UNAVAILABLE);
	assert_true(f->last.reply.max_age > 0);
	assert_int_equal(n_lines(f), 0);
}

static void put_content_format_is_4_15(void **state)
{
	struct fixture *f = *state;
	struct mitigation m = asking(TARGET, SOURCE, 1800);

	load(f, &m);
	f->m.content_format = 60;
	assert_int_equal(request(f, 0, METHOD_PUT, "mitigate/cuid=" CUID "/mid=7"), CODE_UNSUPPORTED_FORMAT);
	assert_diagnostic(f, "271");
}

static void other_methods_are_4_05(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(simple(f, METHOD_POST, "mitigate/cuid=" CUID "/mid=7"), CODE_METHOD_NOT_ALLOWED);
	assert_int_equal(simple(f, METHOD_FETCH, "config"), CODE_METHOD_NOT_ALLOWED);
}

static void put_bad_paths_are_4_00(void **state)
{
	static const struct { const char *path, *says; } bad[] = {
		{ "mitigate", "cuid: missing" }, { "mitigate/cuid=" CUID, "mid: missing" }, { "mitigate/mid=7/cuid=" CUID, "out of order" },
		{ "mitigate/cuid=/mid=7", "cuid" }, { "mitigate/cuid=" CUID "/mid=", "mid" }, { "mitigate/cuid=" CUID "/mid=4294967296", "mid" },
		{ "mitigate/cuid=" CUID "/mid=-1", "mid" }, { "mitigate/cuid=" CUID "/mid=7/mid=8", "out of order" }, { "mitigate/cuid=" CUID "/cuid=x/mid=7", "out of order" },
		{ "mitigate/cuid=" CUID "/mid=7/more", "more" }, { "mitigate/cuid=x/cdid=y/mid=7", "out of order" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct mitigation m = asking(TARGET, SOURCE, 1800);

		load(f, &m);
		assert_int_equal(request(f, 0, METHOD_PUT, bad[i].path), REASON_BAD_REQUEST);
		assert_diagnostic(f, bad[i].says);
	}
	assert_int_equal(simple(f, METHOD_GET, "nothing"), CODE_NOT_FOUND);
}

static void cdid_from_a_direct_client_is_ignored(void **state)
{
	struct fixture *f = *state;
	struct mitigation m = asking(TARGET, SOURCE, 1800);

	load(f, &m);
	assert_int_equal(request(f, 0, METHOD_PUT, "mitigate/cdid=abc/cuid=" CUID "/mid=7"), CODE_CREATED);
	assert_int_equal(status_of(f, 7), STATUS_IN_PROGRESS);
}

/* CH-19, CH-20, CH-23, CH-24, CH-25 and the bodies of protocol rows. */
static void put_invalid_requests_are_4_00_CH_24_CH_25_CH_27(void **state)
{
	struct fixture *f = *state;
	struct mitigation m;

	assert_int_equal(put(f, 7, asking(TARGET, NULL, 1800)), REASON_BAD_REQUEST);
	assert_diagnostic(f, "source-prefix");
	assert_int_equal(put(f, 7, asking(NULL, SOURCE, 1800)), REASON_BAD_REQUEST);
	assert_diagnostic(f, "target-prefix");
	assert_int_equal(put(f, 7, asking(TARGET, "10.21.0.1/32", 1800)), REASON_BAD_REQUEST);
	assert_diagnostic(f, "source-prefix");
	assert_int_equal(put(f, 7, asking(TARGET, SOURCE, LIFETIME_ABSENT)), REASON_BAD_REQUEST);
	assert_diagnostic(f, "lifetime");
	m = asking(TARGET, SOURCE, 1800);
	m.trigger = 0;
	assert_int_equal(put(f, 7, m), REASON_BAD_REQUEST);
	assert_diagnostic(f, "trigger-mitigation");
	assert_int_equal(f->core.ledger.n, 0);
	assert_int_equal(put(f, 7, asking(TARGET, SOURCE, 1800)), CODE_CREATED);
}

static void put_bad_bodies_are_4_00(void **state)
{
	/* a heartbeat; two scopes; mid in the body; an unknown comprehension-required key (60); trailing bytes; truncated; nothing */
	static const char *const hex[] = {
		"a11831a11833f5", "a101a10282a00e190708a00e190708", "a101a10281a305070e19070806816e3230332e302e3131332e392f3332", "a101a10281a2183c010e190708", "a101a10281a0ff",
		"a101a10281a5068", "",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(hex) / sizeof(*hex); i++) {
		uint8_t raw[100];
		long len = hex_decode(hex[i], strlen(hex[i]) & ~(size_t)1, raw, sizeof(raw));

		message_init(&f->m);
		f->m.content_format = CONTENT_FORMAT_DOTS_CBOR;
		buf_put(&f->payload, raw, (size_t)len);
		assert_int_equal(request(f, 0, METHOD_PUT, "mitigate/cuid=" CUID "/mid=7"), REASON_BAD_REQUEST);
	}
}

static void put_names_the_unknown_required_key(void **state)
{
	struct fixture *f = *state;
	uint8_t raw[100];
	long len = hex_decode("a101a10281a2183c010e190708", 26, raw, sizeof(raw));

	message_init(&f->m);
	f->m.content_format = CONTENT_FORMAT_DOTS_CBOR;
	buf_put(&f->payload, raw, (size_t)len);
	assert_int_equal(request(f, 0, METHOD_PUT, "mitigate/cuid=" CUID "/mid=7"), REASON_BAD_REQUEST);
	assert_diagnostic(f, "60");
}

static void lifetime_policy(void **state)
{
	struct fixture *f = *state;
	struct body b;

	assert_int_equal(put(f, 7, asking(TARGET, SOURCE, LIFETIME_INDEFINITE)), CODE_CREATED);
	b = answer(f);
	assert_int_equal(b.scope[0].lifetime, 86400);
	body_free(&b);
	f->peers[0].indefinite = true;
	assert_int_equal(put(f, 7, asking(TARGET, SOURCE, LIFETIME_INDEFINITE)), CODE_CHANGED);
	b = answer(f);
	assert_int_equal(b.scope[0].lifetime, LIFETIME_INDEFINITE);
	body_free(&b);
	assert_int_equal(put(f, 7, asking(TARGET, SOURCE, 90000)), CODE_CHANGED);
	b = answer(f);
	assert_int_equal(b.scope[0].lifetime, 86400);
	body_free(&b);
}

static void lifetime_runs_out(void **state)
{
	struct fixture *f = *state;
	struct reply r;
	struct requester who = { .peer = &f->peers[0], .domain = &f->peers[0].scope, .credential = "psk:cpe-0001", .config = &f->config };
	struct message m;
	char path[] = "mitigate/cuid=" CUID "/mid=7";

	put(f, 7, asking(TARGET, SOURCE, 60));
	advance(f, 59);
	assert_int_equal(n_lines(f), 0);
	advance(f, 1);
	assert_line(f, 0, "{\"type\":\"withdraw\"," WHO "7,\"cause\":\"expired\"}");
	assert_int_equal(status_of(f, 7), STATUS_NONE);
	/* Observers read status 6 first, then the observation ends with 4.04. */
	message_init(&m);
	m.code = METHOD_GET;
	set_path(&m, path);
	reply_init(&r);
	resource_render(&f->core, &who, &m, f->at, &r);
	assert_int_equal(r.code, CODE_CONTENT);
	reply_free(&r);
	advance(f, EPILOGUE_MS / 1000);
	assert_int_equal(f->last.n_effects, 1);
	reply_init(&r);
	resource_render(&f->core, &who, &m, f->at, &r);
	assert_int_equal(r.code, CODE_NOT_FOUND);
	reply_free(&r);
	/* The mid is free again. */
	assert_int_equal(put(f, 7, asking(TARGET, SOURCE, 60)), CODE_CREATED);
}

static void get_one_and_all(void **state)
{
	struct fixture *f = *state;
	struct body b;

	assert_int_equal(simple(f, METHOD_GET, "mitigate/cuid=" CUID), CODE_NOT_FOUND);
	put(f, 8, asking(TARGET, "10.20.30.41/32", 1800));
	put(f, 7, asking(TARGET, SOURCE, 1800));
	advance(f, 100);
	assert_int_equal(simple(f, METHOD_GET, "mitigate/cuid=" CUID), CODE_CONTENT);
	b = answer(f);
	assert_int_equal(b.n_scope, 2);
	assert_int_equal(b.scope[0].mid, 7);
	assert_int_equal(b.scope[0].lifetime, 1700);
	assert_true(b.scope[0].has_start);
	assert_int_equal(b.scope[0].start, WALL / 1000);
	assert_int_equal(b.scope[0].status, STATUS_IN_PROGRESS);
	assert_int_equal(b.scope[0].target_prefix.n, 1);
	assert_int_equal(b.scope[0].source_prefix.n, 1);
	body_free(&b);
	assert_int_equal(simple(f, METHOD_GET, "mitigate/cuid=" CUID "/mid=9"), CODE_NOT_FOUND);
	assert_int_equal(simple(f, METHOD_GET, "mitigate"), REASON_BAD_REQUEST);
}

static struct body filtered(struct fixture *f, const char *query)
{
	message_init(&f->m);
	f->m.query[0] = query;
	f->m.n_query = 1;
	assert_int_equal(request(f, 0, METHOD_GET, "mitigate/cuid=" CUID "/mid=7"), CODE_CONTENT);
	return answer(f);
}

static void get_content_filters(void **state)
{
	struct fixture *f = *state;
	struct body b;

	put(f, 7, asking(TARGET, SOURCE, 1800));
	b = filtered(f, "c=c");
	assert_int_equal(b.scope[0].target_prefix.n, 1);
	assert_int_equal(b.scope[0].lifetime, 1800);
	assert_int_equal(b.scope[0].status, STATUS_NONE);
	assert_false(b.scope[0].has_start);
	body_free(&b);
	b = filtered(f, "c=n");
	assert_int_equal(b.scope[0].mid, 7);
	assert_int_equal(b.scope[0].target_prefix.n, 0);
	assert_int_equal(b.scope[0].status, STATUS_IN_PROGRESS);
	assert_true(b.scope[0].has_start);
	body_free(&b);
	b = filtered(f, "c=a");
	assert_int_equal(b.scope[0].target_prefix.n, 1);
	body_free(&b);
	message_init(&f->m);
	f->m.query[0] = "c=x";
	f->m.n_query = 1;
	assert_int_equal(request(f, 0, METHOD_GET, "mitigate/cuid=" CUID), REASON_BAD_REQUEST);
}

static void observe_is_accepted_on_get_only(void **state)
{
	struct fixture *f = *state;

	put(f, 7, asking(TARGET, SOURCE, 1800));
	message_init(&f->m);
	f->m.observe = 0;
	assert_int_equal(request(f, 0, METHOD_GET, "mitigate/cuid=" CUID), CODE_CONTENT);
	assert_true(f->last.reply.observe);
	f->m.observe = 1;
	request(f, 0, METHOD_GET, "mitigate/cuid=" CUID);
	assert_false(f->last.reply.observe);
	f->m.observe = 0;
	assert_int_equal(request(f, 0, METHOD_GET, "mitigate/cuid=" CUID "/mid=9"), CODE_NOT_FOUND);
	assert_false(f->last.reply.observe);
}

static void delete_terminates_after_the_period(void **state)
{
	struct fixture *f = *state;

	put(f, 7, asking(TARGET, SOURCE, 1800));
	assert_int_equal(simple(f, METHOD_DELETE, "mitigate/cuid=" CUID "/mid=7"), CODE_DELETED);
	assert_int_equal(f->last.reply.payload.len, 0);
	assert_int_equal(n_lines(f), 0);
	assert_int_equal(status_of(f, 7), STATUS_CLIENT_WITHDRAWN);
	/* What is left is of the period, not of the request (4.4.2). */
	assert_int_equal(lifetime_of(f, 7), 120);
	advance(f, 119);
	assert_int_equal(lifetime_of(f, 7), 1);
	assert_int_equal(n_lines(f), 0);
	advance(f, 1);
	assert_line(f, 0, "{\"type\":\"withdraw\"," WHO "7,\"cause\":\"client\"}");
	assert_int_equal(status_of(f, 7), STATUS_NONE);
}

static void delete_with_no_period_is_at_once(void **state)
{
	struct fixture *f = *state;

	f->settings.terminating_s = 0;
	put(f, 7, asking(TARGET, SOURCE, 1800));
	assert_int_equal(simple(f, METHOD_DELETE, "mitigate/cuid=" CUID "/mid=7"), CODE_DELETED);
	assert_line(f, 0, "{\"type\":\"withdraw\"," WHO "7,\"cause\":\"client\"}");
}

static void delete_unknown_is_2_02(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(simple(f, METHOD_DELETE, "mitigate/cuid=" CUID "/mid=7"), CODE_DELETED);
	assert_int_equal(simple(f, METHOD_DELETE, "mitigate/cuid=" CUID), REASON_BAD_REQUEST);
	assert_int_equal(simple(f, METHOD_DELETE, "mitigate"), REASON_BAD_REQUEST);
}

/* 120, 240, 300 s when the client comes back before the period is over (RFC 9132, 4.4.4). */
static void terminating_period_doubles_to_300(void **state)
{
	static const int64_t periods[] = { 120, 240, 300, 300 };
	struct fixture *f = *state;
	unsigned mid = 7;

	for (size_t i = 0; i < sizeof(periods) / sizeof(*periods); i++, mid++) {
		char path[100];

		assert_int_equal(put(f, mid, asking(TARGET, SOURCE, 86400)), CODE_CREATED);
		snprintf(path, sizeof(path), "mitigate/cuid=" CUID "/mid=%u", mid);
		simple(f, METHOD_DELETE, path);
		advance(f, periods[i] - 1);
		assert_int_equal(status_of(f, mid), STATUS_CLIENT_WITHDRAWN);
	}
	advance(f, 1);
	assert_int_equal(status_of(f, mid - 1), STATUS_NONE);
	/* Over: the next one starts anew. */
	put(f, mid, asking(TARGET, SOURCE, 86400));
	assert_int_equal(ledger_find(&f->core.ledger, "isp", CUID, mid)->life.terminating_s, 120);
}

static void put_of_a_terminating_mid_takes_it_up_again(void **state)
{
	struct fixture *f = *state;

	put(f, 7, asking(TARGET, SOURCE, 1800));
	simple(f, METHOD_DELETE, "mitigate/cuid=" CUID "/mid=7");
	assert_int_equal(put(f, 7, asking(TARGET, SOURCE, 1800)), CODE_CHANGED);
	advance(f, 200);
	assert_int_equal(status_of(f, 7), STATUS_IN_PROGRESS);
	assert_int_equal(ledger_find(&f->core.ledger, "isp", CUID, 7)->life.terminating_s, 240);
}

static uint8_t efficacy(struct fixture *f, unsigned mid, struct mitigation m)
{
	char path[100];

	load(f, &m);
	f->m.if_match = f->m.if_match_empty = true;
	snprintf(path, sizeof(path), "mitigate/cuid=" CUID "/mid=%u", mid);
	return request(f, 0, METHOD_PUT, path);
}

static void efficacy_update(void **state)
{
	struct fixture *f = *state;
	struct mitigation m = asking(TARGET, SOURCE, LIFETIME_ABSENT);
	struct body b;

	m.attack_status = ATTACK_UNDER_ATTACK;
	assert_int_equal(efficacy(f, 7, m), 0);          /* no such mid: silently ignored */
	assert_int_equal(f->last.reply.payload.len, 0);
	put(f, 7, asking(TARGET, SOURCE, 1800));
	advance(f, 800);
	m = asking(TARGET, SOURCE, LIFETIME_ABSENT);
	m.attack_status = ATTACK_UNDER_ATTACK;
	assert_int_equal(efficacy(f, 7, m), CODE_CHANGED);
	b = answer(f);
	assert_int_equal(b.scope[0].lifetime, 1000);
	body_free(&b);
	assert_int_equal(efficacy(f, 7, asking(TARGET, SOURCE, 1800)), REASON_BAD_REQUEST);
	assert_diagnostic(f, "attack-status");
	m = asking(TARGET, "10.20.30.41/32", 1800);
	m.attack_status = ATTACK_UNDER_ATTACK;
	assert_int_equal(efficacy(f, 7, m), REASON_BAD_REQUEST);
	assert_diagnostic(f, "another request");
	/* The withdrawal came first: it stands. */
	simple(f, METHOD_DELETE, "mitigate/cuid=" CUID "/mid=7");
	m = asking(TARGET, SOURCE, 1800);
	m.attack_status = ATTACK_UNDER_ATTACK;
	assert_int_equal(efficacy(f, 7, m), 0);
	assert_int_equal(status_of(f, 7), STATUS_CLIENT_WITHDRAWN);
}

static void if_match_with_a_value_is_4_00(void **state)
{
	struct fixture *f = *state;
	struct mitigation m = asking(TARGET, SOURCE, 1800);

	load(f, &m);
	f->m.if_match = true;
	assert_int_equal(request(f, 0, METHOD_PUT, "mitigate/cuid=" CUID "/mid=7"), REASON_BAD_REQUEST);
	assert_diagnostic(f, "If-Match");
}

static void one_provider_never_sees_anothers(void **state)
{
	struct fixture *f = *state;
	struct mitigation m = asking(TARGET, SOURCE, 1800);

	put(f, 7, asking(TARGET, SOURCE, 1800));
	assert_int_equal(request(f, 1, METHOD_GET, "mitigate/cuid=" CUID), CODE_NOT_FOUND);
	assert_int_equal(request(f, 1, METHOD_DELETE, "mitigate/cuid=" CUID "/mid=7"), CODE_DELETED);
	assert_int_equal(status_of(f, 7), STATUS_IN_PROGRESS);
	load(f, &m);
	assert_int_equal(request(f, 1, METHOD_PUT, "mitigate/cuid=" CUID "/mid=7"), CODE_CREATED);
	assert_line(f, 0, "{\"type\":\"mitigate\",\"peer\":\"other\",\"cuid\":\"" CUID "\",\"mid\":7,\"consent\":\"given\"," SCOPE("1800") "}");
}

static void cuids_of_one_provider_are_bounded(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i <= LEDGER_MAX_CLIENTS; i++) {
		struct mitigation m = asking(TARGET, SOURCE, 1800);
		char path[100];

		load(f, &m);
		snprintf(path, sizeof(path), "mitigate/cuid=c%d/mid=7", i);
		assert_int_equal(request(f, 0, METHOD_PUT, path), i < LEDGER_MAX_CLIENTS ? CODE_CREATED : CODE_UNAVAILABLE);
	}
}

/* A provider whose key, and so whose cuid, changes now and then is served for ever. */
static void cuids_without_mitigations_make_room(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 3 * LEDGER_MAX_CLIENTS; i++) {
		struct mitigation m = asking(TARGET, SOURCE, 60);
		char path[100];

		load(f, &m);
		snprintf(path, sizeof(path), "mitigate/cuid=c%d/mid=7", i);
		assert_int_equal(request(f, 0, METHOD_PUT, path), CODE_CREATED);
		advance(f, 60);
		advance(f, EPILOGUE_MS / 1000);
	}
	assert_true(f->core.ledger.n <= LEDGER_MAX_CLIENTS);
}

/* One that a commit still waits for is not forgotten. */
static void cuid_of_an_unsettled_outcome_stays(void **state)
{
	struct fixture *f = *state;
	struct outcome removal;

	for (int i = 0; i < LEDGER_MAX_CLIENTS; i++) {
		struct mitigation m = asking(TARGET, SOURCE, i == 0 ? 60 : 1800);
		char path[100];

		load(f, &m);
		snprintf(path, sizeof(path), "mitigate/cuid=c%d/mid=7", i);
		assert_int_equal(request(f, 0, METHOD_PUT, path), CODE_CREATED);
	}
	advance(f, 60);
	advance(f, EPILOGUE_MS / 1000);
	removal = f->last;
	outcome_init(&f->last);
	assert_int_equal(put(f, 7, asking(TARGET, SOURCE, 60)), CODE_UNAVAILABLE);
	outcome_free(&removal);
	assert_int_equal(put(f, 7, asking(TARGET, SOURCE, 60)), CODE_CREATED);
}

static void undo_takes_everything_back(void **state)
{
	struct fixture *f = *state;

	put(f, 7, asking(TARGET, SOURCE, 1800));
	put(f, 8, asking(TARGET, SOURCE, 1800));         /* replaces 7 */
	outcome_undo(&f->last, &f->core.ledger);
	assert_null(ledger_find(&f->core.ledger, "isp", CUID, 8));
	assert_non_null(ledger_find(&f->core.ledger, "isp", CUID, 7));
	assert_int_equal(n_lines(f), 0);
	advance(f, 100);
	put(f, 7, asking(TARGET, SOURCE, 3600));
	outcome_undo(&f->last, &f->core.ledger);
	assert_int_equal(life_left(&ledger_find(&f->core.ledger, "isp", CUID, 7)->life, f->at.now), 1700);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(put_new), TEST(put_refresh), TEST(put_same_mid_with_other_parameters_is_4_00), TEST(put_higher_mid_replaces_what_overlaps),
		TEST(put_same_target_other_source_is_no_overlap), TEST(put_lower_mid_is_4_09_cause_1_with_scope),
		TEST(put_lower_mid_is_kept_inactive_and_taken_up_later), TEST(put_inactive_ends_by_itself_by_delete_and_by_a_newer_one),
		TEST(put_unknown_traffic_known_as_legitimate_is_4_09_cause_4_CH_32), TEST(refresh_of_what_is_legitimate_meanwhile_is_4_09_cause_4_CH_32),
		TEST(put_over_capacity_is_5_03_with_max_age),
		TEST(put_while_the_ring_is_full_is_5_03), TEST(put_content_format_is_4_15), TEST(other_methods_are_4_05), TEST(put_bad_paths_are_4_00),
		TEST(cdid_from_a_direct_client_is_ignored), TEST(put_invalid_requests_are_4_00_CH_24_CH_25_CH_27), TEST(put_bad_bodies_are_4_00),
		TEST(put_names_the_unknown_required_key), TEST(lifetime_policy), TEST(lifetime_runs_out), TEST(get_one_and_all), TEST(get_content_filters),
		TEST(observe_is_accepted_on_get_only), TEST(delete_terminates_after_the_period), TEST(delete_with_no_period_is_at_once),
		TEST(delete_unknown_is_2_02), TEST(terminating_period_doubles_to_300), TEST(put_of_a_terminating_mid_takes_it_up_again), TEST(efficacy_update),
		TEST(if_match_with_a_value_is_4_00), TEST(one_provider_never_sees_anothers), TEST(cuids_of_one_provider_are_bounded), TEST(cuids_without_mitigations_make_room), TEST(cuid_of_an_unsettled_outcome_stays), TEST(undo_takes_everything_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
