/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests and answers over both transports, with loss, doubles and late answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "pair.h"

#define MITIGATE ".well-known/dots/mitigate/cuid=x/mid=1"

static struct pair p;
static struct side *const left = &p.side[LEFT], *const right = &p.side[RIGHT];

static int close_pair(void **state)
{
	(void)state;
	pair_close(&p);
	return 0;
}

/* Drops what `side` sends while *left_to_drop lasts. */
static int drop_side, drop_count;
static int drop_some(struct wire *w, int side, const struct message *m, int64_t *extra)
{
	(void)w, (void)m, (void)extra;
	return side == drop_side && drop_count && drop_count-- ? 0 : 1;
}

static void drop(int side, int count)
{
	drop_side = side;
	drop_count = count;
	p.w->fate = drop_some;
}

static int twice(struct wire *w, int side, const struct message *m, int64_t *extra)
{
	(void)w, (void)side, (void)m, (void)extra;
	return 2;
}

static void test_non(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	pair_body(&p, 20, 'a');
	pair_ask(&p, METHOD_PUT, MITIGATE, "body", false, -1);
	wire_run(p.w, 1000);
	assert_int_equal(right->requests, 1);
	assert_string_equal(right->path, MITIGATE);
	assert_int_equal(left->events[EXCHANGE_RESPONSE], 1);
	assert_int_equal(left->code, CODE(2, 5));
	assert_true(left->dots_cbor);
	assert_int_equal(left->got.len, 20);
	const struct sent *q = wire_last(p.w, LEFT, METHOD_PUT), *a = wire_last(p.w, RIGHT, CODE(2, 5));
	assert_int_equal(q->m.type, MESSAGE_NON);
	assert_int_equal(q->m.content_format, CONTENT_FORMAT_DOTS_CBOR);
	assert_int_equal(q->m.token_len, 8);
	assert_int_equal(a->m.type, MESSAGE_NON);
	wire_run(p.w, 200000);
	assert_int_equal(p.w->n_sent, 2);    /* no repeats, no timers left that speak */
}

static void test_non_repeats(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	drop(RIGHT, 100);
	pair_ask(&p, METHOD_PUT, MITIGATE, "body", false, -1);
	wire_run(p.w, 92000);
	size_t n = wire_count(p.w, LEFT, METHOD_PUT);
	assert_in_range(n, 3, 8);
	int64_t last = 0, gap = 0;
	for (size_t i = 0; i < p.w->n_sent; i++) {
		const struct sent *s = p.w->sent[i];
		if (s->side != LEFT)
			continue;
		assert_memory_equal(s->m.token, wire_last(p.w, LEFT, -1)->m.token, 8);
		if (last) {
			assert_true(s->at - last >= 3000 && s->at - last >= gap);
			gap = s->at - last;
		}
		last = s->at;
	}
	assert_int_equal(right->requests, n);        /* each a request of its own: a new Message ID */
	assert_int_equal(left->events[EXCHANGE_TIMEOUT], 0);
	wire_run(p.w, 2000);
	assert_int_equal(left->events[EXCHANGE_TIMEOUT], 1);
	assert_int_equal(left->events[EXCHANGE_RESPONSE], 0);
}

static void test_non_lost_answer(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	drop(RIGHT, 2);
	pair_ask(&p, METHOD_PUT, MITIGATE, "body", false, -1);
	wire_run(p.w, 20000);
	assert_int_equal(left->events[EXCHANGE_RESPONSE], 1);
	assert_int_equal(right->requests, 3);
}

static void test_non_pace(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	/* A peer that answers: one request per round trip. */
	for (int i = 0; i < 50; i++)
		pair_ask(&p, METHOD_PUT, MITIGATE, "body", false, -1);
	wire_run(p.w, 4000);
	assert_int_equal(left->events[EXCHANGE_RESPONSE], 50);
	/* A silent one: one datagram in 3 s, each request gets out before any is repeated. */
	wire_forget(p.w);
	drop(RIGHT, 1000);
	for (int i = 0; i < 10; i++)
		pair_ask(&p, METHOD_PUT, MITIGATE, "body", false, -1);
	wire_run(p.w, 60000);
	assert_in_range(wire_count(p.w, LEFT, METHOD_PUT), 19, 21);
	for (size_t i = 0, k = 0; i < p.w->n_sent && k < 10; i++)
		if (p.w->sent[i]->side == LEFT) {
			for (size_t j = 0; j < i; j++)
				assert_true(p.w->sent[j]->side != LEFT || memcmp(p.w->sent[i]->m.token, p.w->sent[j]->m.token, 8));
			k++;
		}
}

static void test_con_piggy_backed(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	pair_ask(&p, METHOD_GET, ".well-known/dots/config", NULL, true, -1);
	wire_run(p.w, 60000);
	assert_int_equal(left->events[EXCHANGE_RESPONSE], 1);
	assert_int_equal(p.w->n_sent, 2);
	assert_int_equal(p.w->sent[0]->m.type, MESSAGE_CON);
	assert_int_equal(p.w->sent[1]->m.type, MESSAGE_ACK);
	assert_int_equal(p.w->sent[1]->m.id, p.w->sent[0]->m.id);
}

static void test_con_retransmission(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	drop(LEFT, 100);
	pair_ask(&p, METHOD_GET, ".well-known/dots/config", NULL, true, -1);
	wire_run(p.w, 46000);
	assert_int_equal(wire_count(p.w, LEFT, METHOD_GET), 4);      /* MAX_RETRANSMIT 3 (RFC 9132, 4.5.2) */
	int64_t gap[3];
	for (int i = 0; i < 3; i++) {
		gap[i] = p.w->sent[i + 1]->at - p.w->sent[i]->at;
		assert_int_equal(p.w->sent[i]->m.id, p.w->sent[3]->m.id);
	}
	assert_in_range(gap[0], 2000, 3020);
	assert_in_range(gap[1], 2 * gap[0] - 50, 2 * gap[0] + 50);
	assert_in_range(gap[2], 4 * gap[0] - 100, 4 * gap[0] + 100);
	assert_int_equal(left->events[EXCHANGE_TIMEOUT], 1);
}

/* Negotiated values (RFC 9132, 4.5). */
static void test_con_transmission(void **state)
{
	(void)state;
	const struct transmission_config slow = { .ack_timeout_ms = 10000, .random_percent = 110, .max_retransmit = 2 };
	pair_open(&p, TRANSPORT_UDP);
	session_transmission(left->s, &slow);
	drop(LEFT, 100);
	pair_ask(&p, METHOD_GET, ".well-known/dots/config", NULL, true, -1);
	wire_run(p.w, 69900);
	assert_int_equal(wire_count(p.w, LEFT, METHOD_GET), 3);
	assert_in_range(p.w->sent[1]->at - p.w->sent[0]->at, 10000, 11020);
	assert_int_equal(left->events[EXCHANGE_TIMEOUT], 0);
	wire_run(p.w, 8000);
	assert_int_equal(left->events[EXCHANGE_TIMEOUT], 1);
}

static void test_con_answer_replayed(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	pair_body(&p, 5, 'x');
	drop(RIGHT, 2);
	pair_ask(&p, METHOD_GET, ".well-known/dots/config", NULL, true, -1);
	wire_run(p.w, 30000);
	assert_int_equal(left->events[EXCHANGE_RESPONSE], 1);
	assert_int_equal(right->requests, 1);        /* handled once, answered three times */
	assert_int_equal(wire_count(p.w, RIGHT, CODE(2, 5)), 3);
}

static void test_con_separate(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	right->defer = true;
	pair_ask(&p, METHOD_GET, ".well-known/dots/config", NULL, true, -1);
	wire_run(p.w, 10000);
	assert_int_equal(wire_count(p.w, LEFT, METHOD_GET), 1);      /* the ACK stopped it */
	assert_int_equal(wire_last(p.w, RIGHT, 0)->m.type, MESSAGE_ACK);
	drop(RIGHT, 1);
	right->n_deferred = 0;
	incoming_respond(right->deferred[0], &right->answer);
	wire_run(p.w, 20000);
	assert_int_equal(left->events[EXCHANGE_RESPONSE], 1);
	assert_int_equal(wire_last(p.w, RIGHT, CODE(2, 5))->m.type, MESSAGE_CON);
	assert_int_equal(wire_count(p.w, RIGHT, CODE(2, 5)), 2);
	assert_int_equal(wire_count(p.w, LEFT, 0), 1);               /* its ACK */
	wire_run(p.w, 60000);
	assert_int_equal(wire_count(p.w, RIGHT, CODE(2, 5)), 2);
}

static void test_con_separate_lost_acks(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	right->defer = true;
	pair_ask(&p, METHOD_GET, ".well-known/dots/config", NULL, true, -1);
	wire_run(p.w, 1000);
	drop(LEFT, 2);
	right->n_deferred = 0;
	incoming_respond(right->deferred[0], &right->answer);
	wire_run(p.w, 60000);
	assert_int_equal(left->events[EXCHANGE_RESPONSE], 1);
	assert_int_equal(wire_count(p.w, RIGHT, CODE(2, 5)), 3);
	for (size_t i = 0; i < p.w->n_sent; i++)
		assert_int_not_equal(p.w->sent[i]->m.type, MESSAGE_RST);  /* the doubles get their ACK again */
}

static void test_con_late_answer_is_reset(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	right->defer = true;
	struct exchange *x = pair_ask(&p, METHOD_GET, ".well-known/dots/config", NULL, true, -1);
	wire_run(p.w, 1000);
	exchange_cancel(x);
	right->n_deferred = 0;
	incoming_respond(right->deferred[0], &right->answer);
	wire_run(p.w, 60000);
	assert_int_equal(wire_last(p.w, LEFT, 0)->m.type, MESSAGE_RST);
	assert_int_equal(wire_count(p.w, RIGHT, CODE(2, 5)), 1);
	assert_int_equal(left->events[EXCHANGE_RESPONSE], 0);
}

static void test_doubles(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	p.w->fate = twice;
	pair_ask(&p, METHOD_PUT, MITIGATE, "body", false, -1);
	pair_ask(&p, METHOD_GET, ".well-known/dots/config", NULL, true, -1);
	wire_run(p.w, 60000);
	assert_int_equal(right->requests, 2);
	assert_int_equal(left->events[EXCHANGE_RESPONSE], 2);
}

/* The same Message ID long after is another message. */
static void test_message_id_again(void **state)
{
	(void)state;
	static const char con[] = "41010001aab178", non[] = "51030002abb178";
	pair_open(&p, TRANSPORT_UDP);
	wire_inject_hex(p.w, RIGHT, con);
	wire_inject_hex(p.w, RIGHT, non);
	wire_run(p.w, 140000);
	wire_inject_hex(p.w, RIGHT, con);
	wire_inject_hex(p.w, RIGHT, non);
	wire_run(p.w, 100);
	assert_int_equal(right->requests, 2);
	wire_run(p.w, 250000);
	wire_inject_hex(p.w, RIGHT, con);
	wire_inject_hex(p.w, RIGHT, non);
	wire_run(p.w, 100);
	assert_int_equal(right->requests, 4);
}

/* More Message IDs than are remembered: the newest are. */
static void test_many_message_ids(void **state)
{
	(void)state;
	uint8_t q[] = { 0x41, 1, 0, 0, 0xaa, 0xb1, 'x' };
	pair_open(&p, TRANSPORT_UDP);
	for (int i = 0; i < 1000; i++) {
		q[2] = (uint8_t)(i >> 8);
		q[3] = (uint8_t)i;
		wire_inject(p.w, RIGHT, q, sizeof q);
		wire_run(p.w, 0);
	}
	assert_int_equal(right->requests, 1000);
	for (int i = 1000 - SESSION_MAX_SEEN; i < 1000; i++) {
		q[2] = (uint8_t)(i >> 8);
		q[3] = (uint8_t)i;
		wire_inject(p.w, RIGHT, q, sizeof q);
	}
	wire_run(p.w, 10);
	assert_int_equal(right->requests, 1000);
}

static void test_deferred_after_the_end(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	right->defer = true;
	pair_ask(&p, METHOD_PUT, MITIGATE, "body", false, -1);
	pair_ask(&p, METHOD_GET, ".well-known/dots/config", NULL, true, -1);
	wire_run(p.w, 50);
	assert_int_equal(right->requests, 2);
	session_close(right->s, true);
	right->s = NULL;
	assert_null(right->deferred[0]->session);
	assert_int_equal(right->deferred[0]->message.payload_len, 4);
	wire_run(p.w, 50);
	assert_int_equal(left->events[EXCHANGE_CLOSED], 2);
	assert_int_equal(left->downs, 1);
	assert_true(left->orderly);
}

static void test_no_answer(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	right->answer.code = 0;
	pair_ask(&p, METHOD_PUT, MITIGATE, "body", false, -1);
	wire_run(p.w, 1000);
	assert_int_equal(wire_count(p.w, RIGHT, -1), 0);
	pair_ask(&p, METHOD_PUT, MITIGATE, "body", true, -1);
	wire_run(p.w, 40000);
	assert_int_equal(wire_count(p.w, RIGHT, -1), 1);
	assert_int_equal(wire_last(p.w, RIGHT, 0)->m.type, MESSAGE_ACK);
}

static void test_methods_and_blocks(void **state)
{
	(void)state;
	static const struct {
		const char *hex;
		uint8_t code;
	} rows[] = {
		{ "51020001aab178", CODE(4, 5) }, { "51050002aab178", CODE(4, 5) }, { "511f0003aab178", CODE(4, 5) },      /* POST, FETCH, 0.31 */
		{ "51030004aab178d1030eff61", CODE(4, 13) },              /* Block1 0/1/1024 */
		{ "51030005aab178d10316ff61", CODE(4, 8) },               /* Block1 1/0/1024 */
		{ "51030006aab178d10306ff61", CODE(2, 5) },               /* Block1 0/0/1024: it is all there */
		{ "51010007aab5", 0 },                                    /* cut short: malformed, and a NON is ignored */
		{ "51010008aa90", CODE(4, 2) }, { "41010009aa90", CODE(4, 2) },
		{ "5101000aaad10465", CODE(4, 6) },
	};
	pair_open(&p, TRANSPORT_UDP);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		wire_forget(p.w);
		char hex[200];
		strcpy(hex, rows[i].hex);
		wire_inject_hex(p.w, RIGHT, hex);
		wire_run(p.w, 50);
		if (!rows[i].code) {
			assert_int_equal(wire_count(p.w, RIGHT, -1), 0);
			continue;
		}
		if (wire_count(p.w, RIGHT, rows[i].code) != 1)
			fail_msg("%s", rows[i].hex);
		assert_true(rows[i].code < CODE(4, 0) || wire_last(p.w, RIGHT, -1)->m.payload_len > 0);
		assert_int_equal(wire_last(p.w, RIGHT, -1)->m.content_format, -1);
	}
	assert_int_equal(right->requests, 1);
}

static void test_errors_carry_text(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	right->answer.code = CODE(4, 4);
	pair_ask(&p, METHOD_GET, "x", NULL, false, -1);
	wire_run(p.w, 100);
	assert_int_equal(left->code, CODE(4, 4));
	assert_false(left->dots_cbor);
	assert_int_equal(left->got.len, strlen("Not Found"));
	struct reason why;
	reason_set(&why, REASON_BAD_REQUEST, "mid", "RFC 9132, 4.4.1", "no number");
	right->defer = true;
	pair_ask(&p, METHOD_GET, "x", NULL, false, -1);
	wire_run(p.w, 100);
	right->n_deferred = 0;
	incoming_refuse(right->deferred[0], &why);
	wire_run(p.w, 100);
	assert_int_equal(left->code, CODE(4, 0));
	assert_memory_equal(left->got.data, "mid: no number (RFC 9132, 4.4.1)", left->got.len);
}

static void test_empty_messages(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	wire_inject_hex(p.w, RIGHT, "40001234");      /* a CoAP ping */
	wire_run(p.w, 10);
	assert_int_equal(wire_last(p.w, RIGHT, 0)->m.type, MESSAGE_RST);
	assert_int_equal(wire_last(p.w, RIGHT, 0)->m.id, 0x1234);
	wire_forget(p.w);
	wire_inject_hex(p.w, RIGHT, "50001234");
	wire_inject_hex(p.w, RIGHT, "60001234");
	wire_inject_hex(p.w, RIGHT, "70001234");
	wire_inject_hex(p.w, RIGHT, "504512");
	wire_run(p.w, 10);
	assert_int_equal(p.w->n_sent, 0);
	wire_inject_hex(p.w, RIGHT, "40451234");      /* a CON answer to nothing, and its double */
	wire_inject_hex(p.w, RIGHT, "40451234");
	wire_inject_hex(p.w, RIGHT, "49011235");      /* a malformed CON */
	wire_run(p.w, 10);
	assert_int_equal(wire_count(p.w, RIGHT, 0), 3);
	assert_int_equal(wire_last(p.w, RIGHT, 0)->m.type, MESSAGE_RST);
	wire_forget(p.w);
	wire_inject_hex(p.w, RIGHT, "50451236");      /* a late NON answer is ignored */
	wire_run(p.w, 10);
	assert_int_equal(p.w->n_sent, 0);
	struct session_stats stats;
	session_stats(right->s, &stats);
	assert_int_equal(stats.rx, 9);
	assert_int_equal(stats.last_rx, wire_now() - 10);
}

static void test_reset_request(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	drop(LEFT, 10);
	pair_ask(&p, METHOD_PUT, MITIGATE, "body", false, -1);
	wire_run(p.w, 10);
	uint16_t id = p.w->sent[0]->m.id;
	uint8_t rst[] = { 0x70, 0, (uint8_t)(id >> 8), (uint8_t)id };
	wire_inject(p.w, LEFT, rst, sizeof rst);
	wire_run(p.w, 10);
	assert_int_equal(left->events[EXCHANGE_RESET], 1);
}

/* An ACK with a foreign Message ID, or an answer with a foreign token, answers nothing. */
static void test_answers_that_do_not_match(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	drop(LEFT, 1);
	pair_ask(&p, METHOD_GET, "x", NULL, true, -1);
	wire_run(p.w, 10);
	uint8_t a[12] = { 0x68, CODE(2, 5) };
	uint16_t id = (uint16_t)(p.w->sent[0]->m.id + 1);
	a[2] = (uint8_t)(id >> 8);
	a[3] = (uint8_t)id;
	memcpy(a + 4, p.w->sent[0]->m.token, 8);
	wire_inject(p.w, LEFT, a, sizeof a);
	a[11] ^= 1;
	a[0] = 0x58;
	wire_inject(p.w, LEFT, a, sizeof a);
	wire_run(p.w, 100);
	assert_int_equal(left->events[EXCHANGE_RESPONSE], 0);
	wire_run(p.w, 10000);
	assert_int_equal(left->events[EXCHANGE_RESPONSE], 1);
}

static void test_too_big(void **state)
{
	(void)state;
	struct reason why;
	char big[2000];
	memset(big, 'b', sizeof big);
	const char *path[] = { "x" };
	const struct request r = { .method = METHOD_PUT, .path = path, .n_path = 1, .observe = -1, .payload = (uint8_t *)big, .payload_len = sizeof big };
	pair_open(&p, TRANSPORT_UDP);
	assert_null(session_request(left->s, &r, NULL, NULL, &why));
	assert_int_equal(why.code, CODE(4, 13));
	right->answer.code = CODE(2, 4);
	pair_body(&p, 3000, 'x');            /* the answer to a PUT cannot go in blocks */
	pair_ask(&p, METHOD_PUT, MITIGATE, "body", false, -1);
	wire_run(p.w, 100);
	assert_int_equal(left->code, CODE(5, 0));
}

static void test_too_many_pending(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	right->defer = true;
	uint8_t q[] = { 0x51, 1, 0, 0, 0xaa, 0xb1, 'x' };
	for (int i = 0; i < SESSION_MAX_PENDING + 5; i++) {
		q[3] = (uint8_t)i;
		wire_inject(p.w, RIGHT, q, sizeof q);
	}
	wire_run(p.w, 10);
	assert_int_equal(right->requests, SESSION_MAX_PENDING);
	assert_int_equal(wire_count(p.w, RIGHT, CODE(5, 3)), 5);
	assert_true(wire_last(p.w, RIGHT, CODE(5, 3))->m.max_age > 0);
}

static void test_close_inside_callbacks(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	left->close_in_callback = true;
	pair_ask(&p, METHOD_GET, "x", NULL, false, -1);
	pair_ask(&p, METHOD_GET, "y", NULL, true, -1);
	wire_run(p.w, 100);
	assert_int_equal(left->events[EXCHANGE_RESPONSE] + left->events[EXCHANGE_CLOSED], 2);
	assert_null(left->s);
	assert_int_equal(right->downs, 1);
	pair_close(&p);
	pair_open(&p, TRANSPORT_UDP);
	right->close_on_request = true;
	pair_ask(&p, METHOD_GET, "x", NULL, false, -1);
	wire_run(p.w, 100);
	assert_int_equal(left->downs, 1);
	assert_int_equal(left->events[EXCHANGE_CLOSED], 1);
}

static void test_tcp(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_TCP);
	assert_int_equal(p.w->sent[0]->m.code, CODE(7, 1));
	assert_int_equal(p.w->sent[0]->m.csm_max_message_size, DOTS_MESSAGE_MAX);
	assert_true(p.w->sent[0]->m.csm_block);
	pair_body(&p, 30000, 'a');           /* no blocks: one message takes it */
	for (int i = 0; i < 20; i++)
		pair_ask(&p, METHOD_GET, "x", NULL, i & 1, -1);
	wire_run(p.w, 100);
	assert_int_equal(left->events[EXCHANGE_RESPONSE], 20);
	assert_int_equal(left->got.len, 30000);
	right->defer = true;
	pair_ask(&p, METHOD_GET, "x", NULL, true, -1);
	wire_run(p.w, 100000);
	assert_int_equal(wire_count(p.w, LEFT, METHOD_GET), 21);      /* never repeated */
	assert_int_equal(left->events[EXCHANGE_TIMEOUT], 1);
}

static void test_tcp_signals(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_TCP);
	wire_inject_hex(p.w, RIGHT, "01e2aa");        /* Ping */
	wire_inject_hex(p.w, RIGHT, "0000");          /* Empty: ignored */
	wire_inject_hex(p.w, RIGHT, "0145aa");        /* an answer to nothing: ignored */
	wire_inject_hex(p.w, RIGHT, "2101aa90" "b0");   /* a critical option: answered */
	wire_run(p.w, 10);
	assert_int_equal(wire_count(p.w, RIGHT, CODE(7, 3)), 1);
	assert_int_equal(wire_last(p.w, RIGHT, CODE(7, 3))->m.token[0], 0xaa);
	assert_int_equal(wire_count(p.w, RIGHT, CODE(4, 2)), 1);
	assert_non_null(right->s);
	wire_inject_hex(p.w, RIGHT, "00e4");          /* Release */
	wire_run(p.w, 100);
	assert_int_equal(right->downs, 1);
	assert_true(right->orderly);
	assert_int_equal(left->downs, 1);
	pair_close(&p);
	pair_open(&p, TRANSPORT_TCP);
	wire_inject_hex(p.w, RIGHT, "40e5ff627965");    /* Abort "bye" */
	wire_run(p.w, 100);
	assert_int_equal(right->downs, 1);
	assert_false(right->orderly);
	assert_non_null(strstr(right->why, "bye"));
	pair_close(&p);
	pair_open(&p, TRANSPORT_TCP);
	wire_inject_hex(p.w, RIGHT, "0961");
	wire_run(p.w, 100);
	assert_int_equal(wire_count(p.w, RIGHT, CODE(7, 5)), 1);
	assert_int_equal(right->downs, 1);
}

static void test_tcp_small_peer(void **state)
{
	(void)state;
	char big[2000];
	memset(big, 'b', sizeof big);
	big[sizeof big - 1] = '\0';
	pair_open(&p, TRANSPORT_TCP);
	wire_inject_hex(p.w, LEFT, "30e1220480");     /* a later CSM: 1152 */
	wire_run(p.w, 10);
	assert_null(pair_ask(&p, METHOD_PUT, MITIGATE, big, false, -1));
	assert_non_null(pair_ask(&p, METHOD_PUT, MITIGATE, "small", false, -1));
	wire_run(p.w, 100);
	assert_int_equal(left->events[EXCHANGE_RESPONSE], 1);
	/* Before its CSM has come, nobody knows: a big one waits, and is refused then. */
	pair_close(&p);
	memset(&p, 0, sizeof p);
	p.w = wire_new(TRANSPORT_TCP);
	left->s = session_new(p.w->loop, p.w->end[LEFT], ROLE_CLIENT, &pair_handler, left);
	assert_non_null(pair_ask(&p, METHOD_PUT, MITIGATE, big, false, -1));
	assert_non_null(pair_ask(&p, METHOD_PUT, MITIGATE, "small", false, -1));
	wire_run(p.w, 10);
	assert_int_equal(wire_count(p.w, LEFT, METHOD_PUT), 0);
	wire_inject_hex(p.w, LEFT, "30e1220480");
	wire_run(p.w, 10);
	assert_int_equal(left->code, CODE(4, 13));
	assert_int_equal(wire_count(p.w, LEFT, METHOD_PUT), 1);
}

static void test_tcp_no_csm(void **state)
{
	(void)state;
	memset(&p, 0, sizeof p);
	p.w = wire_new(TRANSPORT_TCP);
	left->s = session_new(p.w->loop, p.w->end[LEFT], ROLE_CLIENT, &pair_handler, left);
	wire_run(p.w, 31000);
	assert_int_equal(left->downs, 1);
	wire_free(p.w);
	memset(&p, 0, sizeof p);
	p.w = wire_new(TRANSPORT_TCP);
	left->s = session_new(p.w->loop, p.w->end[LEFT], ROLE_CLIENT, &pair_handler, left);
	wire_inject_hex(p.w, LEFT, "0001");
	wire_run(p.w, 10);
	assert_int_equal(left->downs, 1);
	assert_int_equal(wire_count(p.w, LEFT, CODE(7, 5)), 1);
}

static void test_tcp_full(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_TCP);
	p.w->full[LEFT] = true;
	pair_ask(&p, METHOD_GET, "x", NULL, false, -1);
	wire_run(p.w, 5000);
	p.w->full[LEFT] = false;
	wire_run(p.w, 2000);
	assert_int_equal(left->events[EXCHANGE_RESPONSE], 1);
}

static void test_broken_channel(void **state)
{
	(void)state;
	pair_open(&p, TRANSPORT_UDP);
	right->defer = true;
	pair_ask(&p, METHOD_GET, "x", NULL, false, -1);
	wire_run(p.w, 100);
	wire_break(p.w, LEFT, "connection refused");
	wire_break(p.w, RIGHT, "fatal alert");
	wire_run(p.w, 100);
	assert_int_equal(left->events[EXCHANGE_CLOSED], 1);
	assert_int_equal(left->downs, 1);
	assert_false(left->orderly || left->lost);
	assert_string_equal(left->why, "connection refused");
	assert_null(right->deferred[0]->session);
}

/* Each message dropped, doubled or delayed at random: every request is answered or times out, and nothing else happens. */
static int chaos(struct wire *w, int side, const struct message *m, int64_t *extra)
{
	(void)w, (void)side, (void)m;
	*extra = rand() % 3 ? 0 : rand() % 5000;
	return rand() % 4 ? 1 + !(rand() % 5) : 0;
}

static void test_chaos(void **state)
{
	(void)state;
	srand(1);
	pair_open(&p, TRANSPORT_UDP);
	pair_body(&p, 300, 'c');
	p.w->fate = chaos;
	for (int i = 0; i < 40; i++) {
		assert_non_null(pair_ask(&p, i % 3 ? METHOD_PUT : METHOD_GET, MITIGATE, i % 3 ? "body" : NULL, i % 4 == 0, -1));
		wire_run(p.w, 2000);
	}
	wire_run(p.w, 1000000);
	assert_int_equal(left->events[EXCHANGE_RESPONSE] + left->events[EXCHANGE_TIMEOUT], 40);
	assert_in_range(left->events[EXCHANGE_RESPONSE], 35, 40);
}

int main(void)
{
#define T(name) cmocka_unit_test_teardown(name, close_pair)
	const struct CMUnitTest tests[] = {
		T(test_non), T(test_non_repeats), T(test_non_lost_answer), T(test_non_pace), T(test_con_piggy_backed), T(test_con_retransmission), T(test_con_transmission),
		T(test_con_answer_replayed), T(test_con_separate), T(test_con_separate_lost_acks), T(test_con_late_answer_is_reset), T(test_doubles),
		T(test_message_id_again), T(test_many_message_ids), T(test_deferred_after_the_end), T(test_no_answer), T(test_methods_and_blocks),
		T(test_errors_carry_text), T(test_empty_messages), T(test_reset_request), T(test_answers_that_do_not_match), T(test_too_big),
		T(test_too_many_pending), T(test_close_inside_callbacks), T(test_tcp), T(test_tcp_signals), T(test_tcp_small_peer), T(test_tcp_no_csm),
		T(test_tcp_full), T(test_broken_channel), T(test_chaos),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
