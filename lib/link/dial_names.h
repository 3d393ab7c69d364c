/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dial_names - a host name's addresses, without blocking: the one door to c-ares. Private to lib/link. */
#ifndef LINK_DIAL_NAMES_H
#define LINK_DIAL_NAMES_H

#include <stdint.h>
#include <sys/socket.h>

#include "base/loop.h"

struct names;

struct names_ops {
	void (*found)(void *arg, const struct sockaddr_storage *address);   /* as they come, IPv6 and IPv4 asked for at the same time */
	/* Of names_service: one target, in the order to try them (RFC 2782). */
	void (*target)(void *arg, const char *host, uint16_t port);
	void (*done)(void *arg, const char *why);                          /* once, last; why is NULL when there was an answer. May call names_free */
};

/* Calls back from the loop, never before the return. NULL when out of memory. ops must outlive it. */
struct names *names_start(struct loop *l, const char *host, uint16_t port, const struct names_ops *ops, void *arg);
/* The targets of a service such as "_dots-call-home._udp.isp.example". The same rules. */
struct names *names_service(struct loop *l, const char *service, const struct names_ops *ops, void *arg);
void names_free(struct names *n);     /* cancels; NULL allowed */

#endif
