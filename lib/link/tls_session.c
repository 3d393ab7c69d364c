/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "link/tls_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link/tls_internal.h"

#define DTLS_MTU (1280 - 40 - 8)         /* the least an IPv6 path carries, without IPv6 and UDP headers (RFC 9132, 7.3) */
#define DTLS_RETRANSMIT_MS 1000          /* RFC 6347, 4.2.4.1 */
#define DTLS_TOTAL_MS 0x7fffffff         /* the library's runs by the wall clock, which a router sets while it calls; ours does not */
#define HANDSHAKE_MESSAGE_MAX 32768      /* a long chain of RSA certificates; the library would take 128 kB */
#define TICKET_LIFETIME_S 86400
#define WRONG_KEY_FLIGHTS 3              /* a client's flights that cannot be decrypted: one or two may be loss */
#define ROUNDS_MAX 512                   /* records of one datagram; guards against a call that never asks for more */

static void broken(struct tls_session *s, int error)
{
	if (error != EAGAIN)
		s->error = error;
	gnutls_transport_set_errno(s->g, error);
}

static ssize_t pull(gnutls_transport_ptr_t arg, void *data, size_t cap)
{
	struct tls_session *s = arg;
	ssize_t n = s->io->pull(s->arg, data, cap);
	if (n < 0) {
		s->dry = true;
		broken(s, errno);
		return -1;
	}
	if (!s->notes || !n)
		return n;
	s->notes->heard = true;
	const uint8_t *d = data;
	if (s->transport == TRANSPORT_UDP)
		for (size_t at = 0; at + 13 <= (size_t)n; at += 13 + ((size_t)d[at + 11] << 8 | d[at + 12]))
			if (d[at + 3] || d[at + 4])
				s->notes->epoch1 = true;
	return n;
}

static ssize_t push(gnutls_transport_ptr_t arg, const void *data, size_t len)
{
	struct tls_session *s = arg;
	ssize_t n = s->io->push(s->arg, data, len);
	if (n < 0)
		broken(s, errno);
	return n;
}

static int pull_timeout(gnutls_transport_ptr_t arg, unsigned ms)
{
	struct tls_session *s = arg;
	(void)ms;
	if (!s->io->waiting || s->io->waiting(s->arg))
		return 1;
	s->dry = true;
	return 0;
}

/* A resumed session, where the library first tells whose it is and before the client takes it for established: a ticket whose owner has been removed
   ends here, and the client comes back with a full handshake. */
static int around_finished(struct tls_session *s, unsigned when, unsigned incoming)
{
	gnutls_session_t g = s->g;
	bool here = gnutls_protocol_get_version(g) == GNUTLS_TLS1_3 ? incoming && when == GNUTLS_HOOK_POST : !incoming && when == GNUTLS_HOOK_PRE;
	if (!here || !s->notes || s->notes->judged || !gnutls_session_is_resumed(g))
		return 0;
	return tls_peer_resumed(s) < 0 ? GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR : 0;
}

static int no_resumption(struct tls_session *s)
{
	if (!s->tickets_only || gnutls_session_is_resumed(s->g))
		return 0;
	snprintf(s->notes->why, sizeof s->notes->why, "too many handshakes from its address have failed");
	s->notes->alert = TLS_ALERT_HELD;
	return GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR;
}

static int server_hook(gnutls_session_t g, unsigned type, unsigned when, unsigned incoming, const gnutls_datum_t *msg)
{
	(void)msg;
	struct tls_session *s = gnutls_session_get_ptr(g);
	if (type == GNUTLS_HANDSHAKE_FINISHED)
		return around_finished(s, when, incoming);
	return type == GNUTLS_HANDSHAKE_CLIENT_HELLO && when == GNUTLS_HOOK_POST && incoming ? no_resumption(s) : 0;
}

static int after_ticket(gnutls_session_t g, unsigned type, unsigned when, unsigned incoming, const gnutls_datum_t *msg)
{
	(void)type, (void)when, (void)msg;
	struct tls_session *s = gnutls_session_get_ptr(g);
	s->fresh |= incoming != 0;
	return 0;
}

static int set_up(struct tls_session *s)
{
	struct tls_bundle *b = s->bundle;
	static const gnutls_datum_t coap = { (unsigned char *)(uintptr_t)"coap", 4 };
	int ret = gnutls_priority_set(s->g, b->priority[s->transport]);
	if (ret >= 0 && b->psk)
		ret = b->server ? gnutls_credentials_set(s->g, GNUTLS_CRD_PSK, b->psk_server) : gnutls_credentials_set(s->g, GNUTLS_CRD_PSK, b->psk_client);
	if (ret >= 0 && b->certificates)
		ret = gnutls_credentials_set(s->g, GNUTLS_CRD_CERTIFICATE, b->certificates);
	if (ret >= 0 && b->server) {
		gnutls_certificate_server_set_request(s->g, GNUTLS_CERT_REQUIRE);
		/* A client that does not find its authority in our list would send nothing, and nobody would know why. */
		gnutls_certificate_send_x509_rdn_sequence(s->g, 1);
		gnutls_db_set_cache_expiration(s->g, TICKET_LIFETIME_S);
		gnutls_handshake_set_hook_function(s->g, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_BOTH, server_hook);
		ret = gnutls_session_ticket_enable_server(s->g, &b->ticket_key);
	}
	if (!b->server)
		gnutls_handshake_set_hook_function(s->g, GNUTLS_HANDSHAKE_NEW_SESSION_TICKET, GNUTLS_HOOK_POST, after_ticket);
	if (ret >= 0 && !b->server && b->server_name)
		ret = gnutls_server_name_set(s->g, GNUTLS_NAME_DNS, b->server_name, strlen(b->server_name));
	if (ret >= 0 && s->transport == TRANSPORT_TCP)
		ret = gnutls_alpn_set_protocols(s->g, &coap, 1, 0);
	if (s->transport == TRANSPORT_UDP) {
		gnutls_dtls_set_mtu(s->g, DTLS_MTU);
		gnutls_dtls_set_timeouts(s->g, DTLS_RETRANSMIT_MS, DTLS_TOTAL_MS);
	}
	gnutls_handshake_set_max_packet_length(s->g, HANDSHAKE_MESSAGE_MAX);
	gnutls_transport_set_ptr(s->g, s);
	gnutls_transport_set_push_function(s->g, push);
	gnutls_transport_set_pull_function(s->g, pull);
	gnutls_transport_set_pull_timeout_function(s->g, pull_timeout);
	return ret;
}

struct tls_session *tls_session_new(struct tls_bundle *b, enum transport t, struct tls_ticket *ticket, const struct tls_io *io, void *arg)
{
	struct tls_session *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->bundle = tls_bundle_ref(b);
	s->ticket = ticket ? tls_ticket_ref(ticket) : NULL;
	s->io = io;
	s->arg = arg;
	s->transport = t;
	s->alert = -1;
	s->notes = calloc(1, sizeof *s->notes);
	unsigned flags = (b->server ? GNUTLS_SERVER : GNUTLS_CLIENT) | GNUTLS_NONBLOCK | (t == TRANSPORT_UDP ? GNUTLS_DATAGRAM : 0u);
	if (b->own_raw || b->take_raw)
		flags |= GNUTLS_ENABLE_RAWPK;
	if (!s->notes || gnutls_init(&s->g, flags) < 0) {
		s->g = NULL;
		tls_session_free(s);
		return NULL;
	}
	s->notes->alert = -1;
	gnutls_session_set_ptr(s->g, s);
	if (set_up(s) < 0) {
		tls_session_free(s);
		return NULL;
	}
	tls_ticket_use(s);
	return s;
}

void tls_session_free(struct tls_session *s)
{
	if (!s)
		return;
	if (s->g)
		gnutls_deinit(s->g);
	tls_ticket_unref(s->ticket);
	tls_bundle_unref(s->bundle);
	free(s->notes);
	free(s);
}

/* Our own troubles and a connection that breaks are nobody's fault; and a ticket was valid, even if its owner is gone. */
static bool blames_peer(const struct tls_session *s, int error)
{
	if (s->notes->ours)
		return false;
	switch (error) {
	case GNUTLS_E_PREMATURE_TERMINATION:
	case GNUTLS_E_PULL_ERROR:
	case GNUTLS_E_PUSH_ERROR:
	case GNUTLS_E_MEMORY_ERROR:
	case GNUTLS_E_INTERNAL_ERROR:
	case GNUTLS_E_RANDOM_FAILED:
		return false;
	default:
		return !s->tickets_only && !gnutls_session_is_resumed(s->g);
	}
}

/* Sends the alert that fits: ours where we know better, else the library's choice. */
static enum tls_status fail(struct tls_session *s, int error, char why[TLS_WHY_MAX])
{
	tls_words_handshake(s, error, why);
	s->unproven = blames_peer(s, error);
	if (error == GNUTLS_E_FATAL_ALERT_RECEIVED) {
		s->alert = (int)gnutls_alert_get(s->g);
		return TLS_FAILED;
	}
	int level;
	s->alert = s->notes->alert >= 0 ? s->notes->alert : gnutls_error_to_alert(error, &level);
	if (s->transport == TRANSPORT_UDP && s->bundle->server && gnutls_session_is_resumed(s->g)) {
		/* The library would encrypt it with keys that the client has not got yet. */
		uint8_t plain[15];
		push(s, plain, tls_plain_alert(s->alert, 255, plain));
	} else if (error != GNUTLS_E_PREMATURE_TERMINATION && error != GNUTLS_E_PUSH_ERROR && error != GNUTLS_E_PULL_ERROR)
		gnutls_alert_send(s->g, GNUTLS_AL_FATAL, (gnutls_alert_description_t)s->alert);
	return TLS_FAILED;
}

static bool alpn_ok(struct tls_session *s)
{
	gnutls_datum_t chosen;
	/* A client that offers nothing is let in; one that was not answered leaves (RFC 8323, 8.2). */
	return s->transport == TRANSPORT_UDP || s->bundle->server || gnutls_alpn_get_selected_protocol(s->g, &chosen) == 0;
}

static enum tls_status finish(struct tls_session *s, char why[TLS_WHY_MAX])
{
	if (!alpn_ok(s))
		return fail(s, GNUTLS_E_NO_APPLICATION_PROTOCOL, why);
	/* A client that used its PSK, or a resumption that the hook did not see. */
	if (!s->notes->judged && tls_peer_resumed(s) < 0)
		return fail(s, GNUTLS_E_CERTIFICATE_ERROR, why);
	if (!s->notes->known || s->notes->peer.kind == IDENTITY_NONE) {
		snprintf(s->notes->why, sizeof s->notes->why, "the peer did not authenticate");
		return fail(s, GNUTLS_E_CERTIFICATE_ERROR, why);
	}
	if (s->fresh)
		tls_ticket_keep(s);
	s->ticketed = s->fresh = false;
	return TLS_DONE;
}

/* With a wrong PSK over DTLS the client's Finished is noise, which is dropped without a word: nobody would ever say what is wrong. */
static bool wrong_key(struct tls_session *s)
{
	struct tls_notes *n = s->notes;
	if (s->bundle->server && s->transport == TRANSPORT_UDP && n->epoch1 && n->known && n->peer.kind == IDENTITY_PSK && !gnutls_session_is_resumed(s->g))
		n->undecryptable++;
	n->epoch1 = false;
	return n->undecryptable >= WRONG_KEY_FLIGHTS;
}

enum tls_status tls_session_handshake(struct tls_session *s, char why[TLS_WHY_MAX])
{
	int ret, rounds = 0;
	/* AGAIN does not mean that the datagram is used up: only pull knows. */
	do {
		s->dry = false;
		ret = gnutls_handshake(s->g);
	} while (ret < 0 && !gnutls_error_is_fatal(ret) && !s->dry && ++rounds < ROUNDS_MAX);
	if (ret == 0)
		return finish(s, why);
	if (gnutls_error_is_fatal(ret)) {
		/* TLS 1.3: the binder did not fit, that is the key. */
		if (ret == GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER && s->bundle->server && s->notes->known && s->notes->peer.kind == IDENTITY_PSK) {
			s->notes->alert = GNUTLS_A_DECRYPT_ERROR;
			ret = GNUTLS_E_DECRYPTION_FAILED;
		}
		return fail(s, ret, why);
	}
	if (wrong_key(s)) {
		s->notes->alert = GNUTLS_A_DECRYPT_ERROR;
		return fail(s, GNUTLS_E_DECRYPTION_FAILED, why);
	}
	return TLS_AGAIN;
}

int tls_session_timeout(struct tls_session *s)
{
	/* 0 right after a handshake call: there is no flight to send again, only something to wait for. */
	unsigned ms = gnutls_dtls_get_timeout(s->g);
	return ms ? (int)ms : DTLS_RETRANSMIT_MS;
}

void tls_session_gave_up(struct tls_session *s, int error, char why[TLS_WHY_MAX])
{
	const struct tls_notes *n = s->notes;
	const char *transport = s->transport == TRANSPORT_UDP ? "UDP" : "TCP";
	if (error == ECONNREFUSED)
		snprintf(why, TLS_WHY_MAX, "connection refused: nobody listens on that %s port", transport);
	else if (error)
		snprintf(why, TLS_WHY_MAX, "%s", strerror(error));
	else if (!n->heard)
		snprintf(why, TLS_WHY_MAX, "no answer");
	else if (n->undecryptable)
		snprintf(why, TLS_WHY_MAX, "the handshake did not end: wrong key for the PSK identity \"%s\", or heavy loss", n->peer.name);
	else
		snprintf(why, TLS_WHY_MAX, "the handshake did not end: the peer fell silent");
}

const char *tls_session_claimed(const struct tls_session *s)
{
	return s->notes ? s->notes->peer.name : "";
}

void tls_session_tickets_only(struct tls_session *s)
{
	s->tickets_only = true;
}

bool tls_session_unproven(const struct tls_session *s)
{
	return s->unproven;
}

int tls_session_alert(const struct tls_session *s)
{
	return s->alert;
}

void tls_session_settle(struct tls_session *s, struct identity *peer, bool *resumed)
{
	*peer = s->notes->peer;
	*resumed = gnutls_session_is_resumed(s->g);
	free(s->notes);
	s->notes = NULL;
}

bool tls_session_unconfirmed(const struct tls_session *s)
{
	return !s->bundle->server && gnutls_protocol_get_version(s->g) == GNUTLS_TLS1_3;
}

size_t tls_session_recv(struct tls_session *s, void *data, size_t cap, enum tls_status *status, char why[TLS_WHY_MAX])
{
	for (int rounds = 0; rounds < ROUNDS_MAX; rounds++) {
		s->dry = false;
		ssize_t n = gnutls_record_recv(s->g, data, cap);
		if (n > 0)
			return (size_t)n;
		if (n == 0) {
			*status = TLS_CLOSED;
			return 0;
		}
		if (n == GNUTLS_E_REHANDSHAKE) {
			gnutls_alert_send(s->g, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION);
		} else if (gnutls_error_is_fatal((int)n)) {
			if (n == GNUTLS_E_FATAL_ALERT_RECEIVED)
				s->alert = (int)gnutls_alert_get(s->g);
			tls_words_session(s, (int)n, why);
			*status = TLS_FAILED;
			return 0;
		}
		if (s->fresh) {
			tls_ticket_keep(s);
			s->ticketed = true;
			s->fresh = false;
		}
		if (s->dry)
			break;
	}
	*status = TLS_AGAIN;
	return 0;
}

bool tls_session_pending(const struct tls_session *s)
{
	return gnutls_record_check_pending(s->g);
}

bool tls_session_heard_ticket(const struct tls_session *s)
{
	return s->ticketed;
}

bool tls_session_send(struct tls_session *s, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t done = 0;
	/* A message longer than a record takes several, over TCP; push never asks to wait. */
	while (done < len) {
		ssize_t n = gnutls_record_send(s->g, p + done, len - done);
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

size_t tls_session_max(struct tls_session *s)
{
	return gnutls_dtls_get_data_mtu(s->g);
}

void tls_session_bye(struct tls_session *s)
{
	gnutls_bye(s->g, GNUTLS_SHUT_WR);
}
