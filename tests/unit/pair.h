/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pair - two sessions joined by a wire: LEFT asks, RIGHT answers as the test says; both keep a record of what their program was told. */
#ifndef TESTS_PAIR_H
#define TESTS_PAIR_H

#include "link/session.h"
#include "wire.h"

#define DEFERRED_MAX 300

/* What one side's program was told, and how it behaves. */
struct side {
	struct session *s;                   /* NULL once down */
	/* Requests of the peer. */
	struct response answer;
	struct buf body;                     /* the answer's payload, for requests and for render */
	bool defer, close_on_request;
	struct incoming *deferred[DEFERRED_MAX];
	unsigned n_deferred, requests, renders;
	char path[256];                      /* of the last request, joined by '/' */
	/* Answers to our requests. */
	unsigned events[4];                  /* by enum exchange_event */
	uint8_t code;
	bool dots_cbor, observe;
	struct buf got;
	bool cancel_in_callback, close_in_callback;
	/* The session. */
	unsigned downs, silences, unanswered;
	bool lost, orderly;
	char why[128];
};

struct pair {
	struct wire *w;
	struct side side[2];
};

extern const struct session_handler pair_handler;

void pair_open(struct pair *p, enum transport t);
void pair_close(struct pair *p);
/* LEFT sends it; the answer goes into side[LEFT]. path is split at '/'. */
struct exchange *pair_ask(struct pair *p, uint8_t method, const char *path, const char *payload, bool confirmable, int observe);
void pair_notify(struct pair *p);            /* RIGHT's observers, all of them */
void pair_body(struct pair *p, size_t len, char fill);

#endif
