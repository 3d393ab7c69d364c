/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dial - the side that calls: Happy Eyeballs over transports and families (RFC 9132, 4.3), resumption, and pacing of retries (4.7). */
#ifndef LINK_DIAL_H
#define LINK_DIAL_H

#include "base/loop.h"
#include "link/channel.h"
#include "link/tls.h"

struct dial_config {
	const char *const *hosts;            /* addresses or names; copied */
	size_t n_hosts;
	/* Without hosts: the targets of the domain's services "SERVICE._udp.DOMAIN" and "SERVICE._tcp.DOMAIN", asked for anew in each round (RFC 8973).
	   domain is copied, service lives on. NULL: none. */
	const char *service, *domain;
	uint16_t port;
	bool udp, tcp;                       /* transports allowed; order: UDP/IPv6, UDP/IPv4, TCP/IPv6, TCP/IPv4 */
	struct tls_bundle *bundle;           /* referenced */
	unsigned attempt_delay_ms;           /* 250, and 100 during an attack */
	/* 300 SHOULD, 60 MUST. After a loss the first attempt comes at once, then rounds retry_min_s, twice, four times … that apart, up to retry_s; where
	   nobody could be called (no route, no name resolved) about 1, 2, 4 … s apart, up to retry_min_s. */
	unsigned retry_s, retry_min_s;
	/* Until the first session, which is no re-establishment: rounds about this, twice, four times … it apart, up to retry_s. 0 = as after a loss. */
	unsigned first_retry_s;
};

struct dial_ops {
	void (*established)(void *arg, struct channel *c);   /* the winner; channel_own() it inside */
	/* Every address failed; the next round starts in next_s seconds by itself. why names address and cause, alerts included. */
	void (*failed)(void *arg, const char *why, unsigned next_s);
	/* The credentials for this target of a service, whose name is to be checked: a new reference, or NULL for config.bundle. NULL: always that. */
	struct tls_bundle *(*target)(void *arg, const char *name);
};

struct dial;
/* Starts at once. A session over TLS, where DTLS is allowed too, is tried over DTLS again every 24 h: then `established` comes beside it. NULL when out of memory. */
struct dial *dial_new(struct loop *l, const struct dial_config *config, const struct dial_ops *ops, void *arg);
/* The channel is over (or has been silent): dial again, by resumption if a ticket is there. parallel: keep the old session meanwhile. */
void dial_again(struct dial *d);
/* Another configuration, from the next round on: a round under way begins anew, and so does a pause before the first session; established channels stay.
   Tickets are forgotten: they would resume what the old credentials have allowed. False: out of memory, and nothing has changed. */
bool dial_change(struct dial *d, const struct dial_config *config);
/* attempt_delay_ms is this now: an attack begins or ends. */
void dial_attempt_delay(struct dial *d, unsigned ms);
void dial_free(struct dial *d);      /* stops attempts; established channels stay their owner's; NULL allowed */

#endif
