/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

volatile sig_atomic_t packet_stop;

static void on_stop(int signal)
{
	(void)signal;
	packet_stop = 1;
}

void packet_catch_stop(void)
{
	struct sigaction action = { .sa_handler = on_stop };   /* no SA_RESTART: blocking calls return */
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
}

int64_t packet_now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t packet_clock_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int packet_address(const char *host, const char *port, struct sockaddr_storage *out, socklen_t *len)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_DGRAM };
	struct addrinfo *found;
	int error = getaddrinfo(host, port, &hints, &found);
	if (error) {
		fprintf(stderr, "%s port %s: %s\n", host, port, gai_strerror(error));
		return -1;
	}
	memset(out, 0, sizeof *out);
	memcpy(out, found->ai_addr, found->ai_addrlen);
	*len = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

uint16_t packet_port(const struct sockaddr_storage *a)
{
	return ntohs(a->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)a)->sin6_port : ((const struct sockaddr_in *)a)->sin_port);
}

const char *packet_host(const struct sockaddr_storage *a)
{
	static char text[INET6_ADDRSTRLEN];
	const void *address = &((const struct sockaddr_in *)a)->sin_addr;
	if (a->ss_family == AF_INET6)
		address = &((const struct sockaddr_in6 *)a)->sin6_addr;
	return inet_ntop(a->ss_family, address, text, sizeof text);
}

bool packet_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET6)
		return !memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr, &((const struct sockaddr_in6 *)b)->sin6_addr, sizeof(struct in6_addr));
	return ((const struct sockaddr_in *)a)->sin_addr.s_addr == ((const struct sockaddr_in *)b)->sin_addr.s_addr;
}

int link_open(const char *interface)
{
	const struct timeval wait = { .tv_usec = 10000 };
	const int on = 1, room = 8 << 20;
	struct sockaddr_ll link = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(interface) };
	/* SOCK_DGRAM: the packets come without their link header. ETH_P_ALL: nothing less sees what goes out. */
	int fd = link.sll_ifindex ? socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) ||
	    bind(fd, (struct sockaddr *)&link, sizeof link)) {
		fprintf(stderr, "%s: %s\n", interface, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
	return fd;
}

/* Fills in the addresses. Returns the offset of the UDP payload, or 0 when it is no UDP datagram, or only a later fragment of one. */
static size_t parse(const uint8_t *b, size_t len, struct sighting *out)
{
	struct sockaddr_in *from4 = (struct sockaddr_in *)&out->from, *to4 = (struct sockaddr_in *)&out->to;
	struct sockaddr_in6 *from6 = (struct sockaddr_in6 *)&out->from, *to6 = (struct sockaddr_in6 *)&out->to;
	struct udphdr udp;
	struct iphdr ip4;
	struct ip6_hdr ip6;
	size_t at = 0;
	if (len >= sizeof ip4 && b[0] >> 4 == 4) {
		memcpy(&ip4, b, sizeof ip4);
		at = (size_t)ip4.ihl * 4;
		if (ip4.protocol != IPPROTO_UDP || (ntohs(ip4.frag_off) & IP_OFFMASK) || at < sizeof ip4)
			return 0;
		*from4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = ip4.saddr };
		*to4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = ip4.daddr };
	} else if (len >= sizeof ip6 && b[0] >> 4 == 6) {
		memcpy(&ip6, b, sizeof ip6);
		at = sizeof ip6;
		if (ip6.ip6_nxt != IPPROTO_UDP)
			return 0;
		*from6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_addr = ip6.ip6_src };
		*to6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_addr = ip6.ip6_dst };
	}
	if (!at || len < at + sizeof udp)
		return 0;
	memcpy(&udp, b + at, sizeof udp);
	/* The port stands at the same place in both families. */
	from4->sin_port = udp.source;
	to4->sin_port = udp.dest;
	return at + sizeof udp;
}

int link_read(int fd, struct sighting *out)
{
	uint8_t bytes[256];
	union { char space[CMSG_SPACE(sizeof(struct timespec))]; struct cmsghdr align; } control;
	struct sockaddr_ll link;
	struct iovec part = { bytes, sizeof bytes };
	struct msghdr message = { .msg_name = &link, .msg_namelen = sizeof link, .msg_iov = &part, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof control };
	ssize_t n = recvmsg(fd, &message, 0);
	if (n < 0) {
		if (errno == EAGAIN || errno == EINTR || errno == ENETDOWN)
			return 0;
		perror("reading the link");
		return -1;
	}
	memset(out, 0, sizeof *out);
	size_t at = parse(bytes, (size_t)n, out);
	if (!at)
		return 0;
	out->outgoing = link.sll_pkttype == PACKET_OUTGOING;
	if ((size_t)n >= at + sizeof(struct packet)) {
		struct packet head;
		memcpy(&head, bytes + at, sizeof head);
		uint32_t kind = ntohl(head.kind);
		out->kind = kind == PACKET_FLOOD || kind == PACKET_TALK ? kind : 0;
	}
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS) {
			struct timespec t;
			memcpy(&t, CMSG_DATA(c), sizeof t);
			out->us = (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
		}
	return 1;
}

unsigned link_missed(int fd)
{
	struct tpacket_stats stats = { 0 };
	socklen_t len = sizeof stats;
	return getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) ? 0 : stats.tp_drops;
}
