/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tls_internal - what the tls_*.c files share; the only header with GnuTLS types, and nobody else's business. */
#ifndef LINK_TLS_INTERNAL_H
#define LINK_TLS_INTERNAL_H

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/dtls.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "base/reason.h"
#include "link/tls_session.h"

struct tls_bundle {
	unsigned refs;
	bool server, psk, own_raw, take_x509, take_raw;   /* raw public keys (RFC 7250): our own credential; what we accept */
	char *psk_identity, *server_name, *service_name;
	char **other_names;                               /* besides server_name; owned */
	size_t n_other_names;
	int (*psk_lookup)(void *arg, const char *identity, uint8_t key[TLS_PSK_MAX], size_t *key_len, char owner[254]);
	int (*peer_lookup)(void *arg, struct identity *id);
	void *arg;
	gnutls_psk_client_credentials_t psk_client;
	gnutls_psk_server_credentials_t psk_server;
	gnutls_certificate_credentials_t certificates;
	gnutls_x509_crl_t *crls;                          /* for resumed sessions, which pass no chain verification */
	unsigned n_crls;
	gnutls_priority_t priority[2];                    /* by enum transport */
	gnutls_datum_t ticket_key;
	uint8_t spki[32];
	bool have_spki;
};

/* Lives while the handshake lasts. */
struct tls_notes {
	struct identity peer;
	bool known, judged;                               /* the look-up named an owner; it has been asked */
	bool ours;                                        /* it failed because of us */
	bool heard;                                       /* anything at all came from the peer */
	bool epoch1;                                      /* an encrypted record is in what has just been pulled */
	unsigned undecryptable;
	int alert;                                        /* the one to send instead of the library's choice, -1 */
	char why[TLS_WHY_MAX];
};

struct tls_session {
	gnutls_session_t g;
	struct tls_bundle *bundle;
	struct tls_ticket *ticket;
	const struct tls_io *io;
	void *arg;
	struct tls_notes *notes;
	enum transport transport;
	bool dry;                                         /* pull has said that there is nothing */
	bool tickets_only, unproven;
	bool fresh, ticketed;                             /* client: a ticket has just come; one came after the handshake */
	int alert;
	int error;                                        /* errno of the transport */
};

/* tls_policy.c */
int tls_policy_make(struct tls_bundle *b, const char *priority, struct reason *why);

/* tls_peer.c: who is it, and do we take him? */
int tls_peer_psk(gnutls_session_t g, const gnutls_datum_t *username, gnutls_datum_t *key);
int tls_peer_verify(gnutls_session_t g);
/* Reads the identity out of the session (a resumed one, or a client's); asks the look-ups. 0, or -1 with notes->why and notes->alert. */
int tls_peer_resumed(struct tls_session *s);

/* tls_words.c */
void tls_words_handshake(const struct tls_session *s, int error, char why[TLS_WHY_MAX]);
void tls_words_session(const struct tls_session *s, int error, char why[TLS_WHY_MAX]);

/* tls_ticket.c */
void tls_ticket_keep(struct tls_session *s);          /* a client's session data, if there is any */
void tls_ticket_use(struct tls_session *s);
int tls_ticket_key_load(gnutls_datum_t *key, const char *path, struct reason *why);

#endif
