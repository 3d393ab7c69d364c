/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "link/message.h"

static struct message m;
static bool header_ok;
static struct reason why;
static uint8_t bytes[70000];

static int parse(enum transport t, const char *hex)
{
	long n = hex_decode(hex, strlen(hex), bytes, sizeof bytes);
	assert_true(n >= 0);
	memset(&why, 0, sizeof why);
	/* A block of its exact size, so that a read past the end is seen by the sanitizers. */
	static uint8_t *exact;
	free(exact);
	exact = malloc((size_t)n + 1);
	memcpy(exact, bytes, (size_t)n);
	return message_parse(t, exact, (size_t)n, &m, &header_ok, &why);
}

static void built(enum transport t, const char *hex)
{
	struct buf out = { 0 };
	char text[4096];
	message_build(t, &m, &out);
	assert_false(out.failed);
	assert_string_equal(hex_encode(out.data, out.len, text), hex);
	buf_free(&out);
}

#define WELL_KNOWN "bb2e77656c6c2d6b6e6f776e"
#define DOTS "04646f7473"
#define HB_OPTIONS WELL_KNOWN DOTS "026862" "12010f"

static void test_heartbeat_udp(void **state)
{
	(void)state;
	static const char hex[] = "52031234abcd" HB_OPTIONS "ffa11831a11833f5";
	assert_int_equal(parse(TRANSPORT_UDP, hex), 0);
	assert_true(header_ok);
	assert_int_equal(m.type, MESSAGE_NON);
	assert_int_equal(m.code, METHOD_PUT);
	assert_int_equal(m.id, 0x1234);
	assert_int_equal(m.token_len, 2);
	assert_int_equal(m.n_path, 3);
	assert_string_equal(m.path[0], ".well-known");
	assert_string_equal(m.path[2], "hb");
	assert_int_equal(m.content_format, CONTENT_FORMAT_DOTS_CBOR);
	assert_int_equal(m.payload_len, 7);
	assert_int_equal(m.observe, -1);
	built(TRANSPORT_UDP, hex);
	struct message copy;
	message_copy(&copy, &m);
	assert_string_equal(copy.path[2], "hb");
	assert_ptr_equal(copy.path[0], copy.text);
}

static void test_heartbeat_tcp(void **state)
{
	(void)state;
	static const char hex[] = "d21203abcd" HB_OPTIONS "ffa11831a11833f5";
	assert_int_equal(parse(TRANSPORT_TCP, hex), 0);
	assert_int_equal(m.code, METHOD_PUT);
	assert_int_equal(m.n_path, 3);
	assert_int_equal(m.payload_len, 7);
	built(TRANSPORT_TCP, hex);
}

static void test_every_option(void **state)
{
	(void)state;
	message_init(&m);
	m.code = METHOD_GET;
	m.id = 7;
	m.token_len = 8;
	memcpy(m.token, "\1\2\3\4\5\6\7\10", 8);
	m.path[m.n_path++] = "x";
	m.query[m.n_query++] = "c=a";
	m.content_format = 0;
	m.observe = 0xffffff;
	m.max_age = 0xffffffff;
	m.hop_limit = 255;
	m.if_match = m.if_match_empty = true;
	memcpy(m.etag, "etagetag", m.etag_len = 8);
	m.block1 = (struct block){ .present = true, .num = 0xfffff, .szx = 6 };
	m.block2 = (struct block){ .present = true, .more = true, .szx = 2 };
	m.size2 = 0;
	static const char hex[] = "5801000701020304050607081038657461676574616723ffffff51781024ffffffff13633d6111ff710a43fffff610";
	built(TRANSPORT_UDP, hex);
	assert_int_equal(parse(TRANSPORT_UDP, hex), 0);
	assert_int_equal(m.observe, 0xffffff);
	assert_int_equal(m.max_age, 0xffffffff);
	assert_int_equal(m.hop_limit, 255);
	assert_int_equal(m.block1.num, 0xfffff);
	assert_true(m.block2.present && m.block2.more && m.block2.num == 0 && m.block2.szx == 2);
	assert_int_equal(m.size2, 0);
	assert_int_equal(m.content_format, 0);
	assert_true(m.if_match_empty);
	assert_int_equal(m.etag_len, 8);
	built(TRANSPORT_UDP, hex);
}

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		enum transport t;
		const char *hex;
		int rc, code;
		bool header;
	} rows[] = {
		{ TRANSPORT_UDP, "", MESSAGE_MALFORMED, 128, false },
		{ TRANSPORT_UDP, "400112", MESSAGE_MALFORMED, 128, false },
		{ TRANSPORT_UDP, "80011234", MESSAGE_MALFORMED, 128, false },                 /* version 2 */
		{ TRANSPORT_UDP, "49011234010203040506070809", MESSAGE_MALFORMED, 128, true },  /* token of 9 */
		{ TRANSPORT_UDP, "4201123401", MESSAGE_MALFORMED, 128, true },                /* token cut short */
		{ TRANSPORT_UDP, "4000123400", MESSAGE_MALFORMED, 128, true },                /* Empty that is not empty */
		{ TRANSPORT_UDP, "40201234", MESSAGE_MALFORMED, 128, true },                  /* classes 1, 3, 6, 7 */
		{ TRANSPORT_UDP, "40601234", MESSAGE_MALFORMED, 128, true },
		{ TRANSPORT_UDP, "40c01234", MESSAGE_MALFORMED, 128, true },
		{ TRANSPORT_UDP, "40e11234", MESSAGE_MALFORMED, 128, true },
		{ TRANSPORT_UDP, "70451234", MESSAGE_MALFORMED, 128, true },                  /* RST with a code */
		{ TRANSPORT_UDP, "60011234", MESSAGE_MALFORMED, 128, true },                  /* ACK with a request */
		{ TRANSPORT_UDP, "40011234ff", MESSAGE_MALFORMED, 128, true },                /* marker without payload */
		{ TRANSPORT_UDP, "40011234f0", MESSAGE_MALFORMED, 128, true },                /* delta 15 */
		{ TRANSPORT_UDP, "40011234b5", MESSAGE_MALFORMED, 128, true },                /* value past the end */
		{ TRANSPORT_UDP, "4001123490", MESSAGE_REFUSED, 130, true },                  /* critical option 9 */
		{ TRANSPORT_UDP, "4001123450", MESSAGE_REFUSED, 130, true },                  /* If-None-Match */
		{ TRANSPORT_UDP, "40011234d10465", MESSAGE_REFUSED, 134, true },              /* Accept 101 */
		{ TRANSPORT_UDP, "40011234d11661", MESSAGE_REFUSED, 165, true },              /* Proxy-Uri */
		{ TRANSPORT_UDP, "40011234b3610062", MESSAGE_REFUSED, 128, true },            /* a zero byte in the path */
		{ TRANSPORT_UDP, "40011234d10a07", MESSAGE_REFUSED, 128, true },              /* Block2 with szx 7 */
		{ TRANSPORT_UDP, "40011234d10300", MESSAGE_REFUSED, 128, true },              /* Hop-Limit 0 */
		{ TRANSPORT_UDP, "40011234d10a0001" "06", MESSAGE_REFUSED, 130, true },         /* Block2 twice */
		{ TRANSPORT_TCP, "", MESSAGE_MALFORMED, 128, false },
		{ TRANSPORT_TCP, "10", MESSAGE_MALFORMED, 128, false },
		{ TRANSPORT_TCP, "1001", MESSAGE_MALFORMED, 128, false },                     /* Len says one more */
		{ TRANSPORT_TCP, "00010000", MESSAGE_MALFORMED, 128, false },                 /* bytes behind */
		{ TRANSPORT_TCP, "f0ffffffff01", MESSAGE_MALFORMED, 128, false },
		{ TRANSPORT_TCP, "09010102030405060708ff", MESSAGE_MALFORMED, 128, false },
		{ TRANSPORT_TCP, "00c1", MESSAGE_MALFORMED, 128, true },
		{ TRANSPORT_TCP, "10e110", MESSAGE_REFUSED, 130, true },                      /* CSM with a critical option */
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int rc = parse(rows[i].t, rows[i].hex);
		if (rc != rows[i].rc || why.code != rows[i].code || header_ok != rows[i].header)
			fail_msg("%s: %d, code %d, header %d: %s", rows[i].hex, rc, why.code, header_ok, why.text);
		assert_string_not_equal(why.text, "");
	}
}

static void test_tolerated(void **state)
{
	(void)state;
	assert_int_equal(parse(TRANSPORT_UDP, "40000001"), 0);          /* CoAP ping */
	assert_int_equal(m.code, 0);
	assert_int_equal(parse(TRANSPORT_UDP, "4001123420"), 0);        /* elective option 2 */
	assert_int_equal(parse(TRANSPORT_UDP, "400112346005"), MESSAGE_MALFORMED);   /* Observe, then delta 0 and 5 bytes that are not there */
	assert_int_equal(parse(TRANSPORT_UDP, "400112346101" "0102"), 0);   /* Observe twice: the first counts */
	assert_int_equal(m.observe, 1);
	assert_int_equal(parse(TRANSPORT_UDP, "40011234d204010f"), 0);  /* Accept 271 */
	assert_int_equal(parse(TRANSPORT_UDP, "40011234b0"), 0);        /* an empty segment */
	assert_int_equal(m.n_path, 1);
	assert_string_equal(m.path[0], "");
	assert_int_equal(parse(TRANSPORT_UDP, "50fe1234"), MESSAGE_MALFORMED);
	assert_int_equal(parse(TRANSPORT_UDP, "401f1234"), 0);          /* an unknown method is the session's matter */
	assert_int_equal(parse(TRANSPORT_TCP, "30e1220480" "20"), MESSAGE_MALFORMED);
	assert_int_equal(parse(TRANSPORT_TCP, "40e12204" "8020"), 0);   /* CSM: Max-Message-Size 1152, Block-Wise-Transfer */
	assert_int_equal(m.csm_max_message_size, 1152);
	assert_true(m.csm_block);
	built(TRANSPORT_TCP, "40e122048020");
}

static void test_segments(void **state)
{
	(void)state;
	char hex[4096] = "40011234b161";
	for (int i = 1; i < MESSAGE_MAX_SEGMENTS; i++)
		strncat(hex, "0161", 5);
	assert_int_equal(parse(TRANSPORT_UDP, hex), 0);
	assert_int_equal(m.n_path, MESSAGE_MAX_SEGMENTS);
	strncat(hex, "0161", 5);
	assert_int_equal(parse(TRANSPORT_UDP, hex), MESSAGE_REFUSED);
	assert_int_equal(why.code, 128);
	/* More text than there is room for. */
	static const char *const long_segment = "0d";
	char big[8192] = "40011234";
	for (int i = 0; i < 6; i++) {
		strncat(big, i ? long_segment : "bd", 3);
		strncat(big, "f0", 3);
		for (int k = 0; k < 253; k++)
			strncat(big, "61", 3);
	}
	assert_int_equal(parse(TRANSPORT_UDP, big), MESSAGE_REFUSED);
	assert_int_equal(why.code, 128);
}

static void test_frame_len(void **state)
{
	(void)state;
	static const struct {
		const char *hex;
		long len;
	} rows[] = { { "", 0 }, { "00", 2 }, { "c8", 22 }, { "d0", 0 }, { "d000", 16 }, { "e0ff", 0 }, { "e00000", 4 + 269 }, { "e1ffff", -1 },
		{ "f0000000", 0 }, { "f000000000", -1 }, { "f0ffffffff", -1 }, { "e8ffff", -1 } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		long n = hex_decode(rows[i].hex, strlen(rows[i].hex), bytes, sizeof bytes);
		if (message_frame_len(bytes, (size_t)n, 65535) != rows[i].len)
			fail_msg("%s: %ld", rows[i].hex, message_frame_len(bytes, (size_t)n, 65535));
	}
	/* What we build is what we frame, at each edge of the length's forms. */
	static uint8_t payload[66000];
	memset(payload, 'p', sizeof payload);
	static const size_t sizes[] = { 1, 11, 12, 13, 267, 268, 269, 65803, 65804, 65805, 66000 };
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct buf out = { 0 };
		struct message again;
		message_init(&m);
		m.code = CODE(2, 5);
		m.payload = payload;
		m.payload_len = sizes[i];
		message_build(TRANSPORT_TCP, &m, &out);
		assert_int_equal(message_frame_len(out.data, out.len, 1 << 20), out.len);
		assert_int_equal(message_parse(TRANSPORT_TCP, out.data, out.len, &again, &header_ok, &why), 0);
		assert_int_equal(again.payload_len, sizes[i]);
		buf_free(&out);
	}
}

static void test_names(void **state)
{
	(void)state;
	char text[8];
	assert_string_equal(code_text(CODE(4, 9), text), "4.09");
	assert_string_equal(code_text(CODE(2, 1), text), "2.01");
	assert_string_equal(code_name(CODE(4, 9)), "Conflict");
	assert_string_equal(code_name(METHOD_PUT), "PUT");
	assert_string_equal(code_name(CODE(7, 1)), "CSM");
	for (int i = 0; i < 256; i++)
		assert_true(strlen(code_text((uint8_t)i, text)) == 4 && *code_name((uint8_t)i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_heartbeat_udp), cmocka_unit_test(test_heartbeat_tcp), cmocka_unit_test(test_every_option), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_tolerated), cmocka_unit_test(test_segments), cmocka_unit_test(test_frame_len), cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
