/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "link_floor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/dtls.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* No timers, no limits, no look-ups beyond the port: everything a real listener needs on top is our cost. */
struct one {
	struct floor *floor;
	gnutls_session_t g;
	struct sockaddr_in remote;
	bool up;
};

struct floor {
	int fd;
	const uint8_t *key;
	gnutls_certificate_credentials_t certificates;
	gnutls_psk_server_credentials_t psk;
	gnutls_priority_t priority;
	gnutls_datum_t ticket_key, cookie_key;
	struct one *by_port[65536];
	const uint8_t *in;
	size_t in_len;
	unsigned established;
	unsigned long hellos;
};

#define OK(x) do { int ok_ = (x); if (ok_ < 0) { fprintf(stderr, "%s: %s\n", #x, gnutls_strerror(ok_)); abort(); } } while (0)

static const uint8_t *the_key;

static int psk_key(gnutls_session_t g, const char *name, gnutls_datum_t *key)
{
	(void)g;
	(void)name;
	key->data = gnutls_malloc(16);
	memcpy(key->data, the_key, 16);
	key->size = 16;
	return 0;
}

static ssize_t push(gnutls_transport_ptr_t p, const void *data, size_t len)
{
	struct one *o = p;
	return sendto(o->floor->fd, data, len, MSG_DONTWAIT, (struct sockaddr *)&o->remote, sizeof o->remote);
}

static ssize_t pull(gnutls_transport_ptr_t p, void *data, size_t cap)
{
	struct one *o = p;
	struct floor *f = o->floor;
	if (!f->in) {
		gnutls_transport_set_errno(o->g, EAGAIN);
		return -1;
	}
	size_t n = f->in_len < cap ? f->in_len : cap;
	memcpy(data, f->in, n);
	f->in = NULL;
	return (ssize_t)n;
}

static int pull_timeout(gnutls_transport_ptr_t p, unsigned ms)
{
	struct one *o = p;
	(void)ms;
	return o->floor->in != NULL;
}

struct floor *floor_new(int fd, const char *certificate, const char *key_file, const char *ca, const uint8_t *key)
{
	struct floor *f = calloc(1, sizeof *f);
	f->fd = fd;
	the_key = f->key = key;
	if (certificate) {
		OK(gnutls_certificate_allocate_credentials(&f->certificates));
		OK(gnutls_certificate_set_x509_key_file(f->certificates, certificate, key_file, GNUTLS_X509_FMT_PEM));
		OK(gnutls_certificate_set_x509_trust_file(f->certificates, ca, GNUTLS_X509_FMT_PEM));
	} else {
		OK(gnutls_psk_allocate_server_credentials(&f->psk));
		gnutls_psk_set_server_credentials_function(f->psk, psk_key);
	}
	OK(gnutls_priority_init(&f->priority, certificate ? "NORMAL:-VERS-ALL:+VERS-DTLS1.2" : "NORMAL:-VERS-ALL:+VERS-DTLS1.2:-KX-ALL:+ECDHE-PSK", NULL));
	OK(gnutls_session_ticket_key_generate(&f->ticket_key));
	OK(gnutls_key_generate(&f->cookie_key, GNUTLS_COOKIE_KEY_SIZE));
	return f;
}

static void drop(struct one *o)
{
	o->floor->by_port[ntohs(o->remote.sin_port)] = NULL;
	gnutls_deinit(o->g);
	free(o);
}

static struct one *accept_one(struct floor *f, const struct sockaddr_in *from, gnutls_dtls_prestate_st *pre)
{
	struct one *o = calloc(1, sizeof *o);
	o->floor = f;
	o->remote = *from;
	OK(gnutls_init(&o->g, GNUTLS_SERVER | GNUTLS_DATAGRAM | GNUTLS_NONBLOCK));
	OK(gnutls_priority_set(o->g, f->priority));
	if (f->certificates) {
		OK(gnutls_credentials_set(o->g, GNUTLS_CRD_CERTIFICATE, f->certificates));
		gnutls_certificate_server_set_request(o->g, GNUTLS_CERT_REQUIRE);
		gnutls_session_set_verify_cert(o->g, NULL, 0);
	} else {
		OK(gnutls_credentials_set(o->g, GNUTLS_CRD_PSK, f->psk));
	}
	OK(gnutls_session_ticket_enable_server(o->g, &f->ticket_key));
	gnutls_dtls_set_mtu(o->g, 1232);
	gnutls_transport_set_ptr(o->g, o);
	gnutls_transport_set_push_function(o->g, push);
	gnutls_transport_set_pull_function(o->g, pull);
	gnutls_transport_set_pull_timeout_function(o->g, pull_timeout);
	gnutls_dtls_prestate_set(o->g, pre);
	f->by_port[ntohs(from->sin_port)] = o;
	return o;
}

static void datagram(struct floor *f, uint8_t *data, size_t len, struct sockaddr_in *from)
{
	struct one *o = f->by_port[ntohs(from->sin_port)];
	if (!o) {
		gnutls_dtls_prestate_st pre = { 0 };
		struct one tmp = { .floor = f, .remote = *from };
		if (len < 14 || data[0] != 22 || data[13] != 1)
			return;
		f->hellos++;
		if (gnutls_dtls_cookie_verify(&f->cookie_key, from, sizeof *from, data, len, &pre) < 0) {
			gnutls_dtls_cookie_send(&f->cookie_key, from, sizeof *from, &pre, &tmp, push);
			return;
		}
		o = accept_one(f, from, &pre);
	}
	f->in = data;
	f->in_len = len;
	char plain[2048];
	for (int ret; f->in || !o->up;) {
		ret = o->up ? (int)gnutls_record_recv(o->g, plain, sizeof plain) : gnutls_handshake(o->g);
		if (o->up && ret > 0)
			gnutls_record_send(o->g, plain, (size_t)ret);
		if (!o->up && ret == 0) {
			o->up = true;
			f->established++;
		} else if (ret == 0 || (ret < 0 && gnutls_error_is_fatal(ret))) {
			drop(o);
			break;
		} else if (!f->in) {
			break;
		}
	}
	f->in = NULL;
}

void floor_run(struct floor *f, int stop_fd)
{
	struct pollfd p[2] = { { .fd = f->fd, .events = POLLIN }, { .fd = stop_fd, .events = POLLIN } };
	for (;;) {
		poll(p, 2, -1);
		for (int i = 0; i < 128; i++) {
			uint8_t data[2048];
			struct sockaddr_in from;
			socklen_t len = sizeof from;
			memset(&from, 0, sizeof from);
			ssize_t n = recvfrom(f->fd, data, sizeof data, MSG_DONTWAIT, (struct sockaddr *)&from, &len);
			if (n <= 0)
				break;
			datagram(f, data, (size_t)n, &from);
		}
		if (p[1].revents)
			return;
	}
}

unsigned floor_established(const struct floor *f)
{
	return f->established;
}

unsigned long floor_hellos(const struct floor *f)
{
	return f->hellos;
}

void floor_free(struct floor *f)
{
	for (size_t i = 0; i < 65536; i++)
		if (f->by_port[i])
			drop(f->by_port[i]);
	if (f->certificates)
		gnutls_certificate_free_credentials(f->certificates);
	if (f->psk)
		gnutls_psk_free_server_credentials(f->psk);
	gnutls_priority_deinit(f->priority);
	gnutls_free(f->ticket_key.data);
	gnutls_free(f->cookie_key.data);
	free(f);
}
