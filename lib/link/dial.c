/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "link/dial_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "link/dtls.h"
#include "link/stream.h"

#define PROBE_MS (24 * 3600 * INT64_C(1000))   /* who has come by TLS tries DTLS again: not more often than this (RFC 9132, 4.3) */
#define RESOLUTION_MS 50         /* what an IPv4 answer waits for the IPv6 one (RFC 8305, 3) */

union attempt { struct channel channel; struct dtls dtls; struct stream stream; };

static void next_attempt(struct dial *d);

void dial_note(struct dial *d, const char *fmt, ...)
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
	dial_note(to->dial, "%s %s: %s", to->transport == TRANSPORT_UDP ? "UDP" : "TCP", sockaddr_format(&to->address, where), why);
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
		names_free(d->hosts[i].names);
		d->hosts[i].names = NULL;
	}
	dial_services_stop(d);
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
	d->probing = false;
	dial_pace_begin(d, true);
	if (to->transport == TRANSPORT_TCP && d->config.udp)
		loop_timer_set(d->loop, &d->timer, PROBE_MS);
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
	struct tls_bundle *bundle = to->bundle ? to->bundle : d->config.bundle;
	bool ok = to->transport == TRANSPORT_UDP ? dtls_dial(&a->dtls, d->loop, bundle, to->ticket, &start, to, &error) :
	    stream_dial(&a->stream, d->loop, bundle, to->ticket, &start, to, &error);
	if (ok) {
		d->called = true;
		to->attempt = &a->channel;
		return;
	}
	free(a);
	note_failure(to, error == ENETUNREACH ? "no route" : strerror(error));
}

static void round_failed(struct dial *d)
{
	if (d->probing) {
		d->probing = false;
		d->state = DIAL_IDLE;
		loop_timer_set(d->loop, &d->timer, PROBE_MS);
		return;
	}
	int64_t ms = dial_pause(d);
	d->state = DIAL_WAIT;
	loop_timer_set(d->loop, &d->timer, ms);
	if (!d->why[0])
		dial_note(d, "no address to call");
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
			if (!best || dial_rank(to, now) < dial_rank(best, now))
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

static void name_found(void *arg, const struct sockaddr_storage *address)
{
	struct resolving *r = arg;
	struct dial *d = r->dial;
	dial_add(r, address);
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
		dial_note(d, "%s: %s", r->host, why);
	dial_resolved(d);
}

void dial_resolved(struct dial *d)
{
	if (!loop_timer_armed(&d->timer) || !d->n_resolving)
		loop_timer_set(d->loop, &d->timer, 0);
}

void dial_resolve(struct resolving *r)
{
	static const struct names_ops ops = { .found = name_found, .done = name_done };
	struct dial *d = r->dial;
	struct prefix host;
	struct sockaddr_storage address;
	if (addr_parse(r->host, &host) == 0) {
		sockaddr_make(&host, r->port, &address);
		dial_add(r, &address);
		return;
	}
	r->names = names_start(d->loop, r->host, r->port, &ops, r);
	if (r->names)
		d->n_resolving++;
	else
		dial_note(d, "%s: out of memory", r->host);
}

static void start_round(struct dial *d)
{
	d->state = DIAL_ROUND;
	d->called = false;
	d->why[0] = '\0';
	for (size_t i = 0; i < d->n_destinations; i++)
		d->destinations[i]->in_round = d->destinations[i]->started = false;
	for (size_t i = 0; i < d->config.n_hosts; i++)
		dial_resolve(&d->hosts[i]);
	dial_services_start(d);
	loop_timer_stop(d->loop, &d->timer);
	if (!d->n_resolving || d->n_destinations)
		loop_timer_set(d->loop, &d->timer, 0);
}

static void timer_due(void *arg)
{
	struct dial *d = arg;
	if (d->state == DIAL_IDLE && d->config.udp) {
		d->probing = true;
		start_round(d);
	} else if (d->state == DIAL_WAIT)
		start_round(d);
	else if (d->state == DIAL_ROUND)
		next_attempt(d);
}

static void free_hosts(struct resolving *hosts, size_t n)
{
	for (size_t i = 0; hosts && i < n; i++)
		free(hosts[i].host);
	free(hosts);
}

/* Out of memory: false, and d is as it was. */
static bool take_config(struct dial *d, const struct dial_config *config)
{
	struct resolving *hosts = calloc(config->n_hosts + 1, sizeof *hosts);
	char *domain = config->domain ? strdup(config->domain) : NULL;
	bool ok = hosts && !config->domain == !domain;
	for (size_t i = 0; ok && i < config->n_hosts; i++) {
		hosts[i] = (struct resolving){ .dial = d, .host = strdup(config->hosts[i]), .port = config->port, .udp = config->udp, .tcp = config->tcp };
		ok = hosts[i].host != NULL;
	}
	if (!ok) {
		free_hosts(hosts, config->n_hosts);
		free(domain);
		return false;
	}
	tls_bundle_ref(config->bundle);
	tls_bundle_unref(d->config.bundle);
	free_hosts(d->hosts, d->config.n_hosts);
	free(d->domain);
	d->config = *config;
	d->config.hosts = NULL;
	d->hosts = hosts;
	d->domain = domain;
	return true;
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
	dial_pace_begin(d, false);
	start_round(d);
	return d;
}

bool dial_change(struct dial *d, const struct dial_config *config)
{
	bool first = d->first_s != 0;
	stop_attempts(d);
	if (d->probing)
		round_failed(d);
	bool ok = take_config(d, config);
	if (ok)
		dial_forget(d);
	if (ok)
		dial_pace_begin(d, !first);
	/* A pause after a loss is not cut short (RFC 9132, 4.7). */
	if (d->state == DIAL_ROUND || (ok && first && d->state == DIAL_WAIT))
		start_round(d);
	return ok;
}

void dial_attempt_delay(struct dial *d, unsigned ms)
{
	d->config.attempt_delay_ms = ms;
}

void dial_again(struct dial *d)
{
	if (d->probing) {
		d->probing = false;
		stop_attempts(d);
		d->state = DIAL_IDLE;
	}
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
	dial_forget(d);
	free_hosts(d->hosts, d->config.n_hosts);
	free(d->domain);
	tls_bundle_unref(d->config.bundle);
	free(d);
}
