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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(cuid_of_another_credential_is_4_09_cause_3_and_nothing_else), TEST(state_of_another_credential_is_not_seen_nor_touched),
		TEST(cuid_without_live_mitigations_can_be_taken_over), TEST(same_cuid_at_another_peer_is_no_collision),
		TEST(owners_no_holds_for_every_client_and_peer_CH_32_CH_48), TEST(refusal_that_is_no_owners_is_for_one_peer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
