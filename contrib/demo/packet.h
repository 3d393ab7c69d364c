/* SPDX-License-Identifier: GPL-3.0-or-later */
/* packet - what the demo's small programs have in common: the payload they send, the clock, and reading packets off a link. */
#ifndef DEMO_PACKET_H
#define DEMO_PACKET_H

#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define PACKET_FLOOD 0x464c4f44u   /* "FLOD" */
#define PACKET_TALK 0x54414c4bu    /* "TALK" */
#define PACKET_MAX 1472

/* At the head of every datagram, in network byte order. */
struct packet {
	uint32_t kind, number;
};

/* One UDP datagram seen on a link. */
struct sighting {
	bool outgoing;                       /* sent by this host, or forwarded out of it */
	struct sockaddr_storage from, to;    /* with ports */
	uint32_t kind;                       /* PACKET_FLOOD, PACKET_TALK, or 0 */
	int64_t us;                          /* the kernel's time stamp, CLOCK_REALTIME in microseconds */
};

/* SIGTERM and SIGINT set it; blocking calls then return EINTR. */
extern volatile sig_atomic_t packet_stop;
void packet_catch_stop(void);

int64_t packet_now_us(void);         /* CLOCK_REALTIME, the clock of the kernel's time stamps */
int64_t packet_clock_ns(void);       /* CLOCK_MONOTONIC */

/* A numeric address and a port. 0, or -1 with a message. */
int packet_address(const char *host, const char *port, struct sockaddr_storage *out, socklen_t *len);
uint16_t packet_port(const struct sockaddr_storage *a);
/* "203.0.113.9"; static storage. */
const char *packet_host(const struct sockaddr_storage *a);
/* The same address, whatever the port. */
bool packet_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b);

/* A packet socket on a link, with kernel time stamps, whose receive calls end after 10 ms. -1 with a message. */
int link_open(const char *interface);
/* The next UDP datagram: 1; 0 when there was none within 10 ms or it was something else; -1 on an error, with a message. */
int link_read(int fd, struct sighting *out);
/* Packets the socket lost since the last call because nobody read it in time. */
unsigned link_missed(int fd);

#endif
