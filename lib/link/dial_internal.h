/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dial_internal - a dialler's places to call, for dial*.c alone. */
#ifndef LINK_DIAL_INTERNAL_H
#define LINK_DIAL_INTERNAL_H

#include "link/dial.h"
#include "link/dial_names.h"

#define DESTINATIONS_MAX 64
#define TARGETS_MAX 16           /* of a service, by both transports */
#define WHY_MAX 1200

/* One address by one transport. Lives as long as the dialler: it holds the ticket. */
struct destination {
	struct dial *dial;
	struct sockaddr_storage address;
	enum transport transport;
	struct tls_ticket *ticket;
	struct tls_bundle *bundle;       /* of a target of a service: its own name is checked. NULL: the dialler's */
	unsigned order;                  /* among the targets of a service */
	struct channel *attempt;         /* under way */
	bool in_round, started;
	int64_t won;                     /* loop_now() of its last success, 0 = never */
};

/* A name on its way to addresses. */
struct resolving {
	struct dial *dial;
	char *host;
	struct names *names;             /* NULL: done */
	uint16_t port;
	bool udp, tcp;
	struct tls_bundle *bundle;
	unsigned order;
};

/* A service of the domain on its way to targets, by transport. */
struct service { struct dial *dial; struct names *names; enum transport transport; };

enum dial_state { DIAL_IDLE, DIAL_ROUND, DIAL_WAIT };

struct dial {
	struct loop *loop;
	struct dial_config config;
	struct resolving *hosts;         /* as configured */
	char *domain;
	struct service services[2];
	struct resolving targets[TARGETS_MAX];
	size_t n_targets;
	struct dial_ops ops;
	void *arg;
	enum dial_state state;
	bool probing;                    /* a round beside a session over TLS: is DTLS to be had by now? */
	struct loop_timer timer;         /* ROUND: the next attempt. WAIT: the next round. IDLE: the next probe */
	struct destination *destinations[DESTINATIONS_MAX];
	size_t n_destinations;
	size_t n_resolving;              /* still without their last answer */
	int64_t quick;                   /* when dial_again last started a round at once */
	bool called;                     /* an attempt of this round has left this host */
	unsigned first_s;                /* the next pause while there has been no session; 0 = there has been one */
	unsigned lost_s, uncalled_s;     /* the next pause after a loss, and after a round that called nobody */
	char why[WHY_MAX];
};

__attribute__((format(printf, 2, 3))) void dial_note(struct dial *d, const char *fmt, ...);
/* Looks up the name for this round. */
void dial_resolve(struct resolving *r);
/* The service's lookups have said all they have to say; the round goes on. */
void dial_resolved(struct dial *d);

/* dial_destination.c: an address becomes a place to call in this round, by each transport allowed. */
void dial_add(const struct resolving *r, const struct sockaddr_storage *address);
/* The lowest is called first. */
unsigned dial_rank(const struct destination *to, int64_t now);
/* All of them, tickets included. */
void dial_forget(struct dial *d);

/* dial_pace.c: how long to wait before the next round, in ms. */
int64_t dial_pause(struct dial *d);
/* The pauses begin anew: with the first round, and with each session (met). */
void dial_pace_begin(struct dial *d, bool met);

/* dial_service.c: a domain's services become targets, and these addresses (RFC 8973). */
void dial_services_start(struct dial *d);
void dial_services_stop(struct dial *d);

#endif
