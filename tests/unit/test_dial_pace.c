/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When a dialler tries again: real sockets under a clock that runs, and jumps when the test says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "transport.h"

#define RETRY_S 300
#define FIRST_RETRY_S 1
#define DAY_MS (24 * 3600 * INT64_C(1000))

int64_t __real_when_boot_ms(void);
int64_t __wrap_when_boot_ms(void);

static struct rig r;
static int64_t jumped;
static unsigned next_s;

int64_t __wrap_when_boot_ms(void)
{
	return __real_when_boot_ms() + jumped;
}

static void message(void *arg, const uint8_t *data, size_t len)
{
	(void)arg;
	(void)data;
	(void)len;
}

static void closed(void *arg, const char *why, bool orderly)
{
	struct end *e = arg;
	(void)why;
	(void)orderly;
	e->channel = NULL;
	e->downs++;
}

static void up(void *arg, struct channel *c)
{
	static const struct channel_ops ops = { message, closed };
	(void)arg;
	channel_own(c, &ops, &r.router);
	r.router.channel = c;
	r.router.ups++;
}

static void failed(void *arg, const char *why, unsigned seconds)
{
	(void)arg;
	(void)why;
	next_s = seconds;
	r.failed++;
}

static void call(unsigned first_retry_s)
{
	static const struct dial_ops ops = { .established = up, .failed = failed };
	static const char *const host = "127.0.0.1";
	rig_init(&r);
	r.client = rig_psk_client("cpe-0001", test_key, sizeof test_key);
	struct dial_config config = { .hosts = &host, .n_hosts = 1, .port = r.port, .tcp = true, .bundle = r.client, .attempt_delay_ms = 250, .retry_s = RETRY_S,
		.retry_min_s = 60, .first_retry_s = first_retry_s };
	r.dial = dial_new(r.loop, &config, &ops, &r);
	assert_non_null(r.dial);
	assert_true(rig_until(&r, &r.failed, 1));
}

/* 9132-4.7 is about sessions that were lost: until there has been one, a router that was started first does not wait for minutes. */
static void test_first_session_soon(void **state)
{
	(void)state;
	call(FIRST_RETRY_S);
	for (unsigned pause = FIRST_RETRY_S, n = 1; pause < RETRY_S; pause *= 2, n++) {
		assert_in_range(next_s, pause / 2, pause + pause / 2 + 1);
		jumped += next_s * 1000;
		assert_true(rig_until(&r, &r.failed, n + 1));
	}
	assert_in_range(next_s, RETRY_S, RETRY_S + RETRY_S / 10 + 1);
	jumped += next_s * 1000;
	rig_listen(&r, "127.0.0.1", false, true);
	assert_true(rig_until(&r, &r.router.ups, 1));
	rig_done(&r);
}

/* The provider goes away; its router calls again. */
static void lose(void)
{
	unsigned failures = r.failed;
	channel_close(r.provider.channel, true);
	r.provider.channel = NULL;
	listen_free(r.listen);
	r.listen = NULL;
	assert_true(rig_until(&r, &r.router.downs, r.router.downs + 1));
	dial_again(r.dial);
	assert_true(rig_until(&r, &r.failed, failures + 1));
}

static void meet(void)
{
	rig_listen(&r, "127.0.0.1", false, true);
	jumped += next_s * 1000;
	assert_true(rig_until(&r, &r.router.ups, r.router.ups + 1));
	assert_true(rig_until(&r, &r.provider.ups, r.router.ups));
}

/* From the first session on: at once, then not before a minute, and farther and farther apart up to `retry`; from the next session on the same again. */
static void test_after_a_loss(void **state)
{
	(void)state;
	call(FIRST_RETRY_S);
	meet();
	for (int losses = 0; losses < 2; losses++) {
		lose();
		assert_in_range(next_s, 60, 91);
		jumped += 59 * 1000;
		unsigned failures = r.failed;
		rig_run(&r, 100);
		assert_int_equal(r.failed, failures);
		jumped += 32 * 1000;
		assert_true(rig_until(&r, &r.failed, failures + 1));
		assert_in_range(next_s, 120, 181);
		jumped += next_s * 1000;
		assert_true(rig_until(&r, &r.failed, failures + 2));
		for (unsigned n = 3; n < 5; n++) {
			assert_in_range(next_s, n < 4 ? 240 : RETRY_S, n < 4 ? 361 : RETRY_S + RETRY_S / 10 + 1);
			jumped += next_s * 1000;
			assert_true(rig_until(&r, &r.failed, failures + n));
		}
		meet();
	}
	rig_done(&r);
}

/* A router without a line has called nobody: it looks again soon, at most a minute apart. */
static void test_without_a_line(void **state)
{
	(void)state;
	static const char *const nowhere = "255.255.255.255";
	call(FIRST_RETRY_S);
	meet();
	struct dial_config config = { .hosts = &nowhere, .n_hosts = 1, .port = r.port, .tcp = true, .bundle = r.client, .attempt_delay_ms = 250, .retry_s = RETRY_S,
		.retry_min_s = 60, .first_retry_s = FIRST_RETRY_S };
	assert_true(dial_change(r.dial, &config));
	lose();
	for (unsigned pause = 1, n = r.failed; n < 12; n++) {
		assert_in_range(next_s, pause / 2, pause + pause / 2 + 1);
		pause = pause < 30 ? pause * 2 : 60;
		jumped += next_s * 1000;
		assert_true(rig_until(&r, &r.failed, n + 1));
	}
	rig_done(&r);
}

/* RFC 9132, 4.3: who has come by TLS because DTLS did not get through tries that again, not more often than every 24 h. */
static void test_probe_of_udp(void **state)
{
	(void)state;
	static const struct dial_ops ops = { .established = up, .failed = failed };
	static const char *const host = "127.0.0.1";
	rig_init(&r);
	rig_listen(&r, host, false, true);
	r.client = rig_psk_client("cpe-0001", test_key, sizeof test_key);
	struct dial_config config = { .hosts = &host, .n_hosts = 1, .port = r.port, .udp = true, .tcp = true, .bundle = r.client, .attempt_delay_ms = 250, .retry_s = RETRY_S,
		.retry_min_s = 60 };
	r.dial = dial_new(r.loop, &config, &ops, &r);
	assert_true(rig_until(&r, &r.router.ups, 1));
	assert_int_equal(r.router.channel->transport, TRANSPORT_TCP);
	struct channel *over_tls = r.router.channel;
	/* Nobody there yet: not a failure, the session stands. */
	jumped += DAY_MS;
	rig_run(&r, 100);
	assert_int_equal(r.failed, 0);
	assert_int_equal(r.router.ups, 1);
	struct listen *tcp = r.listen;
	rig_listen(&r, host, true, false);
	jumped += DAY_MS - 60000;
	rig_run(&r, 100);
	assert_int_equal(r.router.ups, 1);
	jumped += 60000;
	assert_true(rig_until(&r, &r.router.ups, 2));
	assert_int_equal(r.router.channel->transport, TRANSPORT_UDP);
	/* Once there, it is not asked again. */
	jumped += DAY_MS;
	rig_run(&r, 100);
	assert_int_equal(r.router.ups, 2);
	channel_close(over_tls, false);
	rig_run(&r, 100);
	if (r.older.channel)
		channel_close(r.older.channel, false);
	r.older.channel = NULL;
	listen_free(tcp);
	rig_done(&r);
}

/* Another address is called at once while there has been no session, and a session that stands is left alone. */
static void test_changed_configuration(void **state)
{
	(void)state;
	static const char *const nobody = "127.0.0.9", *const host = "127.0.0.1";
	call(FIRST_RETRY_S);
	jumped += next_s * 1000;
	assert_true(rig_until(&r, &r.failed, 2));
	rig_listen(&r, host, false, true);
	struct dial_config config = { .hosts = &nobody, .n_hosts = 1, .port = r.port, .tcp = true, .bundle = r.client, .attempt_delay_ms = 250, .retry_s = RETRY_S,
		.retry_min_s = 60, .first_retry_s = 200 };
	assert_true(dial_change(r.dial, &config));
	assert_true(rig_until(&r, &r.failed, 3));
	assert_in_range(next_s, 100, 301);
	config.hosts = &host;
	assert_true(dial_change(r.dial, &config));
	assert_true(rig_up(&r, 1));
	config.hosts = &nobody;
	assert_true(dial_change(r.dial, &config));
	rig_run(&r, 50);
	assert_int_equal(r.router.downs, 0);
	assert_int_equal(r.failed, 3);
	channel_close(r.provider.channel, true);
	r.provider.channel = NULL;
	assert_true(rig_until(&r, &r.router.downs, 1));
	dial_again(r.dial);
	assert_true(rig_until(&r, &r.failed, 4));
	assert_in_range(next_s, 60, 91);
	/* A pause after a loss is not cut short. */
	config.hosts = &host;
	assert_true(dial_change(r.dial, &config));
	rig_run(&r, 50);
	assert_int_equal(r.router.ups, 1);
	jumped += next_s * 1000;
	assert_true(rig_until(&r, &r.router.ups, 2));
	rig_done(&r);
}

static void test_without_it(void **state)
{
	(void)state;
	call(0);
	assert_in_range(next_s, 60, 91);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_session_soon),
		cmocka_unit_test(test_after_a_loss), cmocka_unit_test(test_without_a_line), cmocka_unit_test(test_probe_of_udp),
		cmocka_unit_test(test_changed_configuration),
		cmocka_unit_test(test_without_it),
	};
	return cmocka_run_group_tests_name("dial_pace", tests, NULL, NULL);
}
