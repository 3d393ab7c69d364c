/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/when.h"
#include "link/tls_internal.h"

/* Always -1: the handshake ends with this alert and these words. */
__attribute__((format(printf, 3, 4))) static int deny(struct tls_session *s, int alert, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(s->notes->why, sizeof s->notes->why, fmt, ap);
	va_end(ap);
	s->notes->alert = alert;
	return -1;
}

/* A name from outside that ends up in logs and look-ups: printable, whole, or not at all. */
static bool name_ok(const unsigned char *data, size_t len, size_t cap)
{
	if (!len || len >= cap)
		return false;
	for (size_t i = 0; i < len; i++)
		if (data[i] < 0x20 || data[i] == 0x7f)
			return false;
	return true;
}

static void copy_name(char *out, size_t cap, const unsigned char *data, size_t len)
{
	if (len >= cap)
		len = cap - 1;
	for (size_t i = 0; i < len; i++)
		out[i] = data[i] < 0x20 || data[i] == 0x7f ? '?' : (char)data[i];
	out[len] = '\0';
}

static int psk_look_up(struct tls_session *s, const unsigned char *name, size_t len, uint8_t key[TLS_PSK_MAX], size_t *key_len)
{
	struct tls_notes *n = s->notes;
	n->judged = true;
	n->peer.kind = IDENTITY_PSK;
	copy_name(n->peer.name, sizeof n->peer.name, name, len);
	*key_len = 0;
	int found = s->bundle->psk_lookup && name_ok(name, len, sizeof n->peer.name) ? s->bundle->psk_lookup(s->bundle->arg, n->peer.name, key, key_len, n->peer.owner) : -1;
	if (found == TLS_PSK_LATER) {
		n->ours = true;
		return deny(s, GNUTLS_A_INTERNAL_ERROR, "the key of the PSK identity \"%.200s\" cannot be had just now: our own trouble, which our log tells", n->peer.name);
	}
	if (found < 0 || !*key_len || *key_len > TLS_PSK_MAX)
		return deny(s, GNUTLS_A_UNKNOWN_PSK_IDENTITY, "unknown PSK identity \"%.200s\"", n->peer.name);
	n->known = true;
	return 0;
}

int tls_peer_psk(gnutls_session_t g, const gnutls_datum_t *username, gnutls_datum_t *key)
{
	struct tls_session *s = gnutls_session_get_ptr(g);
	uint8_t found[TLS_PSK_MAX];
	size_t len;
	if (!s->notes || psk_look_up(s, username->data, username->size, found, &len) < 0)
		return -1;
	key->data = gnutls_malloc(len);
	if (key->data) {
		memcpy(key->data, found, len);
		key->size = (unsigned)len;
	}
	explicit_bzero(found, sizeof found);
	return key->data ? 0 : -1;
}

static const char *day(time_t t, char out[WHEN_TEXT_MAX])
{
	when_format((int64_t)t * 1000, out);
	out[10] = '\0';
	return out;
}

/* The chain's verdict in words. The clock is named because a router without a battery is the usual cause. */
static int deny_chain(struct tls_session *s, gnutls_x509_crt_t crt, unsigned status)
{
	char date[WHEN_TEXT_MAX], now[WHEN_TEXT_MAX], issuer[128];
	size_t len = sizeof issuer;
	const char *who = s->bundle->server ? "the client's certificate" : "the server's certificate";
	if (status & GNUTLS_CERT_NOT_ACTIVATED)
		return deny(s, GNUTLS_A_CERTIFICATE_EXPIRED, "%s is valid only from %s on, and it is %s here: is this host's clock right?", who,
		    day(gnutls_x509_crt_get_activation_time(crt), date), day(time(NULL), now));
	if (status & GNUTLS_CERT_EXPIRED)
		return deny(s, GNUTLS_A_CERTIFICATE_EXPIRED, "%s expired on %s, and it is %s here: is this host's clock right?", who,
		    day(gnutls_x509_crt_get_expiration_time(crt), date), day(time(NULL), now));
	if (status & GNUTLS_CERT_REVOKED)
		return deny(s, GNUTLS_A_CERTIFICATE_REVOKED, "%s has been revoked", who);
	if (gnutls_x509_crt_get_issuer_dn(crt, issuer, &len) < 0)
		snprintf(issuer, sizeof issuer, "?");
	if (status & (GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA | GNUTLS_CERT_SIGNATURE_FAILURE | GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE))
		return deny(s, GNUTLS_A_UNKNOWN_CA, "%s comes from an authority that we do not trust: %s", who, issuer);
	if (status & GNUTLS_CERT_PURPOSE_MISMATCH)
		return deny(s, GNUTLS_A_UNSUPPORTED_CERTIFICATE, "%s is not made for a TLS %s (extended key usage)", who, s->bundle->server ? "client" : "server");
	if (status & (GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED | GNUTLS_CERT_REVOCATION_DATA_ISSUED_IN_FUTURE))
		return deny(s, GNUTLS_A_BAD_CERTIFICATE, "our revocation list (crl-file) is out of date, or this host's clock is wrong");
	gnutls_datum_t text = { 0 };
	gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0);
	deny(s, GNUTLS_A_BAD_CERTIFICATE, "%s was refused: %s", who, text.data ? (char *)text.data : "?");
	gnutls_free(text.data);
	return -1;
}

static bool expected(const struct tls_bundle *b, const char *name)
{
	if (strcasecmp(name, b->server_name) == 0)
		return true;
	for (size_t i = 0; i < b->n_other_names; i++)
		if (strcasecmp(name, b->other_names[i]) == 0)
			return true;
	return false;
}

/* DNS-ID, or SRV-ID where a service led here; letter by letter: no wildcards, no common name (RFC 6125, 6.4; RFC 9132, 7.1). The name that matched is the
   peer's. */
static int check_name(struct tls_session *s, gnutls_x509_crt_t crt)
{
	const char *service = s->bundle->service_name;
	char found[160] = "", name[256];
	for (unsigned i = 0;; i++) {
		size_t len = sizeof name;
		int type = gnutls_x509_crt_get_subject_alt_name(crt, i, name, &len, NULL);
		if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			break;
		if (type == GNUTLS_SAN_OTHERNAME_SRV && service && len == strlen(service) && strncasecmp(name, service, len) == 0) {
			copy_name(s->notes->peer.name, sizeof s->notes->peer.name, (const unsigned char *)service, len);
			return 0;
		}
		if (type != GNUTLS_SAN_DNSNAME || !name_ok((unsigned char *)name, len, sizeof name))
			continue;
		name[len] = '\0';
		if (strlen(name) == len && expected(s->bundle, name)) {
			copy_name(s->notes->peer.name, sizeof s->notes->peer.name, (unsigned char *)name, len);
			return 0;
		}
		size_t at = strlen(found);
		snprintf(found + at, sizeof found - at, "%s%.100s", at ? ", " : "", name);
	}
	return deny(s, GNUTLS_A_BAD_CERTIFICATE, "the server's certificate is not for \"%s\"%s: %s%s", s->bundle->server_name,
	    s->bundle->n_other_names ? " or another server-name" : "", *found ? "it names " : "it has no DNS name", found);
}

/* The first DNS name, or the common name, for people and look-ups. */
static void certificate_name(gnutls_x509_crt_t crt, char out[256])
{
	char name[256];
	size_t len;
	int type = 0;
	for (unsigned i = 0; type != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE; i++) {
		len = sizeof name;
		type = gnutls_x509_crt_get_subject_alt_name(crt, i, name, &len, NULL);
		if (type == GNUTLS_SAN_DNSNAME && name_ok((unsigned char *)name, len, sizeof name)) {
			copy_name(out, 256, (unsigned char *)name, len);
			return;
		}
	}
	len = sizeof name;
	if (gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &len) >= 0)
		copy_name(out, 256, (unsigned char *)name, len);
	else
		out[0] = '\0';
}

/* Whose is it? Only asked once the credential itself has been found good. */
static int own_it(struct tls_session *s)
{
	struct tls_notes *n = s->notes;
	n->judged = true;
	if (s->bundle->peer_lookup && s->bundle->peer_lookup(s->bundle->arg, &n->peer) < 0) {
		char hex[65];
		for (size_t i = 0; i < 32; i++)
			snprintf(hex + 2 * i, 3, "%02x", n->peer.spki[i]);
		if (!s->bundle->server)
			return deny(s, GNUTLS_A_ACCESS_DENIED, "the server's key is none that we expect: its SHA-256 is %s", hex);
		return deny(s, GNUTLS_A_ACCESS_DENIED, "no configured peer has %s \"%s\" (SHA-256 of its key %s)", n->peer.kind == IDENTITY_X509 ? "the certificate name" : "this raw key", n->peer.name, hex);
	}
	n->known = true;
	return 0;
}

static int load_x509(struct tls_session *s, const gnutls_datum_t *der, gnutls_x509_crt_t *crt)
{
	struct identity *id = &s->notes->peer;
	size_t len = sizeof id->spki;
	if (gnutls_x509_crt_init(crt) < 0) {
		*crt = NULL;
		return deny(s, GNUTLS_A_INTERNAL_ERROR, "out of memory");
	}
	id->kind = IDENTITY_X509;
	if (gnutls_x509_crt_import(*crt, der, GNUTLS_X509_FMT_DER) < 0 || gnutls_x509_crt_get_key_id(*crt, GNUTLS_KEYID_USE_SHA256, id->spki, &len) < 0)
		return deny(s, GNUTLS_A_BAD_CERTIFICATE, "the peer's certificate cannot be read");
	certificate_name(*crt, id->name);
	return 0;
}

static int verify_x509(struct tls_session *s, gnutls_x509_crt_t crt)
{
	static const char *const purposes[] = { GNUTLS_KP_TLS_WWW_SERVER, GNUTLS_KP_TLS_WWW_CLIENT };
	gnutls_typed_vdata_st purpose = { .type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (unsigned char *)(uintptr_t)purposes[s->bundle->server] };
	unsigned status;
	if (!s->bundle->take_x509)
		return deny(s, GNUTLS_A_UNSUPPORTED_CERTIFICATE, "a certificate came where a raw public key is expected");
	int ret = gnutls_certificate_verify_peers(s->g, &purpose, 1, &status);
	if (ret < 0)
		return deny(s, GNUTLS_A_BAD_CERTIFICATE, "the peer's certificate cannot be checked: %s", gnutls_strerror(ret));
	if (status)
		return deny_chain(s, crt, status);
	return s->bundle->server ? 0 : check_name(s, crt);
}

static int load_raw(struct tls_session *s, const gnutls_datum_t *der)
{
	struct identity *id = &s->notes->peer;
	id->kind = IDENTITY_RAWPK;
	if (!s->bundle->take_raw)
		return deny(s, GNUTLS_A_UNSUPPORTED_CERTIFICATE, "a raw public key came where a certificate is expected");
	tls_sha256(der->data, der->size, id->spki);   /* what RFC 7250 sends is the SubjectPublicKeyInfo itself */
	return 0;
}

int tls_peer_verify(gnutls_session_t g)
{
	struct tls_session *s = gnutls_session_get_ptr(g);
	unsigned n = 0;
	const gnutls_datum_t *list = gnutls_certificate_get_peers(g, &n);
	if (!s->notes)
		return -1;   /* a renegotiation, which we refuse anyway */
	if (!list || !n)
		return deny(s, GNUTLS_A_BAD_CERTIFICATE, "the peer sent no certificate");
	if (gnutls_certificate_type_get2(g, GNUTLS_CTYPE_PEERS) == GNUTLS_CRT_RAWPK)
		return load_raw(s, &list[0]) < 0 ? -1 : own_it(s);
	gnutls_x509_crt_t crt = NULL;
	int ret = load_x509(s, &list[0], &crt);
	if (ret == 0)
		ret = verify_x509(s, crt);
	if (ret == 0)
		ret = own_it(s);
	if (crt)
		gnutls_x509_crt_deinit(crt);
	return ret;
}

/* The chain was verified when the ticket was given out; what may have changed since is the date and the revocation list. */
static int still_good(struct tls_session *s, gnutls_x509_crt_t crt)
{
	time_t now = time(NULL);
	if (now > gnutls_x509_crt_get_expiration_time(crt))
		return deny_chain(s, crt, GNUTLS_CERT_EXPIRED);
	if (now < gnutls_x509_crt_get_activation_time(crt))
		return deny_chain(s, crt, GNUTLS_CERT_NOT_ACTIVATED);
	if (s->bundle->n_crls && gnutls_x509_crt_check_revocation(crt, s->bundle->crls, s->bundle->n_crls) != 0)
		return deny_chain(s, crt, GNUTLS_CERT_REVOKED);
	return 0;
}

static int resumed_certificate(struct tls_session *s, const gnutls_datum_t *der)
{
	if (gnutls_certificate_type_get2(s->g, GNUTLS_CTYPE_PEERS) == GNUTLS_CRT_RAWPK)
		return load_raw(s, der) < 0 ? -1 : own_it(s);
	gnutls_x509_crt_t crt = NULL;
	int ret = load_x509(s, der, &crt);
	if (ret == 0)
		ret = still_good(s, crt);
	if (ret == 0 && !s->bundle->server && s->bundle->server_name)
		ret = check_name(s, crt);
	if (ret == 0)
		ret = own_it(s);
	if (crt)
		gnutls_x509_crt_deinit(crt);
	return ret;
}

int tls_peer_resumed(struct tls_session *s)
{
	struct identity *id = &s->notes->peer;
	unsigned n = 0;
	const gnutls_datum_t *list = gnutls_certificate_get_peers(s->g, &n);
	if (list && n)
		return resumed_certificate(s, &list[0]);
	if (!s->bundle->server) {
		id->kind = IDENTITY_PSK;
		if (!s->bundle->psk_identity)
			return deny(s, GNUTLS_A_INTERNAL_ERROR, "the resumed session has no identity");
		snprintf(id->name, sizeof id->name, "%s", s->bundle->psk_identity);
		s->notes->known = true;
		return 0;
	}
	const char *name = gnutls_psk_server_get_username(s->g);
	if (!name)
		return deny(s, GNUTLS_A_INTERNAL_ERROR, "the resumed session has no identity");
	uint8_t key[TLS_PSK_MAX];
	size_t key_len;
	int ret = psk_look_up(s, (const unsigned char *)name, strlen(name), key, &key_len);
	explicit_bzero(key, sizeof key);
	return ret;
}
