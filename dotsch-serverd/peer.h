/* SPDX-License-Identifier: GPL-3.0-or-later */
/* peer - one configured peer: the link to it, its sessions, its heartbeats (RFC 9066, 5.1 and 5.2.1). */
#ifndef SERVERD_PEER_H
#define SERVERD_PEER_H

#include "link/session.h"
#include "link/tls.h"
#include "resource.h"
#include "interface.h"

struct server;
struct peer;

/* A provider is dialled at once. NULL with *why when its credentials cannot be used. */
struct peer *peer_new(struct server *server, const struct peer_config *config, struct reason *why);
void peer_free(struct peer *p, bool notify);         /* NULL allowed */
/* The configuration has been read again. First the credentials: a new bundle, or NULL with *why and nothing is changed. Then the change: it is used
   from the next dialling on, and an established session stays. config replaces the one known so far. A client has no bundle of its own: NULL. */
struct tls_bundle *peer_credentials(const struct peer *p, const struct peer_config *config, struct reason *why);
/* 0, or -1 with *why: whether its credentials can be used. */
int peer_check(const struct peer_config *config, struct reason *why);
void peer_change(struct peer *p, const struct peer_config *config, struct tls_bundle *bundle);
/* A client has called. */
void peer_called(struct peer *p, struct channel *c);
/* Ends the sessions whose credential is not to be kept. */
void peer_close_others(struct peer *p, bool (*keep)(void *arg, const struct identity *id), void *arg);
/* It is no longer configured: tells so, closes the session and frees it. Its mitigations run on by themselves. */
void peer_remove(struct peer *p);
const struct peer_config *peer_settings(const struct peer *p);

/* Observers of this mitigation read it again; idle or mitigating heartbeats follow what is under way. */
void peer_mitigation_changed(struct peer *p, const char *cuid, uint32_t mid);
/* The scope may be another now: the configured prefixes, and what interfaces_read says of the interfaces. */
void peer_scope(struct peer *p, struct interfaces *interfaces);
/* A line for `sessions`: transport, address, since when. New reference. */
json_t *peer_describe(const struct peer *p);

#endif
