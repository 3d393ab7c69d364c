/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dots/cbor.h"
#include "dots/json.h"
#include "dots/keys.h"

static int decode_hex(const char *hex, enum body_direction direction, struct body *b, struct reason *why)
{
	uint8_t *data = malloc(strlen(hex) / 2 + 1);   /* its own size, so that a sanitizer sees a read past the end */
	long len = hex_decode(hex, strlen(hex), data, strlen(hex) / 2 + 1);
	assert_true(len >= 0);
	uint8_t *exact = malloc((size_t)len);
	memcpy(exact, data, (size_t)len);
	*why = (struct reason){ 0 };
	int got = dots_cbor_decode(exact, (size_t)len, direction, b, why);
	free(exact);
	free(data);
	return got;
}

static char *encode_hex(const struct body *b)
{
	struct buf out = { 0 };
	dots_cbor_encode(b, &out);
	assert_false(out.failed);
	char *hex = malloc(2 * out.len + 1);
	hex_encode(out.data, out.len, hex);
	buf_free(&out);
	return hex;
}

/* Every line of golden/cbor.jsonl: hex decodes to json, and json encodes to hex. */
static void test_golden(void **state)
{
	(void)state;
	char path[4096], line[4096];
	const char *src = getenv("top_srcdir");
	snprintf(path, sizeof path, "%s/tests/golden/cbor.jsonl", src ? src : "..");
	FILE *f = fopen(path, "r");
	assert_non_null(f);
	unsigned rows = 0;
	for (; fgets(line, sizeof line, f); rows++) {
		struct reason why;
		json_t *row = json_line_parse(line, strlen(line), &why), *written = json_object(), *expected = json_object_get(row, "json");
		assert_non_null(row);
		const char *hex = json_string_value(json_object_get(row, "hex")), *direction = json_string_value(json_object_get(row, "direction"));
		struct body b;
		if (decode_hex(hex, strcmp(direction, "request") ? BODY_RESPONSE : BODY_REQUEST, &b, &why))
			fail_msg("%s: %s", json_string_value(json_object_get(row, "what")), why.text);
		dots_json_write(&b, written);
		char *text = json_line_format(written, NULL), *expected_text = json_line_format(expected, NULL);
		assert_string_equal(text, expected_text);
		body_free(&b);
		assert_int_equal(dots_json_read(expected, &b, &why), 0);
		char *again = encode_hex(&b);
		assert_string_equal(again, hex);
		body_free(&b);
		free(again);
		free(text);
		free(expected_text);
		json_decref(written);
		json_decref(row);
	}
	fclose(f);
	assert_true(rows >= 15);
}

/* Other encodings of the same: what they become when encoded by us. */
static void test_other_forms(void **state)
{
	(void)state;
	static const struct {
		const char *hex;
		enum body_direction direction;
		const char *ours;
	} rows[] = {
		{ "d9010fa11831a11833f5", BODY_REQUEST, "a11831a11833f5" },                                   /* tag 271 */
		{ "bf1831bf1833f5ffff", BODY_REQUEST, "a11831a11833f5" },                                     /* indefinite maps */
		{ "a11a00000031a1190033f4", BODY_REQUEST, "a11831a11833f4" },                                 /* longer numbers than needed */
		{ "a101bf029fbf0d9f7f617761656162ffff0e01ffffff", BODY_REQUEST, "a101a10281a20d81637765620e01" },   /* a text in pieces */
		{ "a101a10281a30d816377656218810a0e01", BODY_REQUEST, "a101a10281a20d81637765620e01" },       /* optional key 129 is ignored */
		{ "a101a10281a30d81637765621980ffa20182020304f97e000e01", BODY_REQUEST, "a101a10281a20d81637765620e01" },
		{ "a101a10281a20d80050a", BODY_RESPONSE, "a101a10281a1050a" },                               /* an empty list in an answer */
		{ "a101a10281a206816c3139322e302e322e392f32340e01", BODY_REQUEST, "a101a10281a206816c3139322e302e322e302f32340e01" },   /* host bits */
		{ "a101a10280", BODY_RESPONSE, "a101a10280" },
		{ "a101a10281a205070e00", BODY_RESPONSE, "a101a10281a10507" },                                /* nothing left */
		{ "a1181ea11820a11821a2182200182305", BODY_RESPONSE, "a1181ea11820a11821a2182205182300" },    /* max below min: swapped */
		{ "a1181ea11820a11827a21829c482211864182ac482211903e8", BODY_RESPONSE, "a1181ea11820a11827a21829c482211903e8182ac482211864" },
		{ "a1181ea11820a11827a1182bc482200f", BODY_REQUEST, "a1181ea11820a11827a1182bc482211896" },   /* 15 * 10^-1 */
		{ "a1181ea11820a11827a1182bc4820002", BODY_REQUEST, "a1181ea11820a11827a1182bc4822118c8" },   /* 2 * 10^0 */
		{ "a1181ea11820a11827a1182bc482221907d0", BODY_REQUEST, "a1181ea11820a11827a1182bc4822118c8" },   /* 2000 * 10^-3 */
		{ "", BODY_REQUEST, "" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct body b;
		struct reason why;
		int got = decode_hex(rows[i].hex, rows[i].direction, &b, &why);
		if (got)
			fail_msg("%s: %s", rows[i].hex, why.text);
		char *hex = encode_hex(&b);
		assert_string_equal(hex, rows[i].ours);
		free(hex);
		body_free(&b);
	}
}

/* What is refused, and with which words: protocol.md's table of requests, as far as it is seen on the wire. */
static void test_refused(void **state)
{
	(void)state;
	static const struct {
		const char *hex;
		enum body_direction direction;
		const char *field, *section, *text;
	} rows[] = {
		/* not CBOR, or not a body */
		{ "a1", BODY_REQUEST, "", "RFC 9132, 6", "declares more entries" },
		{ "a101", BODY_REQUEST, "", "RFC 9132, 6", "declares more entries" },
		{ "a10119", BODY_REQUEST, "", "RFC 9132, 6", "cut short" },
		{ "bf01bf029f", BODY_REQUEST, "", "RFC 9132, 6", "cut short" },
		{ "ba2d00000000", BODY_REQUEST, "", "RFC 9132, 6", "declares more entries" },
		{ "bbffffffffffffffff0000", BODY_REQUEST, "", "RFC 9132, 6", "declares more entries" },
		{ "a1019bffffffffffffffff00", BODY_REQUEST, "", "RFC 9132, 6", "declares more entries" },
		{ "a101a102817bffffffffffffffff61", BODY_REQUEST, "", "RFC 9132, 6", "cut short" },
		{ "fc", BODY_REQUEST, "", "RFC 9132, 6", "no item begins at byte 0" },
		{ "ff", BODY_REQUEST, "", "RFC 9132, 6", "is a break" },
		{ "80", BODY_REQUEST, "", "RFC 9132, 6", "is a list, expected a map" },
		{ "d90110a11831a11833f5", BODY_REQUEST, "", "RFC 9132, 6", "is a tag" },
		{ "a0", BODY_REQUEST, "", "RFC 9132, 6", "holds none of" },
		{ "a1188000", BODY_REQUEST, "", "RFC 9132, 6", "holds none of" },
		{ "a11831a11833f500", BODY_REQUEST, "", "RFC 9132, 6", "1 bytes stand behind" },
		{ "a1616101", BODY_REQUEST, "", "RFC 9132, 6", "a key in the body is a text" },
		{ "a12000", BODY_REQUEST, "", "RFC 9132, 6", "a key in the body is a negative number" },
		{ "a21831a11833f5181ea0", BODY_REQUEST, "signal-config", "RFC 9132, 6", "beside another" },
		{ "a1188081818181818181818181818181818181818100", BODY_REQUEST, "", "RFC 9132, 6", "deeper than 16" },
		{ "a11880d9d9f7d9d9f7d9d9f7d9d9f7d9d9f7d9d9f7d9d9f7d9d9f7d9d9f7d9d9f7d9d9f7d9d9f7d9d9f7d9d9f7d9d9f7d9d9f7d9d9f700", BODY_REQUEST, "", "RFC 9132, 6",
		    "deeper than 16" },
		{ "a118807f4161ff", BODY_REQUEST, "", "RFC 9132, 6", "a string holds a byte string" },
		/* duplicates */
		{ "a21831a11833f51831a11833f5", BODY_REQUEST, "heartbeat", "RFC 9132, 6", "key 49 stands twice" },
		{ "a101a10281a20e010e01", BODY_REQUEST, "lifetime", "RFC 9132, 6", "key 14 stands twice in scope" },
		{ "a101a10281a31980ff001980ff000e01", BODY_REQUEST, "", "RFC 9132, 6", "key 33023 stands twice in scope" },
		{ "a101a10281a219800080198000816161", BODY_REQUEST, "source-prefix", "RFC 9066, 5.3.1", "empty list" },
		/* unknown keys: comprehension-required ones are named */
		{ "a101a10281a318c8000e011864f4", BODY_REQUEST, "", "RFC 9132, 6", "unknown key 100, which" },
		{ "a101a10281a21834010e01", BODY_REQUEST, "", "RFC 9132, 6", "unknown key 52, which" },
		{ "a101a10281a418361834183700193fff000e01", BODY_REQUEST, "", "RFC 9132, 6", "unknown keys 54, 55, 16383, which" },
		{ "a101a10281a11a0001000000", BODY_REQUEST, "", "RFC 9132, 6", "unknown key 65536, which" },
		{ "a10000", BODY_RESPONSE, "", "RFC 9132, 6", "unknown key 0, which" },
		/* place and direction */
		{ "a101a10281a1046163", BODY_REQUEST, "cuid", "RFC 9132, 4.4.1", "stands in the Uri-Path" },
		{ "a101a10281a1036163", BODY_REQUEST, "cdid", "RFC 9132, 4.4.1", "stands in the Uri-Path" },
		{ "a101a10281a1046163", BODY_RESPONSE, "cuid", "RFC 9132, 4.4.1", "stands in the Uri-Path" },
		{ "a1181ea1181f01", BODY_REQUEST, "sid", "RFC 9132, 4.5", "stands in the Uri-Path" },
		{ "a101a10281a10507", BODY_REQUEST, "mid", "RFC 9132, 4.4.1", "no place in a request" },
		{ "a101a10281a10f07", BODY_REQUEST, "mitigation-start", "RFC 9132, 4.4.2", "no place in a request" },
		{ "a101a10281a11001", BODY_REQUEST, "status", "RFC 9132, 4.4.2", "no place in a request" },
		{ "a101a10281a111a0", BODY_REQUEST, "conflict-information", "RFC 9132, 4.4.2", "no place in a request" },
		{ "a101a10281a1181900", BODY_REQUEST, "bytes-dropped", "RFC 9132, 4.4.2", "no place in a request" },
		{ "a101a10281a1181c00", BODY_REQUEST, "pps-dropped", "RFC 9132, 4.4.2", "no place in a request" },
		{ "a101a10281a1181d01", BODY_RESPONSE, "attack-status", "RFC 9132, 4.4.3", "no place in a response" },
		{ "a1181ea11820a11821a1182201", BODY_REQUEST, "max-value", "RFC 9132, 4.5", "no place in a request" },
		{ "a1182ea1182f6161", BODY_REQUEST, "alt-server", "RFC 9132, 4.6", "no place in a request" },
		{ "a101a10281a10800", BODY_REQUEST, "lower-port", "RFC 9132, 4.4.1", "key 8 has no place in scope" },
		{ "a101a10281a119800300", BODY_REQUEST, "lower-type", "RFC 9066, 5.3.1", "no place in scope" },
		{ "a1181ea11820a11827a1182401", BODY_REQUEST, "current-value", "RFC 9132, 4.5", "no place in a decimal" },
		{ "a10181a10281a10e01", BODY_REQUEST, "mitigation-scope", "RFC 9132, 4.4.1", "is a list, expected a map" },
		/* one scope entry */
		{ "a101a0", BODY_REQUEST, "scope", "RFC 9132, 4.4.1", "is missing" },
		{ "a101a10280", BODY_REQUEST, "scope", "RFC 9132, 4.4.1", "empty list" },
		{ "a101a10281a0", BODY_RESPONSE, "scope", "RFC 9132, 4.4.1", "empty entry" },
		{ "a101a10282a10e01a10e01", BODY_REQUEST, "scope", "RFC 9132, 4.4.1", "more than one" },
		{ "a101a1028101", BODY_REQUEST, "scope", "RFC 9132, 4.4.1", "holds a number, expected a map" },
		/* values */
		{ "a101a10281a10e00", BODY_REQUEST, "lifetime", "RFC 9132, 4.4.1", "0 is not 1..4294967295" },
		{ "a101a10281a10e21", BODY_REQUEST, "lifetime", "RFC 9132, 4.4.1", "-2 is not" },
		{ "a101a10281a10e1b0000000100000000", BODY_REQUEST, "lifetime", "RFC 9132, 4.4.1", "4294967296 is not" },
		{ "a101a10281a10e1bffffffffffffffff", BODY_REQUEST, "lifetime", "RFC 9132, 4.4.1", "is not" },
		{ "a101a10281a10e6131", BODY_REQUEST, "lifetime", "RFC 9132, 4.4.1", "is a text, expected a number" },
		{ "a101a10281a10680", BODY_REQUEST, "target-prefix", "RFC 9132, 4.4.1", "empty list" },
		{ "a101a10281a1068160", BODY_REQUEST, "target-prefix", "RFC 9132, 4.4.1", "is empty" },
		{ "a101a10281a10681693139322e302e322e31", BODY_REQUEST, "target-prefix", "RFC 9132, 4.4.1", "a host is 192.0.2.1/32" },
		{ "a101a10281a106816c3139322e302e322e312f3333", BODY_REQUEST, "target-prefix", "RFC 9132, 4.4.1", "0..32" },
		{ "a101a10281a11980008167323a3a2f313239", BODY_REQUEST, "source-prefix", "RFC 9066, 5.3.1", "0..128" },
		{ "a101a10281a106814161", BODY_REQUEST, "target-prefix", "RFC 9132, 4.4.1", "holds a byte string, expected a text" },
		{ "a101a10281a10b8162c328", BODY_REQUEST, "target-fqdn", "RFC 9132, 4.4.1", "printable UTF-8" },
		{ "a101a10281a10d81616100", BODY_REQUEST, "", "RFC 9132, 6", "1 bytes stand behind" },
		{ "a101a10281a10781a10905", BODY_REQUEST, "lower-port", "RFC 9132, 4.4.1", "is missing in target-port-range" },
		{ "a101a10281a10781a208020901", BODY_REQUEST, "upper-port", "RFC 9132, 4.4.1", "less than" },
		{ "a101a10281a10781a1081a00010000", BODY_REQUEST, "lower-port", "RFC 9132, 4.4.1", "0..65535" },
		{ "a101a10281a119800281a1198003190100", BODY_REQUEST, "lower-type", "RFC 9066, 5.3.1", "0..255" },
		{ "a101a10281a119800281a10801", BODY_REQUEST, "lower-port", "RFC 9132, 4.4.1", "no place in source-icmp-type-range" },
		{ "a101a10281a10a81190100", BODY_REQUEST, "target-protocol", "RFC 9132, 4.4.1", "256 is more than 255" },
		{ "a101a10281a10a8120", BODY_REQUEST, "target-protocol", "RFC 9132, 4.4.1", "negative number" },
		{ "a101a10281a1182d01", BODY_REQUEST, "trigger-mitigation", "RFC 9132, 4.4.1", "expected a boolean" },
		{ "a101a10281a11000", BODY_RESPONSE, "status", "RFC 9132, 4.4.2", "0 is not in 1..8" },
		{ "a101a10281a11009", BODY_RESPONSE, "status", "RFC 9132, 4.4.2", "9 is not in 1..8" },
		{ "a101a10281a111a11306", BODY_RESPONSE, "conflict-cause", "RFC 9132, 4.4.2", "6 is not in 1..5" },
		{ "a101a10281a1051b0000000100000000", BODY_RESPONSE, "mid", "RFC 9132, 4.4.1", "more than 4294967295" },
		{ "a101a10281a10fc101", BODY_RESPONSE, "mitigation-start", "RFC 9132, 4.4.2", "is a tag" },
		{ "a101a10281a111a115a11681a118186161", BODY_RESPONSE, "acl-name", "RFC 9132, 4.4.2", "is missing" },
		{ "a11831a0", BODY_REQUEST, "peer-hb-status", "RFC 9132, 4.7", "is missing" },
		{ "a11831a1183301", BODY_REQUEST, "peer-hb-status", "RFC 9132, 4.7", "expected a boolean" },
		{ "a1182ea0", BODY_REQUEST, "alt-ch-client", "RFC 9066, 5.2.2", "is missing" },
		{ "a1182ea119800681673a3a312f313238", BODY_REQUEST, "alt-ch-client-record", "RFC 9066, 5.2.2", "not an address" },
		{ "a1181ea11820a11821a118241a00010000", BODY_REQUEST, "current-value", "RFC 9132, 4.5", "more than 65535" },
		{ "a1181ea11820a11827a1182b02", BODY_REQUEST, "current-value-decimal", "RFC 9132, 4.5", "expected a decimal fraction" },
		{ "a1181ea11820a11827a1182bc102", BODY_REQUEST, "current-value-decimal", "RFC 9132, 4.5", "decimal fraction" },
		{ "a1181ea11820a11827a1182bc402", BODY_REQUEST, "current-value-decimal", "RFC 9132, 4.5", "decimal fraction" },
		{ "a1181ea11820a11827a1182bc48121", BODY_REQUEST, "current-value-decimal", "RFC 9132, 4.5", "decimal fraction" },
		{ "a1181ea11820a11827a1182bc483210101", BODY_REQUEST, "current-value-decimal", "RFC 9132, 4.5", "decimal fraction" },
		{ "a1181ea11820a11827a1182bc4822120", BODY_REQUEST, "current-value-decimal", "RFC 9132, 4.5", "decimal fraction" },
		{ "a1181ea11820a11827a1182bc4822207", BODY_REQUEST, "current-value-decimal", "RFC 9132, 4.5", "decimal fraction" },
		{ "a1181ea11820a11827a1182bc4820901", BODY_REQUEST, "current-value-decimal", "RFC 9132, 4.5", "decimal fraction" },
		{ "a1181ea11820a11827a1182bc4821b000000010000000001", BODY_REQUEST, "current-value-decimal", "RFC 9132, 4.5", "decimal fraction" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct body b;
		struct reason why;
		if (decode_hex(rows[i].hex, rows[i].direction, &b, &why) != -1)
			fail_msg("%s: accepted", rows[i].hex);
		if (strcmp(why.field, rows[i].field) || strcmp(why.section, rows[i].section) || !strstr(why.text, rows[i].text))
			fail_msg("%s: \"%s\" \"%s\" \"%s\", expected \"%s\" \"%s\" \"%s\"", rows[i].hex, why.field, why.section, why.text, rows[i].field, rows[i].section,
			    rows[i].text);
		assert_int_equal(why.code, REASON_BAD_REQUEST);
		assert_int_equal(b.kind, BODY_EMPTY);
		assert_int_equal(b.n_scope, 0);
	}
}

/* Every beginning of a good body is refused, and the whole is not. */
static void test_truncated(void **state)
{
	(void)state;
	static const char hex[] = "a101a10281a506816e3230332e302e3131332e392f33320a81110e190708198000816e31302e32302e33302e34302f333219800181a20819138809191392";
	for (size_t n = 2; n < sizeof hex; n += 2) {
		char part[sizeof hex];
		struct body b;
		struct reason why;
		snprintf(part, sizeof part, "%.*s", (int)n, hex);
		assert_int_equal(decode_hex(part, BODY_REQUEST, &b, &why), n == sizeof hex - 1 ? 0 : -1);
		body_free(&b);
	}
}

/* Nothing of note is allocated for what only claims to be big. */
static void test_declared_counts_cost_nothing(void **state)
{
	(void)state;
	static const char *const rows[] = { "ba2d00000000", "a1019b00000000ffffffff", "a101a1029a7fffffff", "a101a10281a1069a7fffffff00", "a101a10281a1069a7fffffff6161" };
	struct mallinfo2 before = mallinfo2();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct body b;
		struct reason why;
		assert_int_equal(decode_hex(rows[i], BODY_REQUEST, &b, &why), -1);
	}
	struct mallinfo2 after = mallinfo2();
	assert_true(after.arena + after.hblkhd <= before.arena + before.hblkhd + (1 << 20));
}

/* The table of keys: each row stands at its own number, and the ranges are those of the registry. */
static void test_keys(void **state)
{
	(void)state;
	unsigned known = 0;
	for (uint64_t key = 0; key < 65536; key++) {
		const struct dots_key *k = dots_key_find(key);
		if (!k)
			continue;
		assert_int_equal(k->key, key);
		known++;
	}
	assert_int_equal(known, 51 + 8);
	static const struct {
		uint64_t key;
		bool required;
	} rows[] = { { 0, true }, { 1, true }, { 127, true }, { 128, false }, { 255, false }, { 256, true }, { 16383, true }, { 16384, false }, { 32767, false },
		{ 32768, false }, { 65535, false }, { 65536, true }, { UINT64_MAX, true } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(dots_key_required(rows[i].key), rows[i].required);
}

/* The body's map is one level, so 15 more may follow. */
static void test_depth(void **state)
{
	(void)state;
	static const char heartbeat[] = "1831a11833f5";
	for (unsigned levels = 1; levels < 200; levels++) {
		char hex[600] = "a21880";
		struct body b;
		struct reason why;
		for (unsigned i = 0; i < levels; i++)
			memcpy(hex + 6 + 2 * i, "81", 3);
		snprintf(hex + 6 + 2 * levels, 20, "00%s", heartbeat);
		assert_int_equal(decode_hex(hex, BODY_REQUEST, &b, &why), levels <= 15 ? 0 : -1);
		body_free(&b);
	}
}

/* A body of the greatest size: its lists grow, and it comes back the same. */
static void test_big(void **state)
{
	(void)state;
	struct body b, again;
	struct reason why;
	body_init(&b);
	b.kind = BODY_MITIGATION_SCOPE;
	struct mitigation *m = body_add_scope(&b);
	for (unsigned i = 0; i < 4000; i++) {
		struct prefix p = prefix_make(4, (uint8_t[]){ 100, 64, (uint8_t)(i >> 8), (uint8_t)i }, 32);
		assert_int_equal(prefix_list_add(&m->source_prefix, &p), 0);
	}
	struct buf out = { 0 };
	dots_cbor_encode(&b, &out);
	assert_int_equal(dots_cbor_decode(out.data, out.len, BODY_REQUEST, &again, &why), 0);
	assert_true(mitigation_same(m, &again.scope[0]));
	body_free(&again);
	buf_reset(&out);
	/* As many entries as the wire may carry, and one too many. */
	for (unsigned i = 0; i < 8192; i++)
		assert_int_equal(protocol_list_add(&m->target_protocol, 17), 0);
	dots_cbor_encode(&b, &out);
	assert_int_equal(dots_cbor_decode(out.data, out.len, BODY_REQUEST, &again, &why), 0);
	body_free(&again);
	buf_reset(&out);
	assert_int_equal(protocol_list_add(&m->target_protocol, 17), 0);
	dots_cbor_encode(&b, &out);
	assert_int_equal(dots_cbor_decode(out.data, out.len, BODY_REQUEST, &again, &why), -1);
	assert_string_equal(why.field, "target-protocol");
	assert_non_null(strstr(why.text, "more than 8192"));
	buf_free(&out);
	/* An encoding that does not fit its buffer says so. */
	struct buf small = { .max = 100 };
	dots_cbor_encode(&b, &small);
	assert_true(small.failed);
	buf_free(&small);
	body_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden), cmocka_unit_test(test_other_forms), cmocka_unit_test(test_refused), cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_declared_counts_cost_nothing), cmocka_unit_test(test_keys), cmocka_unit_test(test_depth), cmocka_unit_test(test_big),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
