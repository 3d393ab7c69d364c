/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reasons of lib/base and lib/dots that no other test provokes: each names the field and says what was wrong, and what would be right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/conf.h"
#include "base/json.h"
#include "base/limits.h"
#include "dots/cbor.h"
#include "dots/envelope.h"

static void expect(const struct reason *why, const char *field, const char *text)
{
	if (strcmp(why->field, field) || !strstr(why->text, text))
		fail_msg("field \"%s\", reason \"%s\"; expected \"%s\", \"%s\"", why->field, why->text, field, text);
}

static void line_refused(const char *line, const char *field, const char *text)
{
	struct envelope e;
	struct reason why = { 0 };
	if (envelope_parse(line, strlen(line), &e, &why) != -1)
		fail_msg("taken: %s", line);
	expect(&why, field, text);
	envelope_free(&e);
}

#define SCOPE(members) "{\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{" members "}]}}"
#define CONFIG(members) "{\"type\":\"config\",\"ietf-dots-signal-channel:signal-config\":{\"mitigating-config\":{" members "}}}"

static void lines(void **state)
{
	(void)state;
	line_refused("{\"type\":\"mitigate\",\"ref\":\"a\\u0000b\"}", "", "not JSON: a string of a line holds no \\u0000, at byte 35");
	line_refused("{\"type\":\"withdraw\",\"mid\":true}", "mid", "is true, expected a number");
	line_refused("{\"type\":\"withdraw\",\"mid\":-1}", "mid", "-1 is negative");
	line_refused("{\"type\":\"withdraw\",\"mid\":\"7x\"}", "mid", "\"7x\" is not a decimal number");
	line_refused("{\"type\":\"withdraw\",\"mid\":4294967296}", "mid", "4294967296 is more than 4294967295");
	line_refused(SCOPE("\"conflict-information\":{\"conflict-scope\":{\"acl-list\":[{\"acl-type\":\"ipv4-acl-type\"}]}}"), "acl-name", "is missing in acl-list");
	line_refused(CONFIG("\"ack-timeout\":{\"current-value-decimal\":\"42949672.96\"}"), "current-value-decimal", "is not in 0..42949672");
	line_refused(CONFIG("\"ack-timeout\":{\"current-value-decimal\":\"two\"}"), "current-value-decimal", "is not a decimal number such as \"2.00\"");
	char longer[TEXT_MAX_BYTES + 100] = "{\"type\":\"";
	memset(longer + strlen(longer), 'x', TEXT_MAX_BYTES + 1);
	strcat(longer, "\"}");
	line_refused(longer, "type", "has 1025 bytes, at most 1024 are allowed");
}

static void put(struct buf *b, const char *text)
{
	buf_put(b, text, strlen(text));
}

/* One more source than a line may have. */
static void too_many_entries(void **state)
{
	(void)state;
	const size_t n = MITIGATION_MAX_LINE_ENTRIES + 1;
	struct buf line = { 0 };
	put(&line, "{\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{\"target-prefix\":[");
	for (size_t i = 0; i < n; i++)
		put(&line, i ? ",\"192.0.2.1/32\"" : "\"192.0.2.1/32\"");
	put(&line, "]}]}}");
	assert_false(line.failed);
	struct envelope e;
	struct reason why = { 0 };
	assert_int_equal(envelope_parse((const char *)line.data, line.len, &e, &why), -1);
	expect(&why, "target-prefix", "has 131073 entries, at most 131072 are allowed");
	envelope_free(&e);
	buf_free(&line);
}

static void integers(void **state)
{
	(void)state;
	struct reason why = { 0 };
	static const char text[] = "{\"a\":11,\"b\":\"1\",\"c\":1.5}";
	json_t *o = json_line_parse(text, strlen(text), &why);
	int64_t n = 7;
	assert_non_null(o);
	assert_int_equal(json_get_i64(o, "a", -10, 10, &n, &why), -1);
	expect(&why, "a", "11 is not in -10..10");
	assert_int_equal(json_get_i64(o, "b", -10, 10, &n, &why), -1);
	expect(&why, "b", "is a string, expected an integer");
	assert_int_equal(json_get_i64(o, "c", -10, 10, &n, &why), -1);
	expect(&why, "c", "is a real number, expected an integer");
	assert_int_equal(n, 7);
	json_decref(o);
}

static void body_refused(const uint8_t *bytes, size_t len, const char *field, const char *text)
{
	struct body body;
	struct reason why = { 0 };
	assert_int_equal(dots_cbor_decode(bytes, len, BODY_REQUEST, &body, &why), -1);
	expect(&why, field, text);
}

static void bodies(void **state)
{
	(void)state;
	/* {1: {2: [{129: break}]}}, and a text in pieces, one of which is a number. */
	static const uint8_t stray[] = { 0xa1, 1, 0xa1, 2, 0x81, 0xa1, 0x18, 0x81, 0xff };
	static const uint8_t pieces[] = { 0xa1, 1, 0xa1, 2, 0x81, 0xa1, 0x0d, 0x81, 0x7f, 1, 0xff };
	body_refused(stray, sizeof stray, "", "not CBOR: a break before byte 9 ends nothing");
	body_refused(pieces, sizeof pieces, "", "not CBOR: a string holds");
	/* A scope of 65 keys that nobody knows. */
	uint8_t many[8 + 65 * 4] = { 0xa1, 1, 0xa1, 2, 0x81, 0xb8, 65 };
	size_t len = 7;
	for (unsigned i = 0; i < 65; i++) {
		const uint8_t pair[] = { 0x19, (uint8_t)((40000 + i) >> 8), (uint8_t)(40000 + i), 0 };
		memcpy(many + len, pair, sizeof pair);
		len += sizeof pair;
	}
	body_refused(many, len, "", "more than 64 unknown keys in");
}

static const struct conf_key keys[] = {
	{ .name = "count", .type = CONF_INT },
	{ .name = "level", .type = CONF_INT, .min = 1, .max = 9 },
	{ .name = "time", .type = CONF_DURATION, .min = 60, .max = 3600 },
	{ .type = CONF_END },
};

static void conf_refused(const char *text, const char *field, const char *reason)
{
	char path[] = "/tmp/dotsch-reasons-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	struct reason why = { 0 };
	struct conf *c = conf_load(path, keys, &why);
	unlink(path);
	assert_null(c);
	expect(&why, field, reason);
	/* Where. */
	assert_non_null(strstr(why.text, path));
}

static void configurations(void **state)
{
	(void)state;
	conf_refused("count = -5\n", "count", "-5 is negative");
	conf_refused("level = 10\n", "level", "10 is not in 1..9");
	conf_refused("time = \"30s\"\n", "time", "30s is not in 60s..1h");
	conf_refused("time = \"soon\"\n", "time", "\"soon\" is not a duration such as \"90s\"");
	conf_refused("level = 5\nlevl = 5\n", "", ":2: ");
	struct reason why = { 0 };
	assert_null(conf_load("/nonexistent/client.conf", keys, &why));
	expect(&why, "", "/nonexistent/client.conf: No such file");
	assert_null(conf_load("/", keys, &why));
	/* A device would be read for ever, and libConfuse ends the program at a folder. */
	expect(&why, "", "/: not a regular file");
	assert_null(conf_load("/dev/null", keys, &why));
	expect(&why, "", "/dev/null: not a regular file");
}

static void secrets(void **state)
{
	(void)state;
	char out[8];
	struct reason why = { 0 };
	assert_int_equal(conf_read_secret("/nonexistent/isp.key", out, sizeof out, &why), -1);
	expect(&why, "", "/nonexistent/isp.key: No such file");
	assert_int_equal(conf_read_secret("/", out, sizeof out, &why), -1);
	expect(&why, "", "/: not a regular file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines), cmocka_unit_test(too_many_entries), cmocka_unit_test(integers), cmocka_unit_test(bodies), cmocka_unit_test(configurations),
		cmocka_unit_test(secrets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
