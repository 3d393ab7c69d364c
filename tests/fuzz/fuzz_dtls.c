/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a listener does with datagrams of strangers: is it a hello, is the cookie good; then the same bytes to a server session. The input is a row of
   datagrams, each behind its length in two bytes. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "link/tls_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct wire { const uint8_t *in; size_t len; };

static ssize_t push(void *arg, const void *data, size_t len)
{
	(void)arg;
	(void)data;
	return (ssize_t)len;
}

static ssize_t pull(void *arg, void *data, size_t cap)
{
	struct wire *w = arg;
	if (!w->in) {
		errno = EAGAIN;
		return -1;
	}
	size_t n = w->len < cap ? w->len : cap;
	memcpy(data, w->in, n);
	w->in = NULL;
	return (ssize_t)n;
}

static bool waiting(void *arg)
{
	return ((struct wire *)arg)->in;
}

static int look_up(void *arg, const char *identity, uint8_t key[TLS_PSK_MAX], size_t *len, char owner[254])
{
	(void)arg;
	(void)identity;
	memset(key, 1, 16);
	*len = 16;
	memcpy(owner, "x", 2);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct tls_io io = { push, pull, waiting };
	static struct tls_bundle *bundle;
	static struct tls_cookie cookie;
	if (!bundle) {
		struct tls_config c = { .server = true, .psk_lookup = look_up };
		bundle = tls_bundle_new(&c, NULL);
	}
	struct wire w = { 0 };
	struct tls_session *s = tls_session_new(bundle, TRANSPORT_UDP, NULL, &io, &w);
	char why[TLS_WHY_MAX];
	while (s && size >= 2) {
		size_t len = (size_t)data[0] << 8 | data[1];
		data += 2;
		size -= 2;
		len = len < size ? len : size;
		/* A copy of its own, so that a read behind its end is seen. */
		uint8_t *datagram = malloc(len + !len);
		if (!datagram)
			abort();
		memcpy(datagram, data, len);
		const uint8_t *name;
		struct tls_prestate pre;
		if (tls_is_client_hello(datagram, len, &name) && !tls_cookie_verify(&cookie, 1, "client", 6, datagram, len, &pre))
			tls_cookie_send(&cookie, "client", 6, datagram, len, push, NULL);
		w = (struct wire){ len ? datagram : NULL, len };
		enum tls_status status = tls_session_handshake(s, why);
		free(datagram);
		w.in = NULL;
		if (status != TLS_AGAIN)
			break;
		data += len;
		size -= len;
	}
	tls_session_free(s);
	return 0;
}
