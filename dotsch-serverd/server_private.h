/* SPDX-License-Identifier: GPL-3.0-or-later */
/* server_private - what joins the parts, for server.c and reload.c alone. */
#ifndef SERVERD_SERVER_PRIVATE_H
#define SERVERD_SERVER_PRIVATE_H

#include "server.h"
#include "unsaved.h"

struct peer;

struct server {
	struct loop *loop;
	struct core core;
	struct peer **peers;
	size_t n_peers;
	struct line_in *in;                  /* stdin: the ring's end, or the owner's decisions */
	struct line_out *out;                /* stdout */
	struct pipeline *pipeline;           /* NULL: stdout is the ring */
	struct listener *listener;           /* NULL: nobody calls us */
	struct loop_timer due;
	struct store *store;                 /* NULL: nothing is kept */
	struct unsaved unsaved;
	struct control *control;             /* NULL: no socket */
	struct notify *notify;               /* NULL: the owner looks for himself */
	struct interfaces *interfaces;                 /* NULL: nobody's scope follows an interface */
};

/* After a change of settings: whom no request may have blocked unasked; who follows interfaces (-1 with *why); the scopes as they stand. */
void server_guard_configured(struct server *s, const struct settings *settings);
int server_open_scope(struct server *s, const struct settings *settings, struct reason *why);
void server_read_scopes(struct server *s);

#endif
