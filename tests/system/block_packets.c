/* SPDX-License-Identifier: GPL-3.0-or-later */
/* block-packets - sends packets, one a line of standard input, into a router on one side and tells for each whether it came out on the other.
 *
 *   block-packets [-m REQUESTS] FROM-NETNS DEVICE TO-NETNS DEVICE ROUTER-MAC
 *
 * A line: PROTOCOL SOURCE TARGET A B [mac=MAC] [fragment=first|later]; PROTOCOL by number or name; A and B are source and target port, or ICMP type and code.
 * Standard output: "pass" or "drop" a line. With -m (a file of mitigate lines) every packet is also put to a model of the requests; standard output is then
 * one line "N packets, M dropped, 0 differ", and the packets that differ go to standard error.
 * `block-packets -g SEED REQUESTS PACKETS FILE` makes such a test: the mitigate lines into FILE, the packets on standard output. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cli.h"
#include "dots/envelope.h"

#define CHUNK 32
#define SENTINEL_PROTOCOL 253
#define FRAME_MAX 256
#define WAIT_MS 5000

struct packet {
	uint8_t protocol;
	struct prefix source, target;
	uint16_t a, b;
	uint8_t mac[6];
	enum { WHOLE, FIRST, LATER } fragment;
};

static uint8_t router_mac[6], usual_mac[6] = { 2, 0, 0, 0, 0, 0x66 };

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "block-packets: %s: %s\n", what, strerror(errno));
	exit(EXIT_TROUBLE);
}

static int packet_socket(const char *netns, const char *device, bool receive)
{
	int ns = open(netns, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWNET) < 0)
		die(netns);
	close(ns);
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, receive ? htons(ETH_P_ALL) : 0);
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = receive ? htons(ETH_P_ALL) : 0, .sll_ifindex = (int)if_nametoindex(device) };
	if (fd < 0 || !ll.sll_ifindex || bind(fd, (struct sockaddr *)&ll, sizeof ll) < 0)
		die(device);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &(int){ 4 << 20 }, sizeof(int));
	return fd;
}

static size_t put_transport(uint8_t *p, const struct packet *k)
{
	uint16_t a = htons(k->a), b = htons(k->b);
	size_t len = k->protocol == 6 ? 20 : 8;
	memset(p, 0, 64);
	if (k->protocol == 1 || k->protocol == 58) {
		p[0] = (uint8_t)k->a;
		p[1] = (uint8_t)k->b;
	} else {
		memcpy(p, &a, 2);
		memcpy(p + 2, &b, 2);
	}
	if (k->protocol == 6) {
		p[12] = 0x50;
		p[13] = 0x02;
	}
	return len;
}

static void sum4(uint8_t *ip)
{
	uint32_t sum = 0;
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	ip[10] = (uint8_t)(~sum >> 8);
	ip[11] = (uint8_t)~sum;
}

/* Ethernet, IP, transport, and at the very end the packet's number. */
static size_t build(const struct packet *k, uint32_t number, uint8_t out[FRAME_MAX])
{
	uint8_t body[128], *p = out;
	size_t len = k->fragment == LATER ? 8 : put_transport(body, k);
	if (k->fragment == LATER)
		memset(body, 0x13, sizeof body);   /* bytes that would be ports 4883, if anybody took them for some */
	len = 48;
	memcpy(body + 40, "DOTS", 4);
	memcpy(body + 44, &number, 4);
	memcpy(p, router_mac, 6);
	memcpy(p + 6, k->mac, 6);
	p[12] = k->source.family == 4 ? 0x08 : 0x86;
	p[13] = k->source.family == 4 ? 0x00 : 0xdd;
	p += 14;
	if (k->source.family == 4) {
		uint16_t total = htons((uint16_t)(20 + len));
		memset(p, 0, 20);
		p[0] = 0x45;
		memcpy(p + 2, &total, 2);
		memcpy(p + 4, &number, 2);
		p[6] = k->fragment == FIRST ? 0x20 : 0;
		p[7] = k->fragment == LATER ? 10 : 0;
		p[8] = 64;
		p[9] = k->protocol;
		memcpy(p + 12, k->source.addr, 4);
		memcpy(p + 16, k->target.addr, 4);
		sum4(p);
		p += 20;
	} else {
		size_t extra = k->fragment == WHOLE ? 0 : 8;
		uint16_t payload = htons((uint16_t)(len + extra));
		memset(p, 0, 48);
		p[0] = 0x60;
		memcpy(p + 4, &payload, 2);
		p[6] = extra ? 44 : k->protocol;
		p[7] = 64;
		memcpy(p + 8, k->source.addr, 16);
		memcpy(p + 24, k->target.addr, 16);
		p += 40;
		if (extra) {
			p[0] = k->protocol;
			p[3] = k->fragment == FIRST ? 1 : 80;
			memcpy(p + 4, &number, 4);
			p += 8;
		}
	}
	memcpy(p, body, len);
	return (size_t)(p - out) + len;
}

static bool parse(char *line, struct packet *k)
{
	char *save, *word[5], *more;
	memset(k, 0, sizeof *k);
	memcpy(k->mac, usual_mac, 6);
	for (int i = 0; i < 5; i++)
		if (!(word[i] = strtok_r(i ? NULL : line, " \n", &save)))
			return false;
	int protocol = cli_protocol(word[0]);
	if (protocol < 0 || addr_parse(word[1], &k->source) < 0 || addr_parse(word[2], &k->target) < 0)
		return false;
	k->protocol = (uint8_t)protocol;
	k->a = (uint16_t)strtoul(word[3], NULL, 10);
	k->b = (uint16_t)strtoul(word[4], NULL, 10);
	while ((more = strtok_r(NULL, " \n", &save)))
		if (!strncmp(more, "mac=", 4))
			sscanf(more + 4, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &k->mac[0], &k->mac[1], &k->mac[2], &k->mac[3], &k->mac[4], &k->mac[5]);
		else
			k->fragment = strcmp(more, "fragment=later") ? FIRST : LATER;
	return true;
}

/* Sends packets number from..from + n, then one that nothing drops, and notes which came out before it. */
static void pass_through(int in, int out, const struct packet *k, uint32_t from, size_t n, bool *passed)
{
	static uint32_t sentinel = UINT32_MAX;
	uint8_t frame[FRAME_MAX];
	struct packet last = { .protocol = SENTINEL_PROTOCOL };
	addr_parse("192.0.2.1", &last.source);
	addr_parse("192.0.2.254", &last.target);
	memcpy(last.mac, usual_mac, 6);
	last.mac[5] = 0xfe;
	for (size_t i = 0; i <= n; i++) {
		size_t len = build(i < n ? &k[i] : &last, i < n ? from + (uint32_t)i : sentinel, frame);
		if (send(in, frame, len, 0) < 0)
			die("send");
	}
	for (;;) {
		struct pollfd p = { .fd = out, .events = POLLIN };
		uint32_t number;
		if (poll(&p, 1, WAIT_MS) != 1) {
			errno = ETIMEDOUT;
			die("the packet that nothing drops");
		}
		ssize_t len = recv(out, frame, sizeof frame, 0);
		if (len < 60 || memcmp(frame + len - 8, "DOTS", 4))
			continue;
		memcpy(&number, frame + len - 4, 4);
		if (number == sentinel)
			break;
		if (number - from < n)
			passed[number - from] = true;
	}
	sentinel--;
}

/* The model: RFC 9132's attributes, each a list of alternatives, all of which have to hold; written down once more, and differently. */
static bool in_ranges(const struct range_list *l, uint16_t v)
{
	for (size_t i = 0; i < l->n; i++)
		if (v >= l->v[i].lower && v <= l->v[i].upper)
			return true;
	return !l->n;
}

static bool in_prefixes(const struct prefix_list *l, const struct prefix *a)
{
	for (size_t i = 0; i < l->n; i++)
		if (prefix_contains(&l->v[i], a))
			return true;
	return false;
}

static bool wanted(const struct mitigation *m, const struct packet *k)
{
	bool ported = k->protocol == 6 || k->protocol == 17 || k->protocol == 33 || k->protocol == 132 || k->protocol == 136;
	bool icmp = k->protocol == (k->source.family == 4 ? 1 : 58), listed = m->target_protocol.n && memchr(m->target_protocol.v, k->protocol, m->target_protocol.n);
	bool ports = m->target_port.n || m->source_port.n, types = m->source_icmp_type.n;
	if (!in_prefixes(&m->target_prefix, &k->target) || !in_prefixes(&m->source_prefix, &k->source) || (m->target_protocol.n && !listed))
		return false;
	if (ported && ports)
		return k->fragment != LATER && in_ranges(&m->target_port, k->b) && in_ranges(&m->source_port, k->a);
	if ((k->protocol == 1 || k->protocol == 58) && types)
		return icmp && k->fragment != LATER && in_ranges(&m->source_icmp_type, k->a);
	return listed || (!ports && !types);
}

static struct mitigation *load_model(const char *path, size_t *n)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;
	struct mitigation *all = NULL;
	if (!f)
		die(path);
	while ((len = getline(&line, &cap, f)) > 0) {
		struct envelope e;
		struct reason why;
		if (envelope_parse(line, (size_t)len, &e, &why) < 0) {
			fprintf(stderr, "block-packets: %s: %s\n", path, why.text);
			exit(EXIT_REFUSED);
		}
		all = realloc(all, (*n + 1) * sizeof *all);
		if (!all || mitigation_copy(&all[(*n)++], &e.body.scope[0]) < 0)
			die("model");
		envelope_free(&e);
	}
	free(line);
	fclose(f);
	return all;
}

static unsigned seed;

static unsigned any(unsigned below)
{
	return (unsigned)rand_r(&seed) % below;
}

/* Few addresses, ports and protocols, so that much of what is asked meets much of what is sent. */
static void any_prefix(char *out, size_t cap, bool six, bool target)
{
	if (six)
		snprintf(out, cap, "\"2001:db8:%s::%x/%u\"", target ? "c000" : "123", any(16), any(3) ? 128 : 124 + any(4));
	else
		snprintf(out, cap, "\"%s.%u/%u\"", target ? "203.0.113" : "198.51.100", any(16), any(3) ? 32 : 28 + any(4));
}

static const uint8_t protocols[] = { 17, 6, 1, 58, 47, 132 };

static void make_request(unsigned mid, FILE *f)
{
	char a[80], b[80];
	bool six = any(3) == 0;
	fprintf(f, "{\"type\":\"mitigate\",\"peer\":\"isp\",\"cuid\":\"c\",\"mid\":%u,\"consent\":\"given\",\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{", mid);
	any_prefix(a, sizeof a, six, true);
	any_prefix(b, sizeof b, any(4) ? six : !six, true);
	fprintf(f, "\"target-prefix\":[%s,%s],", a, b);
	any_prefix(a, sizeof a, six, false);
	any_prefix(b, sizeof b, any(4) ? six : !six, false);
	fprintf(f, "\"ietf-dots-call-home:source-prefix\":[%s,%s],", a, b);
	if (any(3))
		fprintf(f, "\"target-protocol\":[%u,%u],", protocols[any(6)], protocols[any(6)]);
	if (any(2))
		fprintf(f, "\"target-port-range\":[{\"lower-port\":%u,\"upper-port\":%u},{\"lower-port\":%u}],", 50 + any(5), 55 + any(5), 61 + any(3));
	if (any(3) == 0)
		fprintf(f, "\"ietf-dots-call-home:source-port-range\":[{\"lower-port\":%u,\"upper-port\":%u}],", 5000 + any(5), 5005 + any(10));
	if (any(3) == 0)
		fprintf(f, "\"ietf-dots-call-home:source-icmp-type-range\":[{\"lower-type\":%u,\"upper-type\":%u},{\"lower-type\":%u}],", any(4), 4 + any(6), 11 + any(3));
	fprintf(f, "\"lifetime\":600}]}}\n");
}

static int generate(char **argv)
{
	seed = (unsigned)strtoul(argv[0], NULL, 10);
	unsigned requests = (unsigned)strtoul(argv[1], NULL, 10), packets = (unsigned)strtoul(argv[2], NULL, 10);
	FILE *f = fopen(argv[3], "w");
	if (!f)
		die(argv[3]);
	for (unsigned i = 0; i < requests; i++)
		make_request(i + 1, f);
	if (fclose(f))
		die(argv[3]);
	for (unsigned i = 0; i < packets; i++) {
		uint8_t p = protocols[any(6)];
		bool six = any(3) == 0, icmp = p == 1 || p == 58;
		if (six)
			printf("%u 2001:db8:123::%x 2001:db8:c000::%x", p, any(16), 1 + any(15));   /* ::0 is the router itself */
		else
			printf("%u 198.51.100.%u 203.0.113.%u", p, any(16), any(16));
		printf(" %u %u%s\n", icmp ? any(14) : 4998 + any(20), icmp ? any(2) : 48 + any(18), any(20) ? "" : any(2) ? " fragment=first" : " fragment=later");
	}
	return cli_finish(EXIT_DONE);
}

static void judge(const struct packet *k, size_t n, const bool *passed, const struct mitigation *m, size_t n_m, size_t counts[2])
{
	char source[PREFIX_TEXT_MAX], target[PREFIX_TEXT_MAX];
	for (size_t i = 0; i < n; i++) {
		bool drop = false;
		for (size_t j = 0; j < n_m; j++)
			drop |= wanted(&m[j], &k[i]);
		counts[0] += !passed[i];
		counts[1] += drop == passed[i];
		if (drop == passed[i])
			fprintf(stderr, "%s: protocol %u %s %s %u %u fragment %d\n", passed[i] ? "passed" : "dropped", k[i].protocol, addr_format(&k[i].source, source),
			    addr_format(&k[i].target, target), k[i].a, k[i].b, (int)k[i].fragment);
	}
}

int main(int argc, char **argv)
{
	struct mitigation *model = NULL;
	struct packet k[CHUNK];
	size_t n = 0, n_model = 0, counts[2] = { 0, 0 };
	uint32_t number = 1;
	char *line = NULL;
	size_t cap = 0;
	if (argc == 6 && !strcmp(argv[1], "-g"))
		return generate(argv + 2);
	if (argc == 8 && !strcmp(argv[1], "-m")) {
		model = load_model(argv[2], &n_model);
		argv += 2;
		argc -= 2;
	}
	if (argc != 6 || sscanf(argv[5], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &router_mac[0], &router_mac[1], &router_mac[2], &router_mac[3], &router_mac[4], &router_mac[5]) != 6) {
		fprintf(stderr, "usage: block-packets [-m REQUESTS] FROM-NETNS DEVICE TO-NETNS DEVICE ROUTER-MAC\n");
		return EXIT_USAGE;
	}
	/* One processor, one queue: packets come out in the order they went in. */
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof one, &one);
	int in = packet_socket(argv[1], argv[2], false), out = packet_socket(argv[3], argv[4], true);
	for (bool more = true; more;) {
		more = getline(&line, &cap, stdin) > 0;
		if (more && !parse(line, &k[n++])) {
			fprintf(stderr, "block-packets: bad line\n");
			return EXIT_USAGE;
		}
		if (n == CHUNK || (!more && n)) {
			bool passed[CHUNK] = { false };
			pass_through(in, out, k, number, n, passed);
			for (size_t i = 0; !model && i < n; i++)
				puts(passed[i] ? "pass" : "drop");
			judge(k, model ? n : 0, passed, model, n_model, counts);
			number += (uint32_t)n;
			n = 0;
		}
	}
	if (model)
		printf("%u packets, %zu dropped, %zu differ\n", number - 1, counts[0], counts[1]);
	for (size_t i = 0; i < n_model; i++)
		mitigation_free(&model[i]);
	free(model);
	free(line);
	return cli_finish(counts[1] ? EXIT_REFUSED : EXIT_DONE);
}
