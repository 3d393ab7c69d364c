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

#define BURST_US 2000000         /* handshakes that may come at once: what the rate allows in this time */
#define YIELD_MS 3000            /* a handshake that has taken this long gives way to a new one when all places are taken, unless it is we who are slow */

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

/* What is in the way of a handshake over UDP is the peer: nothing of it waits here for long. */
static bool waits_for_us(const struct channel *c)
{
	return c->transport == TRANSPORT_TCP && stream_unread((const struct stream *)c);
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

static unsigned share(unsigned of_all)
{
	return of_all < 16 || of_all == LISTEN_UNLIMITED ? of_all : of_all / 4;
}

static int64_t cost_us(unsigned rate)
{
	return rate == LISTEN_UNLIMITED ? 0 : 1000000 / rate;
}

/* Each handshake keeps the listener, and its part of the network, busy for its share of a second. */
static bool too_fast(const struct listen *l, const struct crowd *crowd)
{
	int64_t latest = loop_now(l->loop) * 1000 + BURST_US;
	return l->busy_until > latest || crowd->busy_until > latest;
}

static void charge(struct listen *l, struct crowd *crowd, int sign)
{
	int64_t now = loop_now(l->loop) * 1000;
	l->busy_until = (l->busy_until > now ? l->busy_until : now) + sign * cost_us(l->max_rate);
	crowd->busy_until = (crowd->busy_until > now ? crowd->busy_until : now) + sign * cost_us(share(l->max_rate));
}

bool half_open_add(struct listen *l, struct half_open *h, struct channel *c)
{
	uint16_t bucket = crowd_of(l, &c->remote);
	struct crowd *crowd = &l->crowds[bucket];
	struct half_open *oldest = NULL;
	if (too_fast(l, crowd)) {
		l->stats.limited++;
		return false;
	}
	if (crowd->n >= share(l->max_half_open))
		oldest = (struct half_open *)((char *)crowd->members.next - offsetof(struct half_open, crowd));
	else if (l->stats.half_open >= l->max_half_open)
		oldest = (struct half_open *)((char *)l->all.next - offsetof(struct half_open, all));
	if (oldest) {
		if (loop_now(l->loop) - oldest->since < YIELD_MS || waits_for_us(oldest->channel))
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
	charge(l, crowd, 1);
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
	if (c->resumed)
		charge(l, &l->crowds[h->bucket], -1);   /* it cost next to nothing */
	penalty_up(l->penalty, &c->remote);
	l->ops.established(l->arg, c);
}

bool listen_holds(const struct listen *l, const struct sockaddr_storage *remote)
{
	return penalty_holds(l->penalty, remote, loop_now(l->loop));
}

/* CH-45: by the address, which is proven, never by the identity, which is only claimed: its owner must not be shut out by others. */
static void count_failure(struct listen *l, struct channel *c, const char *why)
{
	char text[TLS_WHY_MAX + 100];
	if (!penalty_failed(l->penalty, &c->remote, loop_now(l->loop)) || !l->ops.penalised)
		return;
	snprintf(text, sizeof text, "%u handshakes failed to authenticate: for %u s only a ticket opens a session from there; the last one: %s", l->penalty_after, l->penalty_s, why);
	l->ops.penalised(l->arg, &c->remote, c->transport, text);
}

void listen_refused(struct listen *l, struct half_open *h, struct channel *c, const struct tls_session *tls, const char *claimed, const char *why)
{
	half_open_remove(l, h);
	if (h->held) {
		l->stats.held++;   /* told when it was shut out, not with every attempt */
		return;
	}
	l->stats.failed++;
	if (l->ops.refused)
		l->ops.refused(l->arg, &c->remote, c->transport, claimed, why);
	if (tls_session_unproven(tls))
		count_failure(l, c, why);
}

void listen_gone(struct listen *l, struct channel *c)
{
	l->stats.sessions--;
	penalty_down(l->penalty, &c->remote);
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
	if (l) {
		l->penalty_after = config->penalty_after ? config->penalty_after : LISTEN_PENALTY_AFTER;
		l->penalty_s = config->penalty_s ? config->penalty_s : LISTEN_PENALTY_S;
		l->penalty = penalty_new(l->penalty_after == LISTEN_UNLIMITED ? 0 : l->penalty_after, (int64_t)l->penalty_s * 1000);
	}
	if (!l || !l->udp || !l->tcp || !l->penalty) {
		reason_set(why, REASON_BAD_REQUEST, "", "", "out of memory");
		if (l) {
			free(l->udp);
			free(l->tcp);
			penalty_free(l->penalty);
		}
		free(l);
		return NULL;
	}
	l->loop = loop;
	l->ops = *ops;
	l->arg = arg;
	l->bundle = tls_bundle_ref(config->bundle);
	l->max_half_open = config->max_half_open ? config->max_half_open : LISTEN_HALF_OPEN;
	l->max_rate = config->max_rate ? config->max_rate : LISTEN_RATE;
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
	penalty_free(l->penalty);
	tls_bundle_unref(l->bundle);
	free(l);
}

void listen_stats(const struct listen *l, struct listen_stats *out)
{
	*out = l->stats;
}
