/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "link/dial.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "link/dial_names.h"
#include "link/dtls.h"
#include "link/stream.h"

#define WINNER_MS 600000         /* who won last time goes first for ten minutes (RFC 9132, 4.3) */
#define RESOLUTION_MS 50         /* what an IPv4 answer waits for the IPv6 one (RFC 8305, 3) */
#define DESTINATIONS_MAX 64
#define WHY_MAX 1200

/* One address by one transport. Lives as long as the dialler: it holds the ticket. */
struct destination {
	struct dial *dial;
	struct sockaddr_storage address;
	enum transport transport;
	struct tls_ticket *ticket;
	struct channel *attempt;         /* under way */
	bool in_round, started;
	int64_t won;                     /* loop_now() of its last success, 0 = never */
};

struct resolving { struct dial *dial; const char *host; struct names *names; };

enum dial_state { DIAL_IDLE, DIAL_ROUND, DIAL_WAIT };

struct dial {
	struct loop *loop;
	struct dial_config config;
	char **hosts;
	struct dial_ops ops;
	void *arg;
	enum dial_state state;
	struct loop_timer timer;         /* ROUND: the next attempt. WAIT: the next round */
	struct destination *destinations[DESTINATIONS_MAX];
	size_t n_destinations;
	struct resolving *resolving;     /* by host */
	size_t n_resolving;              /* still without their last answer */
	int64_t quick;                   /* when dial_again last started a round at once */
	unsigned first_s;                /* the next pause while there has been no session; 0 = there has been one */
	char why[WHY_MAX];
};

union attempt { struct channel channel; struct dtls dtls; struct stream stream; };

static void next_attempt(struct dial *d);

__attribute__((format(printf, 2, 3))) static void note(struct dial *d, const char *fmt, ...)
{
	size_t at = strlen(d->why);
	va_list ap;
	if (at && at + 2 < sizeof d->why)
		at += (size_t)snprintf(d->why + at, sizeof d->why - at, "; ");
	va_start(ap, fmt);
	vsnprintf(d->why + at, sizeof d->why - at, fmt, ap);
	va_end(ap);
}

static void note_failure(struct destination *to, const char *why)
{
	char where[64];
	note(to->dial, "%s %s: %s", to->transport == TRANSPORT_UDP ? "UDP" : "TCP", sockaddr_format(&to->address, where), why);
}

static struct tls_session *session_of(struct channel *c)
{
	return c->transport == TRANSPORT_UDP ? ((struct dtls *)c)->tls : ((struct stream *)c)->tls;
}

static void stop_attempts(struct dial *d)
{
	for (size_t i = 0; i < d->n_destinations; i++) {
		struct channel *c = d->destinations[i]->attempt;
		d->destinations[i]->attempt = NULL;
		if (c && c->transport == TRANSPORT_UDP)
			dtls_abort((struct dtls *)c, false, NULL);
		else if (c)
			stream_abort((struct stream *)c, false, NULL);
	}
	for (size_t i = 0; i < d->config.n_hosts; i++) {
		names_free(d->resolving[i].names);
		d->resolving[i].names = NULL;
	}
	d->n_resolving = 0;
}

static void attempt_up(void *arg, struct channel *c)
{
	struct destination *to = arg;
	struct dial *d = to->dial;
	to->attempt = NULL;
	to->won = loop_now(d->loop) ? loop_now(d->loop) : 1;
	stop_attempts(d);
	loop_timer_stop(d->loop, &d->timer);
	d->state = DIAL_IDLE;
	d->first_s = 0;
	d->ops.established(d->arg, c);   /* may free the dialler */
}

static void attempt_failed(void *arg, struct channel *c, const char *claimed, const char *why)
{
	struct destination *to = arg;
	(void)claimed;
	to->attempt = NULL;
	/* A ticket that is no longer taken: the same address again, with a full handshake that tells what is really wrong, if anything is. */
	if (tls_ticket_present(to->ticket) && tls_session_alert(session_of(c)) >= 0) {
		tls_ticket_forget(to->ticket);
		to->started = false;
	} else {
		note_failure(to, why);
	}
	loop_timer_set(to->dial->loop, &to->dial->timer, 0);
}

static void attempt_gone(void *arg, struct channel *c)
{
	(void)arg;   /* may be gone already */
	free(c);
}

static const struct start_ops start = { attempt_up, attempt_failed, attempt_gone };

static void start_attempt(struct destination *to)
{
	struct dial *d = to->dial;
	union attempt *a = calloc(1, to->transport == TRANSPORT_UDP ? sizeof a->dtls : sizeof a->stream);
	int error = ENOMEM;
	to->started = true;
	if (!a) {
		note_failure(to, strerror(error));
		return;
	}
	a->channel.remote = to->address;
	bool ok = to->transport == TRANSPORT_UDP ? dtls_dial(&a->dtls, d->loop, d->config.bundle, to->ticket, &start, to, &error) :
	    stream_dial(&a->stream, d->loop, d->config.bundle, to->ticket, &start, to, &error);
	if (ok) {
		to->attempt = &a->channel;
		return;
	}
	free(a);
	note_failure(to, error == ENETUNREACH ? "no route" : strerror(error));
}

/* The last winner, then UDP/IPv6, UDP/IPv4, TCP/IPv6, TCP/IPv4 (RFC 9132, 4.3). */
static int rank(const struct destination *to, int64_t now)
{
	if (to->won && now - to->won < WINNER_MS)
		return 0;
	return 1 + (to->transport == TRANSPORT_TCP) * 2 + (to->address.ss_family != AF_INET6);
}

/* In ms. A thousand routers must not come back in step. */
static int64_t pause_before_round(struct dial *d)
{
	unsigned base = d->config.retry_s > d->config.retry_min_s ? d->config.retry_s : d->config.retry_min_s, first = d->first_s;
	uint32_t random;
	tls_random(&random, sizeof random);
	/* Nothing was lost that could be re-established too soon: whoever starts first waits for the other. */
	if (first && first < base) {
		d->first_s = first * 2;
		return (int64_t)first * 500 + (int64_t)(random % (first * 1000));
	}
	/* Only ever later: the minimum is a MUST (RFC 9132, 4.7). */
	return (int64_t)base * 1000 + (int64_t)(random % (base * 100 + 1));
}

static void round_failed(struct dial *d)
{
	int64_t ms = pause_before_round(d);
	d->state = DIAL_WAIT;
	loop_timer_set(d->loop, &d->timer, ms);
	if (!d->why[0])
		note(d, "no address to call");
	d->ops.failed(d->arg, d->why, (unsigned)((ms + 999) / 1000));   /* may free the dialler */
}

static void next_attempt(struct dial *d)
{
	int64_t now = loop_now(d->loop);
	size_t waiting, under_way;
	do {
		struct destination *best = NULL;
		waiting = under_way = 0;
		for (size_t i = 0; i < d->n_destinations; i++) {
			struct destination *to = d->destinations[i];
			under_way += to->attempt != NULL;
			if (!to->in_round || to->started)
				continue;
			waiting++;
			if (!best || rank(to, now) < rank(best, now))
				best = to;
		}
		if (!best)
			break;
		start_attempt(best);
		waiting--;
		under_way += best->attempt != NULL;
		if (best->attempt)
			break;
	} while (waiting);
	if (waiting)
		loop_timer_set(d->loop, &d->timer, d->config.attempt_delay_ms);
	else if (!under_way && !d->n_resolving)
		round_failed(d);
}

static void add_destination(struct dial *d, const struct sockaddr_storage *address, enum transport transport)
{
	for (size_t i = 0; i < d->n_destinations; i++) {
		struct destination *to = d->destinations[i];
		if (to->transport == transport && memcmp(&to->address, address, sizeof *address) == 0) {
			if (!to->in_round)
				to->started = false;
			to->in_round = true;
			return;
		}
	}
	size_t slot = d->n_destinations;
	/* Names move: a destination that is not of this round makes room. */
	for (size_t i = 0; slot == DESTINATIONS_MAX && i < DESTINATIONS_MAX; i++)
		if (!d->destinations[i]->in_round) {
			tls_ticket_unref(d->destinations[i]->ticket);
			free(d->destinations[i]);
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
	d->destinations[d->n_destinations++] = to;
}

static void add_address(struct dial *d, const struct sockaddr_storage *address)
{
	if (d->config.udp)
		add_destination(d, address, TRANSPORT_UDP);
	if (d->config.tcp)
		add_destination(d, address, TRANSPORT_TCP);
}

static void name_found(void *arg, const struct sockaddr_storage *address)
{
	struct resolving *r = arg;
	struct dial *d = r->dial;
	add_address(d, address);
	if (!loop_timer_armed(&d->timer))
		loop_timer_set(d->loop, &d->timer, address->ss_family == AF_INET6 ? 0 : RESOLUTION_MS);
}

static void name_done(void *arg, const char *why)
{
	struct resolving *r = arg;
	struct dial *d = r->dial;
	names_free(r->names);
	r->names = NULL;
	d->n_resolving--;
	if (why)
		note(d, "%s: %s", r->host, why);
	if (!loop_timer_armed(&d->timer) || !d->n_resolving)
		loop_timer_set(d->loop, &d->timer, 0);
}

static const struct names_ops names_ops = { name_found, name_done };

static void start_round(struct dial *d)
{
	d->state = DIAL_ROUND;
	d->why[0] = '\0';
	for (size_t i = 0; i < d->n_destinations; i++)
		d->destinations[i]->in_round = d->destinations[i]->started = false;
	for (size_t i = 0; i < d->config.n_hosts; i++) {
		struct prefix host;
		struct sockaddr_storage address;
		if (addr_parse(d->hosts[i], &host) == 0) {
			sockaddr_make(&host, d->config.port, &address);
			add_address(d, &address);
			continue;
		}
		struct resolving *r = &d->resolving[i];
		r->names = names_start(d->loop, d->hosts[i], d->config.port, &names_ops, r);
		if (r->names)
			d->n_resolving++;
		else
			note(d, "%s: out of memory", d->hosts[i]);
	}
	loop_timer_stop(d->loop, &d->timer);
	if (!d->n_resolving || d->n_destinations)
		loop_timer_set(d->loop, &d->timer, 0);
}

static void timer_due(void *arg)
{
	struct dial *d = arg;
	if (d->state == DIAL_WAIT)
		start_round(d);
	else if (d->state == DIAL_ROUND)
		next_attempt(d);
}

static void free_hosts(struct dial *d)
{
	for (size_t i = 0; d->hosts && i < d->config.n_hosts; i++)
		free(d->hosts[i]);
	free(d->hosts);
	free(d->resolving);
}

/* Out of memory: false, and d is as it was. */
static bool take_config(struct dial *d, const struct dial_config *config)
{
	struct dial new = { .config = *config };
	new.hosts = calloc(config->n_hosts + 1, sizeof *new.hosts);
	new.resolving = calloc(config->n_hosts + 1, sizeof *new.resolving);
	bool ok = new.hosts && new.resolving;
	for (size_t i = 0; ok && i < config->n_hosts; i++) {
		ok = (new.hosts[i] = strdup(config->hosts[i])) != NULL;
		new.resolving[i] = (struct resolving){ .dial = d, .host = new.hosts[i] };
	}
	if (!ok) {
		free_hosts(&new);
		return false;
	}
	tls_bundle_ref(config->bundle);
	tls_bundle_unref(d->config.bundle);
	free_hosts(d);
	d->config = *config;
	d->config.hosts = NULL;
	d->hosts = new.hosts;
	d->resolving = new.resolving;
	return true;
}

static void forget_destinations(struct dial *d)
{
	for (size_t i = 0; i < d->n_destinations; i++) {
		tls_ticket_unref(d->destinations[i]->ticket);
		free(d->destinations[i]);
	}
	d->n_destinations = 0;
}

struct dial *dial_new(struct loop *l, const struct dial_config *config, const struct dial_ops *ops, void *arg)
{
	struct dial *d = calloc(1, sizeof *d);
	if (!d || !take_config(d, config)) {
		free(d);
		return NULL;
	}
	d->loop = l;
	d->ops = *ops;
	d->arg = arg;
	loop_timer_init(&d->timer, timer_due, d);
	d->quick = INT64_MIN / 2;
	d->first_s = config->first_retry_s;
	start_round(d);
	return d;
}

bool dial_change(struct dial *d, const struct dial_config *config)
{
	bool first = d->first_s != 0;
	stop_attempts(d);
	bool ok = take_config(d, config);
	if (ok)
		forget_destinations(d);
	if (ok && first)
		d->first_s = config->first_retry_s;
	/* A pause after a loss is not cut short (RFC 9132, 4.7). */
	if (d->state == DIAL_ROUND || (ok && first && d->state == DIAL_WAIT))
		start_round(d);
	return ok;
}

void dial_again(struct dial *d)
{
	if (d->state != DIAL_IDLE)
		return;
	int64_t now = loop_now(d->loop), min = (int64_t)d->config.retry_min_s * 1000, since = now - d->quick;
	if (since >= min) {
		d->quick = now;
		start_round(d);
		return;
	}
	d->state = DIAL_WAIT;
	d->quick = now + min - since;
	loop_timer_set(d->loop, &d->timer, min - since);
}

void dial_free(struct dial *d)
{
	if (!d)
		return;
	stop_attempts(d);
	loop_timer_stop(d->loop, &d->timer);
	forget_destinations(d);
	free_hosts(d);
	tls_bundle_unref(d->config.bundle);
	free(d);
}
