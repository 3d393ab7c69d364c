/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/buf.h"
#include "base/cli.h"
#include "base/conf.h"
#include "base/host.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/line.h"
#include "base/loop.h"
#include "base/utf8.h"
#include "base/when.h"

static void test_prefix(void **state)
{
	(void)state;
	struct prefix p, q;
	char text[PREFIX_TEXT_MAX];
	assert_int_equal(prefix_parse("192.0.2.9/24", false, &p), 0);
	assert_string_equal(prefix_format(&p, text), "192.0.2.0/24");
	assert_int_equal(prefix_parse("2001:db8:ffff::1/33", false, &p), 0);
	assert_string_equal(prefix_format(&p, text), "2001:db8:8000::/33");
	static const char *const bad[] = { "192.0.2.1", "192.0.2.1/33", "192.0.2.1/", "192.0.2.1/08", "192.0.2.01/32", "192.0.2/24", "::1/129", "fe80::1%eth0/64",
		"", "/24", "1.2.3.4/24 ", " 1.2.3.4/24", "1.2.3.4/-1", "1.2.3.4/+1", "1.2.3.4/1a", "0x7f.0.0.1/32" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(prefix_parse(bad[i], false, &p), -1);
	prefix_parse("10.0.0.0/8", false, &p);
	prefix_parse("10.255.0.0/16", false, &q);
	assert_true(prefix_contains(&p, &q));
	assert_false(prefix_contains(&q, &p));
	assert_true(prefix_overlap(&q, &p));
	prefix_parse("::/0", false, &q);
	assert_false(prefix_overlap(&q, &p));
	p = prefix_last(&p);
	assert_string_equal(addr_format(&p, text), "10.255.255.255");
}

static void test_forbidden(void **state)
{
	(void)state;
	static const struct {
		const char *prefix, *block;
	} rows[] = {
		{ "127.1.2.3/32", "loopback" }, { "126.0.0.0/7", "loopback" }, { "224.0.0.1/32", "multicast" }, { "239.255.255.255/32", "multicast" },
		{ "255.255.255.255/32", "broadcast" }, { "255.255.255.254/32", NULL }, { "0.0.0.0/0", "loopback" }, { "0.0.0.0/32", "unspecified" },
		{ "::/128", "unspecified" }, { "::1/128", "loopback" }, { "ff02::1/128", "multicast" }, { "::ffff:1.2.3.4/128", "IPv4-mapped" },
		{ "::1.2.3.4/128", "IPv4-compatible" }, { "2001:db8::/32", NULL }, { "fe80::1/128", NULL }, { "169.254.0.1/32", NULL }, { "223.255.255.255/32", NULL },
		{ "128.0.0.0/32", NULL },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct prefix p;
		assert_int_equal(prefix_parse(rows[i].prefix, false, &p), 0);
		const char *block = prefix_forbidden(&p);
		if (rows[i].block)
			assert_string_equal(block ? block : "(none)", rows[i].block);
		else
			assert_null(block);
	}
}

static void test_buf(void **state)
{
	(void)state;
	struct buf b = { .max = 8 };
	buf_be32(&b, 0x01020304);
	buf_be32(&b, 0x05060708);
	assert_false(b.failed);
	buf_u8(&b, 9);
	assert_true(b.failed);
	assert_int_equal(b.len, 8);
	struct cursor c = cursor_of(b.data, b.len);
	assert_int_equal(cursor_be64(&c), 0x0102030405060708);
	assert_int_equal(cursor_u8(&c), 0);
	assert_true(c.failed);
	buf_free(&b);
	uint8_t raw[4];
	assert_int_equal(hex_decode("de ad\nBE ef", 11, raw, 4), 4);
	assert_int_equal(hex_decode("abc", 3, raw, 4), -1);
	assert_int_equal(hex_decode("zz", 2, raw, 4), -1);
	char text[32];
	assert_string_equal(base64url_encode("\xfb\xff", 2, text), "-_8");
}

static void test_when(void **state)
{
	(void)state;
	int64_t ms;
	char text[WHEN_TEXT_MAX];
	assert_int_equal(when_parse("2026-11-22T23:28:07.123Z", &ms), 0);
	assert_string_equal(when_format(ms, text), "2026-11-22T23:28:07.123Z");
	assert_int_equal(when_parse("2026-11-23T00:28:07+01:00", &ms), 0);
	assert_string_equal(when_format(ms, text), "2026-11-22T23:28:07.000Z");
	assert_int_equal(when_parse("2026-02-30T00:00:00Z", &ms), -1);
	assert_int_equal(when_parse("2026-11-22", &ms), -1);
	assert_int_equal(when_parse("", &ms), -1);
	assert_int_equal(duration_parse("1h30m5s"), 5405);
	assert_int_equal(duration_parse("90"), 90);
	assert_int_equal(duration_parse("4294967296"), -1);
	assert_int_equal(duration_parse("5x"), -1);
	assert_int_equal(duration_parse("m"), -1);
	assert_string_equal(duration_format(5405, text), "1h30m5s");
	assert_string_equal(duration_format(1800, text), "30m");
}

static void test_json(void **state)
{
	(void)state;
	struct reason why;
	uint64_t v = 0;
	const char *s = NULL;
	const char *line = "{\"a\":\"18446744073709551615\",\"b\":7,\"c\":-1,\"d\":\"x\"}";
	json_t *j = json_line_parse(line, strlen(line), &why);
	assert_non_null(j);
	assert_int_equal(json_get_u64(j, "a", UINT64_MAX, &v, &why), 1);
	assert_true(v == UINT64_MAX);
	assert_int_equal(json_get_u64(j, "c", UINT64_MAX, &v, &why), -1);
	assert_string_equal(why.field, "c");
	assert_int_equal(json_get_u64(j, "b", 6, &v, &why), -1);
	assert_int_equal(json_get_u64(j, "z", 6, &v, &why), 0);
	assert_int_equal(json_get_string(j, "b", 9, &s, &why), -1);
	assert_int_equal(json_get_string(j, "d", 9, &s, &why), 1);
	json_decref(j);
	static const char *const bad[] = { "", "[]", "{\"a\":1,\"a\":2}", "{} x", "{\"a\":", "\xff", "{\"a\":\"\xff\"}" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_null(json_line_parse(bad[i], strlen(bad[i]), &why));
	char deep[200];
	memset(deep, '[', sizeof deep);
	assert_null(json_line_parse(deep, sizeof deep, &why));
	assert_non_null(strstr(why.text, "deeper"));
}

/* A claimed identity may be any bytes: a line shows them, and nothing breaks. */
static void test_json_bad_text(void **state)
{
	(void)state;
	json_t *o = json_object();
	json_put_string(o, "a", "caf\xc3\xa9 \xff\xd8x\xe2\x82");
	assert_string_equal(json_string_value(json_object_get(o, "a")), "caf\xc3\xa9 ??x??");
	json_put_string(o, "a", "");
	assert_string_equal(json_string_value(json_object_get(o, "a")), "");
	json_decref(o);
}

static void test_cli(void **state)
{
	(void)state;
	uint16_t lower, upper;
	assert_int_equal(cli_range("5000-5010", 65535, &lower, &upper), 0);
	assert_int_equal(lower, 5000);
	assert_int_equal(upper, 5010);
	assert_int_equal(cli_range("65535", 65535, &lower, &upper), 0);
	assert_int_equal(cli_range("65536", 65535, &lower, &upper), -1);
	assert_int_equal(cli_range("2-1", 65535, &lower, &upper), -1);
	assert_int_equal(cli_range("1-2-3", 65535, &lower, &upper), -1);
	assert_int_equal(cli_range("-1", 65535, &lower, &upper), -1);
	assert_int_equal(cli_protocol("UDP"), 17);
	assert_int_equal(cli_protocol("255"), 255);
	assert_int_equal(cli_protocol("256"), -1);
	assert_int_equal(cli_protocol("nonsense"), -1);
}

struct fire {
	struct loop *loop;
	int order[8], n;
};
static struct fire fire;

static void fired(void *arg)
{
	fire.order[fire.n++] = *(int *)arg;
	if (fire.n == 3)
		loop_stop(fire.loop, 42);
}

static void test_timers(void **state)
{
	(void)state;
	static int ids[] = { 0, 1, 2, 3 };
	struct loop_timer t[4];
	fire = (struct fire){ .loop = loop_new() };
	for (int i = 0; i < 4; i++)
		loop_timer_init(&t[i], fired, &ids[i]);
	loop_timer_set(fire.loop, &t[0], 30);
	loop_timer_set(fire.loop, &t[1], 10);
	loop_timer_set(fire.loop, &t[2], 20);
	loop_timer_set(fire.loop, &t[3], 5);
	loop_timer_stop(fire.loop, &t[3]);
	assert_int_equal(loop_run(fire.loop), 42);
	assert_int_equal(fire.order[0], 1);
	assert_int_equal(fire.order[1], 2);
	assert_int_equal(fire.order[2], 0);
	loop_free(fire.loop);
}

static unsigned calls[4];

static void quick(void *arg, uint32_t events)
{
	(void)events;
	++*(unsigned *)arg;
}

static void takes_long(void *arg, uint32_t events)
{
	(void)events;
	++*(unsigned *)arg;
	for (int64_t until = when_span_us() + 1500; when_span_us() < until;)
		;
}

/* What is slow has a millisecond a round, in turn; the others are called in each. */
static void test_slow_ones(void **state)
{
	(void)state;
	struct loop *l = loop_new();
	struct loop_fd f[4] = { 0 };
	int p[2];
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], "x", 1), 1);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(loop_add(l, &f[i], i ? dup(p[0]) : p[0], EPOLLIN, i < 3 ? takes_long : quick, &calls[i]), 0);
		loop_slow(&f[i], i < 3);
	}
	for (unsigned round = 1; round <= 30; round++) {
		loop_step(l, 0);
		assert_int_equal(calls[3], round);
		assert_int_equal(calls[0] + calls[1] + calls[2], round);
	}
	for (int i = 0; i < 3; i++)
		assert_in_range(calls[i], 5, 15);
	for (int i = 0; i < 4; i++) {
		loop_del(l, &f[i]);
		close(f[i].fd);
	}
	close(p[1]);
	loop_free(l);
}

struct got {
	struct loop *loop;
	struct line_in *in;
	struct buf all;
	unsigned lines, too_long;
	bool ended;
};

static void got_line(void *arg, char *text, size_t len)
{
	struct got *g = arg;
	g->lines++;
	if (len < 100)
		buf_printf(&g->all, "%s|", text);
	if (g->lines == 2) {   /* a pause in the middle loses nothing */
		line_in_pause(g->in, true);
		line_in_pause(g->in, false);
	}
}

static void got_too_long(void *arg, unsigned long number)
{
	struct got *g = arg;
	g->too_long = (unsigned)number;
}

static void got_end(void *arg, int error)
{
	struct got *g = arg;
	assert_int_equal(error, 0);
	g->ended = true;
	loop_stop(g->loop, 0);
}

static void got_lull(void *arg)
{
	struct got *g = arg;
	buf_printf(&g->all, "~");
}

static const struct line_in_ops got_ops = { .line = got_line, .too_long = got_too_long, .end = got_end };

static void test_lines(void **state)
{
	(void)state;
	char path[] = "/tmp/dotsch-lines-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	unlink(path);
	char *big = malloc(LINE_MAX_BYTES + 2);
	memset(big, 'x', LINE_MAX_BYTES + 1);
	assert_int_equal(write(fd, "one\n\n", 5), 5);
	assert_true(write(fd, big, LINE_MAX_BYTES + 1) == (ssize_t)LINE_MAX_BYTES + 1);
	assert_int_equal(write(fd, "\nlast", 5), 5);
	free(big);
	lseek(fd, 0, SEEK_SET);
	struct got g = { .loop = loop_new() };
	g.in = line_in_new(g.loop, fd, &got_ops, &g);
	assert_non_null(g.in);
	loop_run(g.loop);
	buf_u8(&g.all, 0);
	assert_string_equal((char *)g.all.data, "one||last|");
	assert_int_equal(g.too_long, 3);
	line_in_free(g.in);
	buf_free(&g.all);
	loop_free(g.loop);
	close(fd);
}

/* A burst of lines is told from the next one: what it put off is done before anything else happens, and before the end. */
static void test_lull(void **state)
{
	(void)state;
	static const struct line_in_ops ops = { got_line, got_too_long, got_end, got_lull };
	int p[2];
	assert_int_equal(pipe(p), 0);
	struct got g = { .loop = loop_new(), .lines = 10 };
	g.in = line_in_new(g.loop, p[0], &ops, &g);
	assert_non_null(g.in);
	assert_int_equal(write(p[1], "a\nb\nc", 5), 5);
	loop_step(g.loop, 0);
	assert_int_equal(write(p[1], "\nd\n", 3), 3);
	loop_step(g.loop, 0);
	assert_int_equal(write(p[1], "e", 1), 1);
	close(p[1]);
	loop_run(g.loop);
	buf_u8(&g.all, 0);
	assert_string_equal((char *)g.all.data, "a|b|~c|d|~~~e|~");
	line_in_free(g.in);
	buf_free(&g.all);
	loop_free(g.loop);
	close(p[0]);
}

static void test_line_out(void **state)
{
	(void)state;
	int p[2];
	assert_int_equal(pipe(p), 0);
	struct loop *l = loop_new();
	struct line_out *out = line_out_new(l, p[1]);
	char text[1000];
	memset(text, 'y', sizeof text);
	unsigned taken = 0;
	while (line_out_write(out, text, sizeof text))
		taken++;
	/* Refused at the bound, and everything taken comes out whole. */
	assert_true(line_out_pending(out) <= LINE_OUT_MAX);
	assert_true(taken > LINE_OUT_MAX / 1001);
	size_t total = 0;
	char chunk[65536];
	while (total < (size_t)taken * 1001) {
		ssize_t n = read(p[0], chunk, sizeof chunk);
		assert_true(n > 0);
		total += (size_t)n;
		loop_step(l, 0);
	}
	assert_int_equal(line_out_pending(out), 0);
	close(p[0]);
	line_out_write(out, "z", 1);
	assert_true(line_out_broken(out));
	assert_int_equal(line_out_error(out), EPIPE);
	line_out_free(out);
	loop_free(l);
	close(p[1]);
}

static const struct conf_key peer_keys[] = {
	{ .name = "address", .type = CONF_LIST },
	{ .name = "port", .type = CONF_INT, .fallback = "4647", .min = 1, .max = 65535 },
	{ .name = "psk-key", .type = CONF_STRING },
	{ 0 },
};
static const struct conf_key top_keys[] = {
	{ .name = "name", .type = CONF_STRING, .fallback = "none" },
	{ .name = "wait", .type = CONF_DURATION, .fallback = "30s", .max = 3600 },
	{ .name = "loud", .type = CONF_BOOL },
	{ .name = "peer", .type = CONF_TITLED, .keys = peer_keys },
	{ .name = "store", .type = CONF_SECTION, .keys = peer_keys },
	{ 0 },
};

static struct conf *load_text(const char *text, struct reason *why)
{
	char path[] = "/tmp/dotsch-conf-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	struct conf *c = conf_load(path, top_keys, why);
	unlink(path);
	return c;
}

static void test_conf(void **state)
{
	(void)state;
	struct reason why;
	struct conf *c = load_text("# comment\nwait = \"2m\"\nloud = true\npeer \"isp\" {\n  address = {\"192.0.2.1\", \"2001:db8::1\"}\n  psk-key = \"s3cret\"\n}\npeer \"two\" { port = 5 }\n", &why);
	assert_non_null(c);
	const struct conf_section *top = conf_top(c);
	assert_string_equal(conf_string(top, "name"), "none");
	assert_int_equal(conf_int(top, "wait"), 120);
	assert_true(conf_bool(top, "loud"));
	assert_int_equal(conf_count(top, "peer"), 2);
	assert_int_equal(conf_count(top, "store"), 0);
	const struct conf_section *isp = conf_sub(top, "peer", 0);
	assert_string_equal(conf_title(isp), "isp");
	assert_int_equal(conf_count(isp, "address"), 2);
	assert_string_equal(conf_item(isp, "address", 1), "2001:db8::1");
	assert_null(conf_item(isp, "address", 2));
	assert_int_equal(conf_int(isp, "port"), 4647);
	assert_null(conf_sub(top, "peer", 2));
	char *shown = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&shown, &size);
	conf_print(c, f);
	fclose(f);
	assert_null(strstr(shown, "s3cret"));
	assert_non_null(strstr(shown, "port = 4647"));
	free(shown);
	conf_free(c);
	static const struct {
		const char *text, *message;
	} bad[] = {
		{ "wait = \"soon\"\n", "duration" }, { "wait = \"2h\"\n", "2h is not in 0s..1h" }, { "peer \"x\" { port = 0 }\n", "0 is not in" },
		{ "nonsense = 1\n", ":1:" }, { "name = \"{\" # {\n/* { */ peer \"x\" {\n", ":2:" }, { "}\n", ":1:" }, { "peer \"x\" {}\npeer \"x\" {}\n", "" },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_null(load_text(bad[i].text, &why));
		assert_true(*why.text != '\0');
		assert_non_null(strstr(why.text, bad[i].message));
	}
	assert_null(conf_load("/nonexistent/dotsch.conf", top_keys, &why));
	assert_non_null(strstr(why.text, "No such file"));
}

static void test_secret(void **state)
{
	(void)state;
	char path[] = "/tmp/dotsch-secret-XXXXXX", out[16];
	struct reason why;
	int fd = mkstemp(path);
	assert_true(fd >= 0 && write(fd, "abcdef\n", 7) == 7);
	assert_int_equal(conf_read_secret(path, out, sizeof out, &why), 6);
	assert_int_equal(conf_read_secret(path, out, 3, &why), -1);
	fchmod(fd, 0644);
	assert_int_equal(conf_read_secret(path, out, sizeof out, &why), -1);
	assert_non_null(strstr(why.text, "chmod"));
	close(fd);
	unlink(path);
}

static void test_utf8(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool valid, printable;
	} rows[] = {
		{ "", true, true }, { "abc", true, true }, { "é€😀", true, true }, { "a\tb", true, false }, { "\x7f", true, false }, { "\xc2\x85", true, false },
		{ "\xc2\xa0", true, true }, { "\xc3", false, false }, { "\x80", false, false }, { "\xc0\x80", false, false }, { "\xe0\x80\x80", false, false },
		{ "\xed\xa0\x80", false, false }, { "\xf4\x90\x80\x80", false, false }, { "\xf0\x8f\x80\x80", false, false }, { "\xff", false, false },
		{ "\xe2\x82(", false, false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(utf8_valid(rows[i].text, strlen(rows[i].text)), rows[i].valid);
		assert_int_equal(utf8_printable(rows[i].text, strlen(rows[i].text)), rows[i].printable);
	}
	assert_false(utf8_printable("a\0b", 3));
	/* Whatever a reason quotes, it stays text that JSON takes. */
	struct reason why;
	reason_set(&why, REASON_BAD_REQUEST, "f", "s", "%.2s|%s|\x1b", "aé", "\xff" "b");
	assert_string_equal(why.text, "a?|?b|?");
	char longer[400];
	memset(longer, 'x', sizeof longer);
	for (size_t shift = 0; shift < 3; shift++) {
		for (size_t i = shift; i + 3 < sizeof longer; i += 3)
			memcpy(longer + i, "€", 3);
		longer[399] = '\0';
		reason_set(&why, REASON_BAD_REQUEST, "f", "s", "%s", longer);
		assert_true(utf8_valid(why.text, strlen(why.text)));
	}
}

static void test_host(void **state)
{
	(void)state;
	static const char *const good[] = { "isp.example", "isp.example.", "a", "CH-1.isp.example", "4.isp.example", "xn--bcher-kva.example", "_dots.isp.example" };
	static const struct { const char *name, *says; } bad[] = {
		{ "", "label is empty" }, { ".", "label is empty" }, { ".isp.example", "label is empty" }, { "isp..example", "label is empty" }, { "isp.example..", "label is empty" },
		{ "-bad..name", "hyphen" }, { "bad-.name", "hyphen" }, { "isp example", "only letters" }, { "*.isp.example", "only letters" }, { "isp.example:4647", "only letters" },
		{ "b\303\274cher.example", "only letters" }, { "isp.example\n", "only letters" }, { "192.0.2.300", "neither an address" }, { "192.0.2.1", "neither an address" },
	};
	char name[300];
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_null(host_name_fault(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_non_null(strstr(host_name_fault(bad[i].name), bad[i].says));
	memset(name, 'a', sizeof name);
	name[63] = '\0';
	assert_null(host_name_fault(name));
	name[63] = 'a';
	name[64] = '\0';
	assert_non_null(strstr(host_name_fault(name), "63"));
	for (size_t i = 1; i < sizeof name; i += 2)
		memcpy(name + i - 1, "a.", 2);
	name[253] = '\0';
	assert_null(host_name_fault(name));
	name[253] = '.';
	name[254] = '\0';
	assert_non_null(strstr(host_name_fault(name), "253"));
	assert_null(host_fault("192.0.2.1"));
	assert_null(host_fault("2001:db8::1"));
	assert_null(host_fault("isp.example"));
	assert_non_null(host_fault("2001:db8::1%wan"));
}

static void blank_lines(void **state)
{
	(void)state;
	assert_true(line_blank("", 0) && line_blank(" \t\r", 3));
	assert_false(line_blank(" x", 2) || line_blank(" \0 ", 3));
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blank_lines), cmocka_unit_test(test_host),
		cmocka_unit_test(test_prefix), cmocka_unit_test(test_forbidden), cmocka_unit_test(test_buf), cmocka_unit_test(test_when), cmocka_unit_test(test_json), cmocka_unit_test(test_json_bad_text),
		cmocka_unit_test(test_cli), cmocka_unit_test(test_timers), cmocka_unit_test(test_slow_ones), cmocka_unit_test(test_lines), cmocka_unit_test(test_lull), cmocka_unit_test(test_line_out), cmocka_unit_test(test_conf),
		cmocka_unit_test(test_secret), cmocka_unit_test(test_utf8),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
