/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "link/listen.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/limits.h"
#include "link/dtls.h"
#include "link/listen_internal.h"
#include "link/stream.h"

#define YIELD_MS 3000            /* a handshake that has taken this long gives way to a new one when all places are taken */

static uint16_t crowd_of(const struct listen *l, const struct sockaddr_storage *remote)
{
	struct prefix p;
	if (sockaddr_prefix(remote, &p, NULL) < 0)
		return 0;
	p = prefix_make(p.family, p.addr, p.family == 4 ? 24 : 56);
	return (uint16_t)(siphash(l->seed, &p, sizeof p) % CROWDS);
}

static void stop_handshake(struct channel *c, bool tell, const char *why)
{
	if (c->transport == TRANSPORT_UDP)
		dtls_abort((struct dtls *)c, tell, why);
	else
		stream_abort((struct stream *)c, tell, why);
}

static void ring_init(struct ring *head)
{
	head->prev = head->next = head;
}

static void ring_add(struct ring *head, struct ring *r)
{
	r->next = head;
	r->prev = head->prev;
	r->prev->next = head->prev = r;
}

static void ring_remove(struct ring *r)
{
	r->prev->next = r->next;
	r->next->prev = r->prev;
}

bool half_open_add(struct listen *l, struct half_open *h, struct channel *c)
{
	uint16_t bucket = crowd_of(l, &c->remote);
	struct crowd *crowd = &l->crowds[bucket];
	unsigned share = l->max_half_open < 16 ? l->max_half_open : l->max_half_open / 4;
	struct half_open *oldest = NULL;
	if (crowd->n >= share)
		oldest = (struct half_open *)((char *)crowd->members.next - offsetof(struct half_open, crowd));
	else if (l->stats.half_open >= l->max_half_open)
		oldest = (struct half_open *)((char *)l->all.next - offsetof(struct half_open, all));
	if (oldest) {
		if (loop_now(l->loop) - oldest->since < YIELD_MS)
			return false;
		stop_handshake(oldest->channel, true, "gave way: too many handshakes at a time");
	}
	h->channel = c;
	h->since = loop_now(l->loop);
	h->bucket = bucket;
	h->counted = true;
	ring_add(&l->all, &h->all);
	ring_add(&crowd->members, &h->crowd);
	crowd->n++;
	l->stats.half_open++;
	return true;
}

void half_open_remove(struct listen *l, struct half_open *h)
{
	if (!h->counted)
		return;
	h->counted = false;
	ring_remove(&h->all);
	ring_remove(&h->crowd);
	l->crowds[h->bucket].n--;
	l->stats.half_open--;
}

void listen_established(struct listen *l, struct half_open *h, struct channel *c)
{
	half_open_remove(l, h);
	l->stats.sessions++;
	l->stats.established++;
	l->stats.resumed += c->resumed;
	l->ops.established(l->arg, c);
}

void listen_refused(struct listen *l, struct half_open *h, struct channel *c, const char *claimed, const char *why)
{
	half_open_remove(l, h);
	l->stats.failed++;
	if (l->ops.refused)
		l->ops.refused(l->arg, &c->remote, c->transport, claimed, why);
}

static int add_address(struct listen *l, const struct listen_config *config, const char *text, struct reason *why)
{
	struct prefix host;
	struct sockaddr_storage local;
	char where[64];
	if (addr_parse(text, &host) < 0)
		return reason_set(why, REASON_BAD_REQUEST, "address", "", "\"%s\" is not an address; 0.0.0.0 and :: mean all of this host's", text);
	sockaddr_make(&host, config->port, &local);
	sockaddr_format(&local, where);
	if (config->udp) {
		struct udp_socket *s = udp_socket_new(l, &local);
		if (!s)
			return reason_set(why, REASON_BAD_REQUEST, "address", "", "UDP %s: %s%s", where, strerror(errno), errno == EADDRINUSE ? " (is another listener running?)" : "");
		l->udp[l->n_udp++] = s;
	}
	if (config->tcp) {
		struct tcp_socket *s = tcp_socket_new(l, &local);
		if (!s)
			return reason_set(why, REASON_BAD_REQUEST, "address", "", "TCP %s: %s%s", where, strerror(errno), errno == EADDRINUSE ? " (is another listener running?)" : "");
		l->tcp[l->n_tcp++] = s;
	}
	return 0;
}

struct listen *listen_new(struct loop *loop, const struct listen_config *config, const struct listen_ops *ops, void *arg, struct reason *why)
{
	struct listen *l = calloc(1, sizeof *l);
	if (l) {
		l->udp = calloc(config->n_addresses + 1, sizeof(struct udp_socket *));
		l->tcp = calloc(config->n_addresses + 1, sizeof(struct tcp_socket *));
	}
	if (!l || !l->udp || !l->tcp) {
		reason_set(why, REASON_BAD_REQUEST, "", "", "out of memory");
		if (l) {
			free(l->udp);
			free(l->tcp);
		}
		free(l);
		return NULL;
	}
	l->loop = loop;
	l->ops = *ops;
	l->arg = arg;
	l->bundle = tls_bundle_ref(config->bundle);
	l->max_half_open = config->max_half_open ? config->max_half_open : LISTEN_HALF_OPEN;
	ring_init(&l->all);
	for (size_t i = 0; i < CROWDS; i++)
		ring_init(&l->crowds[i].members);
	tls_random(l->seed, sizeof l->seed);
	int ret = 0;
	if (!config->n_addresses || (!config->udp && !config->tcp))
		ret = reason_set(why, REASON_BAD_REQUEST, "address", "", "nothing to listen on");
	for (size_t i = 0; ret == 0 && i < config->n_addresses; i++)
		ret = add_address(l, config, config->addresses[i], why);
	if (ret < 0) {
		listen_free(l);
		return NULL;
	}
	return l;
}

void listen_set_bundle(struct listen *l, struct tls_bundle *bundle)
{
	tls_bundle_ref(bundle);
	tls_bundle_unref(l->bundle);
	l->bundle = bundle;
}

void listen_free(struct listen *l)
{
	if (!l)
		return;
	while (l->all.next != &l->all)
		stop_handshake(((struct half_open *)((char *)l->all.next - offsetof(struct half_open, all)))->channel, false, NULL);
	assert(!l->stats.sessions);
	for (size_t i = 0; i < l->n_udp; i++)
		udp_socket_free(l->udp[i]);
	for (size_t i = 0; i < l->n_tcp; i++)
		tcp_socket_free(l->tcp[i]);
	free(l->udp);
	free(l->tcp);
	tls_bundle_unref(l->bundle);
	free(l);
}

void listen_stats(const struct listen *l, struct listen_stats *out)
{
	*out = l->stats;
}
