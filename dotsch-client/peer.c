/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "peer.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "link/psk.h"

#define DOMAIN_MAX 4096   /* prefixes of one customer */

/* A description on its way into a peer: everything borrowed from the JSON object but the decoded bytes. */
struct draft {
	const char *name, *psk_identity, *certificate_name;
	uint8_t psk_key[TLS_PSK_MAX], spki[32];
	uint8_t psk_key_len;
	bool has_spki, strict, session_address;
	struct peer_server *server;          /* owned, until the peer has it */
	struct prefix_list domain;
};

static int read_spki(const json_t *object, uint8_t out[32], struct reason *why)
{
	const char *text = NULL;
	int got = json_get_string(object, "spki", SIZE_MAX, &text, why);
	if (got > 0 && (strlen(text) != 64 || hex_decode(text, 64, out, 32) != 32))
		return reason_set(why, REASON_BAD_REQUEST, "spki", "RFC 7250", "must be 64 hexadecimal digits, the SHA-256 of a public key");
	return got;
}

static int read_key(const json_t *object, struct draft *d, struct reason *why)
{
	const char *text = NULL;
	size_t len;
	int got = json_get_string(object, "psk-key", SIZE_MAX, &text, why);
	if (got > 0 && psk_from_hex(text, strlen(text), "psk-key", d->psk_key, &len, why) < 0)
		return -1;
	if (got > 0)
		d->psk_key_len = (uint8_t)len;
	return got;
}

static int read_domain(const json_t *object, struct prefix_list *out, struct reason *why)
{
	json_t *array = NULL;
	int got = json_get_container(object, "domain", JSON_ARRAY, &array, why);
	if (got <= 0)
		return got;
	if (json_array_size(array) > DOMAIN_MAX)
		return reason_set(why, REASON_BAD_REQUEST, "domain", "", "more than %d prefixes", DOMAIN_MAX);
	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *text = json_string_value(json_array_get(array, i));
		struct prefix p;
		if (!text || prefix_parse(text, true, &p) < 0)
			return reason_set(why, REASON_BAD_REQUEST, "domain", "RFC 9066, 5.3.1", "%s is not an IP prefix such as 192.0.2.0/24", text ? text : "a member");
		for (size_t j = 0; j < out->n; j++)
			if (prefix_equal(&out->v[j], &p))
				return reason_set(why, REASON_BAD_REQUEST, "domain", "", "%s stands there twice", text);
		if (prefix_list_add(out, &p) < 0)
			return reason_set(why, REASON_BAD_REQUEST, "domain", "", "out of memory");
	}
	return 1;
}

/* A base server is told by what it proves to us. Requests to it name it, since their targets are ours and their sources anybody's. */
static int check_server(const struct draft *d, struct reason *why)
{
	if (d->session_address)
		return reason_set(why, REASON_BAD_REQUEST, "session-address", "", "is for a peer that calls");
	if (d->domain.n)
		return reason_set(why, REASON_BAD_REQUEST, "domain", "RFC 9132, 4.4.1", "a base server has none: requests go to it by name");
	if (d->certificate_name)
		return reason_set(why, REASON_BAD_REQUEST, "certificate-name", "", "is for a peer that calls; the name of a server is server-name");
	if (!d->psk_identity && !d->has_spki && !d->server->server_name)
		return reason_set(why, REASON_BAD_REQUEST, "psk-identity", "RFC 9132, 8", "%s has no credential: psk-identity and psk-key, server-name, or spki", d->name);
	return 0;
}

static int read_overlap(const json_t *object, struct draft *d, struct reason *why)
{
	const char *word = d->server ? "strict" : "sources";
	if (json_get_string(object, "overlap", 16, &word, why) < 0)
		return -1;
	d->strict = !strcmp(word, "strict");
	if (!d->strict && strcmp(word, "sources"))
		return reason_set(why, REASON_BAD_REQUEST, "overlap", "RFC 9132, 4.4.1", "must be strict (any common target) or sources (a common source, too)");
	return 0;
}

static int draft_read(const json_t *object, bool keyless, struct draft *d, struct reason *why)
{
	int spki;
	if (json_get_string(object, "name", PEER_NAME_MAX, &d->name, why) < 0 || json_get_string(object, "psk-identity", NAME_MAX_BYTES, &d->psk_identity, why) < 0 ||
	    json_get_string(object, "certificate-name", NAME_MAX_BYTES, &d->certificate_name, why) < 0 ||
	    (spki = read_spki(object, d->spki, why)) < 0 || read_key(object, d, why) < 0 ||
	    read_domain(object, &d->domain, why) < 0 || json_get_bool(object, "session-address", &d->session_address, why) < 0 || peer_server_read(object, &d->server, why) < 0 || read_overlap(object, d, why) < 0)
		return -1;
	d->has_spki = spki > 0;
	if (!d->name || !*d->name)
		return reason_set(why, REASON_BAD_REQUEST, "name", "", "a peer needs a name");
	if (!d->psk_identity != !d->psk_key_len && !(keyless && d->psk_identity && !d->server))
		return reason_set(why, REASON_BAD_REQUEST, d->psk_identity ? "psk-key" : "psk-identity", "", "psk-identity and psk-key go together");
	if (d->server)
		return check_server(d, why);
	if (!d->psk_identity && !d->certificate_name && !d->has_spki)
		return reason_set(why, REASON_BAD_REQUEST, "psk-identity", "RFC 9132, 8", "%s has no credential: psk-identity and psk-key, certificate-name, or spki", d->name);
	return 0;
}

static char *pack(char **room, const void *data, size_t len)
{
	char *at = *room;
	if (len)
		memcpy(at, data, len);
	*room += len;
	return at;
}

/* One block of memory a peer: a million of them must stay small. */
static struct peer *draft_make(const struct draft *d)
{
	bool own_psk = d->psk_identity && strcmp(d->psk_identity, d->name);
	bool own_cert = d->certificate_name && strcmp(d->certificate_name, d->name);
	size_t size = sizeof(struct peer) + d->domain.n * sizeof(struct prefix) + strlen(d->name) + 1 + (own_psk ? strlen(d->psk_identity) + 1 : 0) +
	              (own_cert ? strlen(d->certificate_name) + 1 : 0) + d->psk_key_len + (d->has_spki ? 32 : 0);
	struct peer *p = calloc(1, size);
	if (!p)
		return NULL;
	char *room = (char *)(p + 1);
	p->domain.n = d->domain.n;
	p->domain.v = (struct prefix *)(void *)pack(&room, d->domain.v, d->domain.n * sizeof(struct prefix));
	p->name = pack(&room, d->name, strlen(d->name) + 1);
	if (d->psk_identity)
		p->psk_identity = own_psk ? pack(&room, d->psk_identity, strlen(d->psk_identity) + 1) : p->name;
	if (d->certificate_name)
		p->certificate_name = own_cert ? pack(&room, d->certificate_name, strlen(d->certificate_name) + 1) : p->name;
	if (d->psk_key_len)
		p->psk_key = (const uint8_t *)pack(&room, d->psk_key, d->psk_key_len);
	if (d->has_spki)
		p->spki = (const uint8_t *)pack(&room, d->spki, 32);
	p->psk_key_len = d->psk_key_len;
	p->overlap_strict = d->strict;
	p->session_address = d->session_address;
	return p;
}

struct peer *peer_read(const json_t *object, bool keyless, struct reason *why)
{
	struct draft d = { 0 };
	struct peer *p = NULL;
	if (draft_read(object, keyless, &d, why) == 0) {
		p = draft_make(&d);
		if (p) {
			p->server = d.server;
			d.server = NULL;
		} else {
			reason_set(why, REASON_BAD_REQUEST, "name", "", "out of memory");
		}
	}
	prefix_list_free(&d.domain);
	peer_server_free(d.server);
	explicit_bzero(&d, sizeof d);
	return p;
}

void peer_free(struct peer *p)
{
	if (p && p->psk_key)
		explicit_bzero((void *)(uintptr_t)p->psk_key, p->psk_key_len);
	if (p)
		peer_server_free(p->server);
	free(p);
}

int peer_domain(const struct peer *p, struct prefix_list *out)
{
	*out = (struct prefix_list){ 0 };
	for (size_t i = 0; i < p->domain.n; i++)
		if (prefix_list_add(out, &p->domain.v[i]) < 0)
			return -1;
	return p->calls_from ? prefix_list_add(out, p->calls_from) : 0;
}

json_t *peer_describe(const struct peer *p)
{
	char hex[2 * TLS_PSK_MAX + 1], text[PREFIX_TEXT_MAX];
	json_t *o = json_object(), *domain = json_array();
	json_put_string(o, "name", p->name);
	json_put_string(o, "psk-identity", p->psk_identity);
	json_put_string(o, "certificate-name", p->certificate_name);
	json_put_string(o, "psk-key", p->psk_key ? hex_encode(p->psk_key, p->psk_key_len, hex) : NULL);
	json_put_string(o, "spki", p->spki ? hex_encode(p->spki, 32, hex) : NULL);
	for (size_t i = 0; i < p->domain.n; i++)
		json_array_append_new(domain, json_string(prefix_format(&p->domain.v[i], text)));
	if (p->server)
		json_decref(domain);
	else
		json_put(o, "domain", domain);
	if (p->session_address)
		json_put(o, "session-address", json_true());
	peer_server_describe(p->server, o);
	if (p->overlap_strict != (p->server != NULL))
		json_put_string(o, "overlap", p->overlap_strict ? "strict" : "sources");
	explicit_bzero(hex, sizeof hex);
	return o;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

bool peer_same(const struct peer *a, const struct peer *b)
{
	if (!same_text(a->name, b->name) || !same_text(a->psk_identity, b->psk_identity) || !same_text(a->certificate_name, b->certificate_name) ||
	    a->psk_key_len != b->psk_key_len || (a->psk_key_len && memcmp(a->psk_key, b->psk_key, a->psk_key_len)) || !a->spki != !b->spki ||
	    (a->spki && memcmp(a->spki, b->spki, 32)) || a->domain.n != b->domain.n || a->overlap_strict != b->overlap_strict || a->session_address != b->session_address || !peer_server_same(a->server, b->server))
		return false;
	for (size_t i = 0; i < a->domain.n; i++)
		if (!prefix_equal(&a->domain.v[i], &b->domain.v[i]))
			return false;
	return true;
}
