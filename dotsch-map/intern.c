/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "intern.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

uint32_t hash_bytes(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t h = 0x9e3779b97f4a7c15u ^ len, word;
	for (; len >= 8; p += 8, len -= 8) {
		memcpy(&word, p, 8);
		h = (h ^ word) * 0xbf58476d1ce4e5b9u;
		h ^= h >> 32;
	}
	if (len) {
		word = 0;
		memcpy(&word, p, len);
		h = (h ^ word) * 0xbf58476d1ce4e5b9u;
		h ^= h >> 32;
	}
	h *= 0x94d049bb133111ebu;
	return (uint32_t)(h >> 32);
}

static bool grow(struct intern *in)
{
	if (in->n == in->cap) {
		size_t cap = in->cap ? in->cap + in->cap / 2 : 64;
		uint8_t *items = realloc(in->items, cap * in->size);
		if (!items)
			return false;
		in->items = items;
		in->cap = cap;
	}
	if ((size_t)in->n * 2 < in->n_slots)
		return true;
	size_t n_slots = in->n_slots ? in->n_slots * 2 : 128;
	uint32_t *slots = calloc(n_slots, sizeof *slots);
	if (!slots)
		return false;
	for (uint32_t i = 0; i < in->n; i++) {
		size_t at = hash_bytes(in->items + (size_t)i * in->size, in->size) & (n_slots - 1);
		while (slots[at])
			at = (at + 1) & (n_slots - 1);
		slots[at] = i + 1;
	}
	free(in->slots);
	in->slots = slots;
	in->n_slots = n_slots;
	return true;
}

uint32_t intern_put(struct intern *in, const void *record)
{
	if (in->n && !memcmp(in->items + (size_t)in->last * in->size, record, in->size))
		return in->last;
	if (in->n == INTERN_NONE - 1 || !grow(in))
		return INTERN_NONE;
	size_t at = hash_bytes(record, in->size) & (in->n_slots - 1);
	for (; in->slots[at]; at = (at + 1) & (in->n_slots - 1)) {
		uint32_t i = in->slots[at] - 1;
		if (!memcmp(in->items + (size_t)i * in->size, record, in->size))
			return in->last = i;
	}
	memcpy(in->items + (size_t)in->n * in->size, record, in->size);
	in->slots[at] = in->n + 1;
	return in->last = in->n++;
}

void intern_free(struct intern *in)
{
	free(in->items);
	free(in->slots);
	*in = (struct intern){ .size = in->size };
}
