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

/* Services, by the domain's first label. */
struct target { uint16_t priority, weight, port; const char *host; };
static const struct { const char *label; struct target targets[4]; } services[] = {
	{ "ordered", { { 30, 0, 3003, "third.example" }, { 10, 0, 1001, "first.example" }, { 20, 0, 2002, "second.example" } } },
	{ "weighted", { { 1, 0, 1, "light.example" }, { 1, 65535, 2, "heavy.example" } } },
	{ "denied", { { 0, 0, 0, "." } } },
};
static uint8_t moved_to = 1;             /* "moves" is at 127.0.0.this */
static struct target dialled;            /* what "_dots-call-home._udp.dialled" is answered with */

static size_t put16(uint8_t *to, unsigned v)
{
	to[0] = (uint8_t)(v >> 8);
	to[1] = (uint8_t)v;
	return 2;
}

static size_t put_name(uint8_t *to, const char *name)
{
	size_t at = 0;
	while (*name && strcmp(name, ".") != 0) {
		size_t len = strcspn(name, ".");
		to[at++] = (uint8_t)len;
		memcpy(to + at, name, len);
		at += len;
		name += len + (name[len] == '.');
	}
	to[at++] = 0;
	return at;
}

static size_t put_target(uint8_t *d, size_t at, const struct target *t)
{
	static const uint8_t head[] = { 0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60 };
	memcpy(d + at, head, sizeof head);
	at += sizeof head;
	size_t length = at;
	at += 2;
	at += put16(d + at, t->priority);
	at += put16(d + at, t->weight);
	at += put16(d + at, t->port);
	at += put_name(d + at, t->host);
	put16(d + length, (unsigned)(at - length - 2));
	d[7]++;
	return at;
}

/* The third label says which. */
static size_t answer_service(uint8_t *d, size_t at)
{
	size_t domain = 12 + d[12] + 1u;
	bool udp = memcmp(d + domain, "\4_udp", 5) == 0;
	domain += d[domain] + 1u;
	for (size_t i = 0; udp && i < sizeof services / sizeof *services; i++)
		if (d[domain] == strlen(services[i].label) && memcmp(d + domain + 1, services[i].label, d[domain]) == 0)
			for (size_t k = 0; k < 4 && services[i].targets[k].host; k++)
				at = put_target(d, at, &services[i].targets[k]);
	if (udp && d[domain] == 7 && memcmp(d + domain + 1, "dialled", 7) == 0)
		at = put_target(d, at, &dialled);
	return at;
}

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
	bool has = strcmp(label, "both") == 0 || strcmp(label, six ? "six" : "four") == 0 || (strcmp(label, "moves") == 0 && !six);
	if (strcmp(label, "silent") == 0)
		return;
	d[2] = 0x85;
	d[3] = strcmp(label, "nowhere") == 0 ? 0x83 : 0x80;
	d[6] = 0;
	d[7] = has;
	memset(d + 8, 0, 4);
	if (d[end + 2] == 33) {
		at = answer_service(d, at);
	} else if (has) {
		static const uint8_t head[] = { 0xc0, 12, 0, 0, 0, 1, 0, 0, 0, 60, 0 };
		memcpy(d + at, head, sizeof head);
		d[at + 3] = six ? 28 : 1;
		at += sizeof head;
		d[at++] = six ? 16 : 4;
		if (six)
			memcpy(d + at, &in6addr_loopback, 16);
		else
			memcpy(d + at, (uint8_t[]){ 127, 0, 0, strcmp(label, "moves") == 0 ? moved_to : 1 }, 4);
		at += six ? 16 : 4;
	}
	sendto(server.fd, d, at, 0, (struct sockaddr *)&from, len);
}

struct result { struct names *names; unsigned found, four, six, done; char why[100], targets[200]; };

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

static void target(void *arg, const char *host, uint16_t port)
{
	struct result *x = arg;
	size_t at = strlen(x->targets);
	snprintf(x->targets + at, sizeof x->targets - at, "%s:%u ", host, port);
}

static const struct names_ops ops = { .found = found, .target = target, .done = done };

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
	assert_true(rig_up(&r, 1));
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

/* The provider is at another address after a while, without a word of it to its routers: each call looks the name up anew. */
static void test_dial_looks_up_anew(void **state)
{
	char text[64];
	(void)state;
	begin();
	moved_to = 1;
	rig_listen(&r, "127.0.0.1", true, false);
	rig_dial(&r, "moves.example.", true, false);
	assert_true(rig_up(&r, 1));
	channel_close(r.provider.channel, true);
	r.provider.channel = NULL;
	listen_free(r.listen);
	assert_true(rig_until(&r, &r.router.downs, 1));
	moved_to = 2;
	rig_listen(&r, "127.0.0.2", true, false);
	dial_again(r.dial);
	assert_true(rig_until(&r, &r.router.ups, 2));
	sockaddr_format(&r.router.channel->remote, text);
	assert_memory_equal(text, "127.0.0.2:", 10);
	end();
	rig_done(&r);
}

static struct result service(const char *name)
{
	struct result x = { .names = names_service(r.loop, name, &ops, &x) };
	assert_non_null(x.names);
	assert_true(rig_until(&r, &x.done, 1));
	return x;
}

static void test_service_in_order(void **state)
{
	(void)state;
	begin();
	struct result x = service("_dots-call-home._udp.ordered.example");
	assert_string_equal(x.targets, "first.example:1001 second.example:2002 third.example:3003 ");
	assert_string_equal(x.why, "");
	unsigned heavy = 0;
	for (int i = 0; i < 20; i++)
		heavy += strncmp(service("_dots-call-home._udp.weighted.example").targets, "heavy", 5) == 0;
	assert_in_range(heavy, 17, 20);
	/* "." is a no; so are an empty answer and a name that there is not. */
	x = service("_dots-call-home._udp.denied.example");
	assert_string_equal(x.targets, "");
	assert_true(x.why[0]);
	assert_true(service("_dots-call-home._tcp.ordered.example").why[0]);
	end();
	loop_free(r.loop);
}

static char named[64];

static struct tls_bundle *on_target(void *arg, const char *name)
{
	(void)arg;
	snprintf(named, sizeof named, "%s", name);
	return NULL;
}

/* The port and the transport are the service's, and so is the name whose credentials are asked for. */
static void test_dial_by_service(void **state)
{
	(void)state;
	begin();
	rig_listen(&r, "127.0.0.1", true, true);
	dialled = (struct target){ 0, 0, r.port, "four.example" };
	r.port = 9;
	rig_dial_service(&r, "_dots-call-home", "dialled.example", on_target);
	assert_true(rig_until(&r, &r.router.ups, 1));
	assert_int_equal(r.router.channel->transport, TRANSPORT_UDP);
	assert_string_equal(named, "four.example");
	end();
	rig_done(&r);
	begin();
	rig_dial_service(&r, "_dots-call-home", "nobody.example", on_target);
	assert_true(rig_until(&r, &r.failed, 1));
	assert_non_null(strstr(r.failed_why, "_dots-call-home._udp.nobody.example: "));
	assert_non_null(strstr(r.failed_why, "_dots-call-home._tcp.nobody.example: "));
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
		cmocka_unit_test(test_dial_by_name), cmocka_unit_test(test_dial_looks_up_anew),
		cmocka_unit_test(test_service_in_order),
		cmocka_unit_test(test_dial_by_service),
	};
	if (!seclude()) {
		printf("1..0 # SKIP no namespaces here\n");
		return 0;
	}
	return cmocka_run_group_tests_name("dial_names", tests, NULL, NULL);
}
