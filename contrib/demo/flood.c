/* SPDX-License-Identifier: GPL-3.0-or-later */
/* flood - the infected device of the demo: UDP datagrams at an exact rate, each from a new source port unless one is given. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cli.h"
#include "packet.h"

#define FIRST_PORT 1024
/* What a stall of the machine may make it send in one go, so that a rate stays a rate. */
#define CATCH_UP_NS 20000000

static struct {
	uint16_t rate, port, size, seconds, first;
} o = { .rate = 2000, .size = 200, .first = FIRST_PORT };

static int on_option(void *arg, const char *name, const char *value)
{
	uint16_t same, *out = !strcmp(name, "rate") ? &o.rate : !strcmp(name, "port") ? &o.port : !strcmp(name, "size") ? &o.size :
		!strcmp(name, "first-port") ? &o.first : &o.seconds;
	(void)arg;
	if (cli_range(value, 65535, out, &same) || *out == 0 || (out == &o.size && (o.size < sizeof(struct packet) || o.size > PACKET_MAX)))
		return cli_usage_error("--%s: \"%s\" is not a number in range", name, value);
	return 0;
}

/* A socket bound to a source port; 0 lets the kernel choose. */
static int socket_at(const struct sockaddr_storage *to, uint16_t port)
{
	struct sockaddr_storage from = { .ss_family = to->ss_family };
	((struct sockaddr_in *)&from)->sin_port = htons(port);   /* at the same place in both families */
	int fd = socket(to->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&from, to->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* Returns false when this datagram could not be sent: a port in use, a full queue, or a firewall's refusal. */
static bool send_one(int fixed, const struct sockaddr_storage *to, socklen_t len, uint32_t number, uint16_t *port)
{
	uint8_t bytes[PACKET_MAX] = { 0 };
	struct packet head = { htonl(PACKET_FLOOD), htonl(number) };
	memcpy(bytes, &head, sizeof head);
	int fd = fixed;
	if (fixed < 0) {
		fd = socket_at(to, *port);
		*port = *port == 65535 ? o.first : *port + 1;
	}
	bool sent = fd >= 0 && sendto(fd, bytes, o.size, 0, (const struct sockaddr *)to, len) == o.size;
	if (fixed < 0 && fd >= 0)
		close(fd);
	return sent;
}

static void run(int fixed, const struct sockaddr_storage *to, socklen_t len)
{
	const int64_t step = 1000000000 / o.rate, start = packet_clock_ns();
	const int64_t end = o.seconds ? start + o.seconds * INT64_C(1000000000) : INT64_MAX;
	uint64_t sent = 0, failed = 0;
	uint16_t port = o.first;
	int64_t due = start, now = start;
	while (!packet_stop && due < end) {
		if (now < due) {
			struct timespec until = { due / 1000000000, due % 1000000000 };
			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
		} else {
			if (now - due > CATCH_UP_NS)
				due = now - CATCH_UP_NS;
			if (send_one(fixed, to, len, (uint32_t)(sent + failed), &port))
				sent++;
			else
				failed++;
			due += step;
		}
		now = packet_clock_ns();
	}
	printf("{\"sent\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"seconds\":%.3f}\n", sent, failed, (double)(now - start) / 1e9);
}

int main(int argc, char **argv)
{
	static const struct cli_option options[] = {
		{ "rate", 'r', "N", "datagrams a second (2000)" },
		{ "port", 'p', "PORT", "send all from this source port, instead of each from a new one" },
		{ "first-port", 0, "PORT", "the first of the new source ports (1024)" },
		{ "size", 's', "BYTES", "payload of each (200)" },
		{ "seconds", 't', "N", "end after this time (on SIGTERM)" },
		{ 0 },
	};
	static const struct cli_program program = {
		.name = "flood", .usage = "[OPTION]… ADDRESS PORT", .options = options,
		.purpose = "Sends UDP datagrams at an exact rate and prints a JSON object with their number at its end.",
	};
	struct sockaddr_storage to;
	socklen_t len;
	int at = cli_parse(&program, argc, argv, on_option, NULL);
	if (at < 0 || argc - at != 2 || packet_address(argv[at], argv[at + 1], &to, &len))
		return at < 0 ? EXIT_USAGE : (cli_usage_error("an address and a port are wanted"), EXIT_USAGE);
	int fixed = o.port ? socket_at(&to, o.port) : -1;
	if (o.port && fixed < 0) {
		perror("source port");
		return EXIT_TROUBLE;
	}
	packet_catch_stop();
	run(fixed, &to, len);
	return cli_finish(EXIT_DONE);
}
