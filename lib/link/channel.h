/* SPDX-License-Identifier: GPL-3.0-or-later */
/* channel - one mutually authenticated (D)TLS association that carries whole CoAP messages: what dtls and stream make, and session uses. */
#ifndef LINK_CHANNEL_H
#define LINK_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum transport { TRANSPORT_UDP, TRANSPORT_TCP };   /* DTLS, TLS */

enum identity_kind { IDENTITY_NONE, IDENTITY_PSK, IDENTITY_X509, IDENTITY_RAWPK };

/* Who the peer proved to be. Plain memory. */
struct identity {
	enum identity_kind kind;
	char name[256];              /* PSK identity, or the certificate's first DNS name (its CN when it has none); "" for a raw key */
	uint8_t spki[32];            /* SHA-256 of the peer's SubjectPublicKeyInfo; zero for PSK */
	char owner[254];             /* the configured peer it belongs to, as the credential look-up said */
};

struct channel;

/* What happens to a channel. Both callbacks may close it. */
struct channel_ops {
	/* One datagram's record, or one TCP frame, complete with its CoAP header. */
	void (*message)(void *arg, const uint8_t *data, size_t len);
	/* The channel is over and gone after the call: why for people; orderly = the peer's close_notify. Not called for channel_close by the owner. */
	void (*closed)(void *arg, const char *why, bool orderly);
};

/* Behind a channel stands dtls or stream; they embed this as their first member and fill it in. */
struct channel_vtable {
	bool (*send)(struct channel *c, const uint8_t *data, size_t len);
	void (*close)(struct channel *c, bool notify);
};

struct channel {
	const struct channel_vtable *vtable;
	const struct channel_ops *ops;       /* set by channel_own */
	void *arg;
	enum transport transport;
	bool resumed, call_out;              /* by ticket; we dialled */
	struct identity peer;
	struct sockaddr_storage local, remote;
};

/* Takes over an established channel; messages that came before are delivered after the caller's return to the loop. */
void channel_own(struct channel *c, const struct channel_ops *ops, void *arg);
/* One CoAP message. False: not sent (stream queue full, ENOBUFS, message larger than the path): NON repeats anyway. Never closes inside the call. */
static inline bool channel_send(struct channel *c, const uint8_t *data, size_t len)
{
	return c->vtable->send(c, data, len);
}
/* Sends close_notify if notify, and frees it. */
static inline void channel_close(struct channel *c, bool notify)
{
	c->vtable->close(c, notify);
}

#endif
