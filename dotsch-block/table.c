/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "table.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKETS 64

bool table_init(struct table *t)
{
	*t = (struct table){ .bucket = calloc(FIRST_BUCKETS, sizeof *t->bucket), .buckets = FIRST_BUCKETS };
	return t->bucket != NULL;
}

void table_free(struct table *t)
{
	free(t->bucket);
	*t = (struct table){ 0 };
}

/* FNV-1a: it tells keys apart, it keeps nobody out. */
static uint64_t digest(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;
	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ULL;
	return h;
}

static uint64_t digest_text(uint64_t h, const char *text)
{
	return digest(h, text ? text : "", text ? strlen(text) + 1 : 1);
}

void table_key(const char *peer, const char *cuid, bool has_mid, uint32_t mid, const char *ref, uint8_t out[16])
{
	static const uint64_t basis[2] = { 0xcbf29ce484222325ULL, 0x84222325cbf29ce4ULL };
	for (int i = 0; i < 2; i++) {
		uint64_t h = digest_text(digest_text(digest(basis[i], &has_mid, sizeof has_mid), peer), cuid);
		h = has_mid ? digest(h, &mid, sizeof mid) : digest_text(h, ref);
		memcpy(out + 8 * i, &h, 8);
	}
}

static size_t bucket_of(const struct table *t, const uint8_t key[16])
{
	uint64_t h;
	memcpy(&h, key, 8);
	return (h ^ h >> 32) & (t->buckets - 1);
}

static bool same_text(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

struct entry *table_find(const struct table *t, const char *peer, const char *cuid, bool has_mid, uint32_t mid, const char *ref)
{
	uint8_t key[16];
	table_key(peer, cuid, has_mid, mid, ref, key);
	/* The names too: a digest can be made to fit another's. */
	for (struct entry *e = t->bucket[bucket_of(t, key)]; e; e = e->next)
		if (!memcmp(e->key, key, 16) && e->has_mid == has_mid && same_text(e->peer, peer) && same_text(e->cuid, cuid) &&
		    (has_mid ? e->mid == mid : same_text(e->ref, ref)))
			return e;
	return NULL;
}

struct entry *table_find_key(const struct table *t, const uint8_t key[16])
{
	for (struct entry *e = t->bucket[bucket_of(t, key)]; e; e = e->next)
		if (!memcmp(e->key, key, 16))
			return e;
	return NULL;
}

struct entry *table_find_ref(const struct table *t, const char *ref)
{
	for (size_t i = 0; i < t->buckets; i++)
		for (struct entry *e = t->bucket[i]; e; e = e->next)
			if (e->ref && !strcmp(e->ref, ref))
				return e;
	return NULL;
}

static void grow(struct table *t)
{
	struct table bigger = { calloc(t->buckets * 2, sizeof *t->bucket), t->buckets * 2, t->n };
	if (!bigger.bucket)
		return;   /* longer chains are slower, not wrong */
	for (size_t i = 0; i < t->buckets; i++)
		for (struct entry *e = t->bucket[i], *next; e; e = next) {
			struct entry **to = &bigger.bucket[bucket_of(&bigger, e->key)];
			next = e->next;
			e->next = *to;
			*to = e;
		}
	free(t->bucket);
	*t = bigger;
}

static void entry_free(struct entry *e)
{
	json_decref(e->hosts);
	unit_free(e->unit);
	free(e->peer);
	free(e->cuid);
	free(e->ref);
	free(e);
}

struct entry *table_add(struct table *t, const char *peer, const char *cuid, bool has_mid, uint32_t mid, const char *ref)
{
	struct entry *e = calloc(1, sizeof *e);
	if (!e)
		return NULL;
	e->peer = strdup(peer ? peer : "");
	e->cuid = strdup(cuid ? cuid : "");
	e->ref = ref ? strdup(ref) : NULL;
	e->has_mid = has_mid;
	e->mid = mid;
	if (!e->peer || !e->cuid || (ref && !e->ref)) {
		entry_free(e);
		return NULL;
	}
	if (t->n >= t->buckets)
		grow(t);
	table_key(peer, cuid, has_mid, mid, ref, e->key);
	struct entry **to = &t->bucket[bucket_of(t, e->key)];
	e->next = *to;
	*to = e;
	t->n++;
	return e;
}

void table_remove(struct table *t, struct entry *e)
{
	struct entry **p = &t->bucket[bucket_of(t, e->key)];
	while (*p != e)
		p = &(*p)->next;
	*p = e->next;
	t->n--;
	entry_free(e);
}

void table_each(struct table *t, void (*fn)(void *arg, struct entry *e), void *arg)
{
	for (size_t i = 0; i < t->buckets; i++)
		for (struct entry *e = t->bucket[i], *next; e; e = next) {
			next = e->next;
			fn(arg, e);
		}
}

static uint64_t digest_prefixes(uint64_t h, const struct prefix_list *l)
{
	h = digest(h, &l->n, sizeof l->n);
	for (size_t i = 0; i < l->n; i++)
		h = digest(h, &l->v[i], sizeof l->v[i]);
	return h;
}

static uint64_t digest_ranges(uint64_t h, const struct range_list *l)
{
	return digest(digest(h, &l->n, sizeof l->n), l->v, l->n * sizeof *l->v);
}

uint64_t request_digest(const struct mitigation *m)
{
	uint64_t h = digest_prefixes(0xcbf29ce484222325ULL, &m->target_prefix);
	h = digest_prefixes(h, &m->source_prefix);
	h = digest_ranges(h, &m->target_port);
	h = digest_ranges(h, &m->source_port);
	h = digest_ranges(h, &m->source_icmp_type);
	return digest(digest(h, &m->target_protocol.n, sizeof(size_t)), m->target_protocol.v, m->target_protocol.n);
}
