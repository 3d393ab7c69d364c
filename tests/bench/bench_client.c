/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_client - the figures of the group `client`: a million peers read, ten thousand routers that call home at once, one mitigation to each of them, a
   restart. The routers are real sessions of our own link layer in a second process, over DTLS with ECDHE-PSK on few sockets and many addresses of loopback. */
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
#include "link/session.h"
#include "swarm.h"

#define ROUTERS 10000
#define HOLD 100000
#define PEERS 1000000
#define PORT 24647
#define PATIENCE_MS 600000

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
	struct session *session;
	struct loop_timer calm;          /* until it calls again */
};

static struct swarm *callers;
static struct caller *caller;
static struct loop *callers_loop;
static unsigned heartbeats_s, *call_again, n_call_again, n_failed;
static bool dispersed;                   /* routers call two to four seconds after something has ended, not at once */

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

static void calm_over(void *arg)
{
	struct caller *me = arg;
	call_again[n_call_again++] = (unsigned)(me - caller);
}

static void call_later(struct caller *me)
{
	if (!dispersed) {
		calm_over(me);
		return;
	}
	loop_timer_init(&me->calm, calm_over, me);
	loop_timer_set(callers_loop, &me->calm, 2000 + rand() % 2000);
}

static void down(void *arg, struct session *s, const char *why, bool orderly, bool lost)
{
	struct caller *me = arg;
	(void)s;
	(void)why;
	(void)orderly;
	(void)lost;
	me->session = NULL;
	call_later(me);
}

static void up(void *arg, unsigned i, struct channel *c, bool resumed)
{
	static const struct session_handler handler = { .request = asked, .render = render, .down = down };
	(void)arg;
	(void)resumed;
	caller[i].session = session_new(callers_loop, c, ROLE_SERVER, &handler, &caller[i]);
	const struct heartbeat_config h = { .interval_s = heartbeats_s, .missing_allowed = 15, .lose = true };
	session_heartbeat(caller[i].session, &h);
}

static void failed(void *arg, unsigned i, const char *why)
{
	(void)arg;
	if (n_failed++ < 10)
		fprintf(stderr, "bench: a router could not call: %s\n", why);
	call_later(&caller[i]);
}

static void routers(unsigned n, unsigned heartbeat, int go)
{
	char byte;
	caller = calloc(n, sizeof *caller);
	call_again = calloc(n, sizeof *call_again);
	callers_loop = loop_new();
	heartbeats_s = heartbeat;
	const struct swarm_config config = { .loop = callers_loop, .port = PORT, .n = n, .up = up, .failed = failed };
	callers = swarm_new(&config);
	/* Ready; then all at once. */
	if (write(go, "r", 1) != 1 || read(go, &byte, 1) != 1)
		_exit(1);
	for (unsigned i = 0; i < n; i++) {
		swarm_call(callers, i);
		if (i % 32 == 0)
			loop_step(callers_loop, 0);
		/* A hundred thousand do not call at once. */
		while (swarm_waiting(callers) >= ROUTERS)
			loop_step(callers_loop, 10);
	}
	for (;;) {
		loop_step(callers_loop, 1000);
		while (n_call_again)
			swarm_call(callers, call_again[--n_call_again]);
	}
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

static void write_config(unsigned n, unsigned heartbeat)
{
	write_peers("peers.jsonl", n);
	FILE *f = fopen(path_of("client.conf"), "we");
	if (!f)
		exit(111);
	fprintf(f, "listen { address = {\"127.0.0.1\"} port = %d transport = {\"udp\"} }\npeers-file = \"peers.jsonl\"\nstate = \"client.db\"\nticket-key-file = \"ticket.key\"\n"
	           "idle { heartbeat-interval = %u }\nmitigating { heartbeat-interval = %u }\n", PORT, heartbeat, heartbeat);
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

static int start_agent(struct agent *a, struct console *c)
{
	struct reason why = { 0 };
	if (agent_open(a, loop_new(), path_of("client.conf"), false, &why) == 0) {
		console_add(a, c);
		if (agent_listen(a, &why) == 0)
			return 0;
	}
	fprintf(stderr, "bench: %s\n", why.text);
	return -1;
}

static void stop_agent(struct agent *a, struct console *c)
{
	struct loop *l = a->loop;
	console_remove(c);
	agent_close(a);
	loop_free(l);
}

static bool all_back(struct agent *a, unsigned n)
{
	if (wait_until(a->loop, &a->sessions, n))
		return true;
	fprintf(stderr, "bench: only %u of %u routers came through\n", a->sessions, n);
	return false;
}

/* A restart in good order: everybody hears close_notify, finds nobody there, and is back by ticket. */
static int restart(struct agent *a, struct console *c, unsigned n)
{
	struct listen_stats stats;
	stop_agent(a, c);
	double from = seconds(), cpu = cpu_seconds();
	if (start_agent(a, c) < 0 || !all_back(a, n))
		return 1;
	listen_stats(a->listen, &stats);
	fprintf(stderr, "bench: %llu of %u resumed, %.0f us of CPU each\n", (unsigned long long)stats.resumed, n, (cpu_seconds() - cpu) * 1e6 / n);
	figure("client.restart10k", seconds() - from, "s", "the aim", 2);
	return 0;
}

static void run_for(struct loop *l, double s)
{
	for (double until = seconds() + s; seconds() < until;)
		loop_step(l, 100);
}

static int bench_agent(unsigned n, int go, struct agent *a)
{
	struct console c = { .write = count_line, .finished = finished, .wait_s = -1 };
	char byte;
	if (read(go, &byte, 1) != 1 || start_agent(a, &c) < 0)
		return 1;
	long before = resident_kb();
	double from = seconds(), cpu = cpu_seconds();
	if (write(go, "g", 1) != 1 || !all_back(a, n))
		return 1;
	figure("client.callhome10k", seconds() - from, "s", "the aim", 5);
	figure("client.callhome10k.cpu", (cpu_seconds() - cpu) * 1e6 / n, "us/session", "a bare GnuTLS handshake and its system calls", 200);
	run_for(a->loop, 2);
	figure("client.memory", (double)(resident_kb() - before) / n, "kB/session", "the aim", 14);
	fan_out(a, &c, n);
	int status = restart(a, &c, n) || n_answers < n;
	stop_agent(a, &c);
	return status;
}

/* Sessions that do nothing but heartbeats. */
static int hold(unsigned n, unsigned for_s, int go, struct agent *a)
{
	struct console c = { .write = count_line, .finished = finished, .wait_s = -1 };
	char byte;
	if (read(go, &byte, 1) != 1 || start_agent(a, &c) < 0)
		return 1;
	double from = seconds(), cpu;
	if (write(go, "g", 1) != 1 || !all_back(a, n))
		return 1;
	fprintf(stderr, "bench: %u sessions after %.1f s\n", n, seconds() - from);
	run_for(a->loop, 35);
	struct listen_stats before, after;
	listen_stats(a->listen, &before);
	unsigned least = a->sessions;
	from = seconds();
	cpu = cpu_seconds();
	while (seconds() < from + for_s) {
		run_for(a->loop, 1);
		least = a->sessions < least ? a->sessions : least;
	}
	listen_stats(a->listen, &after);
	figure("client.hold100k.cpu", 100 * (cpu_seconds() - cpu) / (seconds() - from), "% of a core", "the aim", 25);
	figure("client.hold100k.memory", (double)resident_kb() / 1024, "MB", "the aim", 1600);
	figure("client.hold100k.lost", n - least + (double)(after.established - before.established), "sessions", "the aim", 0);
	stop_agent(a, &c);
	return least < n;
}

/* Gives the agent one part in `of` of a processor, until all routers are back. */
static bool all_back_slowly(struct agent *a, unsigned n, unsigned of)
{
	for (double until = seconds() + PATIENCE_MS / 1000.0; a->sessions < n && seconds() < until;) {
		double began = cpu_seconds();
		loop_step(a->loop, 100);
		double pause = (cpu_seconds() - began) * (of - 1);
		const struct timespec t = { .tv_sec = (time_t)pause, .tv_nsec = (long)((pause - (double)(time_t)pause) * 1e9) };
		nanosleep(&t, NULL);
	}
	return all_back(a, n);
}

/* After a restart everybody comes within two seconds, by ticket: to a listener that can do it, then to one that has a tenth of a processor. What is begun has to
   come to an end there, too: the time it takes is that of the work alone, and not much more. */
static int crowd(unsigned n, int go, struct agent *a)
{
	struct console c = { .write = count_line, .finished = finished, .wait_s = -1 };
	double from, cpu, each = 0;
	char byte;
	if (read(go, &byte, 1) != 1 || start_agent(a, &c) < 0 || write(go, "g", 1) != 1 || !all_back(a, n))
		return 1;
	for (unsigned of = 1; of <= 10; of += 9) {
		stop_agent(a, &c);
		from = seconds();
		cpu = cpu_seconds();
		if (start_agent(a, &c) < 0 || !all_back_slowly(a, n, of))
			return 1;
		double took = seconds() - from;
		if (of == 1)
			each = (cpu_seconds() - cpu) / n;
		else
			figure("client.overload", took, "s", "the work alone, by a tenth of a processor", each * n * of);
		fprintf(stderr, "bench: %u routers by ticket within two seconds, 1/%u of a processor: %.1f s, %.0f us of CPU each\n", n, of, took, (cpu_seconds() - cpu) * 1e6 / n);
	}
	stop_agent(a, &c);
	return 0;
}

static void clean(void)
{
	static const char *const files[] = { "peers.jsonl", "client.conf", "client.db", "client.db-wal", "client.db-shm", "client.db.lock", "million.jsonl", "ticket.key" };
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		unlink(path_of(files[i]));
	rmdir(folder);
}

static void load_apart(void)
{
	/* In a process of its own, whose memory nothing has used before. */
	pid_t load = fork();
	if (load == 0) {
		bench_peers();
		_exit(0);
	}
	waitpid(load, NULL, 0);
}

/* bench_client [ROUTERS]; bench_client hold100k [SESSIONS [SECONDS]], which takes more than ten minutes; or bench_client overload [SESSIONS]. */
int main(int argc, char **argv)
{
	bool holds = argc > 1 && !strcmp(argv[1], "hold100k"), named = holds || (dispersed = argc > 1 && !strcmp(argv[1], "overload"));
	unsigned n = argc > 1 + named ? (unsigned)strtoul(argv[1 + named], NULL, 10) : holds ? HOLD : named ? 2 * ROUTERS : ROUTERS;
	unsigned for_s = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 600, heartbeat = 30;
	struct agent agent;
	int ends[2];
	log_init("bench_client", LOG_LEVEL_ERROR);
	umask(077);
	if (!mkdtemp(folder) || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
		return 111;
	if (!named)
		load_apart();
	write_config(n, heartbeat);
	pid_t pid = fork();
	if (pid == 0) {
		close(ends[0]);
		routers(n, heartbeat, ends[1]);
	}
	close(ends[1]);
	int status = holds ? hold(n, for_s, ends[0], &agent) : dispersed ? crowd(n, ends[0], &agent) : bench_agent(n, ends[0], &agent);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	clean();
	return status;
}
