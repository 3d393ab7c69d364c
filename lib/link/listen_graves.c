/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "link/listen_internal.h"

#define GRAVE_MS 15000                   /* longer than a client goes on with a hello whose alert was lost */
#define GRAVES_MAX 1024

struct tombstone {
	struct table_node node;          /* first: found by it */
	struct tombstone *next;
	int64_t until;
	int alert;
	uint8_t hello[HELLO_NAME];
};

int graves_init(struct graves *g)
{
	g->first = g->last = NULL;
	return table_init(&g->table);
}

static struct tombstone *take_first(struct graves *g)
{
	struct tombstone *t = g->first;
	g->first = t->next;
	if (!g->first)
		g->last = NULL;
	table_remove(&g->table, &t->node);
	return t;
}

static void forget(struct graves *g, int64_t now_ms)
{
	while (g->first && g->first->until <= now_ms)
		free(take_first(g));
}

void graves_free(struct graves *g)
{
	forget(g, INT64_MAX);
	table_free(&g->table);
}

void graves_add(struct graves *g, const struct dtls_key *key, const uint8_t hello[HELLO_NAME], int alert, int64_t now_ms)
{
	struct tombstone *t = g->table.count < GRAVES_MAX ? malloc(sizeof *t) : take_first(g);
	if (!t)
		return;
	*t = (struct tombstone){ .node.key = *key, .until = now_ms + GRAVE_MS, .alert = alert };
	memcpy(t->hello, hello, sizeof t->hello);
	table_add(&g->table, &t->node);
	if (g->last)
		g->last->next = t;
	else
		g->first = t;
	g->last = t;
}

int graves_find(struct graves *g, const struct dtls_key *key, const uint8_t hello[HELLO_NAME], int64_t now_ms)
{
	forget(g, now_ms);
	const struct tombstone *t = g->table.count ? (const struct tombstone *)table_find(&g->table, key) : NULL;
	return t && !memcmp(t->hello, hello, HELLO_NAME) ? t->alert : -1;
}
