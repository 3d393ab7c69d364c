/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport.h"

static struct rig r;

#define assert_says(text, part) assert_true(strstr(text, part) || (print_message("# got: %s\n", text), false))

static void psk(bool udp, bool tcp)
{
	rig_init(&r);
	rig_listen(&r, "127.0.0.1", udp, tcp);
	rig_dial(&r, "127.0.0.1", udp, tcp);
	assert_true(rig_until(&r, &r.router.ups, 1));
	assert_true(rig_until(&r, &r.provider.ups, 1));
	assert_int_equal(r.provider.kind, IDENTITY_PSK);
	assert_string_equal(r.provider.peer, "cpe-0001");
	assert_string_equal(r.provider.owner, "customer one");
	assert_int_equal(r.router.kind, IDENTITY_PSK);
	assert_false(r.router.resumed);
	assert_int_equal(rig_half_open(&r), 0);
	assert_true(rig_exchange(&r));
}

static void test_dtls_psk(void **state)
{
	(void)state;
	psk(true, false);
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
	psk(true, false);
	channel_close(r.router.channel, true);
	r.router.channel = NULL;
	assert_true(rig_until(&r, &r.provider.downs, 1));
	assert_true(r.provider.orderly);
	rig_done(&r);
	psk(true, false);
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
	psk(udp, !udp);
	assert_true(rig_exchange(&r));
	channel_close(r.router.channel, true);
	r.router.channel = NULL;
	assert_true(rig_until(&r, &r.provider.downs, 1));
	dial_again(r.dial);
	assert_true(rig_until(&r, &r.router.ups, 2));
	assert_true(rig_until(&r, &r.provider.ups, 2));
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

/* Raw datagrams against the listener. */
static int stranger(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(r.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	return fd;
}

static void test_dtls_garbage(void **state)
{
	(void)state;
	psk(true, false);
	int fd = stranger();
	uint8_t junk[2000];
	unsigned seed = 1;
	for (int i = 0; i < 3000; i++) {
		size_t len = (size_t)i % sizeof junk;
		for (size_t j = 0; j < len; j++)
			junk[j] = (uint8_t)(seed = seed * 1103515245 + 12345) >> 4;
		static const uint8_t head[] = { 22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 200, 1, 0, 0, 188, 0, 0, 0, 0, 0, 0, 0, 188, 254, 253 };
		if (i % 3 == 0 && len > sizeof head)
			memcpy(junk, head, sizeof head);   /* looks like a ClientHello */
		if (i % 3 == 1 && len > 5)
			memcpy(junk, (uint8_t[]){ 23, 254, 253, 0, 1 }, 5);
		(void)!send(fd, junk, len, 0);
		if (i % 50 == 0)
			loop_step(r.loop, 0);
	}
	rig_run(&r, 20);
	close(fd);
	assert_int_equal(rig_half_open(&r), 0);
	assert_int_equal(r.refused, 0);
	assert_true(rig_exchange(&r));
	rig_done(&r);
}

/* A ClientHello as a real client sends it, from addresses that never answer. */
static size_t capture_hello(uint8_t *out, size_t cap)
{
	struct rig w;
	rig_init(&w);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(w.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	rig_dial(&w, "127.0.0.1", true, false);
	ssize_t n = -1;
	for (int i = 0; i < 100 && n < 0; i++) {
		loop_step(w.loop, 10);
		n = recv(fd, out, cap, MSG_DONTWAIT);
	}
	close(fd);
	assert_true(n > 100);
	rig_done(&w);
	return (size_t)n;
}

static void test_dtls_spoofed_hellos(void **state)
{
	(void)state;
	uint8_t hello[1500];
	size_t len = capture_hello(hello, sizeof hello);
	rig_init(&r);
	rig_listen(&r, "127.0.0.1", true, false);
	for (int i = 0; i < 1000; i++) {
		int fd = socket(AF_INET, SOCK_DGRAM, 0);
		struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000u | (unsigned)(i + 2)) };
		struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(r.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
		assert_int_equal(sendto(fd, hello, len, 0, (struct sockaddr *)&to, sizeof to), (ssize_t)len);
		close(fd);
		if (i % 100 == 99)
			loop_step(r.loop, 0);
	}
	rig_run(&r, 20);
	struct listen_stats s;
	listen_stats(r.listen, &s);
	assert_int_equal(s.hellos, 1000);
	assert_int_equal(s.cookies, 1000);
	assert_int_equal(s.half_open, 0);
	assert_int_equal(s.sessions, 0);
	/* And a real one gets in. */
	rig_dial(&r, "127.0.0.1", true, false);
	assert_true(rig_until(&r, &r.provider.ups, 1));
	rig_done(&r);
}

/* Two diallers on one address pair: a relay gives the second one the first one's port. */
struct relay { int inside, outside; struct sockaddr_in client; struct loop_fd in, out; };

static void from_client(void *arg, uint32_t events)
{
	struct relay *x = arg;
	uint8_t d[2000];
	socklen_t len = sizeof x->client;
	(void)events;
	ssize_t n = recvfrom(x->inside, d, sizeof d, MSG_DONTWAIT, (struct sockaddr *)&x->client, &len);
	if (n >= 0)
		(void)!send(x->outside, d, (size_t)n, 0);
}

static void to_client(void *arg, uint32_t events)
{
	struct relay *x = arg;
	uint8_t d[2000];
	(void)events;
	ssize_t n = recv(x->outside, d, sizeof d, MSG_DONTWAIT);
	if (n >= 0)
		sendto(x->inside, d, (size_t)n, 0, (struct sockaddr *)&x->client, sizeof x->client);
}

static uint16_t relay_open(struct relay *x)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	memset(x, 0, sizeof *x);
	x->inside = socket(AF_INET, SOCK_DGRAM, 0);
	assert_int_equal(bind(x->inside, (struct sockaddr *)&a, sizeof a), 0);
	getsockname(x->inside, (struct sockaddr *)&a, &len);
	x->outside = stranger();
	loop_add(r.loop, &x->in, x->inside, EPOLLIN, from_client, x);
	loop_add(r.loop, &x->out, x->outside, EPOLLIN, to_client, x);
	return ntohs(a.sin_port);
}

static void relay_close(struct relay *x)
{
	loop_del(r.loop, &x->in);
	loop_del(r.loop, &x->out);
	close(x->inside);
	close(x->outside);
}

static void test_dtls_restart_on_same_port(void **state)
{
	(void)state;
	struct relay relay;
	rig_init(&r);
	rig_listen(&r, "127.0.0.1", true, false);
	uint16_t port = r.port, through = relay_open(&relay);
	r.port = through;
	rig_dial(&r, "127.0.0.1", true, false);
	assert_true(rig_until(&r, &r.provider.ups, 1));
	assert_true(rig_until(&r, &r.router.ups, 1));
	assert_true(rig_exchange(&r));
	/* A hello with a wrong PSK from there takes nothing from the session that lives. */
	struct rig w;
	rig_init(&w);
	w.client = rig_psk_client("cpe-0002", test_key, sizeof test_key);
	loop_free(w.loop);
	w.loop = r.loop;
	w.port = through;
	rig_dial(&w, "127.0.0.1", true, false);
	assert_true(rig_until(&r, &w.failed, 1));
	assert_int_equal(r.provider.downs + r.older.downs, 0);
	dial_free(w.dial);
	tls_bundle_unref(w.client);
	/* kill -9: no close_notify; the new one comes from the same address. */
	channel_close(r.router.channel, false);
	r.router.channel = NULL;
	dial_free(r.dial);
	rig_dial(&r, "127.0.0.1", true, false);
	assert_true(rig_until(&r, &r.provider.ups, 2));
	assert_true(rig_until(&r, &r.router.ups, 2));
	assert_int_equal(r.provider.downs + r.older.downs, 1);
	assert_says(r.provider.downs ? r.provider.why : r.older.why, "replaced by a new handshake from the same address");
	assert_true(rig_exchange(&r));
	struct listen_stats s;
	listen_stats(r.listen, &s);
	assert_int_equal(s.sessions, 1);
	assert_int_equal(s.half_open, 0);
	r.port = port;
	relay_close(&relay);
	rig_done(&r);
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
	psk(false, true);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dtls_psk),
		cmocka_unit_test(test_close_notify),
		cmocka_unit_test(test_dtls_wrong_key),
		cmocka_unit_test(test_dtls_unknown_identity),
		cmocka_unit_test(test_dtls_resumption),
		cmocka_unit_test(test_dtls_garbage),
		cmocka_unit_test(test_dtls_spoofed_hellos),
		cmocka_unit_test(test_dtls_restart_on_same_port),
		cmocka_unit_test(test_refused_port),
		cmocka_unit_test(test_tls_psk),
		cmocka_unit_test(test_tls_wrong_key),
		cmocka_unit_test(test_tls_unknown_identity),
		cmocka_unit_test(test_tls_resumption),
	};
	return cmocka_run_group_tests_name("transport", tests, NULL, NULL);
}
