/* SPDX-License-Identifier: GPL-3.0-or-later */
/* answer - the victim of the demo: answers conversations and only counts the flood. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cli.h"
#include "packet.h"

static int no_option(void *arg, const char *name, const char *value)
{
	(void)arg, (void)name, (void)value;
	return 0;
}

static void serve(int fd)
{
	uint64_t answered = 0, flood = 0, other = 0;
	while (!packet_stop) {
		uint8_t bytes[PACKET_MAX];
		struct packet head = { 0 };
		struct sockaddr_storage from;
		socklen_t len = sizeof from;
		ssize_t n = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &len);
		if (n < 0)
			continue;   /* a signal, or an ICMP error of an earlier answer */
		if ((size_t)n >= sizeof head)
			memcpy(&head, bytes, sizeof head);
		if (ntohl(head.kind) == PACKET_TALK) {
			if (sendto(fd, bytes, (size_t)n, 0, (struct sockaddr *)&from, len) == n)
				answered++;
		} else if (ntohl(head.kind) == PACKET_FLOOD) {
			flood++;
		} else {
			other++;
		}
	}
	printf("{\"answered\":%" PRIu64 ",\"flood\":%" PRIu64 ",\"other\":%" PRIu64 "}\n", answered, flood, other);
}

int main(int argc, char **argv)
{
	static const struct cli_option options[] = { { 0 } };
	static const struct cli_program program = {
		.name = "answer", .usage = "ADDRESS PORT", .options = options,
		.purpose = "Answers the datagrams of talk, counts those of flood, and prints a JSON object with the numbers at its end (SIGTERM).",
	};
	struct sockaddr_storage here;
	socklen_t len;
	const int room = 4 << 20;
	int at = cli_parse(&program, argc, argv, no_option, NULL);
	if (at < 0 || argc - at != 2 || packet_address(argv[at], argv[at + 1], &here, &len))
		return at < 0 ? EXIT_USAGE : (cli_usage_error("an address and a port are wanted"), EXIT_USAGE);
	int fd = socket(here.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&here, len)) {
		perror("answer");
		return EXIT_TROUBLE;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
	packet_catch_stop();
	printf("{\"ready\":true}\n");
	fflush(stdout);
	serve(fd);
	return cli_finish(EXIT_DONE);
}
