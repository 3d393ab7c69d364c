/* SPDX-License-Identifier: GPL-3.0-or-later */
/* serverd_peer - a provider inside the test: it listens, a real dotsch-serverd process calls home, and requests go over the real link. */
#ifndef TESTS_SERVERD_PEER_H
#define TESTS_SERVERD_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/line.h"
#include "dots/body.h"
#include "link/listen.h"
#include "link/session.h"

#define PEER_CUID "JsS3O6jh2HfM8ypzxXQUQQ"
#define PEER_LINES 4096
#define PEER_WAIT_MS 20000

struct serverd_peer {
	struct loop *loop;
	struct listen *listen;
	struct tls_bundle *bundle;
	struct session *session;
	const struct channel_ops *raw;       /* no session is made: the channel is whoever set it's, with raw_arg */
	void *raw_arg;
	struct channel *channel;
	unsigned sessions, downs;            /* how often one came and went */
	bool orderly;
	bool udp, tcp;
	uint16_t port;
	char dir[64], conf[100], state[100], socket[100];
	const char *notify;                  /* --notify */
	unsigned long file_limit;            /* bytes a file of serverd's may have; 0 = no limit: a full disk */
	/* The process: its stdin and stdout. */
	pid_t pid;
	int in, out;
	struct line_in *reader;
	struct line_out *writer;
	char *lines[PEER_LINES];             /* what it wrote, each kept */
	size_t n_lines, next_line;
	/* The last answer, and the notifications. */
	bool answered;
	uint8_t code;
	int64_t max_age;
	struct buf payload;
	struct exchange *observation;
	unsigned notifications;
	uint8_t notified_code;
	struct buf notified;
};

/* Listens on loopback. extra: more lines of the provider's section. */
void peer_open(struct serverd_peer *p, bool udp, bool tcp, const char *extra);
void peer_close(struct serverd_peer *p);
/* Starts dotsch-serverd with up to one --exec, and waits for its session. */
void peer_start(struct serverd_peer *p, const char *pipeline);
/* Another configuration, and SIGHUP. */
void peer_reload(struct serverd_peer *p, const char *name, const char *identity, const char *scope, const char *extra);
/* Ends it by a signal. Returns the wait status. */
int peer_stop(struct serverd_peer *p, int signal);
void peer_step(struct serverd_peer *p);
/* Runs until *counter >= n; fails the test when it does not come. */
void peer_until(struct serverd_peer *p, const unsigned *counter, unsigned n);

/* A request and its answer; 0 when none came (the session went). path: "mitigate/cuid=…/mid=7". body may be NULL. */
uint8_t peer_request(struct serverd_peer *p, uint8_t method, const char *path, const struct body *body);
uint8_t peer_put(struct serverd_peer *p, unsigned mid, const char *target, const char *source, int64_t lifetime);
/* Starts observing; the first answer counts as a notification. */
void peer_observe(struct serverd_peer *p, const char *path);
/* The scope entry of a body; the caller frees *out. */
void peer_body(const struct buf *payload, struct body *out);

/* The next line of serverd whose type is this one (others are passed over); fails the test when none comes. */
const char *peer_line(struct serverd_peer *p, const char *type);
void peer_say(struct serverd_peer *p, const char *line);

#endif
