/* SPDX-License-Identifier: GPL-3.0-or-later */
/* session - one DOTS signal channel session as the programs see it: requests out, requests in, observations, heartbeats. Who dialled makes no
   difference here: a session has a DOTS role (RFC 9132, 4; RFC 9066, 4), and the channel below knows who called whom. */
#ifndef LINK_SESSION_H
#define LINK_SESSION_H

#include "base/loop.h"
#include "link/channel.h"
#include "link/message.h"

struct session;
struct exchange;     /* one request of ours, under way or observing */
struct incoming;     /* one request of the peer that has not been answered yet */

enum dots_role { ROLE_CLIENT, ROLE_SERVER };   /* client: sends mitigation requests */

/* A request to send. Pointers are needed during the call only. */
struct request {
	uint8_t method;
	bool confirmable;                    /* CON over UDP: config. mitigate, hb and redirect are NON (RFC 9132, 4.4 to 4.7) */
	const char *const *path;             /* Uri-Path segments */
	size_t n_path;
	const char *const *query;
	size_t n_query;
	int observe;                         /* -1, 0 register, 1 deregister (exchange_cancel does that by itself) */
	bool if_match_empty;
	const uint8_t *payload;              /* application/dots+cbor when payload_len > 0 */
	size_t payload_len;
	unsigned timeout_s;                  /* gives up after this; 0 = NON: 93 s, CON: MAX_TRANSMIT_WAIT */
};

/* What answers a request. */
struct response {
	uint8_t code;                        /* incoming side: 0 = no answer at all, the request is ignored silently (RFC 9132, 4.4.3) */
	bool dots_cbor;                      /* payload is application/dots+cbor; else diagnostic UTF-8 text without a Content-Format */
	int64_t max_age;                     /* -1 absent */
	bool observe;                        /* incoming side: accept the Observe registration. Outgoing side: this is a notification or its first answer */
	const uint8_t *payload;
	size_t payload_len;
};

enum exchange_event { EXCHANGE_RESPONSE, EXCHANGE_TIMEOUT, EXCHANGE_RESET, EXCHANGE_CLOSED };
/* RESPONSE: r is set; comes once, or for an observation each time, newest first by RFC 7641, 3.4. After anything but an observation's 2.xx the exchange is
   gone. Big answers come reassembled from their blocks. */
typedef void exchange_fn(void *arg, struct exchange *x, enum exchange_event event, const struct response *r);

/* The peer's request as the resources see it. Lives until answered. */
struct incoming {
	struct session *session;             /* NULL once the session is gone */
	struct message message;              /* path, query, payload … are valid until it is answered */
	void *impl;
};

struct session_handler {
	/* A request for anything but /hb (the session answers that itself). Must be answered once, now or later, with incoming_respond. */
	void (*request)(void *arg, struct session *s, struct incoming *in);
	/* The state of an observed resource, for a notification: the registered request again. Fills *out, whose payload goes into `payload`. A code that is not 2.xx ends it. */
	void (*render)(void *arg, struct session *s, const struct message *registered, struct response *out, struct buf *payload);
	/* The session is over; free what hangs on it. s is gone after the call. lost: by silence (CH-12), not by the channel's end. */
	void (*down)(void *arg, struct session *s, const char *why, bool orderly, bool lost);
	/* The peer fell silent (no answers to heartbeats), or answers again. NULL = not interested. unanswered counts heartbeats in a row. */
	void (*silent)(void *arg, struct session *s, unsigned unanswered);
};

/* Takes the channel over. Over TCP sends the CSM. NULL when out of memory (the channel is closed then). */
struct session *session_new(struct loop *l, struct channel *c, enum dots_role role, const struct session_handler *handler, void *arg);
/* Ends it: exchanges end with EXCHANGE_CLOSED, `down` is not called. NULL allowed. */
void session_close(struct session *s, bool notify);
const struct channel *session_channel(const struct session *s);
enum dots_role session_role(const struct session *s);
void *session_data(const struct session *s);             /* the program's own pointer */
void session_set_data(struct session *s, void *data);

/* NULL when out of memory, or when the request does not fit the peer (then *why, which may be NULL, says so). fn may be called only after the return. */
struct exchange *session_request(struct session *s, const struct request *r, exchange_fn *fn, void *arg, struct reason *why);
/* Forgets it; an observation is deregistered (GET with Observe 1). */
void exchange_cancel(struct exchange *x);

/* Answers and frees `in`, also when the session has gone meanwhile. Answers bigger than a datagram go in blocks (Block2, ETag). */
void incoming_respond(struct incoming *in, const struct response *r);
/* A diagnostic answer out of a reason. */
void incoming_refuse(struct incoming *in, const struct reason *why);

/* Notifies the observers whose registered request matches: at once if 3 s have passed since the last notification to that observer, else as soon as they have. */
void session_notify(struct session *s, bool (*match)(void *arg, const struct message *registered), void *arg);

struct heartbeat_config {
	unsigned interval_s;                 /* 0 = no heartbeats */
	unsigned missing_allowed;
	bool after_peer;                     /* also right after the peer's (CH-10) */
	bool early;                          /* over UDP the first one after 3 to 5 s: for who is behind a NAT (CH-09) */
	bool lose;                           /* nothing at all for missing_allowed * interval_s ends the session (CH-12); the Call Home client never does (CH-11a) */
};
/* Starts, or changes to, these values (idle and mitigating sets). */
void session_heartbeat(struct session *s, const struct heartbeat_config *config);

/* How a CON is repeated over UDP (RFC 7252, 4.8), as negotiated (RFC 9132, 4.5); before the call the defaults there: 2 s, 150 %, 3. Over TCP without effect. */
struct transmission_config {
	unsigned ack_timeout_ms;             /* 1 .. 30 s */
	unsigned random_percent;             /* 110 .. 400 */
	unsigned max_retransmit;             /* 2 .. 15 */
};
void session_transmission(struct session *s, const struct transmission_config *config);

struct session_stats {
	int64_t last_rx, last_tx;            /* loop_now() */
	uint64_t rx, tx;
	unsigned hb_unanswered;              /* heartbeats of ours in a row without an answer */
	bool peer_hb_status;                 /* what the peer last told of our heartbeats */
};
void session_stats(const struct session *s, struct session_stats *out);

#endif
