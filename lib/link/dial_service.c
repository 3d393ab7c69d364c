/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "link/dial_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void target_found(void *arg, const char *host, uint16_t port)
{
	struct service *s = arg;
	struct dial *d = s->dial;
	struct resolving *r = &d->targets[d->n_targets];
	if (d->n_targets == TARGETS_MAX)
		return;
	*r = (struct resolving){
		.dial = d, .host = strdup(host), .port = port, .udp = s->transport == TRANSPORT_UDP, .tcp = s->transport == TRANSPORT_TCP, .order = (unsigned)d->n_targets,
	};
	if (!r->host)
		return;
	r->bundle = d->ops.target ? d->ops.target(d->arg, host) : NULL;
	d->n_targets++;
	dial_resolve(r);
}

static void service_done(void *arg, const char *why)
{
	struct service *s = arg;
	struct dial *d = s->dial;
	names_free(s->names);
	s->names = NULL;
	d->n_resolving--;
	if (why)
		dial_note(d, "%s._%s.%s: %s", d->config.service, s->transport == TRANSPORT_UDP ? "udp" : "tcp", d->domain, why);
	dial_resolved(d);
}

static void forget_targets(struct dial *d)
{
	for (size_t i = 0; i < d->n_targets; i++) {
		names_free(d->targets[i].names);
		tls_bundle_unref(d->targets[i].bundle);
		free(d->targets[i].host);
	}
	d->n_targets = 0;
}

void dial_services_start(struct dial *d)
{
	static const struct names_ops ops = { .target = target_found, .done = service_done };
	char name[300];
	forget_targets(d);
	for (int t = TRANSPORT_UDP; d->domain && t <= TRANSPORT_TCP; t++) {
		struct service *s = &d->services[t];
		*s = (struct service){ .dial = d, .transport = (enum transport)t };
		if (t == TRANSPORT_UDP ? !d->config.udp : !d->config.tcp || d->probing)
			continue;
		snprintf(name, sizeof name, "%s._%s.%s", d->config.service, t == TRANSPORT_UDP ? "udp" : "tcp", d->domain);
		s->names = names_service(d->loop, name, &ops, s);
		if (s->names)
			d->n_resolving++;
		else
			dial_note(d, "%s: out of memory", name);
	}
}

void dial_services_stop(struct dial *d)
{
	for (int t = TRANSPORT_UDP; t <= TRANSPORT_TCP; t++) {
		names_free(d->services[t].names);
		d->services[t].names = NULL;
	}
	forget_targets(d);
}
