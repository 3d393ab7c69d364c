/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/when.h"
#include "link/dtls.h"
#include "link/listen_internal.h"

#define BATCH 16
#define BATCHES_PER_ROUND 8              /* then other descriptors get their turn */
#define HELLO_BATCH 4                    /* what is read at once is handled at once */
#define HELLO_US 1000                    /* then others get their turn; */
#define LOOK_US 300                      /* established sessions do more often */
#define STALE_MS 500                     /* a hello that has waited so long is left to its retransmission (after 1 s): else everything would be answered too late */
#define DATAGRAM_MAX 16640               /* one full DTLS record; ours are smaller, a peer on a wide path may send it */

#define EARLY_MAX 4
#define EARLY_BYTES 1500

/* A datagram that has overtaken the Finished of its handshake, which waits in the other socket. */
struct early {
	struct early *next;
	size_t len;
	uint8_t data[];
};

/* What stands behind an address pair. */
struct udp_peer {
	struct dtls dtls;                /* first: the channel is the peer */
	struct table_node node;
	struct half_open half;
	struct udp_socket *socket;
	struct udp_peer *old;            /* the established session that this handshake will replace */
	struct udp_peer *successor;      /* the handshake that will replace us */
	struct early *early;
	uint8_t hello[HELLO_NAME];
	bool in_table;
};

static struct udp_peer *peer_of(struct table_node *n)
{
	return (struct udp_peer *)((char *)n - offsetof(struct udp_peer, node));
}

static void peer_up(void *arg, struct channel *c)
{
	struct udp_peer *p = (struct udp_peer *)c, *old = p->old;
	struct listen *l = arg;
	if (old) {
		table_replace(&p->socket->peers, &old->node, &p->node);
		p->in_table = true;
		old->in_table = false;
		old->successor = p->old = NULL;
		dtls_end(&old->dtls, false, "replaced by a new handshake from the same address");
	}
	listen_established(l, &p->half, c);
}

static void peer_failed(void *arg, struct channel *c, const char *claimed, const char *why)
{
	struct udp_peer *p = (struct udp_peer *)c;
	int alert = tls_session_alert(p->dtls.tls);
	if (alert >= 0)
		graves_add(&p->socket->graves, &p->node.key, p->hello, alert, loop_now(p->socket->listen->loop));
	listen_refused(arg, &p->half, c, p->dtls.tls, claimed, why);
}

static void peer_gone(void *arg, struct channel *c)
{
	struct udp_peer *p = (struct udp_peer *)c, *next = p->successor;
	struct listen *l = arg;
	half_open_remove(l, &p->half);
	if (p->old)
		p->old->successor = NULL;
	if (next) {
		assert(p->in_table);
		table_replace(&p->socket->peers, &p->node, &next->node);
		next->in_table = true;
		next->old = NULL;
	} else if (p->in_table) {
		table_remove(&p->socket->peers, &p->node);
	}
	if (p->dtls.established)
		listen_gone(l, c);
	for (struct early *e; (e = p->early); free(e))
		p->early = e->next;
	free(p);
}

static const struct start_ops start = { peer_up, peer_failed, peer_gone };

struct packet {
	bool late;                       /* not by the socket of handshakes */
	bool stale;                      /* by it, after STALE_MS */
	const uint8_t *data;
	size_t len;
	const struct sockaddr_storage *remote, *local;
	struct dtls_key key;
};

struct reply { const struct udp_socket *socket; const struct packet *packet; };

static ssize_t reply_push(void *arg, const void *data, size_t len)
{
	const struct reply *r = arg;
	return dtls_send_from(r->socket->fd, r->socket->any ? r->packet->local : NULL, r->packet->remote, data, len);
}

/* A cookie has proven the address: now, and not before, there is something to keep. */
static void admit(struct udp_socket *s, const struct packet *k, const uint8_t *hello, const struct tls_prestate *pre, struct udp_peer *old, bool held)
{
	struct listen *l = s->listen;
	struct udp_peer *p = calloc(1, sizeof *p);
	if (!p)
		return;
	p->socket = s;
	p->node.key = k->key;
	memcpy(p->hello, hello, sizeof p->hello);
	p->dtls.channel.remote = *k->remote;
	p->dtls.channel.local = *k->local;
	if (!half_open_add(l, &p->half, &p->dtls.channel)) {
		l->stats.dropped++;
		free(p);
		return;
	}
	if (!dtls_accept(&p->dtls, l->loop, s->fd, s->any, l->bundle, pre, &start, l)) {
		half_open_remove(l, &p->half);
		free(p);
		return;
	}
	p->half.held = held;
	if (held)
		tls_session_tickets_only(p->dtls.tls);
	if (old) {
		old->successor = p;
		p->old = old;
	} else {
		table_add(&s->peers, &p->node);
		p->in_table = true;
	}
	dtls_input(&p->dtls, k->data, k->len);
}

/* A ClientHello in epoch 0: a new peer, a retransmission, or a peer that restarted on the same port (RFC 6347, 4.2.8). */
static void hello(struct udp_socket *s, const struct packet *k, const uint8_t *name, struct udp_peer *p)
{
	struct listen *l = s->listen;
	int64_t now = loop_now(l->loop);
	struct tls_prestate pre;
	l->stats.hellos++;
	struct reply r = { s, k };
	if (!tls_cookie_verify(&l->cookie, now, &k->key, sizeof k->key, k->data, k->len, &pre)) {
		l->stats.cookies++;
		tls_cookie_send(&l->cookie, &k->key, sizeof k->key, k->data, k->len, reply_push, &r);
		return;
	}
	int answered = graves_find(&s->graves, &k->key, name, now);
	if (answered >= 0) {
		uint8_t alert[15];
		reply_push(&r, alert, tls_plain_alert(answered, k->data[10], alert));
		return;
	}
	struct udp_peer *under_way = p && !p->dtls.established ? p : p ? p->successor : NULL;
	if (under_way && memcmp(under_way->hello, name, HELLO_NAME) == 0) {
		dtls_input(&under_way->dtls, k->data, k->len);
		return;
	}
	if (p && p->dtls.established && memcmp(p->hello, name, HELLO_NAME) == 0)
		return;   /* a late duplicate of the hello that made it */
	if (under_way) {
		if (under_way == p)
			p = NULL;
		dtls_abort(&under_way->dtls, false, NULL);
	}
	bool held = listen_holds(l, k->remote);
	if (held && !tls_hello_has_ticket(k->data, k->len)) {
		uint8_t alert[15];
		l->stats.held++;
		reply_push(&r, alert, tls_plain_alert(TLS_ALERT_HELD, k->data[10], alert));
		return;
	}
	admit(s, k, name, &pre, p, held);
}

static bool has_epoch0(const uint8_t *d, size_t len)
{
	return len >= 13 && !d[3] && !d[4];
}

static bool keep_early(struct udp_peer *p, const struct packet *k)
{
	struct early **end = &p->early, *e;
	unsigned n = 0;
	for (; *end; end = &(*end)->next)
		n++;
	if (n >= EARLY_MAX || k->len > EARLY_BYTES || !(e = malloc(sizeof *e + k->len)))
		return false;
	e->next = NULL;
	e->len = k->len;
	memcpy(e->data, k->data, k->len);
	*end = e;
	return true;
}

/* Its turn has come once the session is up. Each one may end it. */
static void hand_on_early(struct udp_socket *s, const struct dtls_key *key)
{
	for (;;) {
		struct table_node *n = table_find(&s->peers, key);
		struct udp_peer *p = n ? peer_of(n) : NULL;
		struct early *e = p && p->dtls.established ? p->early : NULL;
		if (!e)
			return;
		p->early = e->next;
		dtls_input(&p->dtls, e->data, e->len);
		free(e);
	}
}

static void packet(struct udp_socket *s, const struct packet *k)
{
	const uint8_t *name;
	struct table_node *n = table_find(&s->peers, &k->key);
	struct udp_peer *p = n ? peer_of(n) : NULL;
	if (tls_is_client_hello(k->data, k->len, &name)) {
		/* More come than can be served: room for those who are half way through, and for hellos that are still worth an answer. */
		if (k->stale)
			s->listen->stats.dropped++;
		else
			hello(s, k, name, p);
		return;
	}
	if (!p) {
		s->listen->stats.dropped++;   /* a stranger's records, or a binding that has moved: he will come back with a hello */
		return;
	}
	/* Two sessions on one address: what is encrypted may be for either, and each drops what is not its own. */
	if (p->successor) {
		bool both = !has_epoch0(k->data, k->len);
		if (!k->late || !keep_early(p->successor, k))
			dtls_input(&p->successor->dtls, k->data, k->len);
		n = both ? table_find(&s->peers, &k->key) : NULL;
		if (!n || peer_of(n) != p)
			return;
	}
	if (k->late && !p->dtls.established && keep_early(p, k))
		return;
	dtls_input(&p->dtls, k->data, k->len);
}

static const struct sockaddr_storage *local_address(const struct udp_socket *s, struct msghdr *m, struct sockaddr_storage *out)
{
	if (!s->any)
		return &s->local;
	*out = s->local;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		if (h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;
			memcpy(&info, CMSG_DATA(h), sizeof info);
			((struct sockaddr_in *)out)->sin_addr = info.ipi_addr;
		} else if (h->cmsg_level == IPPROTO_IPV6 && h->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;
			memcpy(&info, CMSG_DATA(h), sizeof info);
			((struct sockaddr_in6 *)out)->sin6_addr = info.ipi6_addr;
		}
	}
	return out;
}

/* How long it was in the kernel's queue. A step of the wall clock costs no more than a retransmission. */
static bool is_stale(struct msghdr *m)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_TIMESTAMPNS) {
			struct timespec came;
			memcpy(&came, CMSG_DATA(h), sizeof came);
			return when_wall_ms() - (int64_t)came.tv_sec * 1000 - came.tv_nsec / 1000000 > STALE_MS;
		}
	}
	return false;
}

/* Where datagrams are read into; each socket has its own, since one is read while the other's are still being looked at. */
struct batch {
	uint8_t data[BATCH][DATAGRAM_MAX];
	char control[BATCH][CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(struct timespec))];
	struct sockaddr_storage remote[BATCH];
	struct iovec iov[BATCH];
	struct mmsghdr m[BATCH];
};

static int batch_read(struct batch *b, int fd, unsigned max)
{
	for (size_t i = 0; i < max; i++) {
		b->iov[i] = (struct iovec){ b->data[i], sizeof b->data[i] };
		b->m[i].msg_hdr = (struct msghdr){ .msg_name = &b->remote[i], .msg_namelen = sizeof b->remote[i], .msg_iov = &b->iov[i], .msg_iovlen = 1,
			.msg_control = b->control[i], .msg_controllen = sizeof b->control[i] };
	}
	return recvmmsg(fd, b->m, max, MSG_DONTWAIT, NULL);
}

static void batch_handle(struct batch *b, struct udp_socket *s, int i, bool late)
{
	struct sockaddr_storage local;
	if (b->m[i].msg_hdr.msg_flags & MSG_TRUNC || !b->m[i].msg_len)
		return;
	struct packet k = { .late = late, .stale = !late && is_stale(&b->m[i].msg_hdr), .data = b->data[i], .len = b->m[i].msg_len, .remote = &b->remote[i], .local = local_address(s, &b->m[i].msg_hdr, &local) };
	k.key = dtls_key_of(k.remote, k.local);
	packet(s, &k);
	if (!late)
		hand_on_early(s, &k.key);
}

static void socket_ready(void *arg, uint32_t events)
{
	static struct batch b;
	struct udp_socket *s = arg;
	(void)events;
	for (int batch = 0; batch < BATCHES_PER_ROUND; batch++) {
		int n = batch_read(&b, s->fd, BATCH);
		for (int i = 0; i < n; i++)
			batch_handle(&b, s, i, true);
		if (n < BATCH)
			return;
	}
}

/* One of these may take half a millisecond. Established sessions are looked after in between. */
static void hello_ready(void *arg, uint32_t events)
{
	static struct batch b;
	struct udp_socket *s = arg;
	int64_t began = when_span_us(), looked = began, now;
	(void)events;
	for (int n = HELLO_BATCH; n == HELLO_BATCH && looked - began < HELLO_US;) {
		n = batch_read(&b, s->hello_fd, HELLO_BATCH);
		for (int i = 0; i < n; i++) {
			batch_handle(&b, s, i, false);
			now = when_span_us();
			if (now - looked >= LOOK_US) {
				socket_ready(s, EPOLLIN);
				looked = when_span_us();
			}
		}
	}
}

static int sockets_watch(struct udp_socket *s)
{
	struct loop *l = s->listen->loop;
	if (loop_add(l, &s->ready, s->fd, EPOLLIN, socket_ready, s) < 0 || loop_add(l, &s->hello_ready, s->hello_fd, EPOLLIN, hello_ready, s) < 0)
		return -1;
	loop_slow(&s->hello_ready, true);
	return 0;
}

struct udp_socket *udp_socket_new(struct listen *l, const struct sockaddr_storage *local)
{
	struct udp_socket *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->listen = l;
	s->local = *local;
	s->fd = s->hello_fd = -1;
	if (table_init(&s->peers) < 0 || graves_init(&s->graves) < 0 || udp_socket_open(s) < 0 || sockets_watch(s) < 0) {
		int error = errno;
		udp_socket_free(s);
		errno = error;
		return NULL;
	}
	return s;
}

void udp_socket_free(struct udp_socket *s)
{
	assert(!s->peers.count);
	table_free(&s->peers);
	graves_free(&s->graves);
	loop_del(s->listen->loop, &s->ready);
	loop_del(s->listen->loop, &s->hello_ready);
	if (s->fd >= 0)
		close(s->fd);
	if (s->hello_fd >= 0)
		close(s->hello_fd);
	free(s);
}
