/* SPDX-License-Identifier: GPL-3.0-or-later */
/* talk - the innocent host of the demo: a conversation of numbered requests and answers from one source port; says how many got lost. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/cli.h"
#include "packet.h"

#define SENT_MAX (1u << 20)
/* How long an answer may take before its request counts as lost. */
#define ANSWER_NS INT64_C(1000000000)

static struct {
	uint16_t rate, count, port, size;
	bool turns;
} o = { .rate = 100, .size = 200 };

static struct {
	uint32_t sent, answered;
	int64_t sent_at[SENT_MAX];      /* by number; 0 once answered */
	uint32_t took_us[SENT_MAX];     /* round trips, in the order of the answers */
} talk;

static int on_option(void *arg, const char *name, const char *value)
{
	uint16_t same, *out = !strcmp(name, "rate") ? &o.rate : !strcmp(name, "count") ? &o.count : !strcmp(name, "port") ? &o.port : &o.size;
	(void)arg;
	if (!strcmp(name, "turns")) {
		o.turns = true;
		return 0;
	}
	if (cli_range(value, 65535, out, &same) || *out == 0 || (out == &o.size && (o.size < sizeof(struct packet) || o.size > PACKET_MAX)))
		return cli_usage_error("--%s: \"%s\" is not a number in range", name, value);
	return 0;
}

static void ask(int fd)
{
	uint8_t bytes[PACKET_MAX] = { 0 };
	struct packet head = { htonl(PACKET_TALK), htonl(talk.sent) };
	memcpy(bytes, &head, sizeof head);
	talk.sent_at[talk.sent++] = packet_clock_ns();
	/* A refusal counts as a loss: no answer will come. */
	if (send(fd, bytes, o.size, 0) < 0 && errno != ECONNREFUSED && errno != EPERM)
		perror("talk");
}

/* Takes the answers that are there. */
static void hear(int fd)
{
	uint8_t bytes[PACKET_MAX];
	struct packet head;
	for (ssize_t n; (n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) >= 0;) {
		if ((size_t)n < sizeof head)
			continue;
		memcpy(&head, bytes, sizeof head);
		uint32_t number = ntohl(head.number);
		if (ntohl(head.kind) != PACKET_TALK || number >= talk.sent || !talk.sent_at[number])
			continue;
		int64_t took = packet_clock_ns() - talk.sent_at[number];
		talk.sent_at[number] = 0;
		if (took <= ANSWER_NS)
			talk.took_us[talk.answered++] = (uint32_t)(took / 1000);
	}
}

/* Reads answers until a time, or until all were answered when asked to. */
static void hear_until(int fd, int64_t until, bool all)
{
	for (int64_t now; (now = packet_clock_ns()) < until && !(all && talk.answered == talk.sent) && (all || !packet_stop);) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		struct timespec wait = { (until - now) / 1000000000, (until - now) % 1000000000 };
		if (ppoll(&ready, 1, &wait, NULL) > 0)
			hear(fd);
	}
}

static int by_size(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static void report(void)
{
	uint32_t lost = talk.sent - talk.answered;
	qsort(talk.took_us, talk.answered, sizeof talk.took_us[0], by_size);
	printf("{\"sent\":%" PRIu32 ",\"answered\":%" PRIu32 ",\"lost\":%" PRIu32 ",\"lost_percent\":%.2f,\"median_ms\":%.3f,\"max_ms\":%.3f}\n", talk.sent,
		talk.answered, lost, talk.sent ? 100.0 * lost / talk.sent : 0.0, talk.answered ? talk.took_us[talk.answered / 2] / 1e3 : 0.0,
		talk.answered ? talk.took_us[talk.answered - 1] / 1e3 : 0.0);
}

int main(int argc, char **argv)
{
	static const struct cli_option options[] = {
		{ "rate", 'r', "N", "requests a second (100)" },
		{ "count", 'n', "N", "end after this many (on SIGTERM)" },
		{ "turns", 0, NULL, "ask again as soon as the answer is there, instead of at a rate" },
		{ "port", 'p', "PORT", "source port" },
		{ "size", 's', "BYTES", "payload of each (200)" },
		{ 0 },
	};
	static const struct cli_program program = {
		.name = "talk", .usage = "[OPTION]… ADDRESS PORT", .options = options,
		.purpose = "Sends numbered requests and prints a JSON object that says how many were answered, and how fast.",
	};
	struct sockaddr_storage to, from = { 0 };
	socklen_t len;
	int at = cli_parse(&program, argc, argv, on_option, NULL);
	if (at < 0 || argc - at != 2 || packet_address(argv[at], argv[at + 1], &to, &len))
		return at < 0 ? EXIT_USAGE : (cli_usage_error("an address and a port are wanted"), EXIT_USAGE);
	from.ss_family = to.ss_family;
	((struct sockaddr_in *)&from)->sin_port = htons(o.port);   /* at the same place in both families */
	int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&from, len) || connect(fd, (struct sockaddr *)&to, len)) {
		perror("talk");
		return EXIT_TROUBLE;
	}
	packet_catch_stop();
	int64_t due = packet_clock_ns();
	while (!packet_stop && talk.sent < SENT_MAX && (!o.count || talk.sent < o.count)) {
		ask(fd);
		due = o.turns ? packet_clock_ns() + ANSWER_NS : due + 1000000000 / o.rate;
		hear_until(fd, due, o.turns);
	}
	hear_until(fd, packet_clock_ns() + ANSWER_NS, true);
	report();
	return cli_finish(talk.answered ? EXIT_DONE : EXIT_REFUSED);
}
