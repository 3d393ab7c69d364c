/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "peers.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/log.h"
#include "link/tls.h"
#include "slots.h"

#define DOMAIN_MAX 4096   /* prefixes of one customer */

struct peers {
	struct peer **v;
	size_t places, cap, count;
	bool keyless;                        /* keys may be kept elsewhere */
	uint32_t *holes;                     /* places of removed peers, to be used again; as long as cap */
	size_t n_holes;
	struct slots by_name, by_psk, by_certificate, by_spki, by_prefix, by_session;
	uint32_t of_length[2][129];          /* how many prefixes of each length: IPv4, IPv6 */
};

/* A description on its way into the set: everything borrowed from the JSON object but the decoded bytes. */
struct draft {
	const char *name, *psk_identity, *certificate_name;
	uint8_t psk_key[TLS_PSK_MAX], spki[32];
	uint8_t psk_key_len;
	bool has_spki, strict, session_address;
	struct peer_server *server;          /* owned, until the peer has it */
	struct prefix_list domain;
};

struct peers *peers_new(void)
{
	return calloc(1, sizeof(struct peers));
}

void peers_keyless(struct peers *s, bool allowed)
{
	s->keyless = allowed;
}

static void peer_free(struct peer *p)
{
	if (p && p->psk_key)
		explicit_bzero((void *)(uintptr_t)p->psk_key, p->psk_key_len);
	if (p)
		peer_server_free(p->server);
	free(p);
}

void peers_free(struct peers *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->places; i++)
		peer_free(s->v[i]);
	free(s->v);
	free(s->holes);
	slots_free(&s->by_name);
	slots_free(&s->by_psk);
	slots_free(&s->by_certificate);
	slots_free(&s->by_spki);
	slots_free(&s->by_prefix);
	slots_free(&s->by_session);
	free(s);
}

size_t peers_count(const struct peers *s)
{
	return s->count;
}

size_t peers_places(const struct peers *s)
{
	return s->places;
}

struct peer *peers_at(const struct peers *s, size_t i)
{
	return i < s->places ? s->v[i] : NULL;
}

/* The keys of the five indexes. */
static bool same_name(const void *arg, uint32_t item, const void *key)
{
	return !strcmp(((const struct peers *)arg)->v[item]->name, key);
}

static bool same_psk(const void *arg, uint32_t item, const void *key)
{
	return !strcmp(((const struct peers *)arg)->v[item]->psk_identity, key);
}

static bool same_certificate(const void *arg, uint32_t item, const void *key)
{
	return !strcasecmp(((const struct peers *)arg)->v[item]->certificate_name, key);
}

static bool same_spki(const void *arg, uint32_t item, const void *key)
{
	return !memcmp(((const struct peers *)arg)->v[item]->spki, key, 32);
}

static bool same_prefix(const void *arg, uint32_t item, const void *key)
{
	const struct prefix_list *domain = &((const struct peers *)arg)->v[item]->domain;
	for (size_t i = 0; i < domain->n; i++)
		if (prefix_equal(&domain->v[i], key))
			return true;
	return false;
}

/* Who calls from an address: at most two need to be known, since then it is neither's alone. */
struct callers { const struct peers *set; unsigned n; uint32_t item; };

static bool count_caller(const void *arg, uint32_t item, const void *key)
{
	/* slots_find hands its argument through as const; it is ours. */
	struct callers *c = *(struct callers *const *)arg;
	if (prefix_equal(c->set->v[item]->calls_from, key)) {
		c->n++;
		c->item = item;
	}
	return c->n > 1;
}

static uint32_t hash_text(const char *text)
{
	return slots_hash(text, strlen(text));
}

static uint32_t hash_folded(const char *text)
{
	char low[NAME_MAX_BYTES + 1];
	size_t n = 0;
	for (; n < sizeof low && text[n]; n++)
		low[n] = (char)tolower((unsigned char)text[n]);
	return slots_hash(low, n);
}

static struct peer *found(const struct peers *s, int64_t item)
{
	return item < 0 ? NULL : s->v[item];
}

struct peer *peers_by_name(const struct peers *s, const char *name)
{
	return found(s, slots_find(&s->by_name, hash_text(name), same_name, s, name));
}

struct peer *peers_by_psk(const struct peers *s, const char *identity)
{
	return found(s, slots_find(&s->by_psk, hash_text(identity), same_psk, s, identity));
}

struct peer *peers_by_certificate(const struct peers *s, const char *name)
{
	return found(s, slots_find(&s->by_certificate, hash_folded(name), same_certificate, s, name));
}

struct peer *peers_by_spki(const struct peers *s, const uint8_t spki[32])
{
	return found(s, slots_find(&s->by_spki, slots_hash(spki, 32), same_spki, s, spki));
}

static struct peer *by_prefix(const struct peers *s, const struct prefix *p)
{
	return found(s, slots_find(&s->by_prefix, slots_hash(p, sizeof *p), same_prefix, s, p));
}

/* NULL: nobody, or several. */
static struct peer *only_caller(const struct peers *s, const struct prefix *source, bool *several)
{
	struct callers c = { .set = s }, *pointer = &c;
	slots_find(&s->by_session, slots_hash(source, sizeof *source), count_caller, &pointer, source);
	*several = c.n > 1;
	return c.n == 1 ? s->v[c.item] : NULL;
}

bool peers_called(struct peers *s, struct peer *p, const struct prefix *from)
{
	if (p->calls_from)
		slots_remove(&s->by_session, slots_hash(p->calls_from, sizeof *p->calls_from), p->number);
	p->calls_from = NULL;
	if (!from || !p->session_address)
		return true;
	if (!slots_add(&s->by_session, slots_hash(from, sizeof *from), p->number))
		return false;
	p->calls_from = from;
	return true;
}

int peer_domain(const struct peer *p, struct prefix_list *out)
{
	*out = (struct prefix_list){ 0 };
	for (size_t i = 0; i < p->domain.n; i++)
		if (prefix_list_add(out, &p->domain.v[i]) < 0)
			return -1;
	return p->calls_from ? prefix_list_add(out, p->calls_from) : 0;
}

struct peer *peers_by_source(const struct peers *s, const struct prefix *source)
{
	bool several = false;
	struct peer *caller = s->by_session.live && prefix_is_host(source) ? only_caller(s, source, &several) : NULL;
	if (caller || several)
		return caller;
	const uint32_t *lengths = s->of_length[source->family == 6];
	for (int len = source->len; len >= 0; len--) {
		if (!lengths[len])
			continue;
		struct prefix p = prefix_make(source->family, source->addr, (uint8_t)len);
		struct peer *peer = by_prefix(s, &p);
		if (peer)
			return peer;
	}
	return NULL;
}

static int read_hex(const json_t *object, const char *name, uint8_t *out, size_t min, size_t max, size_t *len, struct reason *why)
{
	const char *text = NULL;
	int got = json_get_string(object, name, 2 * max, &text, why);
	if (got <= 0)
		return got;
	long n = hex_decode(text, strlen(text), out, max);
	/* The value is a secret: it is never shown. */
	if (n < (long)min)
		return reason_set(why, REASON_BAD_REQUEST, name, "", "must be %zu to %zu bytes as hexadecimal digits", min, max);
	*len = (size_t)n;
	return 1;
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
	size_t len = 0;
	int spki;
	if (json_get_string(object, "name", PEER_NAME_MAX, &d->name, why) < 0 || json_get_string(object, "psk-identity", NAME_MAX_BYTES, &d->psk_identity, why) < 0 ||
	    json_get_string(object, "certificate-name", NAME_MAX_BYTES, &d->certificate_name, why) < 0 ||
	    (spki = read_hex(object, "spki", d->spki, 32, 32, &len, why)) < 0 || read_hex(object, "psk-key", d->psk_key, 1, TLS_PSK_MAX, &len, why) < 0 ||
	    read_domain(object, &d->domain, why) < 0 || json_get_bool(object, "session-address", &d->session_address, why) < 0 || peer_server_read(object, &d->server, why) < 0 || read_overlap(object, d, why) < 0)
		return -1;
	d->has_spki = spki > 0;
	if (json_object_get(object, "psk-key"))
		d->psk_key_len = (uint8_t)len;
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

static int draft_unique(const struct peers *s, const struct draft *d, struct reason *why)
{
	struct peer *other;
	if (peers_by_name(s, d->name))
		return reason_set(why, REASON_BAD_REQUEST, "name", "", "there is a peer %s already", d->name);
	if (d->server)
		return 0;
	if (d->psk_identity && (other = peers_by_psk(s, d->psk_identity)))
		return reason_set(why, REASON_BAD_REQUEST, "psk-identity", "", "%s belongs to %s already", d->psk_identity, other->name);
	if (d->certificate_name && (other = peers_by_certificate(s, d->certificate_name)))
		return reason_set(why, REASON_BAD_REQUEST, "certificate-name", "", "%s belongs to %s already", d->certificate_name, other->name);
	if (d->has_spki && (other = peers_by_spki(s, d->spki)))
		return reason_set(why, REASON_BAD_REQUEST, "spki", "", "it belongs to %s already", other->name);
	for (size_t i = 0; i < d->domain.n; i++)
		if ((other = by_prefix(s, &d->domain.v[i]))) {
			char text[PREFIX_TEXT_MAX];
			return reason_set(why, REASON_BAD_REQUEST, "domain", "RFC 9066, 5.3.1", "%s belongs to %s already", prefix_format(&d->domain.v[i], text), other->name);
		}
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

static void unindex(struct peers *s, const struct peer *p)
{
	slots_remove(&s->by_name, hash_text(p->name), p->number);
	if (p->server)
		return;
	if (p->psk_identity)
		slots_remove(&s->by_psk, hash_text(p->psk_identity), p->number);
	if (p->certificate_name)
		slots_remove(&s->by_certificate, hash_folded(p->certificate_name), p->number);
	if (p->spki)
		slots_remove(&s->by_spki, slots_hash(p->spki, 32), p->number);
	for (size_t i = 0; i < p->domain.n; i++)
		slots_remove(&s->by_prefix, slots_hash(&p->domain.v[i], sizeof(struct prefix)), p->number);
	if (p->calls_from)
		slots_remove(&s->by_session, slots_hash(p->calls_from, sizeof *p->calls_from), p->number);
}

static bool index_peer(struct peers *s, const struct peer *p)
{
	if (p->server)
		return slots_add(&s->by_name, hash_text(p->name), p->number);
	bool ok = slots_add(&s->by_name, hash_text(p->name), p->number) &&
	          (!p->psk_identity || slots_add(&s->by_psk, hash_text(p->psk_identity), p->number)) &&
	          (!p->certificate_name || slots_add(&s->by_certificate, hash_folded(p->certificate_name), p->number)) &&
	          (!p->spki || slots_add(&s->by_spki, slots_hash(p->spki, 32), p->number));
	for (size_t i = 0; ok && i < p->domain.n; i++)
		ok = slots_add(&s->by_prefix, slots_hash(&p->domain.v[i], sizeof(struct prefix)), p->number);
	if (!ok)
		unindex(s, p);
	return ok;
}

static void count_lengths(struct peers *s, const struct peer *p, int by)
{
	for (size_t i = 0; i < p->domain.n; i++)
		s->of_length[p->domain.v[i].family == 6][p->domain.v[i].len] += (uint32_t)by;
}

static bool more_places(struct peers *s)
{
	size_t cap = s->cap ? s->cap * 2 : 64;
	struct peer **v = realloc(s->v, cap * sizeof *v);
	if (v)
		s->v = v;
	uint32_t *holes = realloc(s->holes, cap * sizeof *holes);
	if (holes)
		s->holes = holes;
	if (v && holes)
		s->cap = cap;
	return v && holes;
}

static bool insert(struct peers *s, struct peer *p)
{
	size_t place = s->n_holes ? s->holes[s->n_holes - 1] : s->places;
	if (place == s->cap && !more_places(s))
		return false;
	p->number = (uint32_t)place;
	s->v[place] = p;
	if (!index_peer(s, p)) {
		s->v[place] = NULL;
		return false;
	}
	if (s->n_holes)
		s->n_holes--;
	else
		s->places++;
	s->count++;
	count_lengths(s, p, 1);
	return true;
}

struct peer *peers_add(struct peers *s, const json_t *object, struct reason *why)
{
	struct draft d = { 0 };
	struct peer *p = NULL;
	if (draft_read(object, s->keyless, &d, why) == 0 && draft_unique(s, &d, why) == 0) {
		p = draft_make(&d);
		if (p) {
			p->server = d.server;
			d.server = NULL;
		}
		if (!p || !insert(s, p)) {
			peer_free(p);
			p = NULL;
			reason_set(why, REASON_BAD_REQUEST, "name", "", "out of memory");
		}
	}
	prefix_list_free(&d.domain);
	peer_server_free(d.server);
	explicit_bzero(&d, sizeof d);
	return p;
}

void peers_remove(struct peers *s, struct peer *p)
{
	unindex(s, p);
	count_lengths(s, p, -1);
	s->v[p->number] = NULL;
	s->holes[s->n_holes++] = p->number;
	s->count--;
	peer_free(p);
}

static int load_line(struct peers *s, char *text, size_t len, struct reason *why)
{
	while (len && strchr("\r\n \t", text[len - 1]))
		len--;
	if (!len)
		return 0;
	json_t *object = json_line_parse(text, len, why);
	int result = object && peers_add(s, object, why) ? 0 : -1;
	json_decref(object);
	return result;
}

int peers_load(struct peers *s, const char *path, struct reason *why)
{
	FILE *f = fopen(path, "re");
	if (!f)
		return reason_set(why, REASON_BAD_REQUEST, "peers-file", "", "%s: %s", path, strerror(errno));
	struct stat st;
	if (fstat(fileno(f), &st) == 0 && (st.st_mode & 07) != 0)
		log_warning("%s can be read by everybody, and holds keys: chmod o= %s", path, path);
	char *text = NULL;
	size_t cap = 0;
	ssize_t len;
	int result = 0;
	for (unsigned long number = 1; result == 0 && (len = getline(&text, &cap, f)) >= 0; number++) {
		struct reason inner = { 0 };
		char told[sizeof inner.text + 100];
		if (load_line(s, text, (size_t)len, &inner) < 0)
			result = reason_set(why, REASON_BAD_REQUEST, "peers-file", inner.section, "%s:%lu: %s", path, number, reason_format(&inner, told, sizeof told));
	}
	if (result == 0 && ferror(f))
		result = reason_set(why, REASON_BAD_REQUEST, "peers-file", "", "%s: %s", path, strerror(errno));
	if (text)
		explicit_bzero(text, cap);
	free(text);
	fclose(f);
	return result;
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
