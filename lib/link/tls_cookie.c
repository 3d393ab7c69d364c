/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "link/tls_internal.h"

#define RECORD_HEADER 13
#define HANDSHAKE_HEADER 12
#define SESSION_TICKET 35                     /* RFC 5077, 3.2 */
#define COOKIE_KEY_MS INT64_C(60000)          /* a cookie is good for one to two of these; a handshake's first round trip needs a second or two */

bool tls_is_client_hello(const uint8_t *d, size_t len, const uint8_t **random16)
{
	if (len < RECORD_HEADER + HANDSHAKE_HEADER + 2 + 32 + 2)
		return false;
	size_t record = (size_t)d[11] << 8 | d[12];
	const uint8_t *h = d + RECORD_HEADER;
	/* Handshake, any DTLS version, epoch 0; ClientHello, first or second, from its first byte on. The cookie's check reads fixed places behind these. */
	if (d[0] != 22 || d[1] != 254 || d[3] || d[4] || record > len - RECORD_HEADER || record < HANDSHAKE_HEADER + 36)
		return false;
	if (h[0] != 1 || h[4] || h[5] > 1 || h[6] || h[7] || h[8])
		return false;
	*random16 = h + HANDSHAKE_HEADER + 2;
	return true;
}

/* Steps over a vector with a length of one or two bytes. */
static size_t skip(const uint8_t *d, size_t len, size_t at, size_t length_bytes)
{
	if (at + length_bytes > len)
		return len;
	size_t n = length_bytes == 1 ? d[at] : (size_t)d[at] << 8 | d[at + 1];
	return at + length_bytes + n;
}

bool tls_hello_has_ticket(const uint8_t *d, size_t len)
{
	size_t at = RECORD_HEADER + HANDSHAKE_HEADER + 34, end = RECORD_HEADER + HANDSHAKE_HEADER + ((size_t)d[14] << 16 | (size_t)d[15] << 8 | d[16]);
	at = skip(d, len, at, 1);            /* session id */
	at = skip(d, len, at, 1);            /* cookie */
	at = skip(d, len, at, 2);            /* cipher suites */
	at = skip(d, len, at, 1) + 2;        /* compression methods; the length of the extensions */
	while (at + 4 <= len && at < end) {
		if (d[at] == 0 && d[at + 1] == SESSION_TICKET)
			return d[at + 2] || d[at + 3];
		at = skip(d, len, at + 2, 2);
	}
	return end > len;
}

/* Lazily, so that an idle listener has no timer. */
static void change_key(struct tls_cookie *c, int64_t now)
{
	if (c->changed && now - c->changed < COOKIE_KEY_MS)
		return;
	if (!c->changed || now - c->changed > 2 * COOKIE_KEY_MS)
		tls_random(c->key[0], sizeof c->key[0]);
	memcpy(c->key[1], c->key[0], sizeof c->key[1]);
	tls_random(c->key[0], sizeof c->key[0]);
	c->changed = now ? now : 1;
}

bool tls_cookie_verify(struct tls_cookie *c, int64_t now, const void *client, size_t client_len, const void *msg, size_t len, struct tls_prestate *out)
{
	change_key(c, now);
	const uint8_t *d = msg;
	size_t at = RECORD_HEADER + HANDSHAKE_HEADER + 34;
	size_t sid = d[at];
	if (sid > 32 || at + 1 + sid >= len || !d[at + 1 + sid])
		return false;   /* no cookie at all: most of a flood ends here */
	for (size_t i = 0; i < 2; i++) {
		gnutls_datum_t key = { c->key[i], sizeof c->key[i] };
		gnutls_dtls_prestate_st p = { 0 };
		if (gnutls_dtls_cookie_verify(&key, (void *)(uintptr_t)client, client_len, (void *)(uintptr_t)msg, len, &p) == 0) {
			*out = (struct tls_prestate){ p.record_seq, p.hsk_read_seq, p.hsk_write_seq };
			return true;
		}
	}
	return false;
}

void tls_cookie_send(struct tls_cookie *c, const void *client, size_t client_len, const void *msg, size_t len,
    ssize_t (*push)(void *arg, const void *data, size_t len), void *arg)
{
	(void)len;
	const uint8_t *d = msg;
	gnutls_datum_t key = { c->key[0], sizeof c->key[0] };
	gnutls_dtls_prestate_st p = { .record_seq = d[10] };   /* the answer carries the record number of the question (RFC 6347, 4.2.1) */
	gnutls_dtls_cookie_send(&key, (void *)(uintptr_t)client, client_len, &p, arg, (gnutls_push_func)push);
}

void tls_session_prestate(struct tls_session *s, const struct tls_prestate *p)
{
	gnutls_dtls_prestate_st g = { .record_seq = p->record_seq, .hsk_read_seq = p->read_seq, .hsk_write_seq = p->write_seq };
	gnutls_dtls_prestate_set(s->g, &g);
}

size_t tls_plain_alert(int alert, uint8_t seq, uint8_t out[15])
{
	static const uint8_t head[13] = { 21, 254, 253, [12] = 2 };
	memcpy(out, head, sizeof head);
	out[10] = seq;
	out[13] = GNUTLS_AL_FATAL;
	out[14] = (uint8_t)alert;
	return 15;
}
