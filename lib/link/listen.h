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
	/* 0 = default of limits.h, LISTEN_UNLIMITED = no bound. */
	unsigned max_half_open;              /* handshakes at a time, all transports; a /24 or /56 has a quarter */
	unsigned max_rate;                   /* full handshakes a second, likewise */
	unsigned penalty_after, penalty_s;   /* failed authentications within penalty_s that shut an address out for penalty_s */
};

#define LISTEN_UNLIMITED UINT32_MAX

struct listen_ops {
	void (*established)(void *arg, struct channel *c);   /* channel_own() it inside, or channel_close() it */
	/* A handshake that came past the cookie failed: remote address, identity claimed if any ("" else), why. */
	void (*refused)(void *arg, const struct sockaddr_storage *remote, enum transport transport, const char *identity, const char *why);
	/* An address has just been shut out: why names the last failure. Live sessions stay, and tickets are still taken. NULL = not interested. */
	void (*penalised)(void *arg, const struct sockaddr_storage *remote, enum transport transport, const char *why);
};

struct listen;
/* NULL with *why naming the address when it cannot be bound. */
struct listen *listen_new(struct loop *l, const struct listen_config *config, const struct listen_ops *ops, void *arg, struct reason *why);
/* New sessions use the new bundle; established ones keep theirs. */
void listen_set_bundle(struct listen *l, struct tls_bundle *bundle);
void listen_free(struct listen *l);      /* closes sockets and half-open handshakes; every established channel must be closed before; NULL allowed */

/* dropped: datagrams and connections that found no place; limited: of these, by the rate; held: handshakes of addresses that are shut out. */
struct listen_stats { uint64_t hellos, cookies, established, resumed, failed, dropped, limited, held; unsigned half_open, sessions; };
void listen_stats(const struct listen *l, struct listen_stats *out);

#endif
