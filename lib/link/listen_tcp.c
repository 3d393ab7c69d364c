/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "link/listen_internal.h"
#include "link/stream.h"

#define ACCEPT_BURST 64                  /* then other descriptors get their turn */
#define PAUSE_MS 500                     /* without descriptors or memory: level-triggered accepting would spin */

struct tcp_peer {
	struct stream stream;            /* first: the channel is the peer */
	struct half_open half;
};

static void peer_up(void *arg, struct channel *c)
{
	listen_established(arg, &((struct tcp_peer *)c)->half, c);
}

static void peer_failed(void *arg, struct channel *c, const char *claimed, const char *why)
{
	struct tcp_peer *p = (struct tcp_peer *)c;
	listen_refused(arg, &p->half, c, p->stream.tls, claimed, why);
}

static void peer_gone(void *arg, struct channel *c)
{
	struct listen *l = arg;
	struct tcp_peer *p = (struct tcp_peer *)c;
	half_open_remove(l, &p->half);
	if (p->stream.state == STREAM_UP)
		listen_gone(l, c);
	free(p);
}

static const struct start_ops start = { peer_up, peer_failed, peer_gone };

static void admit(struct listen *l, int fd, const struct sockaddr_storage *remote)
{
	struct tcp_peer *p = calloc(1, sizeof *p);
	socklen_t len = sizeof p->stream.channel.local;
	if (!p) {
		close(fd);
		return;
	}
	p->stream.channel.remote = *remote;
	getsockname(fd, (struct sockaddr *)&p->stream.channel.local, &len);
	if (!half_open_add(l, &p->half, &p->stream.channel)) {
		l->stats.dropped++;
	} else if (stream_accept(&p->stream, l->loop, fd, l->bundle, &start, l)) {
		p->half.held = listen_holds(l, remote);
		if (p->half.held)
			tls_session_tickets_only(p->stream.tls);
		return;
	}
	half_open_remove(l, &p->half);
	close(fd);
	free(p);
}

static void resume(void *arg)
{
	struct tcp_socket *s = arg;
	loop_mod(s->listen->loop, &s->ready, EPOLLIN);
}

static void socket_ready(void *arg, uint32_t events)
{
	struct tcp_socket *s = arg;
	(void)events;
	for (int i = 0; i < ACCEPT_BURST; i++) {
		struct sockaddr_storage remote = { 0 };
		socklen_t len = sizeof remote;
		int fd = accept4(s->fd, (struct sockaddr *)&remote, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			admit(s->listen, fd, &remote);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			loop_mod(s->listen->loop, &s->ready, 0);
			loop_timer_set(s->listen->loop, &s->pause, PAUSE_MS);
		}
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

static int socket_open(struct tcp_socket *s, const struct sockaddr_storage *local)
{
	const int one = 1;
	bool six = local->ss_family == AF_INET6;
	s->fd = socket(local->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return -1;
	if (six)
		setsockopt(s->fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
	setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(s->fd, (const struct sockaddr *)local, six ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in)) < 0 || listen(s->fd, SOMAXCONN) < 0)
		return -1;
	if (loop_add(s->listen->loop, &s->ready, s->fd, EPOLLIN, socket_ready, s) < 0)
		return -1;
	loop_slow(&s->ready, true);
	return 0;
}

struct tcp_socket *tcp_socket_new(struct listen *l, const struct sockaddr_storage *local)
{
	struct tcp_socket *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->listen = l;
	s->fd = -1;
	loop_timer_init(&s->pause, resume, s);
	if (socket_open(s, local) < 0) {
		int error = errno;
		tcp_socket_free(s);
		errno = error;
		return NULL;
	}
	return s;
}

void tcp_socket_free(struct tcp_socket *s)
{
	loop_timer_stop(s->listen->loop, &s->pause);
	loop_del(s->listen->loop, &s->ready);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}
