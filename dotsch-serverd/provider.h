/* SPDX-License-Identifier: GPL-3.0-or-later */
/* provider - one configured provider: the link to it, its sessions, its heartbeats (RFC 9066, 5.1 and 5.2.1). */
#ifndef SERVERD_PROVIDER_H
#define SERVERD_PROVIDER_H

#include "link/session.h"
#include "link/tls.h"
#include "resource.h"
#include "interface.h"

struct server;
struct provider;

/* Dials at once. NULL with *why when its credentials cannot be used. */
struct provider *provider_new(struct server *server, const struct provider_config *config, struct reason *why);
void provider_free(struct provider *p, bool notify);         /* NULL allowed */
/* The configuration has been read again. First the credentials: a new bundle, or NULL with *why and nothing is changed. Then the change: it is used
   from the next dialling on, and an established session stays. config replaces the one known so far. */
struct tls_bundle *provider_credentials(const struct provider *p, const struct provider_config *config, struct reason *why);
void provider_change(struct provider *p, const struct provider_config *config, struct tls_bundle *bundle);
/* It is no longer configured: tells so, closes the session and frees it. Its mitigations run on by themselves. */
void provider_remove(struct provider *p);
const struct provider_config *provider_settings(const struct provider *p);

/* Observers of this mitigation read it again; idle or mitigating heartbeats follow what is under way. */
void provider_mitigation_changed(struct provider *p, const char *cuid, uint32_t mid);
/* The scope may be another now: the configured prefixes, and what interfaces_read says of the interfaces. */
void provider_scope(struct provider *p, struct interfaces *interfaces);
/* A line for `sessions`: transport, address, since when. New reference. */
json_t *provider_describe(const struct provider *p);

#endif
