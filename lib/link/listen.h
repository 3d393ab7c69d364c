/* SPDX-License-Identifier: GPL-3.0-or-later */
/* listen - the side that is called: UDP and TCP sockets, no state before the DTLS cookie has been verified, caps on what is half open. */
#ifndef LINK_LISTEN_H
#define LINK_LISTEN_H

#include "base/loop.h"
#include "base/reason.h"
#include "link/channel.h"
#include "link/tls.h"

struct listen_config {
	const char *const *addresses;        /* "0.0.0.0", "::", "192.0.2.1"; copied */
	size_t n_addresses;
	uint16_t port;
	bool udp, tcp;
	struct tls_bundle *bundle;           /* referenced */
	unsigned max_half_open;              /* handshakes at a time, all transports; 0 = default of limits.h */
};

struct listen_ops {
	void (*established)(void *arg, struct channel *c);   /* channel_own() it inside, or channel_close() it */
	/* A handshake that came past the cookie failed: remote address, identity claimed if any ("" else), why. */
	void (*refused)(void *arg, const struct sockaddr_storage *remote, enum transport transport, const char *identity, const char *why);
};

struct listen;
/* NULL with *why naming the address when it cannot be bound. */
struct listen *listen_new(struct loop *l, const struct listen_config *config, const struct listen_ops *ops, void *arg, struct reason *why);
/* New sessions use the new bundle; established ones keep theirs. */
void listen_set_bundle(struct listen *l, struct tls_bundle *bundle);
void listen_free(struct listen *l);      /* closes sockets and half-open handshakes; every established channel must be closed before; NULL allowed */

struct listen_stats { uint64_t hellos, cookies, established, resumed, failed, dropped; unsigned half_open, sessions; };
void listen_stats(const struct listen *l, struct listen_stats *out);

#endif
