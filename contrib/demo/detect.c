/* SPDX-License-Identifier: GPL-3.0-or-later */
/* detect - a small attack detector for the provider of the demo. It watches what goes to one customer's victim and sees only external addresses and
   ports. Many datagrams a second that each come from a port never seen before are an attack; it names the newest such port in a `mitigate` line. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/when.h"
#include "packet.h"

#define WINDOW_US 100000
/* The same port counts as new again after this time. */
#define FORGET_US 30000000

static struct {
	uint16_t rate, lifetime;
	bool once;
} o = { .rate = 500, .lifetime = 3600 };

static int on_option(void *arg, const char *name, const char *value)
{
	uint16_t same;
	(void)arg;
	if (!strcmp(name, "once"))
		o.once = true;
	else if (cli_range(value, 65535, !strcmp(name, "rate") ? &o.rate : &o.lifetime, &same))
		return cli_usage_error("--%s: \"%s\" is not a number in range", name, value);
	return 0;
}

static void print_line(const struct sighting *s, unsigned number)
{
	char now[WHEN_TEXT_MAX], seen[WHEN_TEXT_MAX];
	unsigned bits = s->to.ss_family == AF_INET6 ? 128 : 32;
	printf("{\"type\":\"mitigate\",\"time\":\"%s\",\"attack-time\":\"%s\",\"ref\":\"attack-%u\",\"ietf-dots-signal-channel:mitigation-scope\":{\"scope\":[{",
		when_format(when_wall_ms(), now), when_format(s->us / 1000, seen), number);
	printf("\"target-prefix\":[\"%s/%u\"],\"target-port-range\":[{\"lower-port\":%u}],\"target-protocol\":[17],", packet_host(&s->to), bits, packet_port(&s->to));
	printf("\"ietf-dots-call-home:source-prefix\":[\"%s/%u\"],\"ietf-dots-call-home:source-port-range\":[{\"lower-port\":%u}],\"lifetime\":%u}]}}\n",
		packet_host(&s->from), bits, packet_port(&s->from), o.lifetime);
	fflush(stdout);
}

static int run(int fd, const struct sockaddr_storage *victim)
{
	/* One external address is enough for the demo: its ports, and when each was seen last. */
	static int64_t seen[65536];
	struct sockaddr_storage attacker = { 0 };
	int64_t window = 0;
	unsigned fresh = 0, attacks = 0;
	bool attacked = false, learned = false;
	/* What is in use before the first window has passed is not new. */
	while (!packet_stop) {
		struct sighting s;
		int got = link_read(fd, &s);
		if (got < 0)
			return EXIT_TROUBLE;
		int64_t now = got ? s.us : packet_now_us();
		if (now - window > WINDOW_US) {
			/* It is over, and may begin anew, when a whole window stayed below the rate. */
			attacked = attacked && fresh * (1000000 / WINDOW_US) >= o.rate;
			learned = window;
			window = now, fresh = 0;
		}
		if (!got || !s.outgoing || !packet_same_host(&s.to, victim))
			continue;
		if (!packet_same_host(&s.from, &attacker)) {
			attacker = s.from;
			memset(seen, 0, sizeof seen);
		}
		bool is_new = now - seen[packet_port(&s.from)] > FORGET_US;
		seen[packet_port(&s.from)] = now;
		if (!learned || !is_new || ++fresh * (1000000 / WINDOW_US) < o.rate || attacked)
			continue;
		attacked = true;
		print_line(&s, ++attacks);
		if (o.once)
			break;
	}
	return EXIT_DONE;
}

int main(int argc, char **argv)
{
	static const struct cli_option options[] = {
		{ "rate", 'r', "N", "datagrams a second from new ports that make an attack (500)" },
		{ "lifetime", 't', "SECONDS", "lifetime to ask for (3600)" },
		{ "once", '1', NULL, "end after the first attack" },
		{ 0 },
	};
	static const struct cli_program program = {
		.name = "detect", .usage = "[OPTION]… INTERFACE VICTIM", .options = options,
		.purpose = "Watches what leaves an interface towards a victim and writes a `mitigate` line when a flood begins.",
	};
	struct sockaddr_storage victim;
	socklen_t len;
	int at = cli_parse(&program, argc, argv, on_option, NULL);
	if (at < 0 || argc - at != 2 || packet_address(argv[at + 1], "0", &victim, &len))
		return at < 0 ? EXIT_USAGE : (cli_usage_error("an interface and an address are wanted"), EXIT_USAGE);
	int fd = link_open(argv[at]);
	if (fd < 0)
		return EXIT_TROUBLE;
	packet_catch_stop();
	int status = run(fd, &victim);
	close(fd);
	return cli_finish(status);
}
