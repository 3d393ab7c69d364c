/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "swarm.h"

#include <errno.h>
#include <gnutls/dtls.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKETS 4
#define BATCH 64
#define TICK_MS 50
#define GIVE_UP_MS 20000                 /* as dotsch-serverd does */

struct one {
	struct channel channel;
	struct swarm *swarm;
	gnutls_session_t g;
	gnutls_datum_t ticket;
	unsigned i;
	int64_t since, again;                /* of the handshake: begun, to be called by */
	unsigned waiting;                    /* its place among those in a handshake, + 1 */
	bool up, busy, dead;
	const uint8_t *in;
	size_t in_len;
};

struct swarm {
	struct swarm_config config;
	struct one *v;
	unsigned *waiting, n_waiting;
	struct swarm_socket {
		struct swarm *swarm;
		int fd;
		struct loop_fd ready;
	} sockets[SOCKETS];
	struct loop_timer tick;
	gnutls_priority_t priority;
	gnutls_certificate_credentials_t certificates;
	gnutls_psk_client_credentials_t *psk;
};

#define OK(x) do { int ok_ = (x); if (ok_ < 0) { fprintf(stderr, "bench: %s: %s\n", #x, gnutls_strerror(ok_)); abort(); } } while (0)

void swarm_key(unsigned i, uint8_t key[16])
{
	static const uint8_t head[12] = { 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb };
	memcpy(key, head, 12);
	for (int b = 0; b < 4; b++)
		key[12 + b] = (uint8_t)(i >> (24 - 8 * b));
}

void swarm_identity(unsigned i, char out[16])
{
	snprintf(out, 16, "cpe-%07u", i);
}

static uint32_t address_of(const struct swarm *s, unsigned i)
{
	return s->config.first + i / SOCKETS;
}

static ssize_t push(gnutls_transport_ptr_t p, const void *data, size_t len)
{
	struct one *o = p;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(o->swarm->config.port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct iovec iov = { (void *)(uintptr_t)data, len };
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(struct in_pktinfo))];
	} control = { .space = { 0 } };
	struct msghdr m = { .msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.space };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	struct in_pktinfo info = { .ipi_spec_dst.s_addr = htonl(address_of(o->swarm, o->i)) };
	h->cmsg_level = IPPROTO_IP;
	h->cmsg_type = IP_PKTINFO;
	h->cmsg_len = CMSG_LEN(sizeof info);
	memcpy(CMSG_DATA(h), &info, sizeof info);
	(void)!sendmsg(o->swarm->sockets[o->i % SOCKETS].fd, &m, 0);
	return (ssize_t)len;
}

static ssize_t pull(gnutls_transport_ptr_t p, void *data, size_t cap)
{
	struct one *o = p;
	if (!o->in) {
		gnutls_transport_set_errno(o->g, EAGAIN);
		return -1;
	}
	size_t n = o->in_len < cap ? o->in_len : cap;
	memcpy(data, o->in, n);
	o->in = NULL;
	return (ssize_t)n;
}

static int pull_timeout(gnutls_transport_ptr_t p, unsigned ms)
{
	const struct one *o = p;
	(void)ms;
	return o->in != NULL;
}

static void wait_no_more(struct one *o)
{
	struct swarm *s = o->swarm;
	if (!o->waiting)
		return;
	unsigned last = s->waiting[--s->n_waiting];
	s->waiting[o->waiting - 1] = last;
	s->v[last].waiting = o->waiting;
	o->waiting = 0;
}

static void hang_up(struct one *o)
{
	wait_no_more(o);
	if (o->g)
		gnutls_deinit(o->g);
	o->g = NULL;
	o->up = false;
}

static bool vt_send(struct channel *c, const uint8_t *data, size_t len)
{
	struct one *o = (struct one *)c;
	return o->up && gnutls_record_send(o->g, data, len) == (ssize_t)len;
}

static void vt_close(struct channel *c, bool notify)
{
	struct one *o = (struct one *)c;
	if (notify && o->up)
		gnutls_bye(o->g, GNUTLS_SHUT_WR);
	o->dead = true;
	if (!o->busy)
		hang_up(o);
}

static const struct channel_vtable vtable = { vt_send, vt_close };

static void handshake(struct one *o)
{
	struct swarm *s = o->swarm;
	int ret;
	do
		ret = gnutls_handshake(o->g);
	while (ret < 0 && !gnutls_error_is_fatal(ret) && o->in);
	if (ret == 0) {
		wait_no_more(o);
		o->up = true;
		gnutls_free(o->ticket.data);
		o->ticket.data = NULL;
		gnutls_session_get_data2(o->g, &o->ticket);
		o->channel.resumed = gnutls_session_is_resumed(o->g);
		s->config.up(s->config.arg, o->i, &o->channel, o->channel.resumed);
	} else if (gnutls_error_is_fatal(ret)) {
		hang_up(o);
		s->config.failed(s->config.arg, o->i, gnutls_strerror(ret));
	} else {
		unsigned ms = gnutls_dtls_get_timeout(o->g);
		o->again = loop_now(s->config.loop) + (ms ? ms : 1000);
	}
}

static void records(struct one *o)
{
	static uint8_t plain[16384];
	while (o->up && !o->dead) {
		ssize_t n = gnutls_record_recv(o->g, plain, sizeof plain);
		if (n > 0) {
			o->channel.ops->message(o->channel.arg, plain, (size_t)n);
		} else if (n == 0 || gnutls_error_is_fatal((int)n)) {
			o->dead = true;
			o->channel.ops->closed(o->channel.arg, n ? gnutls_strerror((int)n) : "closed", n == 0);
		} else if (!o->in) {
			return;
		}
	}
}

static void input(struct one *o, const uint8_t *data, size_t len)
{
	struct swarm *s = o->swarm;
	if (!o->g)
		return;
	if (s->config.abandon && data[0] == 22 && len > 13 && data[13] == 2) {
		hang_up(o);
		swarm_call(s, o->i);
		return;
	}
	o->in = data;
	o->in_len = len;
	o->busy = true;
	o->dead = false;
	if (!o->up)
		handshake(o);
	if (o->up)
		records(o);
	o->busy = false;
	o->in = NULL;
	if (o->dead)
		hang_up(o);
}

/* Returns whether there may be more. */
static bool read_batch(struct swarm_socket *k)
{
	struct swarm *s = k->swarm;
	unsigned which = (unsigned)(k - s->sockets);
	static uint8_t data[BATCH][2048];
	static char control[BATCH][CMSG_SPACE(sizeof(struct in_pktinfo))];
	struct mmsghdr m[BATCH];
	struct iovec iov[BATCH];
	for (size_t i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){ data[i], sizeof data[i] };
		m[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1, .msg_control = control[i], .msg_controllen = sizeof control[i] };
	}
	int n = recvmmsg(k->fd, m, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		struct cmsghdr *h = CMSG_FIRSTHDR(&m[i].msg_hdr);
		struct in_pktinfo info;
		if (!h || h->cmsg_type != IP_PKTINFO)
			continue;
		memcpy(&info, CMSG_DATA(h), sizeof info);
		uint32_t one = (ntohl(info.ipi_addr.s_addr) - s->config.first) * SOCKETS + which;
		if (one < s->config.n)
			input(&s->v[one], data[i], m[i].msg_len);
	}
	return n == BATCH;
}

static void socket_ready(void *arg, uint32_t events)
{
	(void)events;
	read_batch(arg);
}

/* A router has its processor for itself and reads at once: what waits here must not look like a late answer. */
static void read_all(struct swarm *s)
{
	for (size_t i = 0; i < SOCKETS; i++)
		while (read_batch(&s->sockets[i]))
			;
}

/* Retransmissions; a handful of handshakes at a time, as a rule. */
static void tick(void *arg)
{
	struct swarm *s = arg;
	int64_t now = loop_now(s->config.loop);
	read_all(s);
	for (unsigned at = s->n_waiting; at-- > 0;) {
		struct one *o = &s->v[s->waiting[at]];
		if (now - o->since > GIVE_UP_MS) {
			hang_up(o);
			s->config.failed(s->config.arg, o->i, "no answer");
		} else if (now >= o->again) {
			handshake(o);
		}
	}
	loop_timer_set(s->config.loop, &s->tick, TICK_MS);
}

void swarm_call(struct swarm *s, unsigned i)
{
	struct one *o = &s->v[i];
	hang_up(o);
	o->channel = (struct channel){ .vtable = &vtable, .transport = TRANSPORT_UDP, .call_out = true };
	OK(gnutls_init(&o->g, GNUTLS_CLIENT | GNUTLS_DATAGRAM | GNUTLS_NONBLOCK));
	OK(gnutls_priority_set(o->g, s->priority));
	if (s->certificates) {
		OK(gnutls_credentials_set(o->g, GNUTLS_CRD_CERTIFICATE, s->certificates));
	} else {
		if (!s->psk[i]) {
			char identity[16];
			uint8_t key[16];
			const gnutls_datum_t k = { key, sizeof key };
			swarm_identity(i, identity);
			swarm_key(i, key);
			OK(gnutls_psk_allocate_client_credentials(&s->psk[i]));
			OK(gnutls_psk_set_client_credentials(s->psk[i], identity, &k, GNUTLS_PSK_KEY_RAW));
		}
		OK(gnutls_credentials_set(o->g, GNUTLS_CRD_PSK, s->psk[i]));
	}
	if (o->ticket.data)
		OK(gnutls_session_set_data(o->g, o->ticket.data, o->ticket.size));
	gnutls_dtls_set_mtu(o->g, 1232);
	gnutls_dtls_set_timeouts(o->g, 1000, GIVE_UP_MS);
	gnutls_transport_set_ptr(o->g, o);
	gnutls_transport_set_push_function(o->g, push);
	gnutls_transport_set_pull_function(o->g, pull);
	gnutls_transport_set_pull_timeout_function(o->g, pull_timeout);
	o->since = loop_now(s->config.loop);
	s->waiting[s->n_waiting++] = i;
	o->waiting = s->n_waiting;
	handshake(o);
}

void swarm_forget(struct swarm *s, unsigned i)
{
	gnutls_free(s->v[i].ticket.data);
	s->v[i].ticket.data = NULL;
}

unsigned swarm_waiting(const struct swarm *s)
{
	return s->n_waiting;
}

static void socket_open(struct swarm *s, struct swarm_socket *k)
{
	const int one = 1, size = 8 << 20;
	struct sockaddr_in any = { .sin_family = AF_INET };
	k->swarm = s;
	k->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(k->fd, IPPROTO_IP, IP_PKTINFO, &one, sizeof one);
	if (setsockopt(k->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
		setsockopt(k->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	if (bind(k->fd, (struct sockaddr *)&any, sizeof any) < 0 || loop_add(s->config.loop, &k->ready, k->fd, EPOLLIN, socket_ready, k) < 0)
		abort();
}

struct swarm *swarm_new(const struct swarm_config *config)
{
	struct swarm *s = calloc(1, sizeof *s);
	s->config = *config;
	if (!s->config.first)
		s->config.first = 0x7f010001;
	s->v = calloc(config->n, sizeof *s->v);
	s->waiting = calloc(config->n, sizeof *s->waiting);
	for (unsigned i = 0; i < config->n; i++) {
		s->v[i].swarm = s;
		s->v[i].i = i;
	}
	if (config->certificate) {
		OK(gnutls_certificate_allocate_credentials(&s->certificates));
		OK(gnutls_certificate_set_x509_key_file(s->certificates, config->certificate, config->key_file, GNUTLS_X509_FMT_PEM));
		OK(gnutls_certificate_set_x509_trust_file(s->certificates, config->ca, GNUTLS_X509_FMT_PEM));
	} else {
		s->psk = calloc(config->n, sizeof *s->psk);
	}
	OK(gnutls_priority_init(&s->priority, config->certificate ? "NORMAL:-VERS-ALL:+VERS-DTLS1.2" : "NORMAL:-VERS-ALL:+VERS-DTLS1.2:-KX-ALL:+ECDHE-PSK", NULL));
	for (size_t i = 0; i < SOCKETS; i++)
		socket_open(s, &s->sockets[i]);
	loop_timer_init(&s->tick, tick, s);
	loop_timer_set(config->loop, &s->tick, TICK_MS);
	return s;
}

void swarm_free(struct swarm *s)
{
	loop_timer_stop(s->config.loop, &s->tick);
	for (unsigned i = 0; i < s->config.n; i++) {
		hang_up(&s->v[i]);
		gnutls_free(s->v[i].ticket.data);
		if (s->psk && s->psk[i])
			gnutls_psk_free_client_credentials(s->psk[i]);
	}
	for (size_t i = 0; i < SOCKETS; i++) {
		loop_del(s->config.loop, &s->sockets[i].ready);
		close(s->sockets[i].fd);
	}
	if (s->certificates)
		gnutls_certificate_free_credentials(s->certificates);
	gnutls_priority_deinit(s->priority);
	free(s->psk);
	free(s->waiting);
	free(s->v);
	free(s);
}
