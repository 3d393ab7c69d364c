/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DTLS over real sockets: strangers, spoofed hellos, translators on the way, lost and doubled datagrams. */
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
	rig_psk_session(&r, true, false);
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
	assert_true(rig_up(&r, 1));
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
	assert_true(rig_up(&r, 2));
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
	assert_true(rig_up(&r, 1));
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
	assert_true(rig_up(&r, 2));
	assert_true(r.provider.resumed);
	assert_true(rig_exchange(&r));
	r.port = port;
	relay_close(&relay);
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
		cmocka_unit_test(test_dtls_garbage),
		cmocka_unit_test(test_dtls_spoofed_hellos),
		cmocka_unit_test(test_dtls_restart_on_same_port),
		cmocka_unit_test(test_nat_rebinding),
		cmocka_unit_test(test_dtls_faulty_paths),
		cmocka_unit_test(test_dtls_tombstone),
	};
	return cmocka_run_group_tests_name("dtls", tests, NULL, NULL);
}
