/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A dialler's places to call: one for each address and transport, and which goes first. */
#include "link/dial_internal.h"

#include <stdlib.h>
#include <string.h>

#include "link/tls_session.h"

#define WINNER_MS 600000         /* who won last time goes first for ten minutes (RFC 9132, 4.3) */

/* The last winner, then UDP/IPv6, UDP/IPv4, TCP/IPv6, TCP/IPv4 (RFC 9132, 4.3); the targets of a service in their own order (RFC 2782). */
unsigned dial_rank(const struct destination *to, int64_t now)
{
	if (to->won && now - to->won < WINNER_MS)
		return 0;
	return 1 + (to->transport == TRANSPORT_TCP) * 2 * TARGETS_MAX + to->order * 2 + (to->address.ss_family != AF_INET6);
}

static void forget(struct destination *to)
{
	tls_ticket_unref(to->ticket);
	tls_bundle_unref(to->bundle);
	free(to);
}

static void belongs(struct destination *to, const struct resolving *r)
{
	tls_bundle_unref(to->bundle);
	to->bundle = r->bundle ? tls_bundle_ref(r->bundle) : NULL;
	to->order = r->order;
}

static void add_destination(const struct resolving *r, const struct sockaddr_storage *address, enum transport transport)
{
	struct dial *d = r->dial;
	for (size_t i = 0; i < d->n_destinations; i++) {
		struct destination *to = d->destinations[i];
		if (to->transport == transport && memcmp(&to->address, address, sizeof *address) == 0) {
			if (!to->in_round) {
				to->started = false;
				belongs(to, r);
			}
			to->in_round = true;
			return;
		}
	}
	size_t slot = d->n_destinations;
	/* Names move: a destination that is not of this round makes room. */
	for (size_t i = 0; slot == DESTINATIONS_MAX && i < DESTINATIONS_MAX; i++)
		if (!d->destinations[i]->in_round) {
			forget(d->destinations[i]);
			d->destinations[i] = d->destinations[--d->n_destinations];
			slot = d->n_destinations;
		}
	struct destination *to = slot < DESTINATIONS_MAX ? calloc(1, sizeof *to) : NULL;
	if (!to)
		return;
	to->ticket = tls_ticket_new();
	if (!to->ticket) {
		free(to);
		return;
	}
	to->dial = d;
	to->address = *address;
	to->transport = transport;
	to->in_round = true;
	belongs(to, r);
	d->destinations[d->n_destinations++] = to;
}

void dial_add(const struct resolving *r, const struct sockaddr_storage *address)
{
	if (r->udp)
		add_destination(r, address, TRANSPORT_UDP);
	if (r->tcp && !r->dial->probing)
		add_destination(r, address, TRANSPORT_TCP);
}

void dial_forget(struct dial *d)
{
	for (size_t i = 0; i < d->n_destinations; i++)
		forget(d->destinations[i]);
	d->n_destinations = 0;
}
