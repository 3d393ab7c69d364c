/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_link - what a listener pays for handshakes, idle sessions and floods, over DTLS on loopback, beside a bare GnuTLS program. The driver is a process
   of its own; figures are the listener's processor time, system calls included. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../unit/certs.h"
#include "link/dial.h"
#include "link/listen.h"
#include "link_floor.h"
#include "swarm.h"

#define PARALLEL 16
#define MEMORY_SESSIONS 3000
#define SESSIONS_MAX 10001
#define FLOOD_HELLOS 60000

#define ROUNDTRIP_MS 400
#define OUTSTANDING 64

/* ROUND: one session talks, the others are idle; ROUND64: with many messages under way. */
enum mode { PSK, X509, RESUMED, MEMORY, MEMORY_X509, FLOOD, ROUND, ROUND64 };

static bool certified(enum mode m)
{
	return m == X509 || m == MEMORY_X509;
}

static bool keeps(enum mode m)
{
	return m == MEMORY || m == MEMORY_X509 || m == ROUND || m == ROUND64;
}

static const uint8_t psk_key[16] = "sixteen bytes k";

static int64_t cpu_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static long resident(void)
{
	long size = 0, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	if (!f || fscanf(f, "%ld %ld", &size, &pages) != 2)
		abort();
	fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

/* The driver. */

struct driver {
	struct loop *loop;
	struct tls_bundle *bundle;
	struct dial *dials[PARALLEL];
	uint16_t port;
	enum mode mode;
	unsigned wanted, started, done;
	struct channel *talker;
	unsigned long trips;
};

struct caller { struct driver *driver; size_t slot; };

static void call(struct caller *c);

static const uint8_t note[32] = { 0x50, 0x01, 0x12, 0x34, 0xff };

static void trip(void *arg, const uint8_t *data, size_t len)
{
	struct driver *d = arg;
	d->trips++;
	channel_send(d->talker, data, len);
}

static void hung_up(void *arg, const char *why, bool orderly)
{
	(void)arg;
	(void)orderly;
	fprintf(stderr, "bench: %s\n", why);
	_exit(1);
}

static void up(void *arg, struct channel *ch)
{
	struct caller *c = arg;
	struct driver *d = c->driver;
	static const struct channel_ops ops = { trip, hung_up };
	channel_own(ch, &ops, d);
	d->done++;
	d->talker = ch;
	if (!keeps(d->mode))
		channel_close(ch, true);
	if (d->started >= d->wanted) {
		if (d->done == d->wanted)
			loop_stop(d->loop, 0);
		return;
	}
	if (d->mode == RESUMED) {
		d->started++;
		dial_again(d->dials[c->slot]);
		return;
	}
	dial_free(d->dials[c->slot]);
	call(c);
}

static void down(void *arg, const char *why, unsigned next_s)
{
	(void)arg;
	(void)next_s;
	fprintf(stderr, "bench: %s\n", why);
	_exit(1);
}

static void call(struct caller *c)
{
	static const struct dial_ops ops = { .established = up, .failed = down };
	static const char *const host = "127.0.0.1";
	struct driver *d = c->driver;
	struct dial_config config = { .hosts = &host, .n_hosts = 1, .port = d->port, .udp = true, .bundle = d->bundle, .attempt_delay_ms = 250, .retry_s = 60 };
	d->started++;
	d->dials[c->slot] = dial_new(d->loop, &config, &ops, c);
}

static void time_up(void *arg)
{
	loop_stop(arg, 0);
}

/* Round trips a second on the channel that came last. */
static double talk(struct driver *d)
{
	struct loop_timer t = { 0 };
	for (int i = 0; i < (d->mode == ROUND64 ? OUTSTANDING : 1); i++)
		channel_send(d->talker, note, sizeof note);
	loop_timer_init(&t, time_up, d->loop);
	loop_timer_set(d->loop, &t, ROUNDTRIP_MS);
	loop_run(d->loop);
	return (double)d->trips * 1000 / ROUNDTRIP_MS;
}

/* Returns round trips a second, in the modes that have them. */
static double drive_handshakes(enum mode mode, uint16_t port, unsigned n)
{
	struct driver d = { .loop = loop_new(), .port = port, .mode = mode, .wanted = n };
	struct tls_config c = certified(mode) ? (struct tls_config){ .certificate_file = certs_path("client", "pem"), .key_file = certs_path("client", "key"), .ca_file = certs_path("ca", "pem"), .server_name = "ch.isp.example" } :
	    (struct tls_config){ .psk_identity = "cpe-0001", .psk_key = psk_key, .psk_key_len = sizeof psk_key };
	d.bundle = tls_bundle_new(&c, NULL);
	assert(d.bundle);
	struct caller callers[PARALLEL];
	for (size_t i = 0; i < PARALLEL && i < n; i++) {
		callers[i] = (struct caller){ &d, i };
		call(&callers[i]);
	}
	loop_run(d.loop);
	return mode == ROUND || mode == ROUND64 ? talk(&d) : 0;
}

/* Hellos from ever new addresses and ports, taken from a real one; in small gulps, so that none is lost. */
static void drive_flood(uint16_t port, unsigned count, long pause_ns)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	int catcher = socket(AF_INET, SOCK_DGRAM, 0);
	bind(catcher, (struct sockaddr *)&at, sizeof at);
	getsockname(catcher, (struct sockaddr *)&at, &len);
	struct driver d = { .loop = loop_new(), .port = ntohs(at.sin_port) };
	struct tls_config c = { .psk_identity = "cpe-0001", .psk_key = psk_key, .psk_key_len = sizeof psk_key };
	d.bundle = tls_bundle_new(&c, NULL);
	struct caller caller = { &d, 0 };
	call(&caller);
	uint8_t hello[1500];
	ssize_t n;
	do
		loop_step(d.loop, 10);
	while ((n = recv(catcher, hello, sizeof hello, MSG_DONTWAIT)) <= 0);
	dial_free(d.dials[0]);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	for (unsigned i = 0; i < count; i++) {
		struct iovec iov = { hello, (size_t)n };
		union {
			struct cmsghdr align;
			char space[CMSG_SPACE(sizeof(struct in_pktinfo))];
		} control = { .space = { 0 } };
		struct msghdr m = { .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.space };
		struct cmsghdr *h = CMSG_FIRSTHDR(&m);
		struct in_pktinfo info = { .ipi_spec_dst.s_addr = htonl(0x7f010000u + i) };
		h->cmsg_level = IPPROTO_IP;
		h->cmsg_type = IP_PKTINFO;
		h->cmsg_len = CMSG_LEN(sizeof info);
		memcpy(CMSG_DATA(h), &info, sizeof info);
		sendmsg(fd, &m, 0);
		if (i % 64 == 63) {
			struct timespec pause = { .tv_nsec = pause_ns };
			nanosleep(&pause, NULL);
		}
	}
}

/* Runs the driver until it is ready; tells through the pipe; waits to be killed, so that its channels stay open. */
static pid_t drive(enum mode mode, uint16_t port, unsigned n, int out[2])
{
	if (pipe(out) < 0)
		abort();
	pid_t pid = fork();
	if (pid)
		return pid;
	close(out[0]);
	double result = 0;
	if (mode == FLOOD)
		drive_flood(port, FLOOD_HELLOS, 500000);
	else
		result = drive_handshakes(mode, port, n);
	usleep(20000);
	(void)!write(out[1], &result, sizeof result);
	for (;;)
		pause();
}

static void stop(pid_t pid, int out[2])
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(out[0]);
}

/* The listener. */

static void closed(void *arg, const char *why, bool orderly)
{
	(void)arg;
	(void)why;
	(void)orderly;
}

struct listener { struct loop *loop; struct channel *kept[SESSIONS_MAX]; unsigned n, up; bool keep; };

static void message(void *arg, const uint8_t *data, size_t len)
{
	channel_send(arg, data, len);
}

static void accepted(void *arg, struct channel *c)
{
	struct listener *l = arg;
	static const struct channel_ops ops = { message, closed };
	channel_own(c, &ops, c);
	l->up++;
	if (l->keep && l->n < SESSIONS_MAX)
		l->kept[l->n++] = c;
}

static int look_up(void *arg, const char *identity, uint8_t key[TLS_PSK_MAX], size_t *len, char owner[254])
{
	(void)arg;
	(void)identity;
	memcpy(key, psk_key, sizeof psk_key);
	*len = sizeof psk_key;
	snprintf(owner, 254, "customer one");
	return 0;
}

static int look_at(void *arg, struct identity *id)
{
	(void)arg;
	snprintf(id->owner, sizeof id->owner, "customer one");
	return 0;
}

static void stopped(void *arg, uint32_t events)
{
	(void)events;
	loop_stop(arg, 0);
}

static uint16_t free_port(int *fd)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	*fd = socket(AF_INET, SOCK_DGRAM, 0);
	bind(*fd, (struct sockaddr *)&at, sizeof at);
	getsockname(*fd, (struct sockaddr *)&at, &len);
	return ntohs(at.sin_port);
}

/* Result: microseconds for one, or bytes for one. */
static double measure_ours(enum mode mode, unsigned n)
{
	static struct listener l;
	static const struct listen_ops ops = { .established = accepted };
	static const char *const address = "127.0.0.1";
	int fd, out[2];
	uint16_t port = free_port(&fd);
	close(fd);
	struct tls_config c = certified(mode) ? (struct tls_config){ .certificate_file = certs_path("server", "pem"), .key_file = certs_path("server", "key"), .ca_file = certs_path("ca", "pem"), .peer_lookup = look_at } :
	    (struct tls_config){ .psk_lookup = look_up };
	c.server = true;
	l = (struct listener){ .loop = loop_new(), .keep = keeps(mode) };
	struct tls_bundle *b = tls_bundle_new(&c, NULL);
	struct listen_config config = { .addresses = &address, .n_addresses = 1, .port = port, .udp = true, .bundle = b };
	struct listen *s = listen_new(l.loop, &config, &ops, &l, NULL);
	assert(s);
	pid_t pid = drive(mode, port, n, out);
	close(out[1]);
	struct loop_fd stop_fd = { 0 };
	loop_add(l.loop, &stop_fd, out[0], EPOLLIN, stopped, l.loop);
	int64_t cpu = cpu_us();
	long memory = resident();
	loop_run(l.loop);
	double used = mode == MEMORY || mode == MEMORY_X509 ? (double)(resident() - memory) : (double)(cpu_us() - cpu), trips = 0;
	struct listen_stats stats;
	listen_stats(s, &stats);
	double per = used / (double)(mode == FLOOD ? stats.hellos : l.up);
	if (mode == RESUMED && stats.resumed + PARALLEL < stats.established)
		fprintf(stderr, "bench: %llu of %llu were resumed\n", (unsigned long long)stats.resumed, (unsigned long long)stats.established);
	loop_del(l.loop, &stop_fd);
	if (read(out[0], &trips, sizeof trips) == sizeof trips && trips > 0)
		per = trips;
	stop(pid, out);
	for (unsigned i = 0; i < l.n; i++)
		channel_close(l.kept[i], false);
	loop_step(l.loop, 0);
	listen_free(s);
	tls_bundle_unref(b);
	loop_free(l.loop);
	return per;
}

static double measure_floor(enum mode mode, unsigned n)
{
	int fd, out[2];
	uint16_t port = free_port(&fd);
	int size = 4 << 20;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	struct floor *f = certified(mode) ? floor_new(fd, certs_path("server", "pem"), certs_path("server", "key"), certs_path("ca", "pem"), NULL) : floor_new(fd, NULL, NULL, NULL, psk_key);
	pid_t pid = drive(mode, port, n, out);
	close(out[1]);
	int64_t cpu = cpu_us();
	long memory = resident();
	floor_run(f, out[0]);
	double used = mode == MEMORY || mode == MEMORY_X509 ? (double)(resident() - memory) : (double)(cpu_us() - cpu), trips = 0;
	double per = used / (double)(mode == FLOOD ? floor_hellos(f) : floor_established(f));
	if (read(out[0], &trips, sizeof trips) == sizeof trips && trips > 0)
		per = trips;
	stop(pid, out);
	floor_free(f);
	close(fd);
	return per;
}

/* Each measurement in a process of its own: no heap of the one before. */
static double apart(double (*measure)(enum mode mode, unsigned n), enum mode mode, unsigned n)
{
	int p[2];
	double value = 0;
	if (pipe(p) < 0)
		abort();
	pid_t pid = fork();
	if (!pid) {
		value = measure(mode, n);
		_exit(write(p[1], &value, sizeof value) != sizeof value);
	}
	close(p[1]);
	if (read(p[0], &value, sizeof value) != sizeof value)
		fprintf(stderr, "bench: a measurement failed\n");
	close(p[0]);
	waitpid(pid, NULL, 0);
	return value;
}

static const char *only;   /* the one figure asked for on the command line */

static void figure(const char *name, enum mode mode, unsigned n, const char *unit)
{
	double ours = 0, floor = 0;
	if (only && strcmp(only, name) != 0)
		return;
	bool higher = mode == ROUND || mode == ROUND64;
	/* The best of three of each, in turn: the rest of the machine only ever takes away. */
	for (int i = 0; i < 3; i++) {
		double a = apart(measure_ours, mode, n), b = apart(measure_floor, mode, n);
		ours = !i || (higher ? a > ours : a < ours) ? a : ours;
		floor = !i || (higher ? b > floor : b < floor) ? b : floor;
	}
	printf("{\"bench\":\"%s\",\"value\":%.1f,\"unit\":\"%s\",\"peer\":\"bare GnuTLS\",\"peer_value\":%.1f,\"ratio\":%.2f,\"better\":\"%s\"}\n", name, ours, unit, floor,
	    higher ? ours / floor : floor / ours, higher ? "higher" : "lower");
	fflush(stdout);
}

/* --- Established traffic during a storm of handshakes --- */

#define STORM_CALLS 1000                 /* handshakes under way at a time */
#define STORM_MS 3000

static int64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void storm_up(void *arg, unsigned i, struct channel *c, bool resumed)
{
	static const struct channel_ops ops = { trip, hung_up };
	(void)i;
	(void)resumed;
	channel_own(c, &ops, arg);
	*(struct channel **)arg = c;
}

struct stormer {
	struct swarm *swarm;
	unsigned again[STORM_CALLS], n_again;
};

static void again_up(void *arg, unsigned i, struct channel *c, bool resumed)
{
	static const struct channel_ops ops = { trip, hung_up };
	struct stormer *m = arg;
	(void)resumed;
	channel_own(c, &ops, arg);
	channel_close(c, true);
	swarm_forget(m->swarm, i);
	m->again[m->n_again++] = i;
}

static void storm_failed(void *arg, unsigned i, const char *why)
{
	(void)arg;
	(void)i;
	(void)why;
}

/* One session that sends the time, each millisecond. */
static void talk_of_time(uint16_t port)
{
	struct channel *c = NULL;
	struct swarm_config config = { .loop = loop_new(), .port = port, .n = 1, .first = 0x7f000002, .certificate = certs_path("client", "pem"), .key_file = certs_path("client", "key"),
		.ca = certs_path("ca", "pem"), .up = storm_up, .failed = storm_failed, .arg = &c };
	struct swarm *s = swarm_new(&config);
	swarm_call(s, 0);
	while (!c)
		loop_step(config.loop, 10);
	for (;;) {
		const struct timespec pause = { .tv_nsec = 1000000 };
		int64_t at;
		nanosleep(&pause, NULL);
		at = now_us();
		channel_send(c, (const uint8_t *)&at, sizeof at);
	}
}

/* Callers that come back at once, after the handshake, or once the listener has done its first part of it. */
static void storm(uint16_t port, bool leave)
{
	static struct stormer m;
	struct swarm_config config = { .loop = loop_new(), .port = port, .n = STORM_CALLS, .certificate = certs_path("client", "pem"), .key_file = certs_path("client", "key"),
		.ca = certs_path("ca", "pem"), .abandon = leave, .up = again_up, .failed = storm_failed, .arg = &m };
	m.swarm = swarm_new(&config);
	for (unsigned i = 0; i < STORM_CALLS; i++)
		swarm_call(m.swarm, i);
	for (;;) {
		loop_step(config.loop, 100);
		while (m.n_again)
			swarm_call(m.swarm, m.again[--m.n_again]);
	}
}

static int64_t delays[8 * STORM_MS];
static size_t n_delays;

static void time_came(void *arg, const uint8_t *data, size_t len)
{
	int64_t at;
	(void)arg;
	if (len == sizeof at && n_delays < sizeof delays / sizeof *delays) {
		memcpy(&at, data, sizeof at);
		delays[n_delays++] = now_us() - at;
	}
}

static void time_accepted(void *arg, struct channel *c)
{
	static const struct channel_ops ops = { time_came, closed };
	(void)arg;
	channel_own(c, &ops, NULL);
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

/* The 99th percentile in ms of the way from the sender's call to the listener's hands. */
static double measure_delay(bool stormy, bool leave)
{
	static const struct listen_ops ops = { .established = time_accepted };
	static const char *const address = "127.0.0.1";
	int fd;
	uint16_t port = free_port(&fd);
	close(fd);
	struct tls_config c = { .server = true, .certificate_file = certs_path("server", "pem"), .key_file = certs_path("server", "key"), .ca_file = certs_path("ca", "pem"), .peer_lookup = look_at };
	struct loop *loop = loop_new();
	struct tls_bundle *b = tls_bundle_new(&c, NULL);
	struct listen_config config = { .addresses = &address, .n_addresses = 1, .port = port, .udp = true, .bundle = b, .max_half_open = 4 * STORM_CALLS, .max_rate = LISTEN_UNLIMITED };
	struct listen *s = listen_new(loop, &config, &ops, NULL, NULL);
	pid_t talker = fork(), stormer = -1;
	if (!talker) {
		talk_of_time(port);
		_exit(0);
	}
	n_delays = 0;
	while (n_delays < 100)
		loop_step(loop, 10);
	if (stormy && !(stormer = fork())) {
		storm(port, leave);
		_exit(0);
	}
	struct listen_stats before, after;
	for (int64_t until = now_us() + 500000; now_us() < until;)
		loop_step(loop, 10);
	listen_stats(s, &before);
	n_delays = 0;
	for (int64_t until = now_us() + STORM_MS * 1000; now_us() < until;)
		loop_step(loop, 10);
	listen_stats(s, &after);
	qsort(delays, n_delays, sizeof *delays, by_size);
	fprintf(stderr, "bench: %zu messages, median %lld us, most %lld us; %llu hellos a second\n", n_delays, (long long)delays[n_delays / 2], (long long)delays[n_delays - 1],
	    (unsigned long long)(after.hellos - before.hellos) * 1000 / STORM_MS);
	kill(talker, SIGKILL);
	waitpid(talker, NULL, 0);
	if (stormer > 0) {
		kill(stormer, SIGKILL);
		waitpid(stormer, NULL, 0);
	}
	return (double)delays[n_delays * 99 / 100] / 1000;
}

static void figure_delay(void)
{
	if (only && strcmp(only, "link.storm.delay") != 0)
		return;
	double quiet = measure_delay(false, false), full = measure_delay(true, false), left = measure_delay(true, true), stormy = full > left ? full : left;
	fprintf(stderr, "bench: without a storm %.2f ms, with whole handshakes %.2f, with abandoned ones %.2f\n", quiet, full, left);
	printf("{\"bench\":\"link.storm.delay\",\"value\":%.2f,\"unit\":\"ms, p99\",\"peer\":\"the aim\",\"peer_value\":5,\"ratio\":%.2f,\"better\":\"lower\"}\n", stormy, 5 / stormy);
	fflush(stdout);
}

/* --- Legitimate handshakes during a flood of spoofed hellos --- */

#define FLOOD_CALLS 200

struct handshakes {
	struct loop *loop;
	struct swarm *swarm;
	int64_t since, took[FLOOD_CALLS];
	unsigned n, failed;
};

static void next_call(struct handshakes *h)
{
	if (h->n + h->failed == FLOOD_CALLS) {
		loop_stop(h->loop, 0);
		return;
	}
	h->since = now_us();
	swarm_call(h->swarm, h->n + h->failed);
}

static void handshake_up(void *arg, unsigned i, struct channel *c, bool resumed)
{
	static const struct channel_ops ops = { trip, hung_up };
	struct handshakes *h = arg;
	(void)i;
	(void)resumed;
	h->took[h->n++] = now_us() - h->since;
	channel_own(c, &ops, arg);
	next_call(h);
}

static void handshake_failed(void *arg, unsigned i, const char *why)
{
	struct handshakes *h = arg;
	(void)i;
	fprintf(stderr, "bench: %s\n", why);
	h->failed++;
	next_call(h);
}

static double call_through(uint16_t port)
{
	struct handshakes h = { .loop = loop_new() };
	struct swarm_config config = { .loop = h.loop, .port = port, .n = FLOOD_CALLS, .first = 0x7f200001, .up = handshake_up, .failed = handshake_failed, .arg = &h };
	h.swarm = swarm_new(&config);
	next_call(&h);
	loop_run(h.loop);
	qsort(h.took, h.n, sizeof *h.took, by_size);
	fprintf(stderr, "bench: median %lld us, most %lld us\n", (long long)h.took[h.n / 2], (long long)h.took[h.n - 1]);
	return h.failed ? -1 : (double)h.took[h.n * 99 / 100] / 1000;
}

static int look_up_swarm(void *arg, const char *identity, uint8_t key[TLS_PSK_MAX], size_t *len, char owner[254])
{
	(void)arg;
	swarm_key((unsigned)strtoul(identity + 4, NULL, 10), key);
	*len = 16;
	snprintf(owner, 254, "%s", identity);
	return 0;
}

static void figure_flood_calls(void)
{
	static const struct listen_ops ops = { .established = time_accepted };
	static const char *const address = "127.0.0.1";
	if (only && strcmp(only, "link.flood.p99") != 0)
		return;
	int fd, out[2];
	uint16_t port = free_port(&fd);
	close(fd);
	struct tls_config c = { .server = true, .psk_lookup = look_up_swarm };
	struct loop *loop = loop_new();
	struct tls_bundle *b = tls_bundle_new(&c, NULL);
	struct listen_config config = { .addresses = &address, .n_addresses = 1, .port = port, .udp = true, .bundle = b };
	struct listen *s = listen_new(loop, &config, &ops, NULL, NULL);
	double p99 = 0;
	if (pipe(out) < 0)
		abort();
	pid_t flooder = fork();
	if (!flooder) {
		drive_flood(port, UINT32_MAX, 3000000);   /* 64 each 3 ms and a little: 20,000 a second */
		_exit(0);
	}
	struct listen_stats before, after;
	do {
		loop_step(loop, 10);
		listen_stats(s, &before);
	} while (before.hellos < 1000);
	pid_t caller = fork();
	if (!caller) {
		p99 = call_through(port);
		_exit(write(out[1], &p99, sizeof p99) != sizeof p99);
	}
	struct loop_fd stop_fd = { 0 };
	loop_add(loop, &stop_fd, out[0], EPOLLIN, stopped, loop);
	int64_t from = now_us();
	loop_run(loop);
	listen_stats(s, &after);
	if (read(out[0], &p99, sizeof p99) != sizeof p99)
		abort();
	kill(flooder, SIGKILL);
	waitpid(flooder, NULL, 0);
	waitpid(caller, NULL, 0);
	fprintf(stderr, "bench: %llu handshakes among %.0f spoofed hellos a second\n", (unsigned long long)after.established, (double)(after.hellos - before.hellos) * 1e6 / (double)(now_us() - from));
	printf("{\"bench\":\"link.flood.p99\",\"value\":%.2f,\"unit\":\"ms\",\"peer\":\"the aim\",\"peer_value\":10,\"ratio\":%.2f,\"better\":\"lower\"}\n", p99, 10 / p99);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	only = argc > 1 ? argv[1] : NULL;
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	certs_init();
	struct authority *ca = authority_new("ca");
	cert_make(ca, "server", &(struct cert_wish){ .dns = "ch.isp.example" });
	cert_make(ca, "client", &(struct cert_wish){ .dns = "cpe1.example" });
	authority_free(ca);
	figure("link.handshake.psk", PSK, 2000, "us");
	figure("link.handshake.x509", X509, 800, "us");
	figure("link.handshake.resumed", RESUMED, 4000, "us");
	figure("link.memory.psk", MEMORY, MEMORY_SESSIONS, "bytes");
	figure("link.memory.x509", MEMORY_X509, 1000, "bytes");
	figure("link.flood", FLOOD, 0, "us");
	figure("link.roundtrip.1", ROUND, 1, "1/s");
	figure("link.roundtrip.1k", ROUND, 1000, "1/s");
	figure("link.roundtrip.10k", ROUND, 10000, "1/s");
	figure("link.roundtrip64.10k", ROUND64, 10000, "1/s");
	figure_delay();
	figure_flood_calls();
	certs_done();
	return 0;
}
