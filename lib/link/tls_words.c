/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "link/tls_internal.h"

/* What the peer's alert means to the one who reads our log. With PSK some alerts say more than their name. */
static void words_alert(const struct tls_session *s, int alert, char why[TLS_WHY_MAX])
{
	const char *peer = s->bundle->server ? "client" : "server";
	const char *id = s->bundle->psk_identity;
	bool psk = !s->bundle->server && s->bundle->psk && !s->bundle->certificates;
	switch (alert) {
	case GNUTLS_A_UNKNOWN_PSK_IDENTITY:
		snprintf(why, TLS_WHY_MAX, "the %s does not know the PSK identity \"%s\"", peer, id ? id : "?");
		return;
	case GNUTLS_A_DECRYPT_ERROR:
	case GNUTLS_A_BAD_RECORD_MAC:
		if (psk)
			snprintf(why, TLS_WHY_MAX, "the server says that our key for the PSK identity \"%s\" is wrong", id ? id : "?");
		else
			snprintf(why, TLS_WHY_MAX, "the %s could not verify our key%s", peer, s->bundle->psk ? ": wrong PSK?" : "");
		return;
	case GNUTLS_A_CERTIFICATE_EXPIRED:
		snprintf(why, TLS_WHY_MAX, "the %s says that our certificate has expired or is not valid yet (one of the two clocks may be wrong)", peer);
		return;
	case GNUTLS_A_CERTIFICATE_REVOKED:
		snprintf(why, TLS_WHY_MAX, "the %s says that our certificate has been revoked", peer);
		return;
	case GNUTLS_A_UNKNOWN_CA:
		snprintf(why, TLS_WHY_MAX, "the %s does not trust the authority of our certificate", peer);
		return;
	case GNUTLS_A_BAD_CERTIFICATE:
	case GNUTLS_A_UNSUPPORTED_CERTIFICATE:
	case GNUTLS_A_CERTIFICATE_UNKNOWN:
		snprintf(why, TLS_WHY_MAX, "the %s refuses our certificate (%s)%s", peer, gnutls_alert_get_name((gnutls_alert_description_t)alert),
		    s->bundle->server ? ": does its server-name match?" : "");
		return;
	case GNUTLS_A_CERTIFICATE_REQUIRED:
		snprintf(why, TLS_WHY_MAX, s->bundle->certificates ? "the %s wants a certificate, and takes none of our authority" : "the %s wants a certificate, and we have none", peer);
		return;
	case GNUTLS_A_ACCESS_DENIED:
		snprintf(why, TLS_WHY_MAX, "the %s knows our credential as good, but as nobody's it serves", peer);
		return;
	case TLS_ALERT_HELD:
		snprintf(why, TLS_WHY_MAX, "the %s takes no handshake from this address for now: too many have failed", peer);
		return;
	case GNUTLS_A_INTERNAL_ERROR:
		snprintf(why, TLS_WHY_MAX, "the %s has trouble of its own, which is not ours to mend: tried again later", peer);
		return;
	case GNUTLS_A_HANDSHAKE_FAILURE:
	case GNUTLS_A_INSUFFICIENT_SECURITY:
		snprintf(why, TLS_WHY_MAX, "no common cipher suite with the %s, or not the kind of credentials that it takes", peer);
		return;
	case GNUTLS_A_PROTOCOL_VERSION:
		snprintf(why, TLS_WHY_MAX, "no common version of (D)TLS with the %s; we speak 1.2 and later", peer);
		return;
	case GNUTLS_A_NO_APPLICATION_PROTOCOL:
		snprintf(why, TLS_WHY_MAX, "the %s does not speak CoAP on this port (ALPN)", peer);
		return;
	default:
		snprintf(why, TLS_WHY_MAX, "the %s ended it with the alert %d (%s)", peer, alert, gnutls_alert_get_name((gnutls_alert_description_t)alert));
	}
}

void tls_words_handshake(const struct tls_session *s, int error, char why[TLS_WHY_MAX])
{
	const struct tls_notes *n = s->notes;
	if (n->why[0]) {
		snprintf(why, TLS_WHY_MAX, "%s", n->why);
		return;
	}
	switch (error) {
	case GNUTLS_E_FATAL_ALERT_RECEIVED:
		words_alert(s, (int)gnutls_alert_get(s->g), why);
		return;
	case GNUTLS_E_DECRYPTION_FAILED:
	case GNUTLS_E_ERROR_IN_FINISHED_PACKET:
		if (n->peer.kind == IDENTITY_PSK || (!s->bundle->server && s->bundle->psk)) {
			snprintf(why, TLS_WHY_MAX, "wrong key for the PSK identity \"%s\"", s->bundle->server ? n->peer.name : s->bundle->psk_identity);
			return;
		}
		break;
	case GNUTLS_E_NO_CIPHER_SUITES:
	case GNUTLS_E_UNKNOWN_CIPHER_SUITE:
	case GNUTLS_E_NO_COMMON_KEY_SHARE:
	case GNUTLS_E_INSUFFICIENT_CREDENTIALS:
	case GNUTLS_E_ECC_NO_SUPPORTED_CURVES:
	case GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM:
		snprintf(why, TLS_WHY_MAX, "no common cipher suite, or credentials of another kind than ours (%s)", gnutls_strerror(error));
		return;
	case GNUTLS_E_UNSUPPORTED_VERSION_PACKET:
		snprintf(why, TLS_WHY_MAX, "no common version of (D)TLS; 1.2 and later are allowed (RFC 9132, 7.1)");
		return;
	case GNUTLS_E_NO_CERTIFICATE_FOUND:
	case GNUTLS_E_CERTIFICATE_REQUIRED:
		snprintf(why, TLS_WHY_MAX, "the peer sent no certificate");
		return;
	case GNUTLS_E_NO_APPLICATION_PROTOCOL:
		snprintf(why, TLS_WHY_MAX, "the %s did not choose the protocol \"coap\" (ALPN; RFC 8323, 8.2)", s->bundle->server ? "client" : "server");
		return;
	case GNUTLS_E_PULL_ERROR:
	case GNUTLS_E_PUSH_ERROR:
		snprintf(why, TLS_WHY_MAX, "the connection broke during the handshake: %s", strerror(s->error));
		return;
	case GNUTLS_E_PREMATURE_TERMINATION:
		snprintf(why, TLS_WHY_MAX, n->heard ? "the peer hung up during the handshake" : "the peer hung up without a word of TLS");
		return;
	default:
		break;
	}
	snprintf(why, TLS_WHY_MAX, "handshake failed: %s", gnutls_strerror(error));
}

void tls_words_session(const struct tls_session *s, int error, char why[TLS_WHY_MAX])
{
	if (error == GNUTLS_E_FATAL_ALERT_RECEIVED)
		words_alert(s, (int)gnutls_alert_get(s->g), why);
	else if (error == GNUTLS_E_PULL_ERROR || error == GNUTLS_E_PUSH_ERROR)
		snprintf(why, TLS_WHY_MAX, "the connection broke: %s", strerror(s->error));
	else if (error == GNUTLS_E_PREMATURE_TERMINATION)
		snprintf(why, TLS_WHY_MAX, "the connection ended without a close_notify");
	else
		snprintf(why, TLS_WHY_MAX, "%s", gnutls_strerror(error));
}
