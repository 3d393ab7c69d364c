/* SPDX-License-Identifier: GPL-3.0-or-later */
/* penalty - addresses whose handshakes keep failing to authenticate get no further full handshake for a while (RFC 9066, 8). Private to lib/link. */
#ifndef LINK_PENALTY_H
#define LINK_PENALTY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* Counted by address alone: an IPv4 address, or an IPv6 /64, all of which one host has. Only for addresses that a cookie or a TCP handshake has proven. */
struct penalty;

/* failures within time_ms put an address on the list for time_ms; 0 failures: nobody ever is. NULL when out of memory. */
struct penalty *penalty_new(unsigned failures, int64_t time_ms);
void penalty_free(struct penalty *p);   /* NULL allowed */

/* Is it on the list, and has no live session that vouches for it? now: loop_now. */
bool penalty_holds(const struct penalty *p, const struct sockaddr_storage *remote, int64_t now);
/* A handshake failed to authenticate. True: it has just come onto the list. */
bool penalty_failed(struct penalty *p, const struct sockaddr_storage *remote, int64_t now);
/* A session of this address is up: what was held against the address is forgotten. Pairs with penalty_down. */
void penalty_up(struct penalty *p, const struct sockaddr_storage *remote);
void penalty_down(struct penalty *p, const struct sockaddr_storage *remote);

#endif
