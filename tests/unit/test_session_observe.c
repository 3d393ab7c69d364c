/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Observations (RFC 7641) and answers in blocks (RFC 7959), from both sides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "pair.h"

#define MITIGATE ".well-known/dots/mitigate/cuid=x"

static struct pair p;
static struct side *const left = &p.side[LEFT], *const right = &p.side[RIGHT];

static int close_pair(void **state)
{
	(void)state;
	pair_close(&p);
	return 0;
}

static void observing(enum transport t)
{
	pair_open(&p, t);
	right->answer.observe = true;
	pair_body(&p, 10, '0');
}

static int lose_notifications(struct wire *w, int side, const struct message *m, int64_t *extra)
{
	(void)w, (void)extra;
	return side == RIGHT && m->observe >= 0 ? 0 : 1;
}

static void test_notify(void **state)
{
	(void)state;
	for (enum transport t = TRANSPORT_UDP; t <= TRANSPORT_TCP; t++) {
		observing(t);
		pair_ask(&p, METHOD_GET, MITIGATE, NULL, false, 0);
		wire_run(p.w, 100);
		assert_int_equal(left->events[EXCHANGE_RESPONSE], 1);
		assert_true(left->observe);
		int64_t seq = wire_last(p.w, RIGHT, CODE(2, 5))->m.observe, first = wire_last(p.w, RIGHT, CODE(2, 5))->at;
		for (int i = 0; i < 10; i++) {       /* many changes, one notification, 3 s after the first answer */
			pair_body(&p, 10, (char)('a' + i));
			pair_notify(&p);
			wire_run(p.w, 100);
		}
		wire_run(p.w, 3000);
		assert_int_equal(right->renders, 1);
		assert_int_equal(left->events[EXCHANGE_RESPONSE], 2);
		assert_int_equal(left->got.data[0], 'j');
		const struct sent *n = wire_last(p.w, RIGHT, CODE(2, 5));
		assert_true(n->at - first >= 3000);
		assert_true(n->m.observe > seq);
		assert_int_equal(n->m.type, MESSAGE_NON);
		wire_run(p.w, 100000);
		assert_int_equal(right->renders, 1);
		pair_notify(&p);                     /* long after the last one: at once */
		assert_int_equal(right->renders, 2);
		wire_run(p.w, 100);
		assert_int_equal(left->events[EXCHANGE_RESPONSE], 3);
		assert_int_equal(left->events[EXCHANGE_TIMEOUT], 0);
		if (t == TRANSPORT_UDP)
			pair_close(&p);
	}
}

static void test_notify_pace(void **state)
{
	(void)state;
	observing(TRANSPORT_TCP);
	pair_ask(&p, METHOD_GET, MITIGATE, NULL, false, 0);
	for (int i = 0; i < 600; i++) {
		pair_notify(&p);
		wire_run(p.w, 50);
	}
	assert_in_range(right->renders, 9, 10);      /* 30 s */
	int64_t last = 0;
	for (size_t i = 0; i < p.w->n_sent; i++)
		if (p.w->sent[i]->m.observe >= 0 && p.w->sent[i]->side == RIGHT) {
			assert_true(!last || p.w->sent[i]->at - last >= 3000);
			last = p.w->sent[i]->at;
		}
}

static bool match_first(void *arg, const struct message *registered)
{
	return !strcmp(registered->path[registered->n_path - 1], arg);
}

static void test_match(void **state)
{
	(void)state;
	observing(TRANSPORT_UDP);
	pair_ask(&p, METHOD_GET, "m/mid=1", NULL, false, 0);
	pair_ask(&p, METHOD_GET, "m/mid=2", NULL, false, 0);
	wire_run(p.w, 10000);
	wire_forget(p.w);
	char mid[] = "mid=2";
	session_notify(right->s, match_first, mid);
	wire_run(p.w, 100);
	assert_int_equal(wire_count(p.w, RIGHT, -1), 1);
}

static void test_not_accepted(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	pair_ask(&p, METHOD_GET, MITIGATE, NULL, false, 0);
	wire_run(p.w, 100);
	assert_int_equal(left->events[EXCHANGE_RESPONSE], 1);
	assert_false(left->observe);
	pair_notify(&p);
	wire_run(p.w, 10000);
	assert_int_equal(right->renders, 0);
}

static void test_end_by_server(void **state)
{
	(void)state;
	observing(TRANSPORT_UDP);
	pair_ask(&p, METHOD_GET, MITIGATE, NULL, false, 0);
	wire_run(p.w, 5000);
	right->answer.code = CODE(4, 4);
	right->answer.dots_cbor = false;
	pair_body(&p, 0, 0);
	pair_notify(&p);
	wire_run(p.w, 100);
	assert_int_equal(left->events[EXCHANGE_RESPONSE], 2);
	assert_int_equal(left->code, CODE(4, 4));
	assert_false(left->observe);
	assert_true(left->got.len > 0);
	assert_int_equal(wire_last(p.w, RIGHT, CODE(4, 4))->m.observe, -1);
	right->answer.code = CODE(2, 5);
	pair_notify(&p);
	wire_run(p.w, 10000);
	assert_int_equal(right->renders, 1);
}

static void test_cancel(void **state)
{
	(void)state;
	for (enum transport t = TRANSPORT_UDP; t <= TRANSPORT_TCP; t++) {
		observing(t);
		struct exchange *x = pair_ask(&p, METHOD_GET, MITIGATE, NULL, false, 0);
		wire_run(p.w, 5000);
		uint8_t token[8];
		memcpy(token, wire_last(p.w, LEFT, METHOD_GET)->m.token, 8);
		right->answer.observe = false;
		exchange_cancel(x);
		wire_run(p.w, 100);
		const struct sent *q = wire_last(p.w, LEFT, METHOD_GET);
		assert_int_equal(q->m.observe, 1);
		assert_memory_equal(q->m.token, token, 8);
		pair_notify(&p);
		wire_run(p.w, 200000);
		assert_int_equal(right->renders, 0);
		assert_int_equal(left->events[EXCHANGE_RESPONSE], 1);
		assert_int_equal(left->events[EXCHANGE_TIMEOUT], 0);
		assert_int_equal(wire_count(p.w, LEFT, METHOD_GET), 2);
		if (t == TRANSPORT_UDP)
			pair_close(&p);
	}
}

static void test_cancel_inside_callback(void **state)
{
	(void)state;
	observing(TRANSPORT_UDP);
	left->cancel_in_callback = true;
	pair_ask(&p, METHOD_GET, MITIGATE, NULL, false, 0);
	wire_run(p.w, 10000);
	assert_int_equal(wire_count(p.w, LEFT, METHOD_GET), 2);
	assert_int_equal(left->events[EXCHANGE_RESPONSE], 1);
}

static void test_close_inside_callback(void **state)
{
	(void)state;
	observing(TRANSPORT_UDP);
	left->close_in_callback = true;
	pair_ask(&p, METHOD_GET, MITIGATE, NULL, false, 0);
	wire_run(p.w, 1000);
	assert_int_equal(left->events[EXCHANGE_CLOSED], 1);
}

/* A client that has forgotten everything: its RST ends the observation (RFC 7641, 3.6). */
static void test_reset(void **state)
{
	(void)state;
	observing(TRANSPORT_UDP);
	wire_inject_hex(p.w, RIGHT, "5101000aaa605178");
	wire_run(p.w, 5000);
	pair_notify(&p);
	wire_run(p.w, 100);
	assert_int_equal(wire_last(p.w, LEFT, 0)->m.type, MESSAGE_RST);
	assert_int_equal(right->renders, 1);
	wire_run(p.w, 5000);
	pair_notify(&p);
	wire_run(p.w, 100);
	assert_int_equal(right->renders, 1);
}

static void test_replace_and_deregister(void **state)
{
	(void)state;
	observing(TRANSPORT_UDP);
	wire_inject_hex(p.w, RIGHT, "5101000aaa605178");
	wire_inject_hex(p.w, RIGHT, "5101000baa605179");
	p.w->fate = lose_notifications;
	wire_run(p.w, 5000);
	pair_notify(&p);
	wire_run(p.w, 100);
	assert_int_equal(right->renders, 1);
	wire_inject_hex(p.w, RIGHT, "5101000caa6101" "5179");
	wire_run(p.w, 5000);
	pair_notify(&p);
	assert_int_equal(right->renders, 1);
	assert_int_equal(wire_last(p.w, RIGHT, CODE(2, 5))->m.observe, -1);
}

static void test_too_many_observers(void **state)
{
	(void)state;
	observing(TRANSPORT_TCP);
	for (int i = 0; i < SESSION_MAX_OBSERVERS + 3; i++)
		pair_ask(&p, METHOD_GET, MITIGATE, NULL, false, 0);
	wire_run(p.w, 1000);
	size_t accepted = 0;
	for (size_t i = 0; i < p.w->n_sent; i++)
		accepted += p.w->sent[i]->side == RIGHT && p.w->sent[i]->m.observe >= 0;
	assert_int_equal(accepted, SESSION_MAX_OBSERVERS);
	assert_int_equal(left->events[EXCHANGE_RESPONSE], SESSION_MAX_OBSERVERS + 3);
	wire_run(p.w, 3000);
	pair_notify(&p);
	assert_int_equal(right->renders, SESSION_MAX_OBSERVERS);
}

static void inject_notification(uint32_t seq, char text)
{
	uint8_t n[] = { 0x58, CODE(2, 5), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x63, (uint8_t)(seq >> 16), (uint8_t)(seq >> 8), (uint8_t)seq, 0xff, (uint8_t)text };
	memcpy(n + 4, wire_last(p.w, LEFT, METHOD_GET)->m.token, 8);
	wire_inject(p.w, LEFT, n, sizeof n);
	wire_run(p.w, 10);
}

static void test_newest_wins(void **state)
{
	(void)state;
	static const struct {
		uint32_t seq;
		char text;
		bool taken;
	} rows[] = { { 0x100000, 'a', true }, { 0x100000, 'b', false }, { 0x0fffff, 'c', false }, { 0x100001, 'd', true }, { 0x900000, 'e', true },
		{ 0x100001, 'f', false }, { 0xfffff0, 'g', true }, { 0x7ffff0, 'h', false }, { 0xffffef, 'i', false }, { 3, 'j', true }, { 0xffffef, 'k', false } };
	observing(TRANSPORT_UDP);
	p.w->fate = lose_notifications;
	pair_ask(&p, METHOD_GET, MITIGATE, NULL, false, 0);
	wire_run(p.w, 100);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		inject_notification(rows[i].seq, rows[i].text);
		if ((left->got.data[0] == rows[i].text) != rows[i].taken)
			fail_msg("%c", rows[i].text);
	}
	wire_run(p.w, 129000);
	inject_notification(0xffffef, 'z');      /* 128 s later anything is newer */
	assert_int_equal(left->got.data[0], 'z');
}

/* --- Blocks --- */

static bool body_is(size_t len, char fill)
{
	if (left->got.len != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if (left->got.data[i] != (uint8_t)(fill + i % 7))
			return false;
	return true;
}

static void test_blocks(void **state)
{
	(void)state;
	static const size_t sizes[] = { 1024, 1025, 1121, 2048, 2049, 10000, 200000 };
	pair_open(&p, TRANSPORT_UDP);
	for (int con = 0; con < 2; con++)
		for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
			unsigned before = right->requests;
			pair_body(&p, sizes[i], 'a');
			pair_ask(&p, METHOD_GET, MITIGATE, NULL, con, -1);
			wire_run(p.w, 20000);
			assert_true(body_is(sizes[i], 'a'));
			assert_int_equal(right->requests, before + 1);
			assert_true(left->dots_cbor);
		}
	assert_int_equal(left->events[EXCHANGE_RESPONSE], 2 * sizeof sizes / sizeof *sizes);
	for (size_t i = 0; i < p.w->n_sent; i++)
		assert_true(p.w->sent[i]->len <= COAP_DATAGRAM_MAX);
	wire_run(p.w, 300000);               /* the kept answers go */
}

static void test_blocks_tcp(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_TCP);
	pair_body(&p, 200000, 'a');          /* over the largest message */
	pair_ask(&p, METHOD_GET, MITIGATE, NULL, false, -1);
	wire_run(p.w, 20000);
	assert_true(body_is(200000, 'a'));
}

static int lose_every_fifth(struct wire *w, int side, const struct message *m, int64_t *extra)
{
	(void)side, (void)m, (void)extra;
	return w->n_sent % 5 ? 1 : 0;
}

static void test_blocks_with_loss(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	p.w->fate = lose_every_fifth;
	pair_body(&p, 20000, 'a');
	pair_ask(&p, METHOD_GET, MITIGATE, NULL, false, -1);
	wire_run(p.w, 200000);
	assert_true(body_is(20000, 'a'));
	pair_body(&p, 20000, 'b');
	pair_ask(&p, METHOD_GET, MITIGATE, NULL, true, -1);
	wire_run(p.w, 200000);
	assert_true(body_is(20000, 'b'));
}

/* A peer that asks for small blocks, beyond the end, and for a body that is not kept. */
static void test_blocks_asked_for(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	pair_body(&p, 100, 'a');
	wire_inject_hex(p.w, RIGHT, "51010001aab178c102");           /* Block2 0/0/64 */
	wire_run(p.w, 10);
	const struct sent *a = wire_last(p.w, RIGHT, CODE(2, 5));
	assert_true(a->m.block2.present && a->m.block2.more && a->m.block2.szx == 2 && a->m.payload_len == 64 && a->m.etag_len && a->m.size2 == 100);
	wire_inject_hex(p.w, RIGHT, "51010002aab178c112");           /* 1/0/64 */
	wire_run(p.w, 10);
	a = wire_last(p.w, RIGHT, CODE(2, 5));
	assert_true(!a->m.block2.more && a->m.block2.num == 1 && a->m.payload_len == 36);
	wire_inject_hex(p.w, RIGHT, "51010003aab178c130");           /* 3/0/16 */
	wire_run(p.w, 10);
	a = wire_last(p.w, RIGHT, CODE(2, 5));
	assert_true(a->m.block2.more && a->m.payload_len == 16 && a->m.payload[0] == 'a' + 48 % 7);
	assert_int_equal(right->requests, 1);
	wire_inject_hex(p.w, RIGHT, "51010004aab178c122");           /* 2/0/64: past the end */
	wire_run(p.w, 10);
	assert_int_equal(wire_count(p.w, RIGHT, CODE(4, 0)), 1);
	wire_run(p.w, 300000);
	wire_inject_hex(p.w, RIGHT, "51010005aab178c112");           /* forgotten: made again, and has the same tag */
	wire_run(p.w, 10);
	assert_int_equal(right->requests, 2);
	assert_int_equal(wire_last(p.w, RIGHT, CODE(2, 5))->m.payload_len, 36);
	assert_memory_equal(wire_last(p.w, RIGHT, CODE(2, 5))->m.etag, a->m.etag, 8);
	wire_inject_hex(p.w, RIGHT, "51010006aab179c10a");           /* it fits: one block */
	pair_body(&p, 20, 'a');
	wire_run(p.w, 10);
	a = wire_last(p.w, RIGHT, CODE(2, 5));
	assert_true(a->m.block2.present && !a->m.block2.more && a->m.payload_len == 20);
}

static void test_big_notifications(void **state)
{
	(void)state;
	observing(TRANSPORT_UDP);
	pair_body(&p, 3000, 'a');
	pair_ask(&p, METHOD_GET, MITIGATE, NULL, false, 0);
	wire_run(p.w, 5000);
	assert_true(body_is(3000, 'a'));
	assert_true(left->observe);
	pair_body(&p, 5000, 'b');
	pair_notify(&p);
	wire_run(p.w, 5000);
	assert_true(body_is(5000, 'b'));
	assert_true(left->observe);
	assert_int_equal(left->events[EXCHANGE_RESPONSE], 2);
	pair_body(&p, 10, 'c');
	pair_notify(&p);
	wire_run(p.w, 5000);
	assert_true(body_is(10, 'c'));
	assert_int_equal(right->requests, 1);
}

/* The state changes while it is read: once is tolerated. */
static int change_left;
static int change_content(struct wire *w, int side, const struct message *m, int64_t *extra)
{
	(void)w, (void)extra;
	if (side == LEFT && m->block2.num == 2 && change_left) {
		change_left--;
		/* Another reader makes the server keep another body. */
		pair_body(&p, 6000, (char)('b' + change_left));
		wire_inject_hex(p.w, RIGHT, change_left ? "51010001aa" "b16d" : "51010002aa" "b16d");
	}
	return 1;
}

static void test_etag_changes(void **state)
{
	(void)state;
	for (int changes = 1; changes <= 2; changes++) {
		pair_open(&p, TRANSPORT_UDP);
		pair_body(&p, 5000, 'a');
		p.w->fate = change_content;
		change_left = changes;
		pair_ask(&p, METHOD_GET, "m", NULL, false, -1);
		wire_run(p.w, 100000);
		if (changes == 1) {
			assert_true(body_is(6000, 'b'));
			assert_int_equal(left->events[EXCHANGE_RESPONSE], 1);
			pair_close(&p);
		} else {
			assert_int_equal(left->events[EXCHANGE_RESPONSE], 0);
			assert_int_equal(left->events[EXCHANGE_RESET], 1);
		}
	}
}

/* A peer that sends nonsense for blocks, and one that never sends the second. */
static void test_bad_blocks(void **state)
{
	(void)state;
	static const char *const rows[] = { "d10a18ff61", "d10a0eff61", "d10a0e", "d10a00ff61" };   /* num 1; 1024 with one byte; with none; a whole one */
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		pair_open(&p, TRANSPORT_UDP);
		right->defer = true;
		pair_ask(&p, METHOD_GET, "m", NULL, false, -1);
		wire_run(p.w, 10);
		uint8_t a[64] = { 0x58, CODE(2, 5), 0, 9 };
		memcpy(a + 4, wire_last(p.w, LEFT, METHOD_GET)->m.token, 8);
		long n = hex_decode(rows[i], strlen(rows[i]), a + 12, sizeof a - 12);
		wire_inject(p.w, LEFT, a, 12 + (size_t)n);
		wire_run(p.w, 10);
		assert_int_equal(left->events[i == 3 ? EXCHANGE_RESPONSE : EXCHANGE_RESET], 1);
		pair_close(&p);
	}
	pair_open(&p, TRANSPORT_UDP);
	right->defer = true;
	pair_ask(&p, METHOD_GET, "m", NULL, false, -1);
	wire_run(p.w, 10);
	uint8_t a[] = { 0x58, CODE(2, 5), 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0xd1, 10, 0x08, 0xff, [16 ... 31] = 'x' };
	memcpy(a + 4, wire_last(p.w, LEFT, METHOD_GET)->m.token, 8);
	wire_inject(p.w, LEFT, a, sizeof a);
	wire_run(p.w, 10);
	assert_int_equal(wire_last(p.w, LEFT, METHOD_GET)->m.block2.num, 1);
	wire_run(p.w, 200000);
	assert_int_equal(left->events[EXCHANGE_TIMEOUT], 1);
}

static void test_cancel_while_fetching(void **state)
{
	(void)state;
	observing(TRANSPORT_UDP);
	pair_body(&p, 50000, 'a');
	struct exchange *x = pair_ask(&p, METHOD_GET, MITIGATE, NULL, false, 0);
	wire_run(p.w, 200);
	exchange_cancel(x);
	wire_run(p.w, 5000);
	assert_int_equal(left->events[EXCHANGE_RESPONSE], 0);
	x = pair_ask(&p, METHOD_GET, MITIGATE, NULL, false, -1);
	wire_run(p.w, 200);
	session_close(left->s, true);
	left->s = NULL;
	assert_int_equal(left->events[EXCHANGE_CLOSED], 1);
}

static void test_too_big_for_blocks(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_TCP);
	pair_body(&p, BLOCK_ANSWER_MAX + 1, 'a');
	pair_ask(&p, METHOD_GET, MITIGATE, NULL, false, -1);
	wire_run(p.w, 1000);
	assert_int_equal(left->code, CODE(5, 0));
}

static int chaos(struct wire *w, int side, const struct message *m, int64_t *extra)
{
	(void)w, (void)side, (void)m;
	*extra = rand() % 3 ? 0 : rand() % 5000;
	return rand() % 5 ? 1 + !(rand() % 5) : 0;
}

/* What is shown last is the newest state, whatever is lost, doubled or late. */
static void test_chaos(void **state)
{
	(void)state;
	srand(2);
	observing(TRANSPORT_UDP);
	p.w->fate = chaos;
	pair_ask(&p, METHOD_GET, MITIGATE, NULL, false, 0);
	wire_run(p.w, 60000);
	for (int i = 0; i < 30; i++) {
		pair_body(&p, i % 3 ? 40 : 4000, (char)('A' + i));
		pair_notify(&p);
		wire_run(p.w, rand() % 20000);
	}
	p.w->fate = NULL;
	wire_run(p.w, 200000);
	pair_body(&p, 4000, 'z');
	pair_notify(&p);
	wire_run(p.w, 20000);
	assert_true(body_is(4000, 'z'));
	assert_true(left->observe);
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, close_pair)
	const struct CMUnitTest tests[] = {
		T(test_notify), T(test_notify_pace), T(test_match), T(test_not_accepted), T(test_end_by_server), T(test_cancel), T(test_cancel_inside_callback),
		T(test_close_inside_callback), T(test_reset), T(test_replace_and_deregister), T(test_too_many_observers), T(test_newest_wins), T(test_blocks),
		T(test_blocks_tcp), T(test_blocks_with_loss), T(test_blocks_asked_for), T(test_big_notifications), T(test_etag_changes), T(test_bad_blocks),
		T(test_cancel_while_fetching), T(test_too_big_for_blocks), T(test_chaos),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
