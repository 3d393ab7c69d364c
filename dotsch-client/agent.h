/* SPDX-License-Identifier: GPL-3.0-or-later */
/* agent - one running dotsch-client: the listener, its peers, its requests, its consoles. */
#ifndef CLIENT_AGENT_H
#define CLIENT_AGENT_H

#include "base/limits.h"
#include "base/loop.h"
#include "base/reason.h"
#include "config.h"
#include "console.h"
#include "link/listen.h"
#include "peers.h"
#include "state.h"

struct router;
struct requests;
struct inquiry;

struct agent {
	struct loop *loop;
	const char *config_path, *instance;  /* instance NULL = the only one */
	struct config config;
	struct peers *peers;
	struct keys *keys;                   /* NULL = all keys stand in the peers file */
	struct state *state;
	struct tls_bundle *bundle;
	struct listen *listen;
	struct requests *requests;
	struct router *routers;
	struct inquiry *inquiries;
	struct console *consoles;
	char cuid[CUID_MAX_BYTES + 1];
	bool closing;                        /* what is put away now is not over */
	unsigned sessions;                   /* routers connected */
	/* `refused` lines of this second, so that a flood of bad handshakes does not become a flood of lines. */
	int64_t refused_second;
	unsigned refused_told, refused_kept;
};

/* Configuration, peers, state and credentials, nothing bound yet. check: the state is not touched. 0, or -1 with *why; agent_close in both cases. */
/* instance: one listener process of several; the caller's to keep, valid by config_instance_ok. */
int agent_open_as(struct agent *a, struct loop *l, const char *config_path, const char *instance, bool check, struct reason *why);
int agent_open(struct agent *a, struct loop *l, const char *config_path, bool check, struct reason *why);
/* Binds the sockets, unless all peers are servers, and tells `listening`. */
int agent_listen(struct agent *a, struct reason *why);
/* The same once a peer that calls has come; nothing if they are bound already. 0, or -1 with *why. */
int agent_listen_late(struct agent *a, struct reason *why);
/* Reads configuration and peers again; sessions of unchanged peers stay. What is wrong is told, and the old ones stay in force. */
void agent_reload(struct agent *a);
/* close_notify to all, and everything freed. */
void agent_close(struct agent *a);
/* The console is gone: nothing may point to it. */
void agent_forget_console(struct agent *a, struct console *c);

#endif
