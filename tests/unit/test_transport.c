/* SPDX-License-Identifier: GPL-3.0-or-later */
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
	struct listen_stats s = { 0 };
	for (int i = 0; i < 500 && s.hellos < 1000; i++) {
		rig_run(&r, 20);
		listen_stats(r.listen, &s);
	}
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
struct relay {
	int inside, outside;
	struct sockaddr_in client;
	struct loop_fd in, out;
	uint8_t last_hello[1500];
	size_t last_hello_len;
};

static void from_client(void *arg, uint32_t events)
{
	struct relay *x = arg;
	uint8_t d[2000];
	socklen_t len = sizeof x->client;
	(void)events;
	ssize_t n = recvfrom(x->inside, d, sizeof d, MSG_DONTWAIT, (struct sockaddr *)&x->client, &len);
	if (n < 0)
		return;
	if (n > 13 && n < (ssize_t)sizeof x->last_hello && d[0] == 22 && d[13] == 1)
		memcpy(x->last_hello, d, x->last_hello_len = (size_t)n);
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

/* The translator on the way forgets the binding: records from the new port belong to nobody, and the router comes back by ticket. */
static void test_nat_rebinding(void **state)
{
	(void)state;
	static const uint8_t note[] = { 0x50, 0x01, 0x12, 0x34, 0xff, 'h', 'i' };
	struct relay relay;
	struct listen_stats before, after;
	rig_init(&r);
	rig_listen(&r, "127.0.0.1", true, false);
	uint16_t port = r.port, through = relay_open(&relay);
	r.port = through;
	rig_dial(&r, "127.0.0.1", true, false);
	assert_true(rig_until(&r, &r.provider.ups, 1));
	assert_true(rig_until(&r, &r.router.ups, 1));
	assert_true(rig_exchange(&r));
	loop_del(r.loop, &relay.out);
	close(relay.outside);
	r.port = port;
	relay.outside = stranger();
	r.port = through;
	loop_add(r.loop, &relay.out, relay.outside, EPOLLIN, to_client, &relay);
	listen_stats(r.listen, &before);
	unsigned messages = r.provider.messages;
	assert_true(channel_send(r.router.channel, note, sizeof note));
	do {
		loop_step(r.loop, 1000);
		listen_stats(r.listen, &after);
	} while (after.dropped == before.dropped);
	assert_int_equal(r.provider.messages, messages);
	assert_int_equal(after.sessions, 1);
	channel_close(r.router.channel, false);
	r.router.channel = NULL;
	dial_again(r.dial);
	assert_true(rig_until(&r, &r.provider.ups, 2));
	assert_true(rig_until(&r, &r.router.ups, 2));
	assert_true(r.provider.resumed);
	assert_true(rig_exchange(&r));
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

/* A frame with `len` bytes of payload, its length field as RFC 8323, 3.2 has it. */
static size_t make_frame(uint8_t *out, size_t len)
{
	size_t n = 0, options = len + 1;
	if (options < 13) {
		out[n++] = (uint8_t)(options << 4);
	} else if (options < 269) {
		out[n++] = 13 << 4;
		out[n++] = (uint8_t)(options - 13);
	} else {
		out[n++] = 14 << 4;
		out[n++] = (uint8_t)((options - 269) >> 8);
		out[n++] = (uint8_t)(options - 269);
	}
	out[n++] = 2;   /* POST */
	out[n++] = 0xff;
	for (size_t i = 0; i < len; i++)
		out[n++] = (uint8_t)i;
	return n;
}

static void test_tls_frames(void **state)
{
	(void)state;
	static uint8_t frame[80000], many[3000];
	static const size_t sizes[] = { 1, 11, 12, 13, 200, 267, 268, 269, 1000, 16383, 16384, 16385, 40000, 60000 };
	psk(false, true);
	unsigned messages = r.provider.messages;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		size_t n = make_frame(frame, sizes[i]);
		assert_true(channel_send(r.router.channel, frame, n));
		assert_true(rig_until(&r, &r.provider.messages, ++messages));
		assert_int_equal(r.provider.last_len, n);
		assert_memory_equal(r.provider.last, frame, n);
	}
	/* Several in one record, and one in many records. */
	size_t one = make_frame(frame, 30), all = 0;
	for (int i = 0; i < 50; i++, all += one)
		memcpy(many + all, frame, one);
	assert_true(channel_send(r.router.channel, many, all));
	assert_true(rig_until(&r, &r.provider.messages, messages += 50));
	for (size_t i = 0; i < one; i++) {
		assert_true(channel_send(r.router.channel, frame + i, 1));
		assert_int_equal(r.provider.messages, messages);
		rig_run(&r, 1);
	}
	assert_true(rig_until(&r, &r.provider.messages, ++messages));
	/* Longer than we take. */
	static const uint8_t huge[] = { 0xf0, 0x00, 0x01, 0x00, 0x00, 0x02 };
	assert_true(channel_send(r.router.channel, huge, sizeof huge));
	assert_true(rig_until(&r, &r.provider.downs, 1));
	assert_says(r.provider.why, "longer than we take");
	assert_true(rig_until(&r, &r.router.downs, 1));
	rig_done(&r);
}

/* A peer that does not read: sending says no, and nothing grows. Once it reads, everything arrives. */
static void test_tls_slow_peer(void **state)
{
	(void)state;
	static uint8_t frame[61000];
	psk(false, true);
	size_t n = make_frame(frame, 60000);
	unsigned sent = 0, before = r.provider.messages;
	while (sent < 1000 && channel_send(r.router.channel, frame, n))
		sent++;
	assert_in_range(sent, 4, 999);
	assert_true(rig_until(&r, &r.provider.messages, before + sent));
	assert_memory_equal(r.provider.last, frame, n);
	assert_true(rig_exchange(&r));
	rig_done(&r);
}

static int knock(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(r.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	return fd;
}

/* Connections that never say a word fill their share only, and give way. */
static void test_tls_silent_connections(void **state)
{
	(void)state;
	rig_init(&r);
	r.max_half_open = 8;
	rig_listen(&r, "127.0.0.1", true, true);
	int fds[20];
	for (size_t i = 0; i < 20; i++)
		fds[i] = knock();
	rig_run(&r, 50);
	assert_int_equal(rig_half_open(&r), 8);
	struct listen_stats s;
	listen_stats(r.listen, &s);
	assert_int_equal(s.dropped, 12);
	/* After a while they give way, over UDP too. */
	rig_dial(&r, "127.0.0.1", true, false);
	assert_true(rig_until(&r, &r.provider.ups, 1));
	assert_int_equal(r.refused, 1);
	assert_says(r.refused_why, "gave way");
	for (size_t i = 0; i < 20; i++)
		close(fds[i]);
	assert_true(rig_until(&r, &r.refused, 8));
	assert_int_equal(rig_half_open(&r), 0);
	assert_says(r.refused_why, "hung up without a word");
	rig_done(&r);
}

static void test_tls_garbage(void **state)
{
	(void)state;
	rig_init(&r);
	r.penalty_after = LISTEN_UNLIMITED;
	rig_listen(&r, "127.0.0.1", false, true);
	for (unsigned i = 0; i < 200; i++) {
		int fd = knock();
		uint8_t junk[64];
		for (size_t j = 0; j < sizeof junk; j++)
			junk[j] = (uint8_t)(i * 31 + j * 17);
		if (i & 1)
			memcpy(junk, (uint8_t[]){ 22, 3, 1, 0, 50, 1, 0, 0, 46, 3, 3 }, 11);
		(void)!write(fd, junk, sizeof junk);
		loop_step(r.loop, 0);
		close(fd);
	}
	rig_run(&r, 50);
	assert_int_equal(rig_half_open(&r), 0);
	assert_int_equal(r.provider.ups, 0);
	rig_dial(&r, "127.0.0.1", false, true);
	assert_true(rig_until(&r, &r.provider.ups, 1));
	rig_done(&r);
}

/* No descriptors left: no spinning, and the ones who wait are let in later. */
static void test_tls_no_descriptors(void **state)
{
	(void)state;
	struct rlimit old, low;
	rig_init(&r);
	rig_listen(&r, "127.0.0.1", false, true);
	int one = knock(), probe = dup(0);
	close(probe);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = (struct rlimit){ .rlim_cur = (rlim_t)probe, .rlim_max = old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	unsigned rounds = 0;
	for (int64_t until = when_boot_ms() + 200; when_boot_ms() < until; rounds++)
		loop_step(r.loop, 50);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_in_range(rounds, 1, 20);
	assert_int_equal(rig_half_open(&r), 0);
	int two = knock();   /* under valgrind, which closes what it refuses to accept, the first one is gone */
	for (int i = 0; i < 100 && !rig_half_open(&r); i++)
		loop_step(r.loop, 50);
	assert_in_range(rig_half_open(&r), 1, 2);
	close(one);
	close(two);
	rig_dial(&r, "127.0.0.1", false, true);
	assert_true(rig_until(&r, &r.provider.ups, 1));
	rig_done(&r);
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
	assert_true(rig_until(&r, &r.router.ups, 2));
	assert_true(rig_until(&r, &r.provider.ups, 2));
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
	assert_true(rig_until(&r, &r.router.ups, 1));
	assert_true(rig_until(&r, &r.provider.ups, 1));
	assert_true(rig_exchange(&r));
	rig_done(&r);
}

static void test_names(void **state)
{
	(void)state;
	rig_init(&r);
	rig_listen(&r, "127.0.0.1", true, true);
	rig_dial(&r, "localhost", true, true);
	assert_true(rig_until(&r, &r.router.ups, 1));
	assert_true(rig_until(&r, &r.provider.ups, 1));
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
	assert_true(rig_until(&r, &r.provider.ups, 1));
	assert_true(rig_until(&r, &r.router.ups, 1));
	r.redial = true;
	channel_close(r.provider.channel, true);
	r.provider.channel = NULL;
	assert_true(rig_until(&r, &r.provider.ups, 2));
	assert_true(rig_until(&r, &r.router.ups, 2));
	channel_close(r.provider.channel, true);
	r.provider.channel = NULL;
	assert_true(rig_until(&r, &r.router.downs, 2));
	rig_run(&r, 200);
	assert_int_equal(r.provider.ups, 2);
	assert_int_equal(r.failed, 0);
	rig_done(&r);
}

/* A hello whose handshake has failed comes again, cookie and all: it gets the alert again, and nothing is built up for it. */
static void test_dtls_tombstone(void **state)
{
	(void)state;
	struct relay relay;
	rig_init(&r);
	rig_listen(&r, "127.0.0.1", true, false);
	uint16_t port = r.port;
	struct tls_config c = { .psk_identity = "cpe-0001", .psk_key = test_key, .psk_key_len = sizeof test_key,
		.priority = "NORMAL:-VERS-ALL:+VERS-DTLS1.2:+VERS-TLS1.2:-KX-ALL:+ECDHE-PSK:-CIPHER-ALL:+AES-128-CBC:-MAC-ALL:+SHA256" };
	r.client = tls_bundle_new(&c, NULL);
	assert_non_null(r.client);
	r.port = relay_open(&relay);
	rig_dial(&r, "127.0.0.1", true, false);
	assert_true(rig_until(&r, &r.failed, 1));
	assert_says(r.failed_why, "no common cipher suite");
	assert_says(r.refused_why, "no common cipher suite");
	assert_int_equal(r.refused, 1);
	for (int i = 0; i < 10; i++) {
		assert_true(send(relay.outside, relay.last_hello, relay.last_hello_len, 0) > 0);
		loop_step(r.loop, 20);
	}
	loop_del(r.loop, &relay.out);
	rig_run(&r, 20);
	uint8_t d[2000];
	(void)!recv(relay.outside, d, sizeof d, MSG_DONTWAIT);
	assert_true(send(relay.outside, relay.last_hello, relay.last_hello_len, 0) > 0);
	rig_run(&r, 20);
	ssize_t n;
	while ((n = recv(relay.outside, d, sizeof d, MSG_DONTWAIT)) > 0 && d[0] != 21)
		;
	assert_int_equal(n, 15);
	assert_int_equal(r.refused, 1);
	assert_int_equal(rig_half_open(&r), 0);
	r.port = port;
	relay_close(&relay);
	rig_done(&r);
}

/* Many handshakes at once, each over a path with one fault of its own. */
enum fault { DROP_FROM_CLIENT, DROP_FROM_SERVER, TWICE, FAULTS };
#define FAULTY 12                /* datagrams of the longest handshake, one way */

struct faulty {
	struct relay relay;
	enum fault fault;
	unsigned victim, seen[2];
	struct dial *dial;
	struct channel *channel;
	unsigned ups, echoes;
	bool resumed;
};

static unsigned echoed;

static bool lose(struct faulty *f, int from_server)
{
	unsigned n = ++f->seen[from_server];
	return (f->fault == DROP_FROM_CLIENT || f->fault == DROP_FROM_SERVER) && from_server == (f->fault == DROP_FROM_SERVER) && n == f->victim;
}

static void faulty_from_client(void *arg, uint32_t events)
{
	struct faulty *f = arg;
	uint8_t d[2000];
	socklen_t len = sizeof f->relay.client;
	(void)events;
	ssize_t n = recvfrom(f->relay.inside, d, sizeof d, MSG_DONTWAIT, (struct sockaddr *)&f->relay.client, &len);
	for (int i = n < 0 || lose(f, 0) ? 2 : f->fault != TWICE; i < 2; i++)
		(void)!send(f->relay.outside, d, (size_t)n, 0);
}

static void faulty_to_client(void *arg, uint32_t events)
{
	struct faulty *f = arg;
	uint8_t d[2000];
	(void)events;
	ssize_t n = recv(f->relay.outside, d, sizeof d, MSG_DONTWAIT);
	for (int i = n < 0 || lose(f, 1) ? 2 : f->fault != TWICE; i < 2; i++)
		sendto(f->relay.inside, d, (size_t)n, 0, (struct sockaddr *)&f->relay.client, sizeof f->relay.client);
}

static void faulty_echo(void *arg, const uint8_t *data, size_t len)
{
	struct faulty *f = arg;
	(void)data;
	(void)len;
	f->echoes++;
	echoed++;
}

static void faulty_closed(void *arg, const char *why, bool orderly)
{
	struct faulty *f = arg;
	(void)why;
	(void)orderly;
	f->channel = NULL;
}

static void faulty_up(void *arg, struct channel *c)
{
	static const struct channel_ops ops = { faulty_echo, faulty_closed };
	struct faulty *f = arg;
	f->channel = c;
	f->ups++;
	f->resumed = c->resumed;
	channel_own(c, &ops, f);
}

static void faulty_failed(void *arg, const char *why, unsigned next_s)
{
	struct faulty *f = arg;
	(void)next_s;
	print_message("# fault %d, datagram %u: %s\n", (int)f->fault, f->victim, why);
}

static struct channel *mirrors[FAULTS * FAULTY * 4];

static void mirror(void *arg, const uint8_t *data, size_t len)
{
	channel_send(*(struct channel **)arg, data, len);
}

static void mirror_closed(void *arg, const char *why, bool orderly)
{
	(void)why;
	(void)orderly;
	*(struct channel **)arg = NULL;
}

static void mirror_up(void *arg, struct channel *c)
{
	static const struct channel_ops ops = { mirror, mirror_closed };
	(void)arg;
	size_t i = 0;
	while (mirrors[i])
		i++;
	mirrors[i] = c;
	channel_own(c, &ops, &mirrors[i]);
}

/* Everybody gets through, and hears his own message; asked again while it is not heard, since this is UDP. */
static void all_through(struct faulty *f, size_t n, unsigned ups)
{
	static const uint8_t hello[] = { 0x50, 0x01, 0x12, 0x34 };
	int64_t until = when_boot_ms() + 15000;
	for (size_t ok = 0; ok < n && when_boot_ms() < until;) {
		ok = 0;
		for (size_t i = 0; i < n; i++) {
			ok += f[i].ups >= ups && f[i].echoes >= ups;
			if (f[i].ups >= ups && f[i].channel && f[i].echoes < ups)
				channel_send(f[i].channel, hello, sizeof hello);
		}
		rig_run(&r, 50);
	}
	for (size_t i = 0; i < n; i++) {
		if (f[i].ups < ups || f[i].echoes < ups)
			print_message("# fault %d, datagram %u: ups %u echoes %u\n", (int)f[i].fault, f[i].victim, f[i].ups, f[i].echoes);
		assert_true(f[i].ups >= ups && f[i].echoes >= ups);
		assert_int_equal(f[i].resumed, ups > 1);
	}
}

static void test_dtls_faulty_paths(void **state)
{
	(void)state;
	static struct faulty f[FAULTS * FAULTY];
	static const struct dial_ops ops = { .established = faulty_up, .failed = faulty_failed };
	static const struct listen_ops listen_ops = { .established = mirror_up };
	static const char *const host = "127.0.0.1";
	const size_t n = FAULTY * 2 + 1;
	rig_init(&r);
	struct tls_config c = { .server = true, .psk_lookup = rig_psk, .arg = &r };
	r.server = tls_bundle_new(&c, NULL);
	r.client = rig_psk_client("cpe-0001", test_key, sizeof test_key);
	struct listen_config lc = { .addresses = &host, .n_addresses = 1, .port = r.port, .udp = true, .bundle = r.server };
	r.listen = listen_new(r.loop, &lc, &listen_ops, &r, NULL);
	assert_non_null(r.listen);
	memset(f, 0, sizeof f);
	for (size_t i = 0; i < n; i++) {
		f[i].fault = (enum fault)(i / FAULTY);
		f[i].victim = (unsigned)(i % FAULTY) + 1;
		uint16_t port = relay_open(&f[i].relay);
		loop_del(r.loop, &f[i].relay.in);
		loop_del(r.loop, &f[i].relay.out);
		loop_add(r.loop, &f[i].relay.in, f[i].relay.inside, EPOLLIN, faulty_from_client, &f[i]);
		loop_add(r.loop, &f[i].relay.out, f[i].relay.outside, EPOLLIN, faulty_to_client, &f[i]);
		struct dial_config dc = { .hosts = &host, .n_hosts = 1, .port = port, .udp = true, .bundle = r.client, .attempt_delay_ms = 250, .retry_s = 600 };
		f[i].dial = dial_new(r.loop, &dc, &ops, &f[i]);
	}
	all_through(f, n, 1);
	/* Again by ticket, from the address of a session that the listener still has: its peer went without a word. */
	for (size_t i = 0; i < n; i++) {
		channel_close(f[i].channel, false);
		f[i].channel = NULL;
		f[i].seen[0] = f[i].seen[1] = 0;
		dial_again(f[i].dial);
	}
	all_through(f, n, 2);
	struct listen_stats st;
	listen_stats(r.listen, &st);
	assert_int_equal(st.sessions, n);
	assert_int_equal(st.half_open, 0);
	for (size_t i = 0; i < n; i++) {
		channel_close(f[i].channel, false);
		dial_free(f[i].dial);
		relay_close(&f[i].relay);
	}
	for (size_t i = 0; i < sizeof mirrors / sizeof *mirrors; i++)
		if (mirrors[i])
			channel_close(mirrors[i], false);
	memset(mirrors, 0, sizeof mirrors);
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
		cmocka_unit_test(test_dtls_garbage),
		cmocka_unit_test(test_dtls_spoofed_hellos),
		cmocka_unit_test(test_dtls_restart_on_same_port),
		cmocka_unit_test(test_nat_rebinding),
		cmocka_unit_test(test_dtls_faulty_paths),
		cmocka_unit_test(test_refused_port),
		cmocka_unit_test(test_tls_psk),
		cmocka_unit_test(test_tls_wrong_key),
		cmocka_unit_test(test_tls_unknown_identity),
		cmocka_unit_test(test_tls_resumption),
		cmocka_unit_test(test_tls_frames),
		cmocka_unit_test(test_tls_slow_peer),
		cmocka_unit_test(test_tls_silent_connections),
		cmocka_unit_test(test_tls_garbage),
		cmocka_unit_test(test_tls_no_descriptors),
		cmocka_unit_test(test_happy_eyeballs),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_any_address),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_redial_pacing),
		cmocka_unit_test(test_dtls_tombstone),
	};
	return cmocka_run_group_tests_name("transport", tests, NULL, NULL);
}
