/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules of CoAP, Observe and Block2 that no other test pins down; each is a row of tests/CONFORMANCE.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "dots/cuid.h"
#include "pair.h"

#define DOTS "bb2e77656c6c2d6b6e6f776e04646f7473"     /* Uri-Path .well-known/dots */

static struct pair p;
static struct side *const left = &p.side[LEFT], *const right = &p.side[RIGHT];

static int close_pair(void **state)
{
	(void)state;
	pair_close(&p);
	return 0;
}

static const struct message *answer_to(const char *request_hex)
{
	char hex[300];
	wire_forget(p.w);
	snprintf(hex, sizeof hex, "%s", request_hex);
	wire_inject_hex(p.w, RIGHT, hex);
	wire_run(p.w, 10);
	assert_int_equal(wire_count(p.w, RIGHT, -1), 1);
	return &wire_last(p.w, RIGHT, -1)->m;
}

/* RFC 7252, 4.7: one CON without an acknowledgement at a time; the next one waits for its turn. */
static int lose_right(struct wire *w, int side, const struct message *m, int64_t *extra)
{
	(void)w, (void)m, (void)extra;
	return side == RIGHT ? 0 : 1;
}

static void one_con_at_a_time(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	p.w->fate = lose_right;
	pair_ask(&p, METHOD_GET, "a", NULL, true, -1);
	pair_ask(&p, METHOD_GET, "b", NULL, true, -1);
	wire_run(p.w, 20000);
	for (size_t i = 0; i < p.w->n_sent; i++)
		assert_true(p.w->sent[i]->side == RIGHT || !strcmp(p.w->sent[i]->m.path[0], "a"));
	p.w->fate = NULL;
	wire_run(p.w, 60000);
	assert_int_equal(left->events[EXCHANGE_RESPONSE] + left->events[EXCHANGE_TIMEOUT], 2);
	assert_true(left->events[EXCHANGE_RESPONSE] >= 1);
}

/* RFC 7641, 3.4: the sequence has 24 bits, and goes on past its end. */
static void observe_counts_to_24_bits_and_wraps(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	right->answer.observe = true;
	pair_body(&p, 10, '0');
	pair_ask(&p, METHOD_GET, "m", NULL, false, 0);
	wire_run(p.w, 10);
	for (int i = 1; i <= 300; i++) {
		pair_notify(&p);
		wire_run(p.w, 3100);
	}
	wire_run(p.w, 3100);
	/* Ever newer, also past one byte: none of them was taken for an old one. */
	assert_int_equal(wire_last(p.w, RIGHT, CODE(2, 5))->m.observe, wire_last(p.w, RIGHT, CODE(2, 5))->m.observe & 0xffffff);
	assert_true(wire_last(p.w, RIGHT, CODE(2, 5))->m.observe > 255);
	assert_int_equal(left->events[EXCHANGE_RESPONSE], 1 + right->renders);
	/* Up to the end of the 24 bits and past it, as the reader sees it. */
	static const struct { uint32_t seq; unsigned taken; } rows[] = { { 0x7fffff, 1 }, { 0xfffffe, 1 }, { 0xffffff, 1 }, { 0, 1 }, { 1, 1 }, { 0xffffff, 0 }, { 0x800002, 0 } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		unsigned before = left->events[EXCHANGE_RESPONSE];
		uint8_t n[] = { 0x58, CODE(2, 5), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x63, (uint8_t)(rows[i].seq >> 16), (uint8_t)(rows[i].seq >> 8), (uint8_t)rows[i].seq, 0xff, 'x' };
		memcpy(n + 4, wire_last(p.w, LEFT, METHOD_GET)->m.token, 8);
		wire_inject(p.w, LEFT, n, sizeof n);
		wire_run(p.w, 10);
		if (left->events[EXCHANGE_RESPONSE] - before != rows[i].taken)
			fail_msg("%06x", rows[i].seq);
	}
}

/* How long a state is good for is told with each notification, too (RFC 9132, 4.5.1, for the configuration). */
static void notifications_carry_max_age(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	right->answer.observe = true;
	right->answer.max_age = 3600;
	pair_ask(&p, METHOD_GET, "config", NULL, true, 0);
	wire_run(p.w, 5000);
	pair_notify(&p);
	wire_run(p.w, 100);
	assert_int_equal(right->renders, 1);
	assert_int_equal(wire_last(p.w, RIGHT, CODE(2, 5))->m.max_age, 3600);
}

/* The same token once more, and this time it is not taken: the old observation is gone with it (RFC 7641, 4.1). */
static void refused_registration_ends_the_one_before(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	right->answer.observe = true;
	pair_body(&p, 3, 'a');
	answer_to("51010001aa605178");
	right->answer.code = CODE(4, 4);
	answer_to("51010002aa605178");
	right->answer.code = CODE(2, 5);
	wire_run(p.w, 5000);
	pair_notify(&p);
	assert_int_equal(right->renders, 0);
}

/* RFC 7959, 2.6: no notification can begin in the middle, and what stands goes on. */
static void later_block_registers_nothing(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	right->answer.observe = true;
	pair_body(&p, 100, 'a');
	assert_int_equal(answer_to("51010001aa605178c112")->observe, -1);     /* Observe 0 and Block2 1/0/64 */
	wire_run(p.w, 5000);
	pair_notify(&p);
	assert_int_equal(right->renders, 0);
	answer_to("51010002aa605178");
	answer_to("51010003aa605178c152");
	wire_run(p.w, 5000);
	pair_notify(&p);
	assert_int_equal(right->renders, 1);
}

/* RFC 7959, 2.3: the first block of a request that has only one is confirmed by Block1. */
static void block1_of_one_block_is_confirmed(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	right->answer.code = CODE(2, 4);
	const struct message *m = answer_to("51030006aab178d10302ff61");      /* Block1 0/0/64 */
	assert_int_equal(m->code, CODE(2, 4));
	assert_true(m->block1.present);
	assert_int_equal(m->block1.num, 0);
	assert_false(m->block1.more);
	assert_int_equal(m->block1.szx, 2);
}

static void block2_past_the_end_of_what_is_made_anew_is_4_00(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	pair_body(&p, 100, 'a');
	const struct message *m = answer_to("51010001aab178c152");            /* Block2 5/0/64 of 100 bytes that nobody has kept */
	assert_int_equal(m->code, CODE(4, 0));
	assert_true(m->payload_len > 0);
	assert_int_equal(m->content_format, -1);
}

/* RFC 9132, 4.4.2: the client repeats the ETag in the GETs that follow. */
static void block2_etag_is_repeated(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	pair_body(&p, 5000, 'a');
	pair_ask(&p, METHOD_GET, "m", NULL, false, -1);
	wire_run(p.w, 20000);
	assert_int_equal(left->events[EXCHANGE_RESPONSE], 1);
	const struct message *first = NULL;
	unsigned followed = 0;
	for (size_t i = 0; i < p.w->n_sent; i++) {
		const struct message *m = &p.w->sent[i]->m;
		if (p.w->sent[i]->side == RIGHT && !first)
			first = m;
		else if (p.w->sent[i]->side == LEFT && m->block2.num) {
			assert_int_equal(m->etag_len, first->etag_len);
			assert_memory_equal(m->etag, first->etag, first->etag_len);
			followed++;
		}
	}
	assert_int_equal(first->etag_len, 8);
	assert_int_equal(followed, 4);
}

/* A server that answers with another block than was asked for. */
static void block2_out_of_order_is_no_answer(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	p.w->fate = lose_right;
	pair_ask(&p, METHOD_GET, "m", NULL, false, -1);
	wire_run(p.w, 10);
	/* 2.05 with ETag ee, Content-Format 271, Block2 0/1/64 */
	uint8_t message[12 + 8 + 64] = { 0x58, CODE(2, 5), 0xff, 0xfe, 0, 0, 0, 0, 0, 0, 0, 0, 0x41, 0xee, 0x82, 0x01, 0x0f, 0xb1, 0x0a, 0xff };
	memcpy(message + 4, wire_last(p.w, LEFT, METHOD_GET)->m.token, 8);
	memset(message + 20, 'a', 64);
	wire_inject(p.w, LEFT, message, sizeof message);
	wire_run(p.w, 10);
	/* It asks for 1; it gets 2, of the same state. */
	assert_int_equal(wire_last(p.w, LEFT, METHOD_GET)->m.block2.num, 1);
	message[3] = 0xff;
	memcpy(message + 4, wire_last(p.w, LEFT, METHOD_GET)->m.token, 8);
	message[18] = 0x2a;
	wire_inject(p.w, LEFT, message, sizeof message);
	wire_run(p.w, 100);
	assert_int_equal(left->events[EXCHANGE_RESPONSE], 0);
	assert_int_equal(left->events[EXCHANGE_RESET], 1);
}

static void heartbeat_with_a_query_is_4_00(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	assert_int_equal(answer_to("51030001aa" DOTS "026862" "12010f" "33633d61" "ffa11831a11833f5")->code, CODE(4, 0));      /* ?c=a */
	assert_int_equal(answer_to("51030002aa" DOTS "026862" "12010f" "ffa11831a11833f5")->code, CODE(2, 4));
}

/* Options that a peer may send: elective ones are passed over, critical ones that are not understood are refused, whatever the resource. */
static void options_by_their_kind(void **state)
{
	(void)state;
	static const struct { const char *hex; uint8_t code; } rows[] = {
		{ "51010001aab178" "5110", CODE(2, 5) },              /* Hop-Limit 16 (RFC 8768) */
		{ "51010002aab178" "5100", CODE(4, 0) },              /* Hop-Limit 0 */
		{ "51010003aab178" "d1e401", CODE(2, 5) },            /* 252, elective and unknown */
		{ "51010004aab178" "d1e501", CODE(4, 2) },            /* 253, critical and unknown */
		{ "51010006aa50" "6178", CODE(4, 2) },                /* If-None-Match */
		{ "51010007aa" "3178" "8178", CODE(2, 5) },           /* Uri-Host */
		{ "51010008aab178" "62" "010f", CODE(2, 5) },         /* Accept 271 */
	};
	pair_open(&p, TRANSPORT_UDP);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct message *m = answer_to(rows[i].hex);
		if (m->code != rows[i].code)
			fail_msg("%s: %u.%02u", rows[i].hex, m->code >> 5, m->code & 31);
	}
}

/* RFC 9132, 4.4.1.1: from the identity "cpe-0001". */
static void cuid_of_a_known_digest(void **state)
{
	static const uint8_t sha256[32] = { 0x26, 0xc4, 0xb7, 0x3b, 0xa8, 0xe1, 0xd8, 0x77, 0xcc, 0xf3, 0x2a, 0x73, 0xc5, 0x74, 0x14, 0x41, 0x89, 0xb9, 0xb1, 0xf0, 0xd0, 0xae, 0xe9,
		0x69, 0x16, 0xbe, 0x39, 0xc5, 0x5b, 0x80, 0x6f, 0x2d };
	char cuid[CUID_DERIVED_LEN + 1];
	(void)state;
	cuid_from_digest(sha256, cuid);
	assert_string_equal(cuid, "JsS3O6jh2HfM8ypzxXQUQQ");
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, close_pair)
	const struct CMUnitTest tests[] = {
		T(one_con_at_a_time), T(observe_counts_to_24_bits_and_wraps), T(notifications_carry_max_age), T(refused_registration_ends_the_one_before), T(later_block_registers_nothing),
		T(block1_of_one_block_is_confirmed), T(block2_past_the_end_of_what_is_made_anew_is_4_00), T(block2_etag_is_repeated), T(block2_out_of_order_is_no_answer),
		T(heartbeat_with_a_query_is_4_00), T(options_by_their_kind), cmocka_unit_test(cuid_of_a_known_digest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
