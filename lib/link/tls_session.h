/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tls_session - one (D)TLS state for dtls and stream: bytes go through two functions, results come with words. Private to lib/link. */
#ifndef LINK_TLS_SESSION_H
#define LINK_TLS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "link/tls.h"

#define TLS_WHY_MAX 400
#define TLS_ALERT_HELD 90                /* user_canceled: "for some reason unrelated to a protocol failure" (RFC 5246, 7.2.2) */

struct tls_session;

/* What resumes a session: one per destination, shared by the dialler and its sessions (a ticket may come late, RFC 8446, 4.6.1). */
struct tls_ticket;
struct tls_ticket *tls_ticket_new(void);                        /* empty; NULL when out of memory */
struct tls_ticket *tls_ticket_ref(struct tls_ticket *t);
void tls_ticket_unref(struct tls_ticket *t);                    /* NULL allowed */
void tls_ticket_forget(struct tls_ticket *t);
bool tls_ticket_present(const struct tls_ticket *t);

/* As send(2) and recv(2) on a non-blocking socket: -1 with errno, EAGAIN when there is nothing. Over UDP pull gives one datagram. */
struct tls_io {
	ssize_t (*push)(void *arg, const void *data, size_t len);
	ssize_t (*pull)(void *arg, void *data, size_t cap);
	bool (*waiting)(void *arg);                             /* UDP: pull has a datagram; decides on retransmissions */
};

enum tls_status { TLS_DONE, TLS_AGAIN, TLS_CLOSED, TLS_FAILED };

/* io must outlive it; ticket (client only, may be NULL) and bundle are referenced. NULL when out of memory. */
struct tls_session *tls_session_new(struct tls_bundle *b, enum transport t, struct tls_ticket *ticket, const struct tls_io *io, void *arg);
void tls_session_free(struct tls_session *s);                   /* sends nothing; NULL allowed */

/* Goes on until pull has nothing left. FAILED: the alert has been sent, and why says what is wrong. */
enum tls_status tls_session_handshake(struct tls_session *s, char why[TLS_WHY_MAX]);
int tls_session_timeout(struct tls_session *s);                 /* DTLS, after tls_session_handshake: milliseconds until it wants to be called again */
/* The deadline has passed: what was missing, in words. error: errno of an ICMP message, or 0. */
void tls_session_gave_up(struct tls_session *s, int error, char why[TLS_WHY_MAX]);
/* The identity that the peer claimed during a handshake, "" when none. Valid until tls_session_settle. */
const char *tls_session_claimed(const struct tls_session *s);
/* Server, before the handshake: whatever is no resumption by a valid ticket ends at the hello, before anything is computed. */
void tls_session_tickets_only(struct tls_session *s);
bool tls_session_unproven(const struct tls_session *s);         /* the handshake failed because the peer did not prove who it is, or would not believe us */
int tls_session_alert(const struct tls_session *s);             /* the fatal alert that we sent or got, -1 when none */
/* After DONE: tells the peer and whether it was resumed, and drops what only the handshake needed. */
void tls_session_settle(struct tls_session *s, struct identity *peer, bool *resumed);
/* Client, TLS 1.3: the handshake is done for us before the peer has judged us, so an alert may still follow. */
bool tls_session_unconfirmed(const struct tls_session *s);

/* One record. > 0: bytes; else 0 and *status: AGAIN (pull has nothing left), CLOSED (close_notify), FAILED (why). */
size_t tls_session_recv(struct tls_session *s, void *data, size_t cap, enum tls_status *status, char why[TLS_WHY_MAX]);
bool tls_session_pending(const struct tls_session *s);          /* bytes of a record are buffered: pull need not be asked */
bool tls_session_heard_ticket(const struct tls_session *s);     /* a ticket came since the handshake */
bool tls_session_send(struct tls_session *s, const void *data, size_t len);
size_t tls_session_max(struct tls_session *s);                  /* bytes of one DTLS record's payload on a path of 1280 */
void tls_session_bye(struct tls_session *s);                    /* close_notify */

/* The stateless cookie of RFC 6347, 4.2.1. Zero-initialise. */
struct tls_cookie {
	uint8_t key[2][16];                                     /* the current and the previous one */
	int64_t changed;
};
struct tls_prestate { unsigned record_seq, read_seq, write_seq; };

/* True: msg is a ClientHello with our cookie for this client; *out goes to tls_session_prestate. now: loop_now, for changing the key. */
bool tls_cookie_verify(struct tls_cookie *c, int64_t now, const void *client, size_t client_len, const void *msg, size_t len, struct tls_prestate *out);
/* Answers a ClientHello of which nothing is kept. */
void tls_cookie_send(struct tls_cookie *c, const void *client, size_t client_len, const void *msg, size_t len,
    ssize_t (*push)(void *arg, const void *data, size_t len), void *arg);
void tls_session_prestate(struct tls_session *s, const struct tls_prestate *p);

/* Looks at a datagram without a session: is it the first fragment of a ClientHello in epoch 0? random16: the first bytes of its random, a name for it. */
bool tls_is_client_hello(const uint8_t *data, size_t len, const uint8_t **random16);
/* Does that ClientHello offer a session ticket? True also when it goes on in another fragment, where only the library can look. */
bool tls_hello_has_ticket(const uint8_t *data, size_t len);
/* A fatal alert in plain text, as the first flight would carry it. Returns its length. */
size_t tls_plain_alert(int alert, uint8_t seq, uint8_t out[15]);

#endif
