/* SPDX-License-Identifier: GPL-3.0-or-later */
/* listen_internal - what listen_udp and listen_tcp share: one count of handshakes under way, and one pair of doors. */
#ifndef LINK_LISTEN_INTERNAL_H
#define LINK_LISTEN_INTERNAL_H

#include "link/dtls_table.h"
#include "link/listen.h"
#include "link/penalty.h"
#include "link/tls_session.h"

/* A ring, oldest first. */
struct ring { struct ring *prev, *next; };

/* A handshake under way. Embedded in what its transport keeps. */
struct half_open {
	struct ring all, crowd;          /* its places among all, and among those from its part of the network */
	int64_t since;
	struct channel *channel;
	uint16_t bucket;                 /* of its crowd */
	bool counted;
	bool held;                       /* its address is shut out: only a ticket helps */
};

#define CROWDS 1024
#define HELLO_NAME 16                    /* bytes of a ClientHello's random that tell one attempt from another */

/* Hellos whose handshake has failed and was answered with an alert: they come again until the alert arrives. */
struct tombstone;
struct graves {
	struct table table;
	struct tombstone *first, *last;  /* oldest first */
};

/* Two sockets on one address: the kernel sorts handshakes from what belongs to established sessions, so that neither its queue nor our time is taken from these. */
struct udp_socket {
	struct listen *listen;
	int fd, hello_fd;
	bool any;                        /* bound to any address: each datagram says which one it came to */
	struct loop_fd ready, hello_ready;
	struct sockaddr_storage local;
	struct table peers;
	struct graves graves;
};

struct tcp_socket {
	struct listen *listen;
	int fd;
	struct loop_fd ready;
	struct loop_timer pause;         /* no descriptors left: no accepting for a while */
};

struct listen {
	struct loop *loop;
	struct listen_ops ops;
	void *arg;
	struct tls_bundle *bundle;
	unsigned max_half_open, max_rate, penalty_after, penalty_s;
	struct penalty *penalty;
	struct ring all;
	int64_t busy_until;              /* of all handshakes at max_rate, in microseconds */
	struct crowd {
		struct ring members;
		int64_t busy_until;
		unsigned n;
	} crowds[CROWDS];                /* handshakes under way by keyed hash of the source's /24 or /56 */
	uint64_t seed[2];
	struct tls_cookie cookie;
	struct udp_socket **udp;
	struct tcp_socket **tcp;
	size_t n_udp, n_tcp;
	struct listen_stats stats;
};

/* False: too many are under way or have come lately, in all or from there; nothing is kept. */
bool half_open_add(struct listen *l, struct half_open *h, struct channel *c);
void half_open_remove(struct listen *l, struct half_open *h);    /* harmless when not counted */
/* The ends of a handshake, as both transports tell them. */
void listen_established(struct listen *l, struct half_open *h, struct channel *c);
void listen_refused(struct listen *l, struct half_open *h, struct channel *c, const struct tls_session *tls, const char *claimed, const char *why);
void listen_gone(struct listen *l, struct channel *c);           /* an established one */
bool listen_holds(const struct listen *l, const struct sockaddr_storage *remote);   /* is it shut out? */

int graves_init(struct graves *g);       /* -1: out of memory */
void graves_free(struct graves *g);
/* Keeps the alert for a while; without memory it is not kept. */
void graves_add(struct graves *g, const struct dtls_key *key, const uint8_t hello[HELLO_NAME], int alert, int64_t now_ms);
int graves_find(struct graves *g, const struct dtls_key *key, const uint8_t hello[HELLO_NAME], int64_t now_ms);   /* the alert, or -1 */

/* NULL with errno. */
struct udp_socket *udp_socket_new(struct listen *l, const struct sockaddr_storage *local);
void udp_socket_free(struct udp_socket *s);
int udp_socket_open(struct udp_socket *s);                        /* hello_fd, fd and any, by local; -1 with errno */
struct tcp_socket *tcp_socket_new(struct listen *l, const struct sockaddr_storage *local);
void tcp_socket_free(struct tcp_socket *s);

#endif
