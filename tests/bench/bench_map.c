/* SPDX-License-Identifier: GPL-3.0-or-later */
/* bench_map - loading a NAT table, taking up a snapshot, look-ups in it, and requests through the pipe. MAP_BENCH=N mappings (5,000,000). One JSON line per figure. */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dots/portset.h"
#include "load.h"
#include "natgen.h"
#include "resolve.h"
#include "snapshot.h"

#define DEFAULT_MAPPINGS 5000000
#define REQUESTS 200000
#define ROUND_S 0.5
#define BATCH 1024

extern char **environ;

static uint64_t n_mappings = DEFAULT_MAPPINGS;
static char folder[200];

static double now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "bench_map: %s\n", what);
	exit(1);
}

static const char *path_of(const char *name)
{
	static char path[4][300];
	static unsigned at;
	char *p = path[at++ % 4];
	snprintf(p, sizeof path[0], "%s/%s", folder, name);
	return p;
}

/* Seconds that a program takes with these files as its input and output; -1 when it cannot be run. */
static double run(const char *const argv[], const char *in, const char *out)
{
	posix_spawn_file_actions_t files;
	pid_t pid;
	int status;
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, in, O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, 1, out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	double start = now();
	bool ran = !posix_spawnp(&pid, argv[0], &files, NULL, (char *const *)(uintptr_t)argv, environ) && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	posix_spawn_file_actions_destroy(&files);
	return ran ? now() - start : -1;
}

static void figure(const char *name, double value, const char *unit, const char *peer, double peer_value, bool higher, const char *more)
{
	double ratio = higher ? value / peer_value : peer_value / value;
	printf("{\"bench\":\"%s\",\"value\":%.4g,\"unit\":\"%s\"", name, value, unit);
	if (peer_value > 0)
		printf(",\"peer\":\"%s\",\"peer_value\":%.4g,\"ratio\":%.3g", peer, peer_value, ratio);
	printf(",\"better\":\"%s\"%s}\n", higher ? "higher" : "lower", more);
	fflush(stdout);
}

static void write_file(const char *name, uint64_t mappings, uint64_t requests)
{
	FILE *f = fopen(path_of(name), "we");
	must(f, "a file of the table cannot be made (TMPDIR names the folder)");
	if (requests)
		natgen_requests(f, requests, mappings);
	else
		natgen_table(f, mappings);
	must(fclose(f) == 0, "no room for the table");
}

static long resident(void)
{
	long size = 0, pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	must(f && fscanf(f, "%ld %ld", &size, &pages) == 2, "/proc/self/statm");
	fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

/* Seconds on a processor, of this process or of those it has waited for. */
static double used(int who)
{
	struct rusage u;
	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static struct table *bench_load(double *seconds)
{
	struct load_source s = { .path = path_of("table.json"), .has_captured = true, .captured = 1795343400000 };
	struct reason why;
	char more[240];
	long before = resident();
	double start = now(), cpu = used(RUSAGE_SELF);
	struct table *t = load_tables(&s, 1, false, &why);
	*seconds = now() - start;
	cpu = used(RUSAGE_SELF) - cpu;
	must(t, why.text);
	double bytes = (double)(resident() - before) / (double)n_mappings;
	/* The other tool only walks the text, a tenth of it. */
	write_file("tenth.json", n_mappings / 10, 0);
	const char *jq[] = { "jq", "--stream", "-c", "select(.[0][-1] == \"never\")", NULL };
	double peer_cpu = used(RUSAGE_CHILDREN), peer = run(jq, path_of("tenth.json"), "/dev/null") * 10;
	peer_cpu = (used(RUSAGE_CHILDREN) - peer_cpu) * 10;
	unlink(path_of("tenth.json"));
	snprintf(more, sizeof more, ",\"mappings\":%llu,\"resident_bytes_per_mapping\":%.1f,\"cpu_s\":%.3g,\"peer_cpu_s\":%.3g", (unsigned long long)n_mappings, bytes, cpu, peer_cpu);
	figure("map.load", *seconds, "s", "jq --stream, of a tenth, times ten", peer, false, more);
	return t;
}

static struct nat_query query_of(uint64_t i, unsigned width)
{
	struct natgen m = natgen_mapping(i, n_mappings);
	uint8_t a[4] = { (uint8_t)(m.external >> 24), (uint8_t)(m.external >> 16), (uint8_t)(m.external >> 8), (uint8_t)m.external };
	struct nat_query q = { .ext = prefix_make(4, a, 32), .proto = m.proto, .has_port = true, .attack = 1795343401000 };
	q.port.lower = m.external_port;
	q.port.upper = m.external_port > UINT16_MAX - width ? UINT16_MAX : (uint16_t)(m.external_port + width - 1);
	return q;
}

static void bench_snapshot(const struct table *t, double json_seconds)
{
	struct reason why;
	must(snapshot_write(t, path_of("table.snap"), &why) == 0, why.text);
	double best = 1e9;
	for (int i = 0; i < 5; i++) {
		double start = now();
		struct table *s = snapshot_open(path_of("table.snap"), false, &why);
		must(s, why.text);
		struct nat nat = { .tables = &s, .n = 1 };
		struct nat_query q = query_of(7, 1);
		struct answer a = { 0 };
		must(resolve(&nat, &q, &a) == 0 && a.possible == 1, "the snapshot does not answer");
		double took = now() - start;
		best = took < best ? took : best;
		answer_free(&a);
		table_free(s);
	}
	figure("map.snapshot", best * 1e3, "ms", "the JSON load", json_seconds * 1e3, false, "");
}

/* The floor: a sorted array and a binary search, no overlaps, no time, no answer but the host. */
struct plain { uint64_t key; uint32_t host; };
static struct plain *plain;

static int by_key(const void *a, const void *b)
{
	const struct plain *x = a, *y = b;
	return x->key < y->key ? -1 : x->key > y->key;
}

static uint64_t key_of(const struct nat_query *q, uint16_t port)
{
	return (uint64_t)q->ext.addr[0] << 56 | (uint64_t)q->ext.addr[1] << 48 | (uint64_t)q->ext.addr[2] << 40 | (uint64_t)q->ext.addr[3] << 32 | (uint64_t)q->proto << 16 | port;
}

static size_t lower_bound(uint64_t key)
{
	size_t from = 0, to = n_mappings;
	while (from < to) {
		size_t mid = from + (to - from) / 2;
		if (plain[mid].key < key)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

/* Seconds of this thread on a processor: what others do to the machine meanwhile does not count. */
static double busy(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Look-ups a second of processor time; making the questions does not count. */
static double rate(const struct nat *nat, unsigned width, bool floor)
{
	static struct nat_query questions[BATCH];
	struct answer a = { 0 };
	uint64_t n = 0, hits = 0;
	double took = 0;
	do {
		for (int k = 0; k < BATCH; k++, n++)
			questions[k] = query_of(n * 7919 % n_mappings, width);
		double start = busy();
		for (int k = 0; k < BATCH; k++) {
			const struct nat_query *q = &questions[k];
			if (floor) {
				for (size_t i = lower_bound(key_of(q, q->port.lower)); i < n_mappings && plain[i].key <= key_of(q, q->port.upper); i++)
					hits += plain[i].host != 0;
			} else {
				must(resolve(nat, q, &a) == 0, "out of memory");
				hits += a.possible;
			}
		}
		took += busy() - start;
	} while (took < ROUND_S);
	must(hits >= n, "a look-up misses");
	answer_free(&a);
	return (double)n / took;
}

static void bench_lookups(struct table *t)
{
	struct nat nat = { .tables = &t, .n = 1 };
	plain = malloc(n_mappings * sizeof *plain);
	must(plain, "out of memory");
	for (uint64_t i = 0; i < n_mappings; i++) {
		struct nat_query q = query_of(i, 1);
		plain[i] = (struct plain){ key_of(&q, q.port.lower), natgen_mapping(i, n_mappings).internal };
	}
	qsort(plain, n_mappings, sizeof *plain, by_key);
	static const struct { const char *name; unsigned width; } figures[] = { { "map.exact", 1 }, { "map.range", 256 } };
	for (size_t i = 0; i < 2; i++) {
		double best = 0, peer = 0;
		for (int k = 0; k < 5; k++) {
			double r = rate(&nat, figures[i].width, false), p = rate(&nat, figures[i].width, true);
			best = r > best ? r : best;
			peer = p > peer ? p : peer;
		}
		figure(figures[i].name, best, "/s", "binary search in a plain sorted array", peer, true, "");
	}
	free(plain);
}

static void bench_pipe(void)
{
	char program[400], snapshot[300];
	const char *top = getenv("top_builddir");
	snprintf(program, sizeof program, "%s/dotsch-map/dotsch-map", top ? top : ".");
	snprintf(snapshot, sizeof snapshot, "%s", path_of("table.snap"));
	write_file("requests", n_mappings, REQUESTS);
	const char *map[] = { program, "-q", "--snapshot", snapshot, NULL };
	const char *jq[] = { "jq", "-c", ".", NULL };
	double best = 1e9;
	for (int i = 0; i < 3; i++) {
		double took = run(map, path_of("requests"), "/dev/null");
		must(took > 0, "dotsch-map does not run");
		best = took < best ? took : best;
	}
	double peer = run(jq, path_of("requests"), "/dev/null");
	figure("map.pipe", REQUESTS / best, "/s", "jq -c . over the same lines", peer > 0 ? REQUESTS / peer : 0, true, "");
}

static void bench_portset(void)
{
	struct portset set = { 6, 6 };
	double rates[2] = { 0 };
	for (int round = 0; round < 5; round++)
		for (int floor = 0; floor < 2; floor++) {
			uint64_t n = 0;
			unsigned sum = 0;
			double start = now();
			do {
				for (unsigned port = 0; port < 65536 * 16; port++, n++)
					sum += floor ? (port >> 4 & 63) : (unsigned)portset_psid(&set, (uint16_t)port);
				__asm__ volatile("" : "+r"(sum));
			} while (now() - start < ROUND_S / 4);
			double r = (double)n / (now() - start);
			rates[floor] = r > rates[floor] ? r : rates[floor];
		}
	figure("map.portset", rates[0], "/s", "a bare shift and mask", rates[1], true, "");
}

int main(void)
{
	const char *n = getenv("MAP_BENCH"), *tmp = getenv("TMPDIR");
	double seconds;
	if (n)
		n_mappings = strtoull(n, NULL, 10);
	must(n_mappings >= 1000, "MAP_BENCH is at least 1000");
	snprintf(folder, sizeof folder, "%s/bench_map.XXXXXX", tmp ? tmp : "/tmp");
	must(mkdtemp(folder), "no folder for the tables");
	write_file("table.json", n_mappings, 0);
	struct table *t = bench_load(&seconds);
	unlink(path_of("table.json"));
	bench_snapshot(t, seconds);
	bench_lookups(t);
	table_free(t);
	bench_pipe();
	bench_portset();
	unlink(path_of("table.snap"));
	unlink(path_of("requests"));
	rmdir(folder);
	return 0;
}
