/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sigconfig - the session configuration resource and the heartbeats that follow from it (RFC 9132, 4.5; RFC 9066, 5.2.1). */
#ifndef SERVERD_SIGCONFIG_H
#define SERVERD_SIGCONFIG_H

#include "dots/sigconf.h"
#include "link/session.h"
#include "outcome.h"
#include "path.h"

#define CONFIG_MAX_AGE_S 86400       /* what a client reads stays true this long */

/* The negotiated state of one session. Plain memory. */
struct sigconfig {
	struct sigconf offer;        /* bounds and defaults */
	struct sigconf active;
	enum transport transport;    /* over TCP only part of it is negotiated */
	bool has_sid;
	uint32_t sid;
};

/* nat_timeout: the binding time of the NAT on the path in seconds; heartbeats have to come sooner (CH-09). */
void sigconfig_init(struct sigconfig *c, enum transport transport, unsigned nat_timeout);
void sigconfig_request(struct sigconfig *c, const struct target *what, const struct message *m, struct reply *out);
/* The heartbeats of the mitigating or the idle set, by the rules of a Call Home server (CH-11b, CH-12). */
void sigconfig_heartbeat(const struct sigconfig *c, bool mitigating, struct heartbeat_config *out);
/* How confirmable messages are repeated. */
void sigconfig_transmission(const struct sigconfig *c, bool mitigating, struct transmission_config *out);

#endif
