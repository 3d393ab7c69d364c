/* SPDX-License-Identifier: GPL-3.0-or-later */
/* stream - a channel over TCP: TLS, and whole CoAP frames out of its bytes (RFC 8323, 3). Private to lib/link. */
#ifndef LINK_STREAM_H
#define LINK_STREAM_H

#include "base/buf.h"
#include "base/loop.h"
#include "link/channel_start.h"
#include "link/tls_session.h"

enum stream_state {
	STREAM_CONNECTING,
	STREAM_HANDSHAKE,
	STREAM_CONFIRMING,               /* TLS 1.3 client: done on our side, but the server has not judged us yet */
	STREAM_UP,
};

/* Embedded as the first member of what its starter keeps about it; start_ops.gone frees that. */
struct stream {
	struct channel channel;
	struct loop *loop;
	const struct start_ops *start;
	void *start_arg;
	struct tls_session *tls;
	struct loop_fd ready;
	struct loop_timer timer;         /* deadline of the handshake; later: goes on reading what is buffered already */
	int64_t deadline;
	struct buf in, out;              /* frames not yet complete; records that the kernel did not take yet */
	enum stream_state state;
	int fd;
	bool busy, dead;
};

/* Takes fd over (true). channel.remote and channel.local are set by the caller. False: fd is still the caller's. */
bool stream_accept(struct stream *s, struct loop *l, int fd, struct tls_bundle *b, const struct start_ops *start, void *arg);
/* Has the peer sent what is not read yet? Then the next step is ours. */
bool stream_unread(const struct stream *s);
/* Connects to channel.remote. False: *error is the errno. */
bool stream_dial(struct stream *s, struct loop *l, struct tls_bundle *b, struct tls_ticket *ticket, const struct start_ops *start, void *arg, int *error);
/* Ends a handshake from outside, with a reason; tells start->failed only if told to. */
void stream_abort(struct stream *s, bool tell, const char *why);

#endif
