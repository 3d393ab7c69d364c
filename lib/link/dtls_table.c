/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "link/dtls_table.h"

#include <assert.h>
#include <endian.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "link/tls.h"

#define SLOTS_MIN 256

static uint64_t rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

uint64_t siphash(const uint64_t seed[2], const void *data, size_t len)
{
	uint64_t v[4] = { seed[0] ^ 0x736f6d6570736575, seed[1] ^ 0x646f72616e646f6d, seed[0] ^ 0x6c7967656e657261, seed[1] ^ 0x7465646279746573 };
	const uint8_t *p = data;
	uint64_t word;
	size_t left = len;
	for (; left >= 8; left -= 8, p += 8) {
		memcpy(&word, p, 8);
		word = le64toh(word);
		v[3] ^= word;
		sip_round(v);
		sip_round(v);
		v[0] ^= word;
	}
	word = (uint64_t)len << 56;
	for (size_t i = 0; i < left; i++)
		word |= (uint64_t)p[i] << (8 * i);
	v[3] ^= word;
	sip_round(v);
	sip_round(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct dtls_key dtls_key_of(const struct sockaddr_storage *remote, const struct sockaddr_storage *local)
{
	static_assert(sizeof(struct dtls_key) == 40, "the key must have no padding");
	struct dtls_key k = { .family = remote->ss_family };
	if (remote->ss_family == AF_INET6) {
		const struct sockaddr_in6 *r = (const struct sockaddr_in6 *)remote, *l = (const struct sockaddr_in6 *)local;
		memcpy(k.remote, &r->sin6_addr, 16);
		memcpy(k.local, &l->sin6_addr, 16);
		k.scope = r->sin6_scope_id;
		k.port = r->sin6_port;
	} else {
		const struct sockaddr_in *r = (const struct sockaddr_in *)remote, *l = (const struct sockaddr_in *)local;
		memcpy(k.remote, &r->sin_addr, 4);
		memcpy(k.local, &l->sin_addr, 4);
		k.port = r->sin_port;
	}
	return k;
}

int table_init(struct table *t)
{
	t->slots = calloc(SLOTS_MIN, sizeof(struct table_node *));
	t->n_slots = SLOTS_MIN;
	tls_random(t->seed, sizeof t->seed);
	return t->slots ? 0 : -1;
}

void table_free(struct table *t)
{
	free(t->slots);
	t->slots = NULL;
}

static struct table_node **slot(const struct table *t, uint64_t hash)
{
	return &t->slots[hash & (t->n_slots - 1)];
}

struct table_node *table_find(const struct table *t, const struct dtls_key *key)
{
	uint64_t hash = siphash(t->seed, key, sizeof *key);
	for (struct table_node *n = *slot(t, hash); n; n = n->next)
		if (n->hash == hash && memcmp(&n->key, key, sizeof *key) == 0)
			return n;
	return NULL;
}

static void grow(struct table *t)
{
	struct table bigger = *t;
	bigger.n_slots = t->n_slots * 2;
	bigger.slots = calloc(bigger.n_slots, sizeof(struct table_node *));
	if (!bigger.slots)
		return;
	for (size_t i = 0; i < t->n_slots; i++)
		for (struct table_node *n = t->slots[i], *next; n; n = next) {
			next = n->next;
			struct table_node **s = slot(&bigger, n->hash);
			n->next = *s;
			*s = n;
		}
	free(t->slots);
	*t = bigger;
}

void table_add(struct table *t, struct table_node *n)
{
	if (t->count >= t->n_slots)
		grow(t);
	n->hash = siphash(t->seed, &n->key, sizeof n->key);
	struct table_node **s = slot(t, n->hash);
	n->next = *s;
	*s = n;
	t->count++;
}

static struct table_node **place(struct table *t, struct table_node *n)
{
	struct table_node **p = slot(t, n->hash);
	while (*p && *p != n)
		p = &(*p)->next;
	assert(*p);
	return p;
}

void table_remove(struct table *t, struct table_node *n)
{
	*place(t, n) = n->next;
	t->count--;
}

void table_replace(struct table *t, struct table_node *old, struct table_node *n)
{
	struct table_node **p = place(t, old);
	n->hash = old->hash;
	n->next = old->next;
	*p = n;
}
