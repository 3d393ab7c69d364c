/* SPDX-License-Identifier: GPL-3.0-or-later */
/* server - what joins the parts: the peers' requests go in, lines go out when the answer is safe, lines come in, time passes. */
#ifndef SERVERD_SERVER_H
#define SERVERD_SERVER_H

#include "base/loop.h"
#include "core.h"
#include "link/session.h"

struct server;
struct peer;
struct store;

/* What the command line says; each may be NULL. */
struct server_options {
	const char *pipeline;                /* --exec; without it stdin and stdout are the ring */
	const char *socket;                  /* -s */
	const char *notify;                  /* --notify */
};

/* NULL with *why. */
struct server *server_new(struct loop *l, const struct settings *settings, const struct server_options *options, struct reason *why);
/* Says good-bye to the peers and gives the ring timeout_ms to take what is pending. NULL allowed. */
void server_free(struct server *s, int timeout_ms);

/* What settings_load has not read: certificates, private keys, revocations. 0, or -1 with *why. Writes nothing. */
int server_check(const struct settings *settings, struct reason *why);
/* Goes on with other settings, as far as they can be followed while running; whoever called frees the old ones. -1 with *why: the old ones stay. */
int server_reload(struct server *s, const struct settings *settings, struct reason *why);

struct loop *server_loop(const struct server *s);
struct core *server_core(struct server *s);
struct moment server_moment(const struct server *s);
struct store *server_store(const struct server *s);                   /* NULL: nothing is kept */
size_t server_peers(const struct server *s);
struct peer *server_peer(const struct server *s, const char *name);   /* NULL: not configured */
json_t *server_session(const struct server *s, size_t peer);      /* how the link to it stands; new reference */

/* Makes the outcome come true: its lines go out, observers are told, the request is answered. Takes over *o's contents; in may be NULL. */
void server_submit(struct server *s, struct outcome *o, struct incoming *in);
/* A session or error line for the user: to stdout, and to who is attached. Takes the reference. */
void server_say(struct server *s, json_t *line);
/* The signal channel to a client of ours is lost, or there again: what it has prepared for that case is fired (RFC 9132, 4.4.1). */
void server_signal(struct server *s, const struct peer_config *peer, const char *credential, enum presence presence);
/* An address that no request may have blocked without asking. */
void server_guard(struct server *s, const struct sockaddr_storage *remote);

#endif
