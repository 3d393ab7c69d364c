/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The listener under attack itself (CH-45): addresses that keep failing, rates, and what stays open all the while. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "transport.h"

#define AFTER 3

static struct rig r;

/* n bad handshakes, with the owner's identity and a wrong key. */
static void fail_often(const char *host, bool udp, unsigned n)
{
	static const uint8_t wrong[16] = "not the right on";
	struct dial *good = r.dial;
	struct tls_bundle *bundle = r.client;
	r.client = rig_psk_client("cpe-0001", wrong, sizeof wrong);
	while (n--) {
		unsigned failed = r.failed;
		rig_dial(&r, host, udp, !udp);
		assert_true(rig_until(&r, &r.failed, failed + 1));
		dial_free(r.dial);
	}
	tls_bundle_unref(r.client);
	r.dial = good;
	r.client = bundle;
}

static void begin(bool udp)
{
	rig_init(&r);
	r.penalty_after = AFTER;
	rig_listen(&r, NULL, udp, !udp);
}

static void shut_out(bool udp)
{
	struct listen_stats s;
	begin(udp);
	fail_often("127.0.0.1", udp, AFTER);
	assert_int_equal(r.penalised, 1);
	assert_int_equal(r.refused, AFTER);
	assert_says(r.penalised_why, "3 handshakes failed to authenticate: for 300 s only a ticket");
	assert_says(r.penalised_why, "wrong key for the PSK identity");
	/* The right key does not help from there, and nothing more is told of each attempt. */
	unsigned failed = r.failed;
	rig_dial(&r, "127.0.0.1", udp, !udp);
	assert_true(rig_until(&r, &r.failed, failed + 1));
	assert_says(r.failed_why, "takes no handshake from this address for now");
	assert_int_equal(r.refused, AFTER);
	listen_stats(r.listen, &s);
	assert_int_equal(s.held, 1);
	assert_int_equal(s.half_open, 0);
	dial_free(r.dial);
	/* CH-45: by address, never by identity: its owner calls from elsewhere. */
	rig_dial(&r, "::1", udp, !udp);
	assert_true(rig_up(&r, 1));
	assert_true(rig_exchange(&r));
	rig_done(&r);
}

static void ch_45_shut_out_dtls(void **state)
{
	(void)state;
	shut_out(true);
}

static void ch_45_shut_out_tls(void **state)
{
	(void)state;
	shut_out(false);
}

static void hang_up(void)
{
	unsigned downs = r.provider.downs;
	channel_close(r.router.channel, true);
	r.router.channel = NULL;
	assert_true(rig_until(&r, &r.provider.downs, downs + 1));
}

static void ticket(bool udp)
{
	begin(udp);
	rig_dial(&r, "127.0.0.1", udp, !udp);
	assert_true(rig_up(&r, 1));
	assert_true(rig_exchange(&r));
	hang_up();
	fail_often("127.0.0.1", udp, AFTER);
	dial_again(r.dial);
	assert_true(rig_up(&r, 2));
	assert_true(r.provider.resumed);
	assert_true(rig_exchange(&r));
	/* Now its session vouches for the address: a full handshake is taken, too. */
	struct dial *first = r.dial;
	rig_dial(&r, "127.0.0.1", udp, !udp);
	assert_true(rig_until(&r, &r.provider.ups, 3));
	assert_false(r.provider.resumed);
	dial_free(first);
	rig_done(&r);
}

static void ch_45_a_ticket_is_taken_dtls(void **state)
{
	(void)state;
	ticket(true);
}

static void ch_45_a_ticket_is_taken_tls(void **state)
{
	(void)state;
	ticket(false);
}

/* A ticket that is none: no full handshake behind it. */
static void ch_45_a_bad_ticket_is_not(void **state)
{
	(void)state;
	begin(true);
	rig_dial(&r, "127.0.0.1", true, false);
	assert_true(rig_up(&r, 1));
	hang_up();
	/* With the next bundle the ticket key changes. */
	struct tls_config c = { .server = true, .psk_lookup = rig_psk, .arg = &r };
	struct tls_bundle *other = tls_bundle_new(&c, NULL);
	listen_set_bundle(r.listen, other);
	tls_bundle_unref(other);
	fail_often("127.0.0.1", true, AFTER);
	unsigned failed = r.failed;
	dial_again(r.dial);
	assert_true(rig_until(&r, &r.failed, failed + 1));
	assert_says(r.failed_why, "takes no handshake from this address for now");
	assert_int_equal(r.provider.ups, 1);
	rig_done(&r);
}

static int not_now(void *arg, const char *identity, uint8_t key[TLS_PSK_MAX], size_t *key_len, char owner[254])
{
	(void)arg, (void)identity, (void)key, (void)key_len, (void)owner;
	return TLS_PSK_LATER;
}

/* That we cannot look a key up is not held against who calls, and is told as what it is. */
static void not_our_callers_fault(bool udp)
{
	begin(udp);
	struct tls_config c = { .server = true, .psk_lookup = not_now };
	struct tls_bundle *lame = tls_bundle_new(&c, NULL);
	listen_set_bundle(r.listen, lame);
	tls_bundle_unref(lame);
	for (unsigned i = 0; i < 2 * AFTER; i++) {
		unsigned failed = r.failed;
		rig_dial(&r, "127.0.0.1", udp, !udp);
		assert_true(rig_until(&r, &r.failed, failed + 1));
		assert_says(r.failed_why, "has trouble of its own");
		dial_free(r.dial);
	}
	assert_int_equal(r.refused, 2 * AFTER);
	assert_says(r.refused_why, "cannot be had just now");
	assert_int_equal(r.penalised, 0);
	listen_set_bundle(r.listen, r.server);
	rig_dial(&r, "127.0.0.1", udp, !udp);
	assert_true(rig_up(&r, 1));
	rig_done(&r);
}

static void ch_45_our_trouble_dtls(void **state)
{
	(void)state;
	not_our_callers_fault(true);
}

static void ch_45_our_trouble_tls(void **state)
{
	(void)state;
	not_our_callers_fault(false);
}

/* A device behind a router's address cannot shut the router out while it is connected. */
static void ch_45_a_live_session_vouches(void **state)
{
	(void)state;
	begin(true);
	rig_dial(&r, "127.0.0.1", true, false);
	assert_true(rig_up(&r, 1));
	fail_often("127.0.0.1", true, 2 * AFTER);
	assert_int_equal(r.penalised, 0);
	assert_int_equal(r.refused, 2 * AFTER);
	assert_true(rig_exchange(&r));
	rig_done(&r);
}

/* Hellos beyond what any queue takes: what belongs to a session is neither lost nor kept waiting behind them. */
static void ch_45_hellos_crowd_nobody_out(void **state)
{
	(void)state;
	static const uint8_t note[] = { 0x50, 0x01, 0x12, 0x34, 0xff, 'h', 'i' };
	uint8_t hello[400] = { 22, 254, 253, [11] = 1, [12] = 0x83, [13] = 1, [16] = 0x77, [24] = 0x77, [25] = 254, [26] = 253 };
	const unsigned flood = 20000;
	struct listen_stats s;
	begin(true);
	rig_dial(&r, "127.0.0.1", true, false);
	assert_true(rig_up(&r, 1));
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(r.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	for (unsigned i = 0; i < flood; i++)
		(void)!send(fd, hello, sizeof hello, 0);
	assert_true(channel_send(r.router.channel, note, sizeof note));
	loop_step(r.loop, 1000);
	assert_int_equal(r.provider.messages, 1);
	do {
		loop_step(r.loop, 0);
		listen_stats(r.listen, &s);
	} while (s.cookies < 1000);
	assert_true(s.cookies <= flood);
	assert_true(rig_exchange(&r));
	close(fd);
	rig_done(&r);
}

/* A resumed session's first message may be read before its Finished, which came by the other socket. */
static void early_message(void **state)
{
	(void)state;
	static const uint8_t note[] = { 0x50, 0x01, 0x12, 0x34, 0xff, 'h', 'i' };
	begin(true);
	rig_dial(&r, "127.0.0.1", true, false);
	assert_true(rig_up(&r, 1));
	hang_up();
	unsigned messages = r.provider.messages;
	dial_again(r.dial);
	assert_true(rig_until(&r, &r.router.ups, 2));
	assert_int_equal(r.provider.ups, 1);
	for (int i = 0; i < 2; i++)
		assert_true(channel_send(r.router.channel, note, sizeof note));
	channel_close(r.router.channel, true);
	r.router.channel = NULL;
	assert_true(rig_until(&r, &r.provider.ups, 2));
	assert_true(rig_until(&r, &r.provider.downs, 2));
	assert_int_equal(r.provider.messages, messages + 2);
	rig_done(&r);
}

/* Two sockets on one port are ours; a third is another listener's, and is refused. */
static void second_listener(void **state)
{
	(void)state;
	static const char *const address = "127.0.0.1";
	static const struct listen_ops ops = { 0 };
	struct reason why = { 0 };
	begin(true);
	struct listen_config config = { .addresses = &address, .n_addresses = 1, .port = r.port, .udp = true, .bundle = r.server };
	assert_null(listen_new(r.loop, &config, &ops, &r, &why));
	assert_says(why.text, "is another listener running?");
	rig_done(&r);
}

/* More handshakes than the rate allows find no place; a little later they do. */
static void ch_45_rate(void **state)
{
	(void)state;
	struct listen_stats s = { 0 };
	int fds[100], n = 0;
	rig_init(&r);
	r.max_rate = 2;
	rig_listen(&r, "127.0.0.1", false, true);
	while (n < 8)
		fds[n++] = rig_knock(&r);
	while (s.limited + s.half_open < 8) {
		loop_step(r.loop, 100);
		listen_stats(r.listen, &s);
	}
	assert_int_equal(s.half_open, 5);   /* two seconds' worth, and the one that fills it */
	assert_int_equal(s.limited, 3);
	for (; s.half_open < 6 && n < 100; listen_stats(r.listen, &s)) {
		fds[n++] = rig_knock(&r);
		rig_run(&r, 50);
	}
	assert_int_equal(s.half_open, 6);
	while (n)
		close(fds[--n]);
	rig_done(&r);
}

/* The kernel's refusals, provoked. */
static int accept_error, accept_refusals, accepted_fd, send_error, receive_error, waited_s;

int __real_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	if (accept_error) {
		accept_refusals++;
		errno = accept_error;
		return -1;
	}
	int got = __real_accept4(fd, addr, len, flags);
	accepted_fd = got >= 0 ? got : accepted_fd;
	return got;
}

ssize_t __real_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
	if (!send_error)
		return __real_sendmsg(fd, m, flags);
	errno = send_error;
	return -1;
}

int __real_recvmmsg(int fd, struct mmsghdr *m, unsigned n, int flags, struct timespec *t);
int __wrap_recvmmsg(int fd, struct mmsghdr *m, unsigned n, int flags, struct timespec *t);
int __wrap_recvmmsg(int fd, struct mmsghdr *m, unsigned n, int flags, struct timespec *t)
{
	if (receive_error) {
		errno = receive_error;
		return -1;
	}
	int got = __real_recvmmsg(fd, m, n, flags, t);
	for (int i = 0; i < got && waited_s; i++) {
		struct msghdr *one = &m[i].msg_hdr;
		for (struct cmsghdr *h = CMSG_FIRSTHDR(one); h; h = CMSG_NXTHDR(one, h)) {
			struct timespec came;
			if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_TIMESTAMPNS)
				continue;
			memcpy(&came, CMSG_DATA(h), sizeof came);
			came.tv_sec -= waited_s;
			memcpy(CMSG_DATA(h), &came, sizeof came);
		}
	}
	return got;
}

static struct listen_stats stats_now(void)
{
	struct listen_stats s;
	listen_stats(r.listen, &s);
	return s;
}

/* More hellos than can be served: one that has waited for long is left to its retransmission, what belongs to a handshake under way is not. */
static void ch_43_stale_hellos(void **state)
{
	(void)state;
	begin(true);
	waited_s = 1;
	rig_dial(&r, "127.0.0.1", true, false);
	for (int i = 0; i < 100 && !stats_now().dropped; i++)
		loop_step(r.loop, 100);
	assert_int_equal(stats_now().dropped, 1);
	assert_int_equal(stats_now().hellos, 0);
	waited_s = 0;
	for (int i = 0; i < 100 && !stats_now().half_open; i++)
		loop_step(r.loop, 100);
	assert_int_equal(stats_now().half_open, 1);
	waited_s = 1;
	assert_true(rig_up(&r, 1));
	assert_true(rig_exchange(&r));
	assert_int_equal(stats_now().dropped, 1);
	waited_s = 0;
	rig_done(&r);
}

/* No descriptors or memory for another connection: those that are up go on, nothing spins, and who waits is let in later. */
static void ch_45_accept_refused(void **state)
{
	(void)state;
	static const int errors[] = { EMFILE, ENFILE, ENOBUFS, ENOMEM };
	begin(false);
	rig_dial(&r, "127.0.0.1", false, true);
	assert_true(rig_up(&r, 1));
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
		accept_error = errors[i];
		accept_refusals = 0;
		int fd = rig_knock(&r);
		while (!accept_refusals)
			loop_step(r.loop, 100);
		assert_true(rig_exchange(&r));
		rig_run(&r, 100);
		assert_in_range(accept_refusals, 1, 2);
		accept_error = 0;
		while (!rig_half_open(&r))
			loop_step(r.loop, 1000);
		close(fd);
		while (rig_half_open(&r))
			loop_step(r.loop, 1000);
	}
	rig_done(&r);
}

/* A full queue of the interface loses a datagram, not a session; nor does a moment without memory. */
static void ch_45_no_buffers(void **state)
{
	(void)state;
	static const int errors[] = { ENOBUFS, ENOMEM, EAGAIN };
	static const uint8_t note[] = { 0x50, 0x01, 0x12, 0x34, 0xff, 'h', 'i' };
	begin(true);
	rig_dial(&r, "127.0.0.1", true, false);
	assert_true(rig_up(&r, 1));
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
		send_error = errors[i];
		assert_false(channel_send(r.provider.channel, note, sizeof note));
		send_error = 0;
		assert_true(rig_exchange(&r));
		receive_error = errors[i];
		unsigned messages = r.provider.messages;
		assert_true(channel_send(r.router.channel, note, sizeof note));
		loop_step(r.loop, 100);
		assert_int_equal(r.provider.messages, messages);
		receive_error = 0;
		assert_true(rig_until(&r, &r.provider.messages, messages + 1));
	}
	/* A hello that cannot be answered is sent again. */
	send_error = ENOBUFS;
	struct dial *first = r.dial;
	rig_dial(&r, "127.0.0.1", true, false);
	rig_run(&r, 50);
	send_error = 0;
	assert_true(rig_until(&r, &r.provider.ups, 2));
	dial_free(first);
	rig_done(&r);
}

/* A connection whose other end has vanished is noticed by the kernel, though we have nothing to send. */
static void half_dead_tcp(void **state)
{
	(void)state;
	int value = 0;
	socklen_t len = sizeof value;
	begin(false);
	rig_dial(&r, "127.0.0.1", false, true);
	assert_true(rig_until(&r, &r.provider.ups, 1));
	assert_int_equal(getsockopt(accepted_fd, SOL_SOCKET, SO_KEEPALIVE, &value, &len), 0);
	assert_int_equal(value, 1);
	assert_int_equal(getsockopt(accepted_fd, IPPROTO_TCP, TCP_KEEPIDLE, &value, &len), 0);
	assert_in_range(value, 1, 120);
	assert_int_equal(getsockopt(accepted_fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &len), 0);
	assert_in_range(value, 450000, 900000);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ch_45_shut_out_dtls), cmocka_unit_test(ch_45_shut_out_tls), cmocka_unit_test(ch_45_a_ticket_is_taken_dtls),
		cmocka_unit_test(ch_45_a_ticket_is_taken_tls), cmocka_unit_test(ch_45_a_bad_ticket_is_not), cmocka_unit_test(ch_45_a_live_session_vouches),
		cmocka_unit_test(ch_45_our_trouble_dtls), cmocka_unit_test(ch_45_our_trouble_tls),
		cmocka_unit_test(ch_45_rate), cmocka_unit_test(ch_45_hellos_crowd_nobody_out), cmocka_unit_test(second_listener), cmocka_unit_test(early_message),
		cmocka_unit_test(ch_43_stale_hellos),
		cmocka_unit_test(ch_43_stale_hellos), cmocka_unit_test(ch_45_accept_refused), cmocka_unit_test(ch_45_no_buffers), cmocka_unit_test(half_dead_tcp),
	};
	return cmocka_run_group_tests_name("listen", tests, NULL, NULL);
}
