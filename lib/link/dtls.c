/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "link/dtls.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DATAGRAM_MAX 16384
#define READ_BURST 64            /* datagrams of one dialled socket per round, so that other descriptors get their turn */

static uint8_t plain[DATAGRAM_MAX];   /* one record at a time: the loop has one thread, and nothing reads inside a callback */

static socklen_t address_len(const struct sockaddr_storage *ss)
{
	return ss->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
}

ssize_t dtls_send_from(int fd, const struct sockaddr_storage *local, const struct sockaddr_storage *remote, const void *data, size_t len)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = len };
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control;
	struct msghdr m = { .msg_name = (void *)(uintptr_t)remote, .msg_namelen = address_len(remote), .msg_iov = &iov, .msg_iovlen = 1 };
	if (local) {
		memset(&control, 0, sizeof control);
		bool six = local->ss_family == AF_INET6;
		m.msg_control = &control;
		m.msg_controllen = six ? CMSG_SPACE(sizeof(struct in6_pktinfo)) : CMSG_SPACE(sizeof(struct in_pktinfo));
		struct cmsghdr *h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = six ? IPPROTO_IPV6 : IPPROTO_IP;
		h->cmsg_type = six ? IPV6_PKTINFO : IP_PKTINFO;
		h->cmsg_len = six ? CMSG_LEN(sizeof(struct in6_pktinfo)) : CMSG_LEN(sizeof(struct in_pktinfo));
		if (six) {
			struct in6_pktinfo info = { .ipi6_addr = ((const struct sockaddr_in6 *)local)->sin6_addr };
			memcpy(CMSG_DATA(h), &info, sizeof info);
		} else {
			struct in_pktinfo info = { .ipi_spec_dst = ((const struct sockaddr_in *)local)->sin_addr };
			memcpy(CMSG_DATA(h), &info, sizeof info);
		}
	}
	return sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* A datagram that the kernel does not take is a lost one: GnuTLS must not wait for it, but channel_send tells. */
static ssize_t push(void *arg, const void *data, size_t len)
{
	struct dtls *d = arg;
	ssize_t n = d->own_fd ? send(d->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) :
	    dtls_send_from(d->fd, d->from_local ? &d->channel.local : NULL, &d->channel.remote, data, len);
	if (n < 0) {
		d->lost = true;
		if (d->own_fd && !d->established && errno != EAGAIN && errno != ENOBUFS && errno != EINTR)
			d->error = errno;
	}
	return (ssize_t)len;
}

static ssize_t pull(void *arg, void *data, size_t cap)
{
	struct dtls *d = arg;
	if (!d->in) {
		errno = EAGAIN;
		return -1;
	}
	size_t n = d->in_len < cap ? d->in_len : cap;
	memcpy(data, d->in, n);
	d->in = NULL;
	return (ssize_t)n;
}

static bool waiting(void *arg)
{
	const struct dtls *d = arg;
	return d->in;
}

static const struct tls_io io = { push, pull, waiting };

/* The end: nobody is told here. Memory goes at once, or when the one who is reading comes out. */
static void release(struct dtls *d)
{
	d->dead = true;
	if (d->busy)
		return;
	loop_timer_stop(d->loop, &d->timer);
	loop_del(d->loop, &d->ready);
	tls_session_free(d->tls);
	if (d->own_fd)
		close(d->fd);
	d->start->gone(d->start_arg, &d->channel);
}

static bool vt_send(struct channel *c, const uint8_t *data, size_t len)
{
	struct dtls *d = (struct dtls *)c;
	if (d->dead || !d->established || len > tls_session_max(d->tls))
		return false;
	d->lost = false;
	return tls_session_send(d->tls, data, len) && !d->lost;
}

static void vt_close(struct channel *c, bool notify)
{
	struct dtls *d = (struct dtls *)c;
	if (d->dead)
		return;
	if (notify && d->established)
		tls_session_bye(d->tls);
	release(d);
}

static const struct channel_vtable vtable = { vt_send, vt_close };

static void wait_more(struct dtls *d)
{
	int64_t ms = tls_session_timeout(d->tls), left = d->deadline - loop_now(d->loop);
	loop_timer_set(d->loop, &d->timer, ms < left ? ms + 1 : left);
}

/* A failed handshake, told once. */
static void fail(struct dtls *d, const char *why)
{
	bool busy = d->busy;
	d->busy = true;
	loop_timer_stop(d->loop, &d->timer);
	d->start->failed(d->start_arg, &d->channel, tls_session_claimed(d->tls), why);
	d->busy = busy;
	release(d);
}

static bool established(struct dtls *d)
{
	loop_timer_stop(d->loop, &d->timer);
	tls_session_settle(d->tls, &d->channel.peer, &d->channel.resumed);
	d->established = true;
	d->start->up(d->start_arg, &d->channel);
	assert(d->dead || d->channel.ops);
	return !d->dead;
}

static bool handshake(struct dtls *d)
{
	char why[TLS_WHY_MAX];
	switch (tls_session_handshake(d->tls, why)) {
	case TLS_DONE:
		return established(d);
	case TLS_AGAIN:
		if (d->error)
			break;
		wait_more(d);
		return false;
	default:
		fail(d, why);
		return false;
	}
	tls_session_gave_up(d->tls, d->error, why);
	fail(d, why);
	return false;
}

void dtls_end(struct dtls *d, bool orderly, const char *why)
{
	const struct channel_ops *ops = d->channel.ops;
	void *arg = d->channel.arg;
	if (d->dead)
		return;
	bool busy = d->busy;
	d->busy = d->dead = true;   /* closing it again from the callback does nothing */
	ops->closed(arg, why, orderly);
	d->busy = busy;
	release(d);
}

static void deliver(struct dtls *d)
{
	char why[TLS_WHY_MAX];
	enum tls_status status;
	while (!d->dead) {
		size_t n = tls_session_recv(d->tls, plain, sizeof plain, &status, why);
		if (n) {
			d->channel.ops->message(d->channel.arg, plain, n);
			continue;
		}
		if (status == TLS_CLOSED)
			dtls_end(d, true, "the peer closed the session");
		else if (status == TLS_FAILED)
			dtls_end(d, false, why);
		return;
	}
}

/* Everything that happens to a session goes through here; it may be gone after the call. */
static void run(struct dtls *d)
{
	assert(!d->busy);
	d->busy = true;
	if (d->established || handshake(d))
		deliver(d);
	d->in = NULL;
	d->busy = false;
	if (d->dead)
		release(d);
}

void dtls_input(struct dtls *d, const uint8_t *data, size_t len)
{
	if (!len || d->dead || d->busy)
		return;   /* an empty datagram would read as the end of a stream */
	d->in = data;
	d->in_len = len;
	run(d);
}

static void timer_due(void *arg)
{
	struct dtls *d = arg;
	if (loop_now(d->loop) < d->deadline) {
		run(d);
		return;
	}
	char why[TLS_WHY_MAX];
	tls_session_gave_up(d->tls, 0, why);
	fail(d, why);
}

/* Its own socket is ready. ICMP errors count only while no handshake has vouched for the peer: anybody may send them. */
static void socket_ready(void *arg, uint32_t events)
{
	static uint8_t datagram[DATAGRAM_MAX];
	struct dtls *d = arg;
	(void)events;
	d->busy = true;
	for (int i = 0; i < READ_BURST && !d->dead; i++) {
		ssize_t n = recv(d->fd, datagram, sizeof datagram, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n < 0 && !d->established)
			d->error = errno;
		if (n <= 0 && !d->error)
			continue;
		d->in = n > 0 ? datagram : NULL;
		d->in_len = n > 0 ? (size_t)n : 0;
		if (d->established || handshake(d))
			deliver(d);
		d->in = NULL;
	}
	d->busy = false;
	if (d->dead)
		release(d);
}

void dtls_abort(struct dtls *d, bool tell, const char *why)
{
	if (d->dead)
		return;
	if (tell)
		fail(d, why);
	else
		release(d);
}

static bool begin(struct dtls *d, struct loop *l, struct tls_bundle *b, struct tls_ticket *ticket, const struct start_ops *start, void *arg)
{
	d->channel.vtable = &vtable;
	d->channel.transport = TRANSPORT_UDP;
	d->loop = l;
	d->start = start;
	d->start_arg = arg;
	d->deadline = loop_now(l) + HANDSHAKE_MS;
	loop_timer_init(&d->timer, timer_due, d);
	d->tls = tls_session_new(b, TRANSPORT_UDP, ticket, &io, d);
	return d->tls;
}

bool dtls_accept(struct dtls *d, struct loop *l, int fd, bool from_local, struct tls_bundle *b, const struct tls_prestate *pre, const struct start_ops *start, void *arg)
{
	d->fd = fd;
	d->from_local = from_local;
	if (!begin(d, l, b, NULL, start, arg))
		return false;
	tls_session_prestate(d->tls, pre);
	return true;
}

bool dtls_dial(struct dtls *d, struct loop *l, struct tls_bundle *b, struct tls_ticket *ticket, const struct start_ops *start, void *arg, int *error)
{
	const struct sockaddr_storage *to = &d->channel.remote;
	const int omit = IP_PMTUDISC_OMIT;   /* the same number for IPv6 */
	socklen_t len = sizeof d->channel.local;
	d->channel.call_out = true;
	d->fd = socket(to->ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (d->fd < 0) {
		*error = errno;
		return false;
	}
	d->own_fd = true;
	/* Nobody's ICMP may shrink our path below what we assume anyway. */
	setsockopt(d->fd, to->ss_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP, to->ss_family == AF_INET6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER, &omit, sizeof omit);
	if (connect(d->fd, (const struct sockaddr *)to, address_len(to)) < 0 || getsockname(d->fd, (struct sockaddr *)&d->channel.local, &len) < 0 ||
	    loop_add(l, &d->ready, d->fd, EPOLLIN, socket_ready, d) < 0) {
		*error = errno;
		close(d->fd);
		return false;
	}
	if (!begin(d, l, b, ticket, start, arg)) {
		*error = ENOMEM;
		loop_del(l, &d->ready);
		close(d->fd);
		return false;
	}
	loop_timer_set(l, &d->timer, 0);   /* the hello goes out from the loop, so that a failure is told after the return */
	return true;
}
