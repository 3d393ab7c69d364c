/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "link/tls_internal.h"

/* RFC 9132, 7.1 and BCP 195: 1.2 or later, authenticated encryption, forward secrecy. The library has no ECDHE-PSK suite with AES-GCM for 1.2, so that PSK
   there means CHACHA20-POLY1305. */
#define ALGORITHMS "+AEAD:+CHACHA20-POLY1305:+AES-128-GCM:+AES-256-GCM:+AES-128-CCM:+COMP-NULL" \
	":+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1" \
	":+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SHA384:+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SECP384R1-SHA384:+SIGN-EDDSA-ED25519" \
	":+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-PSS-RSAE-SHA384:+SIGN-RSA-SHA256:+SIGN-RSA-SHA384"

static void build(const struct tls_bundle *b, enum transport t, char *out, size_t cap)
{
	bool certificates = b->certificates;
	const char *own = b->server ? "SRV" : "CLI", *peer = b->server ? "CLI" : "SRV";
	int n = snprintf(out, cap, "NONE:%s:" ALGORITHMS "%s%s", t == TRANSPORT_UDP ? "+VERS-DTLS1.2" : "+VERS-TLS1.3:+VERS-TLS1.2",
	    b->psk ? ":+ECDHE-PSK" : "", certificates ? ":+ECDHE-ECDSA:+ECDHE-RSA" : "");
	if (!certificates) {
		snprintf(out + n, cap - (size_t)n, ":+CTYPE-ALL");
		return;
	}
	n += snprintf(out + n, cap - (size_t)n, ":+CTYPE-%s-%s", own, b->own_raw ? "RAWPK" : "X509");
	if (b->take_x509)
		n += snprintf(out + n, cap - (size_t)n, ":+CTYPE-%s-X509", peer);
	if (b->take_raw)
		snprintf(out + n, cap - (size_t)n, ":+CTYPE-%s-RAWPK", peer);
}

static int check_versions(gnutls_priority_t p, const char *text, struct reason *why)
{
	const unsigned *list;
	int n = gnutls_priority_protocol_list(p, &list);
	for (int i = 0; i < n; i++)
		if (list[i] != GNUTLS_TLS1_2 && list[i] != GNUTLS_TLS1_3 && list[i] != GNUTLS_DTLS1_2)
			return reason_set(why, REASON_BAD_REQUEST, "priority", "RFC 9132, 7.1", "\"%s\" allows %s; nothing older than 1.2 is (add -VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:+VERS-DTLS1.2)",
			    text, gnutls_protocol_get_name(list[i]));
	return 0;
}

/* Forward secrecy always, and a suite for each kind of credential that we hold. */
static int check_suites(const struct tls_bundle *b, gnutls_priority_t p, enum transport t, const char *text, struct reason *why)
{
	bool psk = false, certificate = false;
	for (unsigned i = 0;; i++) {
		unsigned index;
		int ret = gnutls_priority_get_cipher_suite_index(p, i, &index);
		if (ret == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			break;
		if (ret < 0)
			continue;
		gnutls_kx_algorithm_t kx;
		gnutls_protocol_t min;
		const char *name = gnutls_cipher_suite_info(index, NULL, &kx, NULL, NULL, &min);
		if (!name)
			continue;
		if (min == GNUTLS_TLS1_3) {
			psk |= t == TRANSPORT_TCP;
			certificate |= t == TRANSPORT_TCP;
			continue;
		}
		if (kx == GNUTLS_KX_ECDHE_PSK || kx == GNUTLS_KX_DHE_PSK)
			psk = true;
		else if (kx == GNUTLS_KX_ECDHE_ECDSA || kx == GNUTLS_KX_ECDHE_RSA || kx == GNUTLS_KX_DHE_RSA)
			certificate = true;
		else
			return reason_set(why, REASON_BAD_REQUEST, "priority", "RFC 9132, 7.1", "\"%s\" allows %s, which has no ephemeral key exchange", text, name);
	}
	const char *transport = t == TRANSPORT_UDP ? "DTLS" : "TLS";
	if (b->psk && !psk)
		return reason_set(why, REASON_BAD_REQUEST, "priority", "RFC 9132, 7.1",
		    "\"%s\" leaves no cipher suite for PSK over %s; ECDHE-PSK with CHACHA20-POLY1305, or with AES-128-CBC and SHA256, would be one", text, transport);
	if (b->certificates && !certificate)
		return reason_set(why, REASON_BAD_REQUEST, "priority", "RFC 9132, 7.1", "\"%s\" leaves no cipher suite for certificates over %s", text, transport);
	return 0;
}

int tls_policy_make(struct tls_bundle *b, const char *priority, struct reason *why)
{
	char built[1024];
	for (int t = TRANSPORT_UDP; t <= TRANSPORT_TCP; t++) {
		build(b, (enum transport)t, built, sizeof built);
		const char *text = priority ? priority : built, *at;
		int ret = gnutls_priority_init(&b->priority[t], text, &at);
		if (ret < 0) {
			b->priority[t] = NULL;
			return reason_set(why, REASON_BAD_REQUEST, "priority", "", "%s at \"%.60s\"", gnutls_strerror(ret), ret == GNUTLS_E_INVALID_REQUEST ? at : text);
		}
		if (priority && check_versions(b->priority[t], text, why) < 0)
			return -1;
		if (check_suites(b, b->priority[t], (enum transport)t, text, why) < 0)
			return -1;
	}
	return 0;
}
