/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "slots.h"

#include <stdlib.h>

#define SLOT_GONE UINT32_MAX
#define SLOTS_START 16

void slots_free(struct slots *s)
{
	free(s->v);
	*s = (struct slots){ 0 };
}

static void place(struct slot *v, size_t cap, struct slot what)
{
	size_t i = what.hash & (cap - 1);
	while (v[i].item && v[i].item != SLOT_GONE)
		i = (i + 1) & (cap - 1);
	v[i] = what;
}

static bool grow(struct slots *s)
{
	size_t cap = SLOTS_START;
	while (cap * 3 < (s->live + 1) * 4 + cap / 2)   /* at most five eighths full after the move */
		cap *= 2;
	struct slot *v = calloc(cap, sizeof *v);
	if (!v)
		return false;
	for (size_t i = 0; i < s->cap; i++)
		if (s->v[i].item && s->v[i].item != SLOT_GONE)
			place(v, cap, s->v[i]);
	free(s->v);
	*s = (struct slots){ .v = v, .cap = cap, .used = s->live, .live = s->live };
	return true;
}

bool slots_add(struct slots *s, uint32_t hash, uint32_t item)
{
	if ((s->used + 1) * 4 > s->cap * 3 && !grow(s))
		return false;
	size_t i = hash & (s->cap - 1);
	while (s->v[i].item && s->v[i].item != SLOT_GONE)
		i = (i + 1) & (s->cap - 1);
	if (!s->v[i].item)
		s->used++;
	s->live++;
	s->v[i] = (struct slot){ hash, item + 1 };
	return true;
}

int64_t slots_find(const struct slots *s, uint32_t hash, slots_same_fn *same, const void *arg, const void *key)
{
	if (!s->cap)
		return -1;
	for (size_t i = hash & (s->cap - 1); s->v[i].item; i = (i + 1) & (s->cap - 1))
		if (s->v[i].item != SLOT_GONE && s->v[i].hash == hash && same(arg, s->v[i].item - 1, key))
			return s->v[i].item - 1;
	return -1;
}

void slots_remove(struct slots *s, uint32_t hash, uint32_t item)
{
	if (!s->cap)
		return;
	for (size_t i = hash & (s->cap - 1); s->v[i].item; i = (i + 1) & (s->cap - 1))
		if (s->v[i].item == item + 1) {
			s->v[i].item = SLOT_GONE;
			s->live--;
			return;
		}
}

/* FNV-1a with a finishing mix: the keys are the operator's own, so nobody can aim at a slot. */
uint32_t slots_hash(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t h = 0xcbf29ce484222325u;
	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93u;
	return (uint32_t)(h >> 32);
}
