/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names by DNS: in a network of its own, with a name server of its own, so that nothing leaves the machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "link/dial_names.h"
#include "transport.h"

static struct rig r;

/* The name server: answers by the first label. */
static struct loop_fd server;
static unsigned questions;

static void answer(void *arg, uint32_t events)
{
	uint8_t d[600];
	struct sockaddr_in from;
	socklen_t len = sizeof from;
	(void)arg;
	(void)events;
	ssize_t n = recvfrom(server.fd, d, sizeof d / 2, MSG_DONTWAIT, (struct sockaddr *)&from, &len);
	if (n < 18)
		return;
	questions++;
	char label[64];
	snprintf(label, sizeof label, "%.*s", d[12], (char *)d + 13);
	size_t end = 12;
	while (d[end])
		end += d[end] + 1u;
	bool six = d[end + 2] == 28;
	size_t at = end + 5;
	bool has = strcmp(label, "both") == 0 || strcmp(label, six ? "six" : "four") == 0;
	if (strcmp(label, "silent") == 0)
		return;
	d[2] = 0x85;
	d[3] = strcmp(label, "nowhere") == 0 ? 0x83 : 0x80;
	d[6] = 0;
	d[7] = has;
	memset(d + 8, 0, 4);
	if (has) {
		static const uint8_t head[] = { 0xc0, 12, 0, 0, 0, 1, 0, 0, 0, 60, 0 };
		memcpy(d + at, head, sizeof head);
		d[at + 3] = six ? 28 : 1;
		at += sizeof head;
		d[at++] = six ? 16 : 4;
		if (six)
			memcpy(d + at, &in6addr_loopback, 16);
		else
			memcpy(d + at, (uint8_t[]){ 127, 0, 0, 1 }, 4);
		at += six ? 16 : 4;
	}
	sendto(server.fd, d, at, 0, (struct sockaddr *)&from, len);
}

struct result { struct names *names; unsigned found, four, six, done; char why[100]; };

static void found(void *arg, const struct sockaddr_storage *address)
{
	struct result *x = arg;
	char text[64];
	x->found++;
	sockaddr_format(address, text);
	x->four += strcmp(text, "127.0.0.1:4647") == 0;
	x->six += strcmp(text, "[::1]:4647") == 0;
}

static void done(void *arg, const char *why)
{
	struct result *x = arg;
	x->done++;
	snprintf(x->why, sizeof x->why, "%s", why ? why : "");
	names_free(x->names);
	x->names = NULL;
}

static const struct names_ops ops = { found, done };

static void begin(void)
{
	rig_init(&r);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	questions = 0;
	assert_int_equal(loop_add(r.loop, &server, fd, EPOLLIN, answer, NULL), 0);
}

static void end(void)
{
	loop_del(r.loop, &server);
	close(server.fd);
}

static void test_names_by_dns(void **state)
{
	(void)state;
	static const struct { const char *name; unsigned four, six; bool fails; } rows[] = {
		{ "both.example.", 1, 1, false }, { "four.example.", 1, 0, false }, { "six.example.", 0, 1, false }, { "none.example.", 0, 0, true }, { "nowhere.example.", 0, 0, true },
	};
	begin();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct result x = { .names = names_start(r.loop, rows[i].name, 4647, &ops, &x) };
		assert_non_null(x.names);
		assert_int_equal(x.done + x.found, 0);
		assert_true(rig_until(&r, &x.done, 1));
		assert_int_equal(x.four, rows[i].four);
		assert_int_equal(x.six, rows[i].six);
		assert_int_equal(x.found, rows[i].four + rows[i].six);
		assert_int_equal(x.why[0] != '\0', rows[i].fails);
	}
	end();
	loop_free(r.loop);
}

/* Nobody answers: given up after a while; and cancelled on the way without a call. */
static void test_names_silence(void **state)
{
	(void)state;
	begin();
	struct result x = { 0 }, y = { 0 };
	x.names = names_start(r.loop, "silent.example.", 4647, &ops, &x);
	y.names = names_start(r.loop, "silent.example.", 4647, &ops, &y);
	assert_true(rig_until(&r, &questions, 4));
	names_free(y.names);
	assert_true(rig_until(&r, &x.done, 1));
	assert_true(x.why[0]);
	assert_int_equal(y.done, 0);
	end();
	loop_free(r.loop);
}

static void test_dial_by_name(void **state)
{
	(void)state;
	begin();
	rig_listen(&r, "127.0.0.1", true, true);
	rig_dial(&r, "both.example.", true, true);
	assert_true(rig_until(&r, &r.router.ups, 1));
	assert_true(rig_until(&r, &r.provider.ups, 1));
	assert_int_equal(r.router.channel->transport, TRANSPORT_UDP);   /* IPv6 is tried first, and refused at once */
	assert_int_equal(r.router.channel->remote.ss_family, AF_INET);
	end();
	rig_done(&r);
	begin();
	rig_dial(&r, "nowhere.example.", true, true);
	assert_true(rig_until(&r, &r.failed, 1));
	assert_non_null(strstr(r.failed_why, "nowhere.example.: "));
	end();
	dial_free(r.dial);
	tls_bundle_unref(r.client);
	loop_free(r.loop);
}

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_CREAT | O_TRUNC, 0600);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (fd >= 0)
		close(fd);
	return ok;
}

/* A user, network and mount namespace of our own: port 53 and /etc/resolv.conf are ours there. */
static bool seclude(void)
{
	char path[] = "/tmp/resolv.XXXXXX";
	char uid[32], gid[32];
	snprintf(uid, sizeof uid, "0 %u 1", (unsigned)getuid());
	snprintf(gid, sizeof gid, "0 %u 1", (unsigned)getgid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) < 0)
		return false;
	int fd = mkstemp(path);
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	bool ok = put("/proc/self/setgroups", "deny") && put("/proc/self/uid_map", uid) && put("/proc/self/gid_map", gid) &&
	    ioctl(s, SIOCSIFFLAGS, &lo) == 0 && fd >= 0 && put(path, "nameserver 127.0.0.1\n") &&
	    mount(path, "/etc/resolv.conf", "none", MS_BIND, "") == 0;
	close(s);
	close(fd);
	unlink(path);
	return ok;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_by_dns),
		cmocka_unit_test(test_names_silence),
		cmocka_unit_test(test_dial_by_name),
	};
	if (!seclude()) {
		printf("1..0 # SKIP no namespaces here\n");
		return 0;
	}
	return cmocka_run_group_tests_name("dial_names", tests, NULL, NULL);
}
