/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tap - what leaves a link: counts the flood and the conversation in steps of time, by the kernel's own time stamps.
   One JSON line for each step in which something left, with the time of its last attack packet; times are seconds since 1970. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cli.h"
#include "packet.h"

struct step {
	int64_t number;              /* since 1970 */
	unsigned flood, talk;
	int64_t last_us;             /* of its last attack packet */
};

static struct {
	bool live;
	int64_t step_us;
} o = { .step_us = 10000 };

static int on_option(void *arg, const char *name, const char *value)
{
	uint16_t ms, same;
	(void)arg;
	if (!strcmp(name, "live"))
		o.live = true;
	else if (cli_range(value, 10000, &ms, &same) || !ms)
		return cli_usage_error("--%s: \"%s\" is not a number in range", name, value);
	else
		o.step_us = ms * INT64_C(1000);
	return 0;
}

static void print_step(const struct step *s, int fd)
{
	if (!s->flood && !s->talk)
		return;
	printf("{\"time\":%.2f,\"flood\":%u,\"talk\":%u", (double)(s->number * o.step_us) / 1e6, s->flood, s->talk);
	if (s->flood)
		printf(",\"last\":%.6f", (double)s->last_us / 1e6);
	unsigned missed = link_missed(fd);
	if (missed)
		printf(",\"missed\":%u", missed);
	printf("}\n");
}

static void run(int fd)
{
	struct step step = { 0 };
	while (!packet_stop) {
		struct sighting s;
		int got = link_read(fd, &s);
		if (got < 0)
			return;
		int64_t number = (got && s.us ? s.us : packet_now_us()) / o.step_us;
		/* A packet may be stamped a little before the clock was read for an empty round. */
		if (number > step.number) {
			print_step(&step, fd);
			if (o.live)
				fflush(stdout);
			step = (struct step){ .number = number };
		}
		if (!got || !s.outgoing)
			continue;
		step.flood += s.kind == PACKET_FLOOD;
		step.talk += s.kind == PACKET_TALK;
		if (s.kind == PACKET_FLOOD)
			step.last_us = s.us;
	}
	print_step(&step, fd);
}

int main(int argc, char **argv)
{
	static const struct cli_option options[] = {
		{ "live", 'l', NULL, "write each line at once" },
		{ "step", 's', "MS", "count in steps of so many milliseconds (10)" },
		{ 0 },
	};
	static const struct cli_program program = {
		.name = "tap", .usage = "[OPTION]… INTERFACE", .options = options,
		.purpose = "Counts the demo's packets that leave an interface, in steps of time, until SIGTERM.",
	};
	int at = cli_parse(&program, argc, argv, on_option, NULL);
	if (at < 0 || argc - at != 1)
		return at < 0 ? EXIT_USAGE : (cli_usage_error("one interface is wanted"), EXIT_USAGE);
	int fd = link_open(argv[at]);
	if (fd < 0)
		return EXIT_TROUBLE;
	packet_catch_stop();
	printf("{\"ready\":true}\n");
	fflush(stdout);
	run(fd);
	close(fd);
	return cli_finish(EXIT_DONE);
}
