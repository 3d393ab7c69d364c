/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Heartbeats (RFC 9132, 4.7) and what silence means on either side (RFC 9066, 5.2.1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "pair.h"

#define HB ".well-known/dots/hb"

static struct pair p;
static struct side *const left = &p.side[LEFT], *const right = &p.side[RIGHT];
static const struct heartbeat_config on = { .interval_s = 30, .missing_allowed = 15 };
static const struct heartbeat_config losing = { .interval_s = 30, .missing_allowed = 15, .lose = true };

static int close_pair(void **state)
{
	(void)state;
	pair_close(&p);
	return 0;
}

/* Loses what these sides send. */
static bool dead[2];
static int lose_dead(struct wire *w, int side, const struct message *m, int64_t *extra)
{
	(void)w, (void)m, (void)extra;
	return dead[side] ? 0 : 1;
}

static void both(enum transport t, const struct heartbeat_config *l, const struct heartbeat_config *r)
{
	pair_open(&p, t);
	dead[LEFT] = dead[RIGHT] = false;
	p.w->fate = lose_dead;
	if (l)
		session_heartbeat(left->s, l);
	if (r)
		session_heartbeat(right->s, r);
}

static unsigned unanswered(const struct side *me)
{
	struct session_stats stats;
	session_stats(me->s, &stats);
	return stats.hb_unanswered;
}

static bool peer_status(const struct side *me)
{
	struct session_stats stats;
	session_stats(me->s, &stats);
	return stats.peer_hb_status;
}

static void test_beat(void **state)
{
	(void)state;
	static const uint8_t body[] = { 0xa1, 0x18, 0x31, 0xa1, 0x18, 0x33, 0xf5 };
	for (enum transport t = TRANSPORT_UDP; t <= TRANSPORT_TCP; t++) {
		both(t, &on, &on);
		wire_run(p.w, 300500);
		for (int side = LEFT; side <= RIGHT; side++) {
			assert_int_equal(wire_count(p.w, side, METHOD_PUT), 10);
			assert_int_equal(wire_count(p.w, side, CODE(2, 4)), 10);
			const struct sent *hb = wire_last(p.w, side, METHOD_PUT), *answer = wire_last(p.w, side, CODE(2, 4));
			assert_int_equal(hb->m.payload_len, sizeof body);
			assert_memory_equal(hb->m.payload, body, sizeof body);
			assert_int_equal(hb->m.content_format, CONTENT_FORMAT_DOTS_CBOR);
			assert_int_equal(hb->m.n_path, 3);
			assert_true(t == TRANSPORT_TCP || (hb->m.type == MESSAGE_NON && answer->m.type == MESSAGE_NON));
			assert_int_equal(answer->m.payload_len, 0);
			assert_int_equal(answer->m.content_format, -1);
			assert_int_equal(p.side[side].silences, 0);
			assert_true(peer_status(&p.side[side]));
		}
		if (t == TRANSPORT_UDP)
			pair_close(&p);
	}
}

static void test_status_is_honest(void **state)
{
	(void)state;
	both(TRANSPORT_UDP, &on, NULL);      /* the right one never beats */
	wire_run(p.w, 59900);
	assert_true(peer_status(right));     /* the first window is open */
	wire_run(p.w, 35000);
	assert_false(peer_status(right));
	wire_inject_hex(p.w, LEFT, "51030001aabb2e77656c6c2d6b6e6f776e04646f7473" "02686212010f" "ffa11831a11833f4");
	wire_run(p.w, 30000);
	assert_true(peer_status(right));
	assert_false(peer_status(left));     /* that told of ours: false */
	wire_run(p.w, 60000);
	assert_false(peer_status(right));
}

static void test_refused(void **state)
{
	(void)state;
#define PATH "bb2e77656c6c2d6b6e6f776e04646f7473"
#define ON_HB "51030001aa" PATH "026862"
	static const struct {
		const char *hex;
		uint8_t code;
	} rows[] = {
		{ ON_HB "12010fffa11831a11833f5", CODE(2, 4) },
		{ ON_HB "12010fffd9010fa11831a11833f5", CODE(2, 4) },             /* tagged 271 */
		{ ON_HB "12010fffa11831a0", CODE(4, 0) },                     /* no 51 */
		{ ON_HB "12010fffa0", CODE(4, 0) }, { ON_HB "12010f", CODE(4, 0) },
		{ ON_HB "12010fffa11831a1183301", CODE(4, 0) },               /* not a boolean */
		{ ON_HB "12010fffa11831a11833f6", CODE(4, 0) },
		{ ON_HB "12010fffa11831a11833f5f5", CODE(4, 0) }, { ON_HB "12010fffa11831a11833", CODE(4, 0) },
		{ ON_HB "ffa11831a11833f5", CODE(4, 15) }, { ON_HB "113cffa11831a11833f5", CODE(4, 15) },
		{ ON_HB "06637569643d78" "12010fffa11831a11833f5", CODE(4, 0) },    /* cuid=x in the path */
		{ "51010001aa" PATH "026862", CODE(4, 5) }, { "51040001aa" PATH "026862", CODE(4, 5) }, { "51020001aa" PATH "026862", CODE(4, 5) },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char hex[200];
		both(TRANSPORT_UDP, NULL, NULL);
		strcpy(hex, rows[i].hex);
		wire_inject_hex(p.w, RIGHT, hex);
		wire_run(p.w, 10);
		if (wire_count(p.w, RIGHT, rows[i].code) != 1)
			fail_msg("%s: %u", hex, wire_last(p.w, RIGHT, -1)->m.code);
		assert_int_equal(wire_last(p.w, RIGHT, -1)->m.payload_len > 0, rows[i].code >= CODE(4, 0));
		assert_int_equal(right->requests, 0);
		if (i + 1 < sizeof rows / sizeof *rows)
			pair_close(&p);
	}
}

/* CH-11a: the Call Home client goes on though nothing arrives: it counts, tells, and keeps the session. */
static void test_ch_11a_client_keeps(void **state)
{
	(void)state;
	both(TRANSPORT_UDP, &on, NULL);
	dead[RIGHT] = true;
	wire_run(p.w, 3600 * 1000);
	assert_int_equal(left->downs, 0);
	assert_in_range(left->unanswered, 118, 120);
	assert_int_equal(left->silences, left->unanswered);
	/* A request still goes out, and its peer gets it. */
	assert_non_null(pair_ask(&p, METHOD_PUT, "m", "body", false, -1));
	wire_run(p.w, 100);
	assert_int_equal(right->requests, 1);
	dead[RIGHT] = false;
	wire_run(p.w, 31000);
	assert_int_equal(left->unanswered, 0);
	assert_int_equal(unanswered(left), 0);
}

/* CH-11b: heartbeats go unanswered, but the peer's traffic arrives: the server keeps the session. */
static void test_ch_11b_server_keeps(void **state)
{
	(void)state;
	both(TRANSPORT_UDP, NULL, &losing);
	dead[RIGHT] = true;
	for (int i = 0; i < 20; i++) {
		pair_ask(&p, METHOD_PUT, "m", "body", false, -1);
		wire_run(p.w, 200000);
	}
	assert_int_equal(right->downs, 0);
	assert_true(right->unanswered > 100);
}

/* CH-12: nothing at all for missing-hb-allowed intervals: disconnected, at 450 s and not before. */
static void test_ch_12_loss(void **state)
{
	(void)state;
	for (enum transport t = TRANSPORT_UDP; t <= TRANSPORT_TCP; t++) {
		both(t, &on, &losing);
		pair_ask(&p, METHOD_GET, "x", NULL, false, -1);
		wire_run(p.w, 100);
		wire_run(p.w, 1000000);
		assert_int_equal(right->downs, 0);
		struct session_stats stats;
		session_stats(right->s, &stats);
		dead[LEFT] = true;
		wire_run(p.w, stats.last_rx + 450000 - wire_now() - 100);
		assert_int_equal(right->downs, 0);
		wire_run(p.w, 200);
		assert_int_equal(right->downs, 1);
		assert_true(right->lost);
		assert_false(right->orderly);
		if (t == TRANSPORT_UDP)
			pair_close(&p);
	}
}

/* CH-10: right after the peer's; still about one per interval. */
static void test_ch_10_after_peer(void **state)
{
	(void)state;
	const struct heartbeat_config after = { .interval_s = 30, .missing_allowed = 15, .after_peer = true };
	both(TRANSPORT_UDP, &after, &losing);
	wire_run(p.w, 600500);
	assert_in_range(wire_count(p.w, LEFT, METHOD_PUT), 19, 22);
	size_t close_ones = 0;
	for (size_t i = 0; i < p.w->n_sent; i++)
		if (p.w->sent[i]->side == LEFT && p.w->sent[i]->m.code == METHOD_PUT)
			for (size_t k = 0; k < i; k++)
				close_ones += p.w->sent[k]->side == RIGHT && p.w->sent[k]->m.code == METHOD_PUT && p.w->sent[i]->at - p.w->sent[k]->at <= 30;
	assert_true(close_ones >= wire_count(p.w, LEFT, METHOD_PUT) - 2);
	/* The peer's fall away: ours go on. */
	wire_forget(p.w);
	dead[RIGHT] = true;
	wire_run(p.w, 300000);
	assert_in_range(wire_count(p.w, LEFT, METHOD_PUT), 9, 11);
	/* Both after the other: no ping-pong. */
	pair_close(&p);
	both(TRANSPORT_UDP, &after, &after);
	wire_run(p.w, 600500);
	assert_in_range(wire_count(p.w, LEFT, METHOD_PUT), 17, 42);
	assert_in_range(wire_count(p.w, RIGHT, METHOD_PUT), 17, 42);
}

/* The side behind the NAT beats once before its binding may go, whatever interval is then agreed on; over TCP nothing hurries. */
static void test_ch_09_early(void **state)
{
	(void)state;
	const struct heartbeat_config early = { .interval_s = 30, .missing_allowed = 15, .early = true, .lose = true };
	const struct heartbeat_config longer = { .interval_s = 90, .missing_allowed = 15, .early = true, .lose = true };
	const struct heartbeat_config after = { .interval_s = 90, .missing_allowed = 15, .after_peer = true };
	both(TRANSPORT_UDP, &after, &early);
	wire_run(p.w, 100);
	session_heartbeat(right->s, &longer);
	wire_run(p.w, 2890);
	assert_int_equal(wire_count(p.w, RIGHT, METHOD_PUT), 0);
	wire_run(p.w, 2200);
	assert_int_equal(wire_count(p.w, RIGHT, METHOD_PUT), 1);
	assert_int_equal(wire_count(p.w, LEFT, METHOD_PUT), 1);
	session_heartbeat(right->s, &early);         /* once in a session */
	wire_run(p.w, 29900);
	assert_int_equal(wire_count(p.w, RIGHT, METHOD_PUT), 1);
	wire_run(p.w, 200);
	assert_int_equal(wire_count(p.w, RIGHT, METHOD_PUT), 2);
	pair_close(&p);
	both(TRANSPORT_TCP, NULL, &early);
	wire_run(p.w, 29900);
	assert_int_equal(wire_count(p.w, RIGHT, METHOD_PUT), 0);
}

static void test_changes(void **state)
{
	(void)state;
	const struct heartbeat_config off = { .interval_s = 0 }, fast = { .interval_s = 15, .missing_allowed = 3, .lose = true };
	both(TRANSPORT_UDP, NULL, NULL);
	wire_run(p.w, 10000000);
	assert_int_equal(p.w->n_sent, 0);
	session_heartbeat(right->s, &fast);          /* old silence does not count */
	dead[LEFT] = true;
	wire_run(p.w, 44900);
	assert_int_equal(right->downs, 0);
	session_heartbeat(right->s, &off);
	wire_run(p.w, 1000000);
	assert_int_equal(right->downs, 0);
	assert_int_equal(unanswered(right), 0);
	session_heartbeat(right->s, &fast);
	session_heartbeat(right->s, &on);
	wire_run(p.w, 30100);
	assert_int_equal(wire_count(p.w, RIGHT, METHOD_PUT), 3);
	session_heartbeat(right->s, &on);            /* the same again does not put it off */
	wire_run(p.w, 29000);
	session_heartbeat(right->s, &on);
	wire_run(p.w, 1100);
	assert_int_equal(wire_count(p.w, RIGHT, METHOD_PUT), 4);
}

/* A peer that answers with RST, or by a CON of its own, is alive. */
static void test_other_answers(void **state)
{
	(void)state;
	both(TRANSPORT_UDP, &on, NULL);
	dead[RIGHT] = true;
	wire_run(p.w, 30010);
	uint16_t id = wire_last(p.w, LEFT, METHOD_PUT)->m.id;
	uint8_t rst[] = { 0x70, 0, (uint8_t)(id >> 8), (uint8_t)id }, con[12] = { 0x48, CODE(2, 4), 0, 7 };
	wire_inject(p.w, LEFT, rst, sizeof rst);
	wire_run(p.w, 30000);
	assert_int_equal(left->silences, 0);
	memcpy(con + 4, wire_last(p.w, LEFT, METHOD_PUT)->m.token, 8);
	wire_inject(p.w, LEFT, con, sizeof con);
	wire_inject(p.w, LEFT, con, sizeof con);
	wire_run(p.w, 10);
	assert_int_equal(wire_count(p.w, LEFT, 0), 2);
	assert_int_equal(wire_last(p.w, LEFT, 0)->m.type, MESSAGE_ACK);
	wire_run(p.w, 30000);
	assert_int_equal(left->silences, 0);
}

/* The session may be closed by whoever is told of silence. */
static void closing_silent(void *arg, struct session *s, unsigned unanswered_now)
{
	struct side *me = arg;
	if (unanswered_now < 3)
		return;
	me->s = NULL;
	session_close(s, true);
}

static void test_close_when_silent(void **state)
{
	(void)state;
	struct session_handler handler = pair_handler;
	handler.silent = closing_silent;
	memset(&p, 0, sizeof p);
	p.w = wire_new(TRANSPORT_UDP);
	left->s = session_new(p.w->loop, p.w->end[LEFT], ROLE_CLIENT, &handler, left);
	session_heartbeat(left->s, &on);
	wire_run(p.w, 200000);
	assert_null(left->s);
	assert_int_equal(wire_count(p.w, LEFT, METHOD_PUT), 3);
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, close_pair)
	const struct CMUnitTest tests[] = {
		T(test_beat), T(test_status_is_honest), T(test_refused), T(test_ch_11a_client_keeps), T(test_ch_11b_server_keeps), T(test_ch_12_loss),
		T(test_ch_09_early), T(test_ch_10_after_peer), T(test_changes), T(test_other_answers), T(test_close_when_silent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
