/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_serverd - what a router's agent gives its provider over DTLS on loopback: requests kept a second, how late answers are, a big GET, and what it
   costs when nothing happens. Beside SQLite alone, a bare GnuTLS echo, and the limits it was made for. The agent is a process with one core of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "../unit/serverd_peer.h"
#include "base/log.h"
#include "dots/cbor.h"
#include "link/dial.h"
#include "link/message.h"
#include "link_floor.h"

#define DURABLE 4000                 /* requests, below max-mitigations */
#define WINDOW 64                    /* under way at a time */
#define RATE 500                     /* a second, for the latencies */
#define LATENCIES 2500
#define ALL 1000
#define ROUNDS 11
#define IDLE_S 31                    /* one heartbeat interval, and a second */
#define CUID "JsS3O6jh2HfM8ypzxXQUQQ"

static const uint8_t floor_key[16] = "sixteen bytes k";

static void say(const char *name, double value, const char *unit, const char *peer, double peer_value, bool higher, const char *more)
{
	printf("{\"bench\":\"serverd.%s\",\"value\":%.4g,\"unit\":\"%s\",\"peer\":\"%s\",\"peer_value\":%.4g,\"ratio\":%.3g,\"better\":\"%s\"%s}\n", name, value, unit, peer,
	    peer_value, higher ? value / peer_value : peer_value / value, higher ? "higher" : "lower", more);
	fflush(stdout);
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}

/* Where there are two cores, each side has one. */
static void pin(pid_t pid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		sched_setaffinity(pid, sizeof(set), &set);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double quantile(double *v, size_t n, double q)
{
	size_t i = (size_t)((double)n * q);

	qsort(v, n, sizeof(*v), by_value);
	return v[i < n ? i : n - 1];
}

/* A provider that waits for no round trip, as many at once would look like: messages straight on the channel, by Message ID. */
struct load {
	struct serverd_peer *peer;
	unsigned sent, answered, created;
	double sent_at[DURABLE], took[DURABLE];
};

static void on_message(void *arg, const uint8_t *data, size_t len)
{
	struct load *l = arg;
	struct message m;
	bool header;
	unsigned i;

	/* Answers alone have our token: its heartbeats stay unanswered for the few seconds. */
	if (message_parse(TRANSPORT_UDP, data, len, &m, &header, NULL) != 0 || m.token_len != 4 || m.code < CODE(2, 0))
		return;
	memcpy(&i, m.token, 4);
	l->took[i % DURABLE] = now_ms() - l->sent_at[i % DURABLE];
	l->answered++;
	if (m.code != CODE(2, 1) && l->created + 1 == l->answered)
		fprintf(stderr, "bench_serverd: %d.%02d: %.*s\n", m.code >> 5, m.code & 31, (int)m.payload_len, (const char *)m.payload);
	l->created += m.code == CODE(2, 1);
}

static void on_closed(void *arg, const char *why, bool orderly)
{
	(void)arg;
	(void)orderly;
	fprintf(stderr, "bench_serverd: the session is gone: %s\n", why);
	exit(1);
}

static void put(struct load *l)
{
	char number[30], source[40];
	unsigned mid = l->sent + 1;
	struct message r;
	struct mitigation m;
	struct body body = { .kind = BODY_MITIGATION_SCOPE, .scope = &m, .n_scope = 1 };
	struct buf payload = { 0 }, out = { 0 };
	struct prefix p;

	mitigation_init(&m);
	snprintf(source, sizeof(source), "10.20.%u.%u/32", mid / 250, mid % 250);
	prefix_parse(source, true, &p);
	prefix_list_add(&m.source_prefix, &p);
	prefix_parse("203.0.113.9/32", true, &p);
	prefix_list_add(&m.target_prefix, &p);
	range_list_add(&m.source_port, 5000, 5010);
	protocol_list_add(&m.target_protocol, 17);
	m.lifetime = 3600;
	dots_cbor_encode(&body, &payload);
	snprintf(number, sizeof(number), "mid=%u", mid);
	message_init(&r);
	r.code = METHOD_PUT;
	r.id = (uint16_t)mid;
	r.token_len = 4;
	memcpy(r.token, &l->sent, 4);
	r.path[0] = ".well-known";
	r.path[1] = "dots";
	r.path[2] = "mitigate";
	r.path[3] = "cuid=" CUID;
	r.path[4] = number;
	r.n_path = 5;
	r.content_format = CONTENT_FORMAT_DOTS_CBOR;
	r.payload = payload.data;
	r.payload_len = payload.len;
	message_build(TRANSPORT_UDP, &r, &out);
	l->sent_at[l->sent++ % DURABLE] = now_ms();
	if (!channel_send(l->peer->channel, out.data, out.len))
		fprintf(stderr, "bench_serverd: a request was not sent\n");
	mitigation_free(&m);
	buf_free(&payload);
	buf_free(&out);
}

static void begin(struct serverd_peer *p, struct load *l)
{
	static const struct channel_ops ops = { .message = on_message, .closed = on_closed };

	peer_open(p, true, false, "consent = \"auto\"");
	if (l != NULL) {
		*l = (struct load){ .peer = p };
		p->raw = &ops;
		p->raw_arg = l;
	}
	peer_start(p, NULL);
	pin(p->pid, 0);
}

/* n requests, so many at a time. */
static void put_all(struct load *l, unsigned n)
{
	double end = now_ms() + 60000;

	while (l->answered < n && now_ms() < end) {
		while (l->sent < n && l->sent - l->answered < WINDOW)
			put(l);
		peer_step(l->peer);
	}
	if (l->created != n)
		fprintf(stderr, "bench_serverd: %u of %u were answered 2.01\n", l->created, n);
}

/* Requests a second that SQLite alone keeps, each in a transaction of its own, on the same disk. */
static double bare_commits(const char *dir)
{
	char path[120];
	sqlite3 *db;
	sqlite3_stmt *insert;
	double start;
	unsigned n = 0;

	snprintf(path, sizeof(path), "%s/bare", dir);
	if (sqlite3_open(path, &db) != SQLITE_OK)
		abort();
	sqlite3_exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB)", NULL, NULL, NULL);
	sqlite3_prepare_v2(db, "INSERT INTO t(b) VALUES(zeroblob(500))", -1, &insert, NULL);
	for (start = now_ms(); now_ms() - start < 1000; n++) {
		if (sqlite3_step(insert) != SQLITE_DONE)
			abort();
		sqlite3_reset(insert);
	}
	sqlite3_finalize(insert);
	sqlite3_close(db);
	for (const char *const *end = (const char *const[]){ "", "-wal", "-shm", NULL }; *end != NULL; end++) {
		snprintf(path, sizeof(path), "%s/bare%s", dir, *end);
		unlink(path);
	}
	return n;
}

/* Processor time of the agent so far, in seconds. */
static double cpu_of(pid_t pid)
{
	char path[40];
	unsigned long user = 0, system = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	if (f == NULL || fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
		abort();
	fclose(f);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

/* Also by the agent's own processor time, which says what one core could do when others use it too. */
static void durable(void)
{
	static struct load l;
	struct serverd_peer p;
	double start, took, cpu;
	char more[60];

	begin(&p, &l);
	start = now_ms();
	cpu = cpu_of(p.pid);
	put_all(&l, DURABLE);
	took = now_ms() - start;
	cpu = cpu_of(p.pid) - cpu;
	snprintf(more, sizeof(more), ",\"per_core_second\":%.4g", l.created / cpu);
	peer_stop(&p, SIGKILL);
	say("durable", l.created * 1000.0 / took, "1/s", "SQLite alone, one commit each", bare_commits(p.dir), true, more);
	peer_close(&p);
}

/* A bare GnuTLS echo in a process of its own. */
struct echo { struct loop *loop; struct channel *channel; struct dial *dial; struct tls_bundle *bundle; pid_t pid; int stop; unsigned back; double sent_at, *took; };

static void echo_message(void *arg, const uint8_t *data, size_t len)
{
	struct echo *e = arg;

	(void)data;
	(void)len;
	if (e->took != NULL)
		e->took[e->back] = now_ms() - e->sent_at;
	e->back++;
}

static void echo_closed(void *arg, const char *why, bool orderly)
{
	(void)orderly;
	fprintf(stderr, "bench_serverd: the echo is gone: %s\n", why);
	((struct echo *)arg)->channel = NULL;
}

static void echo_up(void *arg, struct channel *c)
{
	static const struct channel_ops ops = { .message = echo_message, .closed = echo_closed };
	struct echo *e = arg;

	e->channel = c;
	channel_own(c, &ops, e);
}

static void echo_failed(void *arg, const char *why, unsigned next_s)
{
	(void)arg;
	(void)next_s;
	fprintf(stderr, "bench_serverd: no echo: %s\n", why);
	abort();
}

static void echo_begin(struct echo *e)
{
	static const struct dial_ops ops = { .established = echo_up, .failed = echo_failed };
	static const char *const host[] = { "127.0.0.1" };
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	struct tls_config tls = { .psk_identity = "a", .psk_key = floor_key, .psk_key_len = 16 };
	struct dial_config dial = { .hosts = host, .n_hosts = 1, .udp = true, .attempt_delay_ms = 250, .retry_s = 300, .retry_min_s = 60 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), ends[2];

	memset(e, 0, sizeof(*e));
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 || getsockname(fd, (struct sockaddr *)&sa, &len) != 0 || pipe(ends) != 0)
		abort();
	e->pid = fork();
	if (e->pid == 0) {
		close(ends[1]);
		pin(0, 0);
		floor_run(floor_new(fd, NULL, NULL, NULL, floor_key), ends[0]);
		_exit(0);
	}
	close(fd);
	close(ends[0]);
	e->stop = ends[1];
	e->loop = loop_new();
	dial.port = ntohs(sa.sin_port);
	dial.bundle = e->bundle = tls_bundle_new(&tls, NULL);
	e->dial = dial_new(e->loop, &dial, &ops, e);
	while (e->channel == NULL)
		loop_step(e->loop, 1000);
}

static void echo_end(struct echo *e)
{
	channel_close(e->channel, false);
	dial_free(e->dial);
	tls_bundle_unref(e->bundle);
	loop_free(e->loop);
	close(e->stop);
	waitpid(e->pid, NULL, 0);
}

static void echo_round(struct echo *e, size_t len)
{
	static const uint8_t data[1200];
	unsigned back = e->back;

	e->sent_at = now_ms();
	channel_send(e->channel, data, len);
	while (e->back == back)
		loop_step(e->loop, 1000);
}

/* Until then, with an eye on what comes. */
static void idle_until(struct loop *l, double until)
{
	while (now_ms() < until)
		loop_step(l, until - now_ms() > 1 ? 1 : 0);
}

static void answer_p99(void)
{
	static struct load l;
	static double echoed[LATENCIES];
	struct serverd_peer p;
	struct echo e;
	double start, p50, p99;
	char more[60];

	begin(&p, &l);
	start = now_ms();
	for (unsigned i = 0; i < LATENCIES; i++) {
		idle_until(p.loop, start + i * 1000.0 / RATE);
		put(&l);
	}
	idle_until(p.loop, now_ms() + 1000);
	if (l.created != LATENCIES)
		fprintf(stderr, "bench_serverd: %u of %u were answered 2.01\n", l.created, LATENCIES);
	peer_close(&p);
	echo_begin(&e);
	e.took = echoed;
	start = now_ms();
	for (unsigned i = 0; i < LATENCIES; i++) {
		idle_until(e.loop, start + i * 1000.0 / RATE);
		echo_round(&e, 120);
	}
	echo_end(&e);
	p50 = quantile(l.took, LATENCIES, 0.5);
	p99 = quantile(l.took, LATENCIES, 0.99);
	snprintf(more, sizeof(more), ",\"median\":%.3g", p50);
	say("answer_p99", p99, "ms", "bare GnuTLS echo", quantile(echoed, LATENCIES, 0.99), false, more);
}

static void getall(void)
{
	static struct load l;
	struct serverd_peer p;
	struct echo e;
	double took[ROUNDS], echoed[ROUNDS];
	size_t blocks = 0;
	char more[60];

	/* Asked for by one session, and read by another. */
	begin(&p, &l);
	put_all(&l, ALL);
	channel_close(p.channel, true);
	p.raw = NULL;
	peer_until(&p, &p.sessions, 2);
	for (int i = 0; i < ROUNDS; i++) {
		double start = now_ms();

		if (peer_request(&p, METHOD_GET, "mitigate/cuid=" CUID, NULL) != CODE(2, 5))
			abort();
		took[i] = now_ms() - start;
		blocks = (p.payload.len + 1023) / 1024;
	}
	snprintf(more, sizeof(more), ",\"bytes\":%zu,\"blocks\":%zu", p.payload.len, blocks);
	peer_close(&p);
	echo_begin(&e);
	for (int i = 0; i < ROUNDS; i++) {
		double start = now_ms();

		for (size_t b = 0; b < blocks; b++)
			echo_round(&e, 1060);
		echoed[i] = now_ms() - start;
	}
	echo_end(&e);
	say("getall", quantile(took, ROUNDS, 0.5), "ms", "as many round trips of a bare GnuTLS echo", quantile(echoed, ROUNDS, 0.5), false, more);
}

static long status_of(pid_t pid, const char *name)
{
	char path[40], line[200];
	long v = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, name, strlen(name)) == 0)
			v = strtol(line + strlen(name) + 1, NULL, 10);
	if (f != NULL)
		fclose(f);
	return v;
}

/* Each wake-up ends with going to sleep again. In the time there are due: two heartbeats of its own at most, their answers, and two of the peer's. */
static void idle_memory(void)
{
	struct serverd_peer p;
	double end;
	long before, wakeups;
	char more[100];

	begin(&p, NULL);
	for (end = now_ms() + 3000; now_ms() < end;)
		peer_step(&p);
	before = status_of(p.pid, "voluntary_ctxt_switches:");
	for (end = now_ms() + IDLE_S * 1000; now_ms() < end;)
		peer_step(&p);
	wakeups = status_of(p.pid, "voluntary_ctxt_switches:") - before;
	snprintf(more, sizeof(more), ",\"wakeups\":%ld,\"seconds\":%d", wakeups, IDLE_S);
	say("idle_memory", status_of(p.pid, "VmRSS:") / 1024.0, "MB", "limit", 12, false, more);
	peer_close(&p);
}

int main(void)
{
	log_init("bench_serverd", LOG_LEVEL_ERROR);
	pin(0, 1);
	durable();
	answer_p99();
	getall();
	idle_memory();
	return 0;
}
