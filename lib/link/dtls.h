/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dtls - a channel over datagrams, on a socket of its own (dialled) or on a listener's. Private to lib/link. */
#ifndef LINK_DTLS_H
#define LINK_DTLS_H

#include "base/loop.h"
#include "link/channel_start.h"
#include "link/tls_session.h"

/* Embedded as the first member of what its starter keeps about it; start_ops.gone frees that. */
struct dtls {
	struct channel channel;
	struct loop *loop;
	const struct start_ops *start;
	void *start_arg;
	struct tls_session *tls;
	struct loop_fd ready;            /* dialled: our own connected socket */
	struct loop_timer timer;         /* retransmission and deadline of the handshake; nothing ticks once established */
	int64_t deadline;
	const uint8_t *in;               /* the datagram being read */
	size_t in_len;
	int fd;
	int error;                       /* ICMP during the handshake */
	bool own_fd, from_local, established, busy, dead, lost;
};

/* On a listener's socket. from_local: send from channel.local (the socket is bound to any address). Takes nothing over when it fails (false). */
bool dtls_accept(struct dtls *d, struct loop *l, int fd, bool from_local, struct tls_bundle *b, const struct tls_prestate *pre, const struct start_ops *start, void *arg);
/* Makes a socket and says hello to channel.remote. False: *error is the errno. */
bool dtls_dial(struct dtls *d, struct loop *l, struct tls_bundle *b, struct tls_ticket *ticket, const struct start_ops *start, void *arg, int *error);
/* One datagram of this peer. It may end the channel. */
void dtls_input(struct dtls *d, const uint8_t *data, size_t len);
/* Ends a handshake from outside, with a reason; tells start->failed only if told to. */
void dtls_abort(struct dtls *d, bool tell, const char *why);
/* Ends an established channel: its owner hears closed(why). */
void dtls_end(struct dtls *d, bool orderly, const char *why);

/* sendmsg from the given local address. -1 with errno. */
ssize_t dtls_send_from(int fd, const struct sockaddr_storage *local, const struct sockaddr_storage *remote, const void *data, size_t len);

#endif
