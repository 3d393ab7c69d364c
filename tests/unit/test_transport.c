/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Both ends of the transport over real sockets: credentials, tickets, and where is dialled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/when.h"
#include "transport.h"

static struct rig r;

static void test_dtls_psk(void **state)
{
	(void)state;
	rig_psk_session(&r, true, false);
	assert_int_equal(r.router.channel->transport, TRANSPORT_UDP);
	uint8_t big[1300] = { 0x50 };
	assert_false(channel_send(r.router.channel, big, sizeof big));
	assert_true(channel_send(r.router.channel, big, 1152));
	assert_true(rig_until(&r, &r.provider.messages, 2));
	assert_int_equal(r.provider.last_len, 1152);
	rig_done(&r);
}

static void test_close_notify(void **state)
{
	(void)state;
	rig_psk_session(&r, true, false);
	channel_close(r.router.channel, true);
	r.router.channel = NULL;
	assert_true(rig_until(&r, &r.provider.downs, 1));
	assert_true(r.provider.orderly);
	rig_done(&r);
	rig_psk_session(&r, true, false);
	channel_close(r.provider.channel, true);
	r.provider.channel = NULL;
	assert_true(rig_until(&r, &r.router.downs, 1));
	assert_true(r.router.orderly);
	rig_done(&r);
}

static void wrong_key(bool udp)
{
	rig_init(&r);
	rig_listen(&r, "127.0.0.1", udp, !udp);
	r.client = rig_psk_client("cpe-0001", (const uint8_t *)"another key", 11);
	rig_dial(&r, "127.0.0.1", udp, !udp);
	assert_true(rig_until(&r, &r.failed, 1));
	assert_true(rig_until(&r, &r.refused, 1));
	assert_int_equal(r.router.ups + r.provider.ups, 0);
	assert_says(r.failed_why, "our key for the PSK identity \"cpe-0001\" is wrong");
	assert_says(r.refused_why, "wrong key for the PSK identity \"cpe-0001\"");
	assert_string_equal(r.refused_identity, "cpe-0001");
	assert_int_equal(rig_half_open(&r), 0);
	rig_done(&r);
}

static void unknown_identity(bool udp)
{
	rig_init(&r);
	rig_listen(&r, "127.0.0.1", udp, !udp);
	r.client = rig_psk_client("cpe-0002", test_key, sizeof test_key);
	rig_dial(&r, "127.0.0.1", udp, !udp);
	assert_true(rig_until(&r, &r.failed, 1));
	assert_true(rig_until(&r, &r.refused, 1));
	assert_int_equal(r.router.ups + r.provider.ups, 0);
	assert_says(r.failed_why, "does not know the PSK identity \"cpe-0002\"");
	assert_says(r.refused_why, "unknown PSK identity \"cpe-0002\"");
	assert_string_equal(r.refused_identity, "cpe-0002");
	rig_done(&r);
}

static void test_dtls_wrong_key(void **state)
{
	(void)state;
	wrong_key(true);
}

static void test_dtls_unknown_identity(void **state)
{
	(void)state;
	unknown_identity(true);
}

/* A second session by ticket; then one whose owner has been removed meanwhile. */
static void resumption(bool udp)
{
	rig_psk_session(&r, udp, !udp);
	assert_true(rig_exchange(&r));
	channel_close(r.router.channel, true);
	r.router.channel = NULL;
	assert_true(rig_until(&r, &r.provider.downs, 1));
	dial_again(r.dial);
	assert_true(rig_up(&r, 2));
	assert_true(r.router.resumed);
	assert_true(r.provider.resumed);
	assert_string_equal(r.provider.peer, "cpe-0001");
	assert_string_equal(r.provider.owner, "customer one");
	assert_true(rig_exchange(&r));
	channel_close(r.router.channel, true);
	r.router.channel = NULL;
	assert_true(rig_until(&r, &r.provider.downs, 2));
	r.unknown = true;
	dial_again(r.dial);
	assert_true(rig_until(&r, &r.failed, 1));
	assert_int_equal(r.provider.ups, 2);
	assert_int_equal(r.router.ups, 2);
	assert_says(r.failed_why, "does not know the PSK identity");
	rig_done(&r);
}

static void test_dtls_resumption(void **state)
{
	(void)state;
	resumption(true);
}

static void test_refused_port(void **state)
{
	(void)state;
	rig_init(&r);
	rig_dial(&r, "127.0.0.1", true, true);
	assert_true(rig_until(&r, &r.failed, 1));
	assert_says(r.failed_why, "UDP 127.0.0.1");
	assert_says(r.failed_why, "connection refused");
	assert_says(r.failed_why, "TCP 127.0.0.1");
	dial_free(r.dial);
	loop_free(r.loop);
	tls_bundle_unref(r.client);
}

static void test_tls_psk(void **state)
{
	(void)state;
	rig_psk_session(&r, false, true);
	assert_int_equal(r.router.channel->transport, TRANSPORT_TCP);
	rig_done(&r);
}

static void test_tls_wrong_key(void **state)
{
	(void)state;
	wrong_key(false);
}

static void test_tls_unknown_identity(void **state)
{
	(void)state;
	unknown_identity(false);
}

static void test_tls_resumption(void **state)
{
	(void)state;
	resumption(false);
}

/* UDP is swallowed on the way: TCP wins, and goes first the next time. */
static void test_happy_eyeballs(void **state)
{
	(void)state;
	rig_init(&r);
	rig_listen(&r, "127.0.0.1", false, true);
	int hole = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(r.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(bind(hole, (struct sockaddr *)&at, sizeof at), 0);
	int64_t begin = when_boot_ms();
	rig_dial(&r, "127.0.0.1", true, true);
	assert_true(rig_until(&r, &r.router.ups, 1));
	assert_true(when_boot_ms() - begin >= 240);
	assert_int_equal(r.router.channel->transport, TRANSPORT_TCP);
	assert_true(rig_until(&r, &r.provider.ups, 1));
	uint8_t d[2000];
	assert_true(recv(hole, d, sizeof d, MSG_DONTWAIT) > 0);
	while (recv(hole, d, sizeof d, MSG_DONTWAIT) > 0)
		;
	channel_close(r.router.channel, true);
	r.router.channel = NULL;
	dial_again(r.dial);
	assert_true(rig_up(&r, 2));
	assert_int_equal(r.router.channel->transport, TRANSPORT_TCP);
	rig_run(&r, 300);
	assert_true(recv(hole, d, sizeof d, MSG_DONTWAIT) < 0);
	close(hole);
	rig_done(&r);
}

static void test_ipv6(void **state)
{
	(void)state;
	for (int udp = 0; udp < 2; udp++) {
		rig_init(&r);
		rig_listen(&r, "::1", udp, !udp);
		rig_dial(&r, "::1", udp, !udp);
		assert_true(rig_until(&r, &r.router.ups, 1));
		assert_true(rig_until(&r, &r.provider.ups, 1));
		assert_int_equal(r.provider.channel->remote.ss_family, AF_INET6);
		assert_true(rig_exchange(&r));
		rig_done(&r);
	}
}

/* Bound to any address: the answer leaves from the one that was called, or the caller's connected socket would never see it. */
static void test_any_address(void **state)
{
	(void)state;
	for (int udp = 0; udp < 2; udp++) {
		rig_init(&r);
		rig_listen(&r, "0.0.0.0", udp, !udp);
		rig_dial(&r, "127.0.0.77", udp, !udp);
		assert_true(rig_until(&r, &r.router.ups, 1));
		assert_true(rig_until(&r, &r.provider.ups, 1));
		assert_int_equal(((struct sockaddr_in *)&r.provider.channel->local)->sin_addr.s_addr, htonl(0x7f00004d));
		assert_true(rig_exchange(&r));
		rig_done(&r);
	}
	rig_init(&r);
	rig_listen(&r, "::", true, false);
	rig_dial(&r, "::1", true, false);
	assert_true(rig_up(&r, 1));
	assert_true(rig_exchange(&r));
	rig_done(&r);
}

static void test_names(void **state)
{
	(void)state;
	rig_init(&r);
	rig_listen(&r, "127.0.0.1", true, true);
	rig_dial(&r, "localhost", true, true);
	assert_true(rig_up(&r, 1));
	assert_int_equal(r.router.channel->transport, TRANSPORT_UDP);
	assert_true(rig_exchange(&r));
	rig_done(&r);
	/* Freed while it resolves. */
	rig_init(&r);
	rig_dial(&r, "localhost", true, true);
	dial_free(r.dial);
	tls_bundle_unref(r.client);
	loop_free(r.loop);
}

/* The first loss is answered at once, the next one no sooner than the minimum. */
static void test_redial_pacing(void **state)
{
	(void)state;
	static const char *const host = "127.0.0.1";
	rig_init(&r);
	rig_listen(&r, host, true, false);
	r.client = rig_psk_client("cpe-0001", test_key, sizeof test_key);
	rig_dial_paced(&r, host, 1000);
	assert_true(rig_up(&r, 1));
	r.redial = true;
	channel_close(r.provider.channel, true);
	r.provider.channel = NULL;
	assert_true(rig_up(&r, 2));
	channel_close(r.provider.channel, true);
	r.provider.channel = NULL;
	assert_true(rig_until(&r, &r.router.downs, 2));
	rig_run(&r, 200);
	assert_int_equal(r.provider.ups, 2);
	assert_int_equal(r.failed, 0);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dtls_psk),
		cmocka_unit_test(test_close_notify),
		cmocka_unit_test(test_dtls_wrong_key),
		cmocka_unit_test(test_dtls_unknown_identity),
		cmocka_unit_test(test_dtls_resumption),
		cmocka_unit_test(test_refused_port),
		cmocka_unit_test(test_tls_psk),
		cmocka_unit_test(test_tls_wrong_key),
		cmocka_unit_test(test_tls_unknown_identity),
		cmocka_unit_test(test_tls_resumption),
		cmocka_unit_test(test_happy_eyeballs),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_any_address),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_redial_pacing),
	};
	return cmocka_run_group_tests_name("transport", tests, NULL, NULL);
}
