/* SPDX-License-Identifier: GPL-3.0-or-later */
/* session_private - what session, exchange, observe, heartbeat and block share; for lib/link alone. */
#ifndef LINK_SESSION_PRIVATE_H
#define LINK_SESSION_PRIVATE_H

#include "base/limits.h"
#include "link/session.h"

/* RFC 7252, 4.8 with the defaults of RFC 9132, 4.5.2. */
#define ACK_TIMEOUT_MS 2000
#define ACK_RANDOM_PERCENT 150
#define MAX_RETRANSMIT 3
/* With the peer's parameters unknown: those of RFC 7252, 4.8.2. */
#define EXCHANGE_LIFETIME_MS 247000
#define NON_LIFETIME_MS 145000
#define NON_TIMEOUT_S 93
/* A CON that the resource does not answer at once is acknowledged after this: an answer within it rides on the ACK. */
#define ACK_DELAY_MS 100
/* RFC 8323, 5.3.1: until the peer's CSM says more. */
#define TCP_BASE_MESSAGE 1152
#define CSM_WAIT_MS 30000

/* The peer's Message IDs, so that what comes twice is handled once (RFC 7252, 4.5). */
enum seen_state {
	SEEN_NON,
	SEEN_PENDING,                        /* a CON that has got no ACK yet */
	SEEN_ACKED,                          /* … an Empty one */
	SEEN_ANSWERED,                       /* … the one in `answer` */
	SEEN_RESET,                          /* … a RST */
};
struct seen {
	int64_t at;
	uint8_t *answer;
	uint16_t answer_len, id;
	uint8_t state;
};
struct seen_ring {
	unsigned n, next, cap;
	struct seen entry[];
};

/* A request of the peer that waits for its answer. `in` comes first: incoming_respond gets at the rest through in->impl. */
struct pending {
	struct incoming in;
	struct pending *next, **link;
	struct loop_timer ack;               /* a CON's Empty ACK */
	bool acked;
	uint8_t payload[];
};

/* A CON answer of ours that has not been acknowledged. */
struct separate {
	struct session *session;
	struct separate *next, **link;
	struct loop_timer timer;
	int64_t timeout;
	unsigned sends;
	uint16_t id;
	size_t len;
	uint8_t data[];
};

enum exchange_state {
	EXCHANGE_WAITING,                    /* for its turn to be sent */
	EXCHANGE_SENT,
	EXCHANGE_ANSWERED,                   /* notifications, or further blocks, follow */
};

struct exchange {
	struct session *session;
	struct exchange *next, **link;
	exchange_fn *fn;                     /* NULL: nobody wants to know any more */
	void *arg;
	struct exchange *parent;             /* this one fetches a block of the parent's answer */
	struct assembly *assembly;           /* the answer that is being put together, and its fetching exchange */
	struct loop_timer timer;             /* the next repeat, or the end */
	uint8_t *data;                       /* the request as built, to send it again */
	size_t len;
	int64_t deadline;                    /* 0 before the first sending */
	int64_t interval;                    /* ms to the next repeat */
	int64_t seq_at;
	uint32_t seq;                        /* of the newest notification */
	unsigned timeout_s, sends, busy;
	uint16_t ids[6];                     /* Message IDs of the last sendings, for RST and ACK */
	uint8_t token[8], token_len, state, method;
	bool confirmable, acked;
	bool observe, established;           /* asked for; told of */
	bool leaving;                        /* an observation under deregistration */
	bool gone;                           /* out of the list; freed when not busy */
};

struct heartbeat {
	struct heartbeat_config config;
	struct loop_timer timer;
	int64_t started, due, sent, peer_seen;
	uint8_t token[8];
	uint16_t id;
	bool pending;
	unsigned unanswered;
};

struct observers;
struct kept_store;

struct session {
	struct loop *loop;
	struct channel *channel;             /* NULL once it is closed */
	const struct session_handler *handler;
	void *arg, *data;
	uint8_t role, transport;
	bool over, csm_seen;
	bool non_clear;                      /* an answer came since the last NON request was sent: one datagram per round trip */
	bool peer_hb_status;
	uint16_t next_id;
	struct transmission_config transmission;
	unsigned busy;                       /* frames on the stack that still need it */
	size_t max_message;                  /* the peer takes messages up to this */
	int64_t non_sent;
	struct exchange *exchanges;
	unsigned n_exchanges, n_pending, n_separate;
	struct pending *pending;
	struct separate *separate;
	struct seen_ring *seen;              /* these three only when needed */
	struct observers *observers;
	struct kept_store *kept;
	struct loop_timer pace;              /* the next NON request's turn; over TCP before the CSM: the end of patience */
	struct heartbeat hb;
	int64_t last_rx, last_tx;
	uint64_t rx, tx;
};

/* session.c. Around every callback of the program: it may end the session, whose memory then stays until the last release. */
void session_hold(struct session *s);
void session_release(struct session *s);
bool session_send(struct session *s, const uint8_t *data, size_t len);
void session_send_empty(struct session *s, enum message_type type, uint16_t id);
void session_ack(struct session *s, const struct message *m);      /* a CON response that somebody waits for */
/* It is over: tells the exchanges and the program. */
void session_down(struct session *s, const char *why, bool orderly, bool lost);
uint16_t session_next_id(struct session *s);
uint64_t session_random(void);
int64_t session_ack_timeout(const struct session *s);    /* the first one of a CON, ms */
static inline bool code_is_success(uint8_t code)
{
	return code >> 5 == 2;
}

/* session_incoming.c */
void incoming_message(struct session *s, const struct message *m);                       /* a request */
void incoming_refused(struct session *s, const struct message *m, const struct reason *why);   /* a request that message_parse refused */
bool incoming_seen(struct session *s, const struct message *m);    /* true: it came before, and has got its ACK or answer again */
void incoming_mark(struct session *s, uint16_t id, enum seen_state state);
bool incoming_settled(struct session *s, uint16_t id);             /* ACK or RST of a separate answer; true if it was one */
/* Sends `answer` (code, options, payload) to `request` now; acked: the request's CON has had its ACK. */
void incoming_answer(struct session *s, const struct message *request, bool acked, struct message *answer);
void incoming_answer_text(struct session *s, const struct message *request, bool acked, uint8_t code, const char *text);
void incoming_forget_all(struct session *s);

/* exchange.c */
/* `m` holds everything but type, id and token; token_len 0 = a fresh token. */
struct exchange *exchange_start(struct session *s, struct message *m, bool confirmable, unsigned timeout_s, exchange_fn *fn, void *arg, struct reason *why);
bool exchange_response(struct session *s, const struct message *m);   /* false: nobody waits for it */
void exchange_ack(struct session *s, uint16_t id);
bool exchange_reset(struct session *s, uint16_t id);
void exchange_pace(struct session *s);                             /* sends what may be sent now */
void exchange_peer_limit(struct session *s);                       /* the peer has told its message size */
void exchange_deliver(struct exchange *x, const struct message *m, const uint8_t *payload, size_t payload_len);
void exchange_finish(struct exchange *x, enum exchange_event event, const struct response *r);
void exchange_drop(struct exchange *x);                            /* without a word */
void exchange_close_all(struct session *s);

/* observe.c */
/* An accepted GET with Observe 0: its sequence number, or -1 when there are too many. */
int64_t observe_register(struct session *s, const struct message *request);
void observe_forget(struct session *s, const uint8_t *token, size_t token_len);
bool observe_reset(struct session *s, uint16_t id);
void observe_free(struct session *s);

/* heartbeat.c */
bool heartbeat_request(struct session *s, const struct message *m);    /* true: it was one, and is answered */
bool heartbeat_response(struct session *s, const struct message *m);
bool heartbeat_reset(struct session *s, uint16_t id);
void heartbeat_init(struct session *s);
void heartbeat_stop(struct session *s);

/* block.c */
/* Cuts the answer to what the peer takes, and keeps the rest for the GETs that follow. False: it cannot be sent in blocks. */
bool block_slice(struct session *s, const struct message *request, struct message *answer);
/* A GET for a later block of a kept answer: fills *answer. */
bool block_kept(struct session *s, const struct message *request, struct message *answer);
void block_free(struct session *s);
void block_begin(struct exchange *x, const struct message *m);     /* the first block of an answer to x */
void block_next(struct exchange *fetch, const struct message *m);
void block_failed(struct exchange *fetch, enum exchange_event event);
void block_drop(struct exchange *x);                               /* what x was putting together */

#endif
