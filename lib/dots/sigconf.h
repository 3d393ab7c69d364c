/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sigconf - the signal channel session configuration: values, bounds, negotiation (RFC 9132, 4.5). */
#ifndef DOTS_SIGCONF_H
#define DOTS_SIGCONF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"

enum sigconf_param {                 /* order of Table 5 */
	SIGCONF_HEARTBEAT_INTERVAL, SIGCONF_MISSING_HB_ALLOWED, SIGCONF_PROBING_RATE, SIGCONF_MAX_RETRANSMIT,
	SIGCONF_ACK_TIMEOUT, SIGCONF_ACK_RANDOM_FACTOR, SIGCONF_PARAMS,
};

/* One parameter. ack-timeout and ack-random-factor are in hundredths (2.00 s = 200); the rest in their own unit. */
struct sigconf_value {
	bool has_max, has_min, has_current;
	uint32_t max, min, current;
};

struct sigconf_set { struct sigconf_value p[SIGCONF_PARAMS]; };

struct sigconf {
	bool has_mitigating, has_idle;
	struct sigconf_set mitigating, idle;
};

/* Defaults and the usual bounds of RFC 9132, 4.5.1, both sets complete. */
void sigconf_defaults(struct sigconf *c);
/* A PUT: only current values, at least one; 4.00 for anything else, 4.22 for a value outside the bounds of `offer` (RFC 9132, 4.5.3). On success
   the values are merged into *active. 0, or -1 with *why (its code tells which); *active is then unchanged. */
int sigconf_apply(const struct sigconf *offer, const struct sigconf *put, struct sigconf *active, struct reason *why);
/* Leaves what is negotiated over a reliable transport too, heartbeat-interval and probing-rate; the others have their defaults there (RFC 9132, 4.5). */
void sigconf_reliable(struct sigconf *c);
/* The first current value that sigconf_reliable would take away; NULL: none. */
const char *sigconf_unreliable(const struct sigconf *c);
/* A heartbeat fits the probing rate when size <= interval * rate (RFC 9132, 4.7). */
bool sigconf_heartbeat_fits(const struct sigconf_set *set, unsigned size);

#endif
