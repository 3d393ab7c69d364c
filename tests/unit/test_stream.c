/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS over real sockets: frames, peers that do not read or speak, and no descriptors left. */
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
	rig_psk_session(&r, false, true);
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
	rig_psk_session(&r, false, true);
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

/* Connections that never say a word fill their share only, and give way. */
static void test_tls_silent_connections(void **state)
{
	(void)state;
	rig_init(&r);
	r.max_half_open = 8;
	rig_listen(&r, "127.0.0.1", true, true);
	int fds[20];
	for (size_t i = 0; i < 20; i++)
		fds[i] = rig_knock(&r);
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

static int64_t ahead_ms;

int64_t __real_when_boot_ms(void);
int64_t __wrap_when_boot_ms(void);
int64_t __wrap_when_boot_ms(void)
{
	return __real_when_boot_ms() + ahead_ms;
}

/* What takes long because we do not come to read it does not give way: with more callers than we can serve nobody would get in. */
static void test_tls_our_own_slowness(void **state)
{
	(void)state;
	rig_init(&r);
	r.max_half_open = 1;
	rig_listen(&r, "127.0.0.1", false, true);
	int first = rig_knock(&r);
	rig_run(&r, 50);
	assert_int_equal(rig_half_open(&r), 1);
	int second = rig_knock(&r);
	assert_int_equal(write(first, "\x16\x03\x03", 3), 3);
	ahead_ms += 4000;
	loop_step(r.loop, 100);
	struct listen_stats s;
	listen_stats(r.listen, &s);
	assert_int_equal(s.dropped, 1);
	assert_int_equal(s.half_open, 1);
	assert_int_equal(r.refused, 0);
	/* Read by now, and still unfinished: it is the peer who is slow. */
	int third = rig_knock(&r);
	assert_true(rig_until(&r, &r.refused, 1));
	assert_says(r.refused_why, "gave way");
	close(first);
	close(second);
	close(third);
	rig_done(&r);
}

static void test_tls_garbage(void **state)
{
	(void)state;
	rig_init(&r);
	r.penalty_after = LISTEN_UNLIMITED;
	rig_listen(&r, "127.0.0.1", false, true);
	for (unsigned i = 0; i < 200; i++) {
		int fd = rig_knock(&r);
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
	int one = rig_knock(&r), probe = dup(0);
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
	int two = rig_knock(&r);   /* under valgrind, which closes what it refuses to accept, the first one is gone */
	for (int i = 0; i < 100 && !rig_half_open(&r); i++)
		loop_step(r.loop, 50);
	assert_in_range(rig_half_open(&r), 1, 2);
	close(one);
	close(two);
	rig_dial(&r, "127.0.0.1", false, true);
	assert_true(rig_until(&r, &r.provider.ups, 1));
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tls_frames),
		cmocka_unit_test(test_tls_slow_peer),
		cmocka_unit_test(test_tls_silent_connections),
		cmocka_unit_test(test_tls_our_own_slowness),
		cmocka_unit_test(test_tls_garbage),
		cmocka_unit_test(test_tls_no_descriptors),
	};
	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
