/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "peers.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/log.h"
#include "slots.h"

struct peers {
	struct peer **v;
	size_t places, cap, count, servers;
	bool keyless;                        /* keys may be kept elsewhere */
	uint32_t *holes;                     /* places of removed peers, to be used again; as long as cap */
	size_t n_holes;
	struct slots by_name, by_psk, by_certificate, by_spki, by_prefix, by_session;
	uint32_t of_length[2][129];          /* how many prefixes of each length: IPv4, IPv6 */
};

struct peers *peers_new(void)
{
	return calloc(1, sizeof(struct peers));
}

void peers_keyless(struct peers *s, bool allowed)
{
	s->keyless = allowed;
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

bool peers_may_call(const struct peers *s)
{
	return !s->count || s->servers < s->count;
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

static int check_unique(const struct peers *s, const struct peer *p, struct reason *why)
{
	struct peer *other;
	if (peers_by_name(s, p->name))
		return reason_set(why, REASON_BAD_REQUEST, "name", "", "there is a peer %s already", p->name);
	if (p->server)
		return 0;
	if (p->psk_identity && (other = peers_by_psk(s, p->psk_identity)))
		return reason_set(why, REASON_BAD_REQUEST, "psk-identity", "", "%s belongs to %s already", p->psk_identity, other->name);
	if (p->certificate_name && (other = peers_by_certificate(s, p->certificate_name)))
		return reason_set(why, REASON_BAD_REQUEST, "certificate-name", "", "%s belongs to %s already", p->certificate_name, other->name);
	if (p->spki && (other = peers_by_spki(s, p->spki)))
		return reason_set(why, REASON_BAD_REQUEST, "spki", "", "it belongs to %s already", other->name);
	for (size_t i = 0; i < p->domain.n; i++)
		if ((other = by_prefix(s, &p->domain.v[i]))) {
			char text[PREFIX_TEXT_MAX];
			return reason_set(why, REASON_BAD_REQUEST, "domain", "RFC 9066, 5.3.1", "%s belongs to %s already", prefix_format(&p->domain.v[i], text), other->name);
		}
	return 0;
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
	s->servers += p->server != NULL;
	count_lengths(s, p, 1);
	return true;
}

struct peer *peers_add(struct peers *s, const json_t *object, struct reason *why)
{
	struct peer *p = peer_read(object, s->keyless, why);
	if (!p)
		return NULL;
	if (check_unique(s, p, why) == 0) {
		if (insert(s, p))
			return p;
		reason_set(why, REASON_BAD_REQUEST, "name", "", "out of memory");
	}
	peer_free(p);
	return NULL;
}

void peers_remove(struct peers *s, struct peer *p)
{
	unindex(s, p);
	count_lengths(s, p, -1);
	s->v[p->number] = NULL;
	s->holes[s->n_holes++] = p->number;
	s->count--;
	s->servers -= p->server != NULL;
	peer_free(p);
}

/* A misspelt "domain" would leave a peer whose requests are all refused: the first such member of a file is told. NULL: all are known. */
static const char *unknown_member(const json_t *object)
{
	static const char *const known[] = { "name", "psk-identity", "psk-key", "certificate-name", "spki", "domain", "session-address", "address", "port", "transport",
		                             "server-name", "overlap" };
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)object, name, value) {
		size_t i = 0;
		while (i < sizeof known / sizeof *known && strcmp(known[i], name))
			i++;
		if (i == sizeof known / sizeof *known)
			return name;
	}
	return NULL;
}

static int load_line(struct peers *s, char *text, size_t len, const char *where, unsigned long number, bool *told, struct reason *why)
{
	while (len && strchr("\r\n \t", text[len - 1]))
		len--;
	if (!len)
		return 0;
	json_t *object = json_line_parse(text, len, why);
	int result = object && peers_add(s, object, why) ? 0 : -1;
	const char *unknown = result == 0 && !*told ? unknown_member(object) : NULL;
	if (unknown) {
		log_warning("%s:%lu: a peer has no member \"%s\": it is passed over, as any further one", where, number, unknown);
		*told = true;
	}
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
	bool passed_over = false;
	for (unsigned long number = 1; result == 0 && (len = getline(&text, &cap, f)) >= 0; number++) {
		struct reason inner = { 0 };
		char told[sizeof inner.text + 100];
		if (load_line(s, text, (size_t)len, path, number, &passed_over, &inner) < 0)
			result = reason_set(why, REASON_BAD_REQUEST, "peers-file", "", "%s:%lu: %s", path, number, reason_format(&inner, told, sizeof told));
	}
	if (result == 0 && ferror(f))
		result = reason_set(why, REASON_BAD_REQUEST, "peers-file", "", "%s: %s", path, strerror(errno));
	if (text)
		explicit_bzero(text, cap);
	free(text);
	fclose(f);
	return result;
}
