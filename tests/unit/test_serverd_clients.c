/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Several clients of one peer, by credential and by cuid, and several peers (RFC 9132, 4.4.1): who meets whom, and who does not. */
#include "test_serverd.h"

#define TARGET "203.0.113.9/32"
#define SOURCE "10.20.30.40/32"
#define WHO "\"peer\":\"isp\",\"cuid\":\"" CUID "\",\"mid\":"

static uint8_t put_as(struct fixture *f, int who, const char *cuid, unsigned mid, struct mitigation m)
{
	char path[100];

	load(f, &m);
	snprintf(path, sizeof(path), "mitigate/cuid=%s/mid=%u", cuid, mid);
	return request(f, who, METHOD_PUT, path);
}

static void assert_conflict(struct fixture *f, enum conflict_cause cause)
{
	struct body b = answer(f);

	assert_int_equal(f->last.reply.code, CODE_CONFLICT);
	assert_true(b.scope[0].has_conflict);
	assert_int_equal(b.scope[0].conflict.cause, cause);
	body_free(&b);
}

static void cuid_of_another_credential_is_4_09_cause_3_and_nothing_else(void **state)
{
	static const uint8_t only[] = { 0xa1, 0x01, 0xa1, 0x02, 0x81, 0xa1, 0x11, 0xa1, 0x13, 0x03 };
	struct fixture *f = *state;

	put(f, 7, asking(TARGET, SOURCE, 1800));
	f->credential = "certificate:ch2.isp.example";
	assert_int_equal(put(f, 8, asking(TARGET, "10.20.30.41/32", 1800)), CODE_CONFLICT);
	assert_int_equal(f->last.reply.payload.len, sizeof(only));
	assert_memory_equal(f->last.reply.payload.data, only, sizeof(only));
	assert_int_equal(n_lines(f), 0);
	assert_int_equal(put(f, 7, asking(TARGET, SOURCE, 1800)), CODE_CONFLICT);
	/* Under a cuid of its own it is served. */
	assert_int_equal(put_as(f, 0, "another", 8, asking(TARGET, "10.20.30.41/32", 1800)), CODE_CREATED);
}

static void state_of_another_credential_is_not_seen_nor_touched(void **state)
{
	struct fixture *f = *state;

	put(f, 7, asking(TARGET, SOURCE, 1800));
	f->credential = "psk:other";
	assert_int_equal(simple(f, METHOD_GET, "mitigate/cuid=" CUID), CODE_NOT_FOUND);
	assert_int_equal(status_of(f, 7), STATUS_NONE);
	assert_int_equal(simple(f, METHOD_DELETE, "mitigate/cuid=" CUID "/mid=7"), CODE_DELETED);
	f->credential = "psk:cpe-0001";
	assert_int_equal(status_of(f, 7), STATUS_IN_PROGRESS);
}

static void cuid_without_live_mitigations_can_be_taken_over(void **state)
{
	struct fixture *f = *state;

	put(f, 7, asking(TARGET, SOURCE, 60));
	f->credential = "psk:other";
	assert_int_equal(put(f, 8, asking(TARGET, SOURCE, 60)), CODE_CONFLICT);
	advance(f, 60);
	assert_int_equal(put(f, 8, asking(TARGET, SOURCE, 60)), CODE_CREATED);
	f->credential = "psk:cpe-0001";
	assert_int_equal(put(f, 9, asking(TARGET, SOURCE, 60)), CODE_CONFLICT);
	assert_conflict(f, CONFLICT_CUID_COLLISION);
}

static void same_cuid_at_another_peer_is_no_collision(void **state)
{
	struct fixture *f = *state;

	put(f, 7, asking(TARGET, SOURCE, 1800));
	f->credential = "psk:other";
	assert_int_equal(put_as(f, 1, CUID, 7, asking(TARGET, SOURCE, 1800)), CODE_CREATED);
}

/* Neither another mid, nor another cuid, nor another peer undoes what the owner has said. */
static void owners_no_holds_for_every_client_and_peer_CH_32_CH_48(void **state)
{
	struct fixture *f = *state;

	put(f, 7, asking(TARGET, SOURCE, 1800));
	assert_string_equal(feed(f, "{\"type\":\"decision\"," WHO "7,\"decision\":\"reject\"}"), "");
	put(f, 8, asking("203.0.113.0/24", SOURCE, 1800));
	assert_conflict(f, CONFLICT_LEGITIMATE_TRAFFIC);
	put_as(f, 0, "another", 1, asking(TARGET, SOURCE, 1800));
	assert_conflict(f, CONFLICT_LEGITIMATE_TRAFFIC);
	put_as(f, 1, CUID, 1, asking(TARGET, SOURCE, 1800));
	assert_conflict(f, CONFLICT_LEGITIMATE_TRAFFIC);
	assert_int_equal(n_lines(f), 0);
	assert_int_equal(put_as(f, 1, CUID, 1, asking(TARGET, "10.20.30.41/32", 1800)), CODE_CREATED);
}

/* Nobody has said anything about another peer's request. */
static void refusal_that_is_no_owners_is_for_one_peer(void **state)
{
	struct fixture *f = *state;

	put(f, 7, asking(TARGET, SOURCE, 1800));
	assert_string_equal(feed(f, "{\"type\":\"status\"," WHO "7,\"status\":\"refused\",\"reason\":\"never-block\"}"), "");
	put_as(f, 0, "another", 1, asking(TARGET, SOURCE, 1800));
	assert_conflict(f, CONFLICT_LEGITIMATE_TRAFFIC);
	assert_int_equal(put_as(f, 1, CUID, 1, asking(TARGET, SOURCE, 1800)), CODE_CREATED);
}

static struct body conflict_of(struct fixture *f, const char *path)
{
	assert_int_equal(simple(f, METHOD_GET, path), CODE_CONTENT);
	return answer(f);
}

static bool tells(const struct fixture *f, const char *cuid, unsigned mid)
{
	for (size_t i = 0; i < f->last.n_effects; i++)
		if (f->last.effects[i].kind == EFFECT_REPORTED && strcmp(f->last.effects[i].client->cuid, cuid) == 0 && f->last.effects[i].mid == mid)
			return true;
	return false;
}

/* Both in force, and both clients are told while it lasts (RFC 9132, 4.4.1.3). */
static void two_clients_of_one_peer_that_overlap(void **state)
{
	struct fixture *f = *state;
	struct body b;

	put(f, 7, asking(TARGET, SOURCE, 600));
	assert_int_equal(put_as(f, 0, "another", 1, asking("203.0.113.0/24", SOURCE, 1800)), CODE_CREATED);
	b = answer(f);
	assert_true(b.scope[0].has_conflict);
	assert_int_equal(b.scope[0].conflict.status, CONFLICT_ACTIVE);
	assert_int_equal(b.scope[0].conflict.cause, CONFLICT_OVERLAPPING_TARGETS);
	assert_false(b.scope[0].conflict.has_mid);
	assert_false(b.scope[0].conflict.has_retry_timer);
	body_free(&b);
	assert_int_equal(n_lines(f), 1);
	assert_true(tells(f, CUID, 7));
	b = conflict_of(f, "mitigate/cuid=" CUID "/mid=7");
	assert_int_equal(b.scope[0].status, STATUS_IN_PROGRESS);
	assert_true(b.scope[0].has_conflict);
	assert_int_equal(b.scope[0].conflict.status, CONFLICT_ACTIVE);
	body_free(&b);
	/* The other one hears of the end. */
	advance(f, 600);
	assert_true(tells(f, "another", 1));
	b = conflict_of(f, "mitigate/cuid=another/mid=1");
	assert_false(b.scope[0].has_conflict);
	body_free(&b);
}

static void conflict_ends_when_one_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct body b;

	put(f, 7, asking("203.0.113.0/24", SOURCE, 600));
	put_as(f, 0, "another", 1, asking("203.0.113.0/28", SOURCE, 1800));
	put(f, 8, asking("203.0.113.64/26", SOURCE, 600));
	assert_true(tells(f, "another", 1));
	b = conflict_of(f, "mitigate/cuid=another/mid=1");
	assert_false(b.scope[0].has_conflict);
	body_free(&b);
}

/* Nothing of one peer's is told to another. */
static void two_peers_that_overlap_hear_nothing_of_each_other(void **state)
{
	struct fixture *f = *state;
	struct body b;

	put(f, 7, asking(TARGET, SOURCE, 600));
	assert_int_equal(put_as(f, 1, CUID, 7, asking(TARGET, SOURCE, 1800)), CODE_CREATED);
	b = answer(f);
	assert_false(b.scope[0].has_conflict);
	body_free(&b);
	assert_int_equal(f->last.n_effects, 1);
	b = conflict_of(f, "mitigate/cuid=" CUID "/mid=7");
	assert_false(b.scope[0].has_conflict);
	body_free(&b);
}

/* The trail names who asked in vain, and why. */
static void refusals_are_in_the_trail(void **state)
{
	struct fixture *f = *state;
	json_t *line;

	add_prefix(&f->peers[0].legitimate_targets, "203.0.113.0/28");
	put(f, 7, asking(TARGET, SOURCE, 1800));
	assert_conflict(f, CONFLICT_LEGITIMATE_TRAFFIC);
	line = json_array_get(f->last.audit, 0);
	assert_string_equal(json_string_value(json_object_get(line, "event")), "refused");
	assert_string_equal(json_string_value(json_object_get(line, "by")), "policy");
	assert_string_equal(json_string_value(json_object_get(line, "cuid")), CUID);
	assert_int_equal(json_integer_value(json_object_get(line, "mid")), 7);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(cuid_of_another_credential_is_4_09_cause_3_and_nothing_else), TEST(state_of_another_credential_is_not_seen_nor_touched),
		TEST(cuid_without_live_mitigations_can_be_taken_over), TEST(same_cuid_at_another_peer_is_no_collision),
		TEST(owners_no_holds_for_every_client_and_peer_CH_32_CH_48), TEST(refusal_that_is_no_owners_is_for_one_peer),
		TEST(two_clients_of_one_peer_that_overlap), TEST(conflict_ends_when_one_is_replaced), TEST(two_peers_that_overlap_hear_nothing_of_each_other),
		TEST(refusals_are_in_the_trail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
