/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tls - the one door to GnuTLS: credentials, policy (RFC 9132, 7.1), identities, tickets. */
#ifndef LINK_TLS_H
#define LINK_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "link/channel.h"

#define TLS_PSK_MAX 64
#define TLS_PSK_LATER (-2)

/* Strings are copied. Files are read by tls_bundle_new. */
struct tls_config {
	bool server;                         /* we are the (D)TLS server, that is: we listen */
	/* PSK. Client: identity and key. Server: the look-up, which gives the key and the owner's name; -1 = unknown identity; TLS_PSK_LATER = our own trouble,
	   which is not held against the peer. */
	const char *psk_identity;
	const uint8_t *psk_key;
	size_t psk_key_len;
	int (*psk_lookup)(void *arg, const char *identity, uint8_t key[TLS_PSK_MAX], size_t *key_len, char owner[254]);
	/* Certificates: own chain and key, and whom we trust. PEM. */
	const char *certificate_file, *key_file, *ca_file, *crl_file;
	const char *service_name;            /* client: "_dots-call-home.isp.example", which an SRV-ID may carry instead (RFC 4985; RFC 6125, 6.5) */
	const char *server_name;             /* client: reference identifier (DNS-ID, RFC 6125; no wildcards) and SNI */
	const char *const *other_names;      /* client: further reference identifiers; the one that matched is the peer's identity.name */
	size_t n_other_names;
	/* Server: whose certificate or raw key is this? Called after the chain has been verified; fills id->owner; -1 = nobody's. Client with raw keys: pins. */
	int (*peer_lookup)(void *arg, struct identity *id);
	void *arg;
	const char *ticket_key_file;         /* server: keeps resumption across restarts; NULL = a fresh key per process */
	const char *priority;                /* GnuTLS priority string instead of the built-in policy; refused if it allows < 1.2 */
};

/* An immutable, reference-counted bundle of credentials and policy, shared by all sessions made from it. */
struct tls_bundle;
struct tls_bundle *tls_bundle_new(const struct tls_config *config, struct reason *why);   /* NULL with *why naming the file or option */
struct tls_bundle *tls_bundle_ref(struct tls_bundle *b);
void tls_bundle_unref(struct tls_bundle *b);   /* NULL allowed */
/* SHA-256 of our own SubjectPublicKeyInfo (for the cuid); false when the bundle has no certificate. */
bool tls_bundle_spki(const struct tls_bundle *b, uint8_t sha256[32]);

void tls_sha256(const void *data, size_t len, uint8_t out[32]);
void tls_random(void *out, size_t len);

#endif
