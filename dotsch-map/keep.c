/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "keep.h"

#include <stdlib.h>
#include <string.h>

#include "intern.h"

struct kept {
	char *peer, *cuid;
	uint32_t mid;
	struct mitigation request;
	json_t *hosts, *certainty;
	int64_t until;
	struct kept *next;
};

#define BUCKETS 4096

struct keep {
	struct kept *buckets[BUCKETS];
	size_t n;
};

static void kept_free(struct kept *e)
{
	free(e->peer);
	free(e->cuid);
	mitigation_free(&e->request);
	json_decref(e->hosts);
	json_decref(e->certainty);
	free(e);
}

struct keep *keep_new(void)
{
	return calloc(1, sizeof(struct keep));
}

void keep_free(struct keep *k)
{
	for (size_t i = 0; k && i < BUCKETS; i++)
		for (struct kept *e = k->buckets[i], *next; e; e = next) {
			next = e->next;
			kept_free(e);
		}
	free(k);
}

static struct kept **find(struct keep *k, const struct envelope *e)
{
	const char *peer = e->peer ? e->peer : "", *cuid = e->cuid ? e->cuid : "";
	uint32_t at = (hash_bytes(peer, strlen(peer)) ^ hash_bytes(cuid, strlen(cuid)) ^ hash_bytes(&e->mid, sizeof e->mid)) % BUCKETS;
	struct kept **p = &k->buckets[at];
	while (*p && !((*p)->mid == e->mid && !strcmp((*p)->peer, peer) && !strcmp((*p)->cuid, cuid)))
		p = &(*p)->next;
	return p;
}

static void unlink_one(struct keep *k, struct kept **p)
{
	struct kept *gone = *p;
	*p = gone->next;
	k->n--;
	kept_free(gone);
}

void keep_drop(struct keep *k, const struct envelope *e)
{
	struct kept **p = e->has_mid ? find(k, e) : NULL;
	if (p && *p)
		unlink_one(k, p);
}

bool keep_get(struct keep *k, const struct envelope *e, int64_t now, json_t **hosts, json_t **certainty)
{
	struct kept **p = e->has_mid ? find(k, e) : NULL;
	if (!p || !*p)
		return false;
	if ((*p)->until <= now || e->body.n_scope != 1 || !mitigation_same(&(*p)->request, &e->body.scope[0])) {
		unlink_one(k, p);
		return false;
	}
	*hosts = (*p)->hosts;
	*certainty = (*p)->certainty;
	return true;
}

static void make_room(struct keep *k)
{
	struct kept **first = NULL;
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct kept **p = &k->buckets[i]; *p; p = &(*p)->next)
			if (!first || (*p)->until < (*first)->until)
				first = p;
	unlink_one(k, first);
}

void keep_put(struct keep *k, const struct envelope *e, json_t *hosts, json_t *certainty, int64_t until)
{
	if (!e->has_mid || e->body.n_scope != 1)
		return;
	keep_drop(k, e);
	if (k->n >= KEEP_MAX)
		make_room(k);
	struct kept *new = calloc(1, sizeof *new);
	if (!new)
		return;
	new->peer = strdup(e->peer ? e->peer : "");
	new->cuid = strdup(e->cuid ? e->cuid : "");
	if (!new->peer || !new->cuid || mitigation_copy(&new->request, &e->body.scope[0]) < 0) {
		kept_free(new);      /* then the next refresh looks again, which is no worse than a restart */
		return;
	}
	new->mid = e->mid;
	new->hosts = json_incref(hosts);
	new->certainty = json_incref(certainty);
	new->until = until;
	struct kept **p = find(k, e);
	*p = new;
	k->n++;
}
