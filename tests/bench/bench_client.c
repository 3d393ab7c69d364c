/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_client - the figures of the group `client`: a million peers read, ten thousand routers that call home at once, one mitigation to each of them.
   The routers are real sessions of our own link layer in a second process, over DTLS with ECDHE-PSK on loopback. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../dotsch-client/agent.h"
#include "../../dotsch-client/command.h"
#include "base/log.h"
#include "base/when.h"
#include "dots/cbor.h"
#include "link/dial.h"
#include "link/session.h"

#define ROUTERS 10000
#define PEERS 1000000
#define PORT 24647
#define PATIENCE_MS 120000

static char folder[] = "/tmp/bench_client.XXXXXX";

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu_seconds(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static long resident_kb(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	if (!f || fscanf(f, "%*s %ld", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* better: "lower" everywhere here, so the ratio is peer against ours. */
static void figure(const char *name, double value, const char *unit, const char *peer, double peer_value)
{
	printf("{\"bench\":\"%s\",\"value\":%.2f,\"unit\":\"%s\",\"peer\":\"%s\",\"peer_value\":%.2f,\"ratio\":%.2f,\"better\":\"lower\"}\n", name, value, unit, peer, peer_value,
	       value > 0 ? peer_value / value : 0);
	fflush(stdout);
}

static char *path_of(const char *name)
{
	static char path[100];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	return path;
}

static void peer_text(unsigned i, char out[300])
{
	snprintf(out, 300, "{\"name\":\"cpe-%07u\",\"psk-identity\":\"cpe-%07u\",\"psk-key\":\"00112233445566778899aabb%08x\",\"domain\":[\"100.%u.%u.%u/32\",\"2001:db8:%x:%x::/64\"]}\n", i, i, i,
	         64 + (i >> 16), i >> 8 & 255, i & 255, i >> 16, i & 65535);
}

static void write_peers(const char *name, unsigned n)
{
	char text[300];
	FILE *f = fopen(path_of(name), "we");
	if (!f)
		exit(111);
	for (unsigned i = 0; i < n; i++) {
		peer_text(i, text);
		fputs(text, f);
	}
	fclose(f);
}

/* --- A million peers --- */

/* Beside it: the same lines read and parsed by jansson, and nothing kept. */
static double parse_only(void)
{
	char *text = NULL;
	size_t cap = 0;
	ssize_t len;
	double from = cpu_seconds();
	FILE *f = fopen(path_of("million.jsonl"), "re");
	while (f && (len = getline(&text, &cap, f)) > 0)
		json_decref(json_loadb(text, (size_t)len, JSON_REJECT_DUPLICATES, NULL));
	free(text);
	if (f)
		fclose(f);
	return cpu_seconds() - from;
}

static void bench_peers(void)
{
	struct reason why;
	write_peers("million.jsonl", PEERS);
	double floor = parse_only();
	long before = resident_kb();
	double from = cpu_seconds();
	struct peers *s = peers_new();
	if (peers_load(s, path_of("million.jsonl"), &why) < 0) {
		fprintf(stderr, "bench: %s\n", why.text);
		exit(1);
	}
	figure("client.peers1m", cpu_seconds() - from, "s", "jansson parsing the same lines", floor);
	figure("client.peers1m.memory", (double)(resident_kb() - before) / 1024, "MB", "the aim", 300);
	peers_free(s);
	unlink(path_of("million.jsonl"));
}

/* --- The routers, in a process of their own --- */

struct caller {
	struct dial *dial;
	struct session *session;
};

static struct loop *callers_loop;

static void answer_body(struct incoming *in, uint8_t code, const struct body *body, bool observe)
{
	struct buf payload = { 0 };
	dots_cbor_encode(body, &payload);
	const struct response r = { .code = code, .dots_cbor = true, .max_age = code == CODE(2, 5) ? 86400 : -1, .observe = observe, .payload = payload.data, .payload_len = payload.len };
	incoming_respond(in, &r);
	buf_free(&payload);
}

static void asked(void *arg, struct session *s, struct incoming *in)
{
	const struct message *m = &in->message;
	struct body body;
	(void)arg;
	(void)s;
	body_init(&body);
	if (m->n_path == 3) {
		body.kind = BODY_SIGNAL_CONFIG;
		sigconf_defaults(&body.config);
	} else {
		body.kind = BODY_MITIGATION_SCOPE;
		struct mitigation *state = body_add_scope(&body);
		state->has_mid = true;
		state->mid = (uint32_t)strtoul(m->path[4] + 4, NULL, 10);
		state->lifetime = 3600;
		state->status = STATUS_MITIGATED;
	}
	answer_body(in, m->code == METHOD_PUT ? CODE(2, 1) : CODE(2, 5), &body, m->observe == 0);
	body_free(&body);
}

static void render(void *arg, struct session *s, const struct message *registered, struct response *out, struct buf *payload)
{
	(void)arg;
	(void)s;
	(void)registered;
	(void)payload;
	*out = (struct response){ .code = CODE(2, 5), .dots_cbor = true, .max_age = -1 };
}

static void down(void *arg, struct session *s, const char *why, bool orderly, bool lost)
{
	(void)s;
	(void)why;
	(void)orderly;
	(void)lost;
	((struct caller *)arg)->session = NULL;
}

static void up(void *arg, struct channel *c)
{
	static const struct session_handler handler = { .request = asked, .render = render, .down = down };
	struct caller *me = arg;
	me->session = session_new(callers_loop, c, ROLE_SERVER, &handler, me);
}

static void failed(void *arg, const char *why, unsigned next_s)
{
	(void)arg;
	(void)next_s;
	fprintf(stderr, "bench: a router could not call: %s\n", why);
}

static void routers(unsigned n, int go)
{
	static const struct dial_ops ops = { .established = up, .failed = failed };
	static const char *const host = "127.0.0.1";
	struct caller *v = calloc(n, sizeof *v);
	struct tls_bundle **bundles = calloc(n, sizeof(struct tls_bundle *));
	char identity[32], byte;
	callers_loop = loop_new();
	for (unsigned i = 0; i < n; i++) {
		uint8_t key[16] = { 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, (uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i };
		struct reason why;
		snprintf(identity, sizeof identity, "cpe-%07u", i);
		const struct tls_config tls = { .psk_identity = identity, .psk_key = key, .psk_key_len = sizeof key };
		bundles[i] = tls_bundle_new(&tls, &why);
	}
	/* Ready; then all at once. */
	if (write(go, "r", 1) != 1 || read(go, &byte, 1) != 1)
		_exit(1);
	for (unsigned i = 0; i < n; i++) {
		const struct dial_config config = { .hosts = &host, .n_hosts = 1, .port = PORT, .udp = true, .bundle = bundles[i], .attempt_delay_ms = 250, .retry_s = 60, .retry_min_s = 60 };
		v[i].dial = dial_new(callers_loop, &config, &ops, &v[i]);
		if (i % 32 == 0)
			loop_step(callers_loop, 0);
	}
	for (;;)
		loop_step(callers_loop, 1000);
}

/* --- The agent --- */

static unsigned n_answers;

static void count_line(struct console *c, const json_t *line, const char *text, size_t len)
{
	(void)c;
	(void)line;
	(void)len;
	if (!strncmp(text, "{\"type\":\"response\"", 18) && strstr(text, "\"code\":\"2.01\""))
		n_answers++;
}

static void finished(struct console *c, int status)
{
	(void)c;
	(void)status;
}

static bool wait_until(struct loop *l, const unsigned *counter, unsigned want)
{
	for (double until = seconds() + PATIENCE_MS / 1000.0; *counter < want && seconds() < until;)
		loop_step(l, 100);
	return *counter >= want;
}

static void write_config(unsigned n)
{
	write_peers("peers.jsonl", n);
	FILE *f = fopen(path_of("client.conf"), "we");
	if (!f)
		exit(111);
	fprintf(f, "listen { address = {\"127.0.0.1\"} port = %d transport = {\"udp\"} max-half-open = %u }\npeers-file = \"peers.jsonl\"\nstate = \"client.db\"\n", PORT, n);
	fclose(f);
}

static void fan_out(struct agent *a, struct console *c, unsigned n)
{
	char line[500];
	double from = seconds(), cpu = cpu_seconds();
	for (unsigned i = 0; i < n; i++) {
		int len = snprintf(line, sizeof line, "{\"type\":\"mitigate\",\"ref\":\"all\",\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{\"target-prefix\":[\"203.0.113.9/32\"],"
		                   "\"lifetime\":3600,\"target-protocol\":[17],\"ietf-dots-call-home:source-prefix\":[\"100.%u.%u.%u/32\"],"
		                   "\"ietf-dots-call-home:source-port-range\":[{\"lower-port\":5000}]}]}}", 64 + (i >> 16), i >> 8 & 255, i & 255);
		command_line(a, c, line, (size_t)len);
		if (i % 64 == 63)
			loop_step(a->loop, 0);
	}
	bool all = wait_until(a->loop, &n_answers, n);
	fprintf(stderr, "bench: %u of %u answered, %.2f s of CPU at the client\n", n_answers, n, cpu_seconds() - cpu);
	if (all)
		figure("client.fanout10k", seconds() - from, "s", "the aim", 1.5);
}

static int bench_agent(unsigned n, int go, struct agent *a)
{
	struct reason why = { 0 };
	struct console c = { .write = count_line, .finished = finished, .wait_s = -1 };
	char byte;
	if (read(go, &byte, 1) != 1)
		return 1;
	if (agent_open(a, loop_new(), path_of("client.conf"), false, &why) < 0) {
		fprintf(stderr, "bench: %s\n", why.text);
		return 1;
	}
	console_add(a, &c);
	if (agent_listen(a, &why) < 0) {
		fprintf(stderr, "bench: %s\n", why.text);
		return 1;
	}
	long before = resident_kb();
	double from = seconds(), cpu = cpu_seconds();
	if (write(go, "g", 1) != 1 || !wait_until(a->loop, &a->sessions, n)) {
		fprintf(stderr, "bench: only %u of %u routers came through\n", a->sessions, n);
		return 1;
	}
	figure("client.callhome10k", seconds() - from, "s", "the aim", 5);
	figure("client.callhome10k.cpu", (cpu_seconds() - cpu) * 1e6 / n, "us/session", "a bare GnuTLS handshake and its system calls", 200);
	for (double until = seconds() + 2; seconds() < until;)
		loop_step(a->loop, 100);
	figure("client.memory", (double)(resident_kb() - before) / n, "kB/session", "the aim", 14);
	fan_out(a, &c, n);
	console_remove(&c);
	struct loop *l = a->loop;
	agent_close(a);
	loop_free(l);
	return n_answers < n;
}

static void clean(void)
{
	static const char *const files[] = { "peers.jsonl", "client.conf", "client.db", "client.db-wal", "client.db-shm", "client.db.lock", "million.jsonl" };
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		unlink(path_of(files[i]));
	rmdir(folder);
}

int main(int argc, char **argv)
{
	unsigned n = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : ROUTERS;
	struct rlimit files = { 0 };
	struct agent agent;
	int ends[2];
	log_init("bench_client", LOG_LEVEL_ERROR);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	umask(077);
	if (!mkdtemp(folder) || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
		return 111;
	/* In a process of its own, whose memory nothing has used before. */
	pid_t load = fork();
	if (load == 0) {
		bench_peers();
		_exit(0);
	}
	waitpid(load, NULL, 0);
	write_config(n);
	pid_t pid = fork();
	if (pid == 0) {
		close(ends[0]);
		routers(n, ends[1]);
	}
	close(ends[1]);
	int status = bench_agent(n, ends[0], &agent);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	clean();
	return status;
}
