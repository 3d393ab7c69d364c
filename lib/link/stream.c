/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "link/stream.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "link/message.h"

#define RECORD_MAX 16384
#define READ_BURST 16                    /* records per round, so that one busy peer does not starve the others */
#define RECORD_OVERHEAD 64
#define OUT_SLACK ((size_t)64 << 10)     /* on top of the bound: alerts and answers of TLS itself */
#define CONFIRM_MS 3000                  /* a TLS 1.3 server that sends neither ticket nor message nor alert has taken us */
#define USER_TIMEOUT_MS 600000           /* unacknowledged for longer than the 450 s in which heartbeats call a peer lost */
#define KEEPALIVE_IDLE_S 60
#define KEEPALIVE_INTERVAL_S 30

static uint8_t plain[RECORD_MAX];        /* one record at a time: the loop has one thread, and nothing reads inside a callback */

static ssize_t push(void *arg, const void *data, size_t len)
{
	struct stream *s = arg;
	size_t sent = 0;
	if (!s->out.len) {
		ssize_t n = send(s->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -1;
		sent = n > 0 ? (size_t)n : 0;
	}
	if (sent < len) {
		buf_put(&s->out, (const uint8_t *)data + sent, len - sent);
		if (s->out.failed) {
			errno = ENOBUFS;
			return -1;
		}
		loop_mod(s->loop, &s->ready, EPOLLIN | EPOLLOUT);
	}
	return (ssize_t)len;
}

static ssize_t pull(void *arg, void *data, size_t cap)
{
	struct stream *s = arg;
	ssize_t n;
	do
		n = recv(s->fd, data, cap, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n;
}

static const struct tls_io io = { push, pull, NULL };

static void release(struct stream *s)
{
	s->dead = true;
	if (s->busy)
		return;
	loop_timer_stop(s->loop, &s->timer);
	loop_del(s->loop, &s->ready);
	tls_session_free(s->tls);
	close(s->fd);
	buf_free(&s->in);
	buf_free(&s->out);
	s->start->gone(s->start_arg, &s->channel);
}

static bool vt_send(struct channel *c, const uint8_t *data, size_t len)
{
	struct stream *s = (struct stream *)c;
	if (s->dead || s->state != STREAM_UP || s->out.len + len + RECORD_OVERHEAD > STREAM_OUT_MAX)
		return false;
	return tls_session_send(s->tls, data, len);
}

static void vt_close(struct channel *c, bool notify)
{
	struct stream *s = (struct stream *)c;
	if (s->dead)
		return;
	if (notify && s->state == STREAM_UP)
		tls_session_bye(s->tls);
	release(s);
}

static const struct channel_vtable vtable = { vt_send, vt_close };

static void fail(struct stream *s, const char *why)
{
	bool busy = s->busy;
	s->busy = true;
	s->start->failed(s->start_arg, &s->channel, tls_session_claimed(s->tls), why);
	s->busy = busy;
	release(s);
}

static void gave_up(struct stream *s, int error)
{
	char why[TLS_WHY_MAX];
	tls_session_gave_up(s->tls, error, why);
	fail(s, why);
}

static void end(struct stream *s, bool orderly, const char *why)
{
	if (s->dead)
		return;
	bool busy = s->busy;
	s->busy = s->dead = true;   /* closing it again from the callback does nothing */
	s->channel.ops->closed(s->channel.arg, why, orderly);
	s->busy = busy;
	release(s);
}

static void up(struct stream *s)
{
	loop_timer_stop(s->loop, &s->timer);
	s->state = STREAM_UP;
	loop_slow(&s->ready, false);
	s->start->up(s->start_arg, &s->channel);
	assert(s->dead || s->channel.ops);
}

static void handshake(struct stream *s)
{
	char why[TLS_WHY_MAX];
	switch (tls_session_handshake(s->tls, why)) {
	case TLS_AGAIN:
		return;
	case TLS_DONE:
		break;
	default:
		fail(s, why);
		return;
	}
	bool unconfirmed = tls_session_unconfirmed(s->tls);
	tls_session_settle(s->tls, &s->channel.peer, &s->channel.resumed);
	if (unconfirmed) {
		s->state = STREAM_CONFIRMING;
		s->deadline = loop_now(s->loop) + CONFIRM_MS;
		loop_timer_set(s->loop, &s->timer, CONFIRM_MS);
	} else {
		up(s);
	}
}

/* Hands out the complete frames at the front of s->in. */
static void frames(struct stream *s)
{
	size_t at = 0;
	while (!s->dead && at < s->in.len) {
		long n = message_frame_len(s->in.data + at, s->in.len - at, DOTS_MESSAGE_MAX);
		if (n < 0) {
			end(s, false, "a message longer than we take");
			return;
		}
		if (n == 0 || (size_t)n > s->in.len - at)
			break;
		s->channel.ops->message(s->channel.arg, s->in.data + at, (size_t)n);
		at += (size_t)n;
	}
	if (at == s->in.len)
		buf_free(&s->in);   /* an idle session keeps no buffer */
	else
		buf_consume(&s->in, at);
}

static void ended(struct stream *s, enum tls_status status, const char *why)
{
	if (s->state == STREAM_CONFIRMING)
		fail(s, status == TLS_CLOSED ? "the server closed the session at once" : why);
	else
		end(s, status == TLS_CLOSED, status == TLS_CLOSED ? "the peer closed the session" : why);
}

static void read_records(struct stream *s)
{
	char why[TLS_WHY_MAX];
	enum tls_status status = TLS_AGAIN;
	for (int i = 0; i < READ_BURST && !s->dead; i++) {
		size_t n = tls_session_recv(s->tls, plain, sizeof plain, &status, why);
		buf_put(&s->in, plain, n);
		if (s->state == STREAM_CONFIRMING && (n || tls_session_heard_ticket(s->tls)))
			up(s);
		if (s->dead)
			return;
		if (s->in.failed) {
			end(s, false, "out of memory");
			return;
		}
		if (n && s->state == STREAM_UP)
			frames(s);
		if (n)
			continue;
		if (status != TLS_AGAIN && !s->dead)
			ended(s, status, why);
		return;
	}
	if (!s->dead && tls_session_pending(s->tls))
		loop_timer_set(s->loop, &s->timer, 0);
}

static void flush(struct stream *s)
{
	ssize_t n = send(s->fd, s->out.data, s->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0)
		buf_consume(&s->out, (size_t)n);
	if (!s->out.len) {
		buf_free(&s->out);
		loop_mod(s->loop, &s->ready, EPOLLIN);
	}
}

static void set_options(int fd)
{
	const int one = 1, idle = KEEPALIVE_IDLE_S, interval = KEEPALIVE_INTERVAL_S, timeout = USER_TIMEOUT_MS;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout);
}

static bool connected(struct stream *s)
{
	int error = 0;
	socklen_t len = sizeof error;
	getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error) {
		gave_up(s, error);
		return false;
	}
	len = sizeof s->channel.local;
	getsockname(s->fd, (struct sockaddr *)&s->channel.local, &len);
	s->state = STREAM_HANDSHAKE;
	loop_mod(s->loop, &s->ready, EPOLLIN);
	return true;
}

static void socket_ready(void *arg, uint32_t events)
{
	struct stream *s = arg;
	s->busy = true;
	if (s->state != STREAM_CONNECTING && events & EPOLLOUT)
		flush(s);
	if (s->state == STREAM_CONNECTING && !connected(s))
		events = 0;
	if (!s->dead && s->state == STREAM_HANDSHAKE)
		handshake(s);
	if (!s->dead && s->state > STREAM_HANDSHAKE && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_records(s);
	s->busy = false;
	if (s->dead)
		release(s);
}

static void timer_due(void *arg)
{
	struct stream *s = arg;
	s->busy = true;
	if (s->state == STREAM_CONFIRMING && loop_now(s->loop) >= s->deadline)
		up(s);
	else if (s->state > STREAM_HANDSHAKE)
		read_records(s);
	else
		gave_up(s, 0);
	s->busy = false;
	if (s->dead)
		release(s);
}

void stream_abort(struct stream *s, bool tell, const char *why)
{
	if (s->dead)
		return;
	if (tell)
		fail(s, why);
	else
		release(s);
}

static bool begin(struct stream *s, struct loop *l, int fd, uint32_t events, struct tls_bundle *b, struct tls_ticket *ticket, const struct start_ops *start, void *arg)
{
	s->channel.vtable = &vtable;
	s->channel.transport = TRANSPORT_TCP;
	s->loop = l;
	s->fd = fd;
	s->start = start;
	s->start_arg = arg;
	s->in.max = DOTS_MESSAGE_MAX + 16 + RECORD_MAX;
	s->out.max = STREAM_OUT_MAX + OUT_SLACK;
	s->deadline = loop_now(l) + HANDSHAKE_MS;
	loop_timer_init(&s->timer, timer_due, s);
	s->tls = tls_session_new(b, TRANSPORT_TCP, ticket, &io, s);
	if (!s->tls) {
		errno = ENOMEM;
		return false;
	}
	if (loop_add(l, &s->ready, fd, events, socket_ready, s) < 0) {
		tls_session_free(s->tls);
		return false;
	}
	set_options(fd);
	loop_timer_set(l, &s->timer, HANDSHAKE_MS);
	return true;
}

bool stream_unread(const struct stream *s)
{
	int n = 0;
	return ioctl(s->fd, FIONREAD, &n) == 0 && n > 0;
}

bool stream_accept(struct stream *s, struct loop *l, int fd, struct tls_bundle *b, const struct start_ops *start, void *arg)
{
	s->state = STREAM_HANDSHAKE;
	if (!begin(s, l, fd, EPOLLIN, b, NULL, start, arg))
		return false;
	loop_slow(&s->ready, true);
	return true;
}

bool stream_dial(struct stream *s, struct loop *l, struct tls_bundle *b, struct tls_ticket *ticket, const struct start_ops *start, void *arg, int *error)
{
	const struct sockaddr_storage *to = &s->channel.remote;
	s->channel.call_out = true;
	int fd = socket(to->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		*error = errno;
		return false;
	}
	if ((connect(fd, (const struct sockaddr *)to, to->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in)) < 0 && errno != EINPROGRESS) ||
	    !begin(s, l, fd, EPOLLOUT, b, ticket, start, arg)) {
		*error = errno;
		close(fd);
		return false;
	}
	return true;
}
