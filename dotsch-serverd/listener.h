/* SPDX-License-Identifier: GPL-3.0-or-later */
/* listener - where the clients of the base signal channel call (RFC 9132, 3), and by which credential each is known. */
#ifndef SERVERD_LISTENER_H
#define SERVERD_LISTENER_H

#include "link/tls.h"
#include "settings.h"

struct server;
struct listener;

/* Binds. NULL with *why. */
struct listener *listener_new(struct server *server, const struct settings *settings, struct reason *why);
/* The clients' sessions must be closed before. NULL allowed. */
void listener_free(struct listener *l);
/* The configuration has been read again. First what can go wrong: a new bundle, or NULL with *why; l is NULL for a mere check. Then the change: it holds for the next handshakes. */
struct tls_bundle *listener_credentials(struct listener *l, const struct settings *settings, struct reason *why);
void listener_change(struct listener *l, const struct settings *settings, struct tls_bundle *bundle);

/* Whose credential is it? NULL: nobody's. */
const struct peer_config *listener_owner(const struct settings *settings, const struct identity *id);

#endif
