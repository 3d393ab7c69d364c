/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ledger.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void ledger_init(struct ledger *t)
{
	memset(t, 0, sizeof(*t));
	t->next_due = LEDGER_NEVER;
}

static void client_free(struct client *c)
{
	for (size_t i = 0; i < c->n; i++)
		record_free(c->v[i]);
	free(c->v);
	free(c->peer);
	free(c->cuid);
	free(c->credential);
	free(c);
}

void ledger_free(struct ledger *t)
{
	for (size_t i = 0; i < t->n; i++)
		client_free(t->v[i]);
	free(t->v);
	ledger_init(t);
}

/* Room for one more pointer. */
static bool grow(void **v, size_t n, size_t *cap)
{
	size_t want = *cap == 0 ? 8 : *cap * 2;
	void *p;

	if (n < *cap)
		return true;
	p = realloc(*v, want * sizeof(void *));
	if (p == NULL)
		return false;
	*v = p;
	*cap = want;
	return true;
}

static struct client *client_new(struct ledger *t, const char *peer, const char *cuid)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->ledger = t;
	c->peer = strdup(peer);
	c->cuid = strdup(cuid);
	if (c->peer == NULL || c->cuid == NULL) {
		client_free(c);
		return NULL;
	}
	return c;
}

/* A cuid that has nothing any more makes room for another. */
static bool forget_empty(struct ledger *t, const char *peer)
{
	for (size_t i = 0; i < t->n; i++) {
		struct client *c = t->v[i];

		if (c->n > 0 || c->refs > 0 || strcmp(c->peer, peer) != 0)
			continue;
		client_free(c);
		t->v[i] = t->v[--t->n];
		return true;
	}
	return false;
}

struct client *ledger_client(struct ledger *t, const char *peer, const char *cuid, bool create)
{
	struct client *c;
	size_t same = 0;

	for (size_t i = 0; i < t->n; i++) {
		c = t->v[i];
		if (strcmp(c->peer, peer) != 0)
			continue;
		if (strcmp(c->cuid, cuid) == 0)
			return c;
		same++;
	}
	if (!create || (same >= LEDGER_MAX_CLIENTS && !forget_empty(t, peer)) || !grow((void **)&t->v, t->n, &t->cap))
		return NULL;
	c = client_new(t, peer, cuid);
	if (c != NULL)
		t->v[t->n++] = c;
	return c;
}

int client_own(struct client *c, const char *credential)
{
	char *copy;

	if (c->credential != NULL && strcmp(c->credential, credential) == 0)
		return 0;
	copy = strdup(credential);
	if (copy == NULL)
		return -1;
	free(c->credential);
	c->credential = copy;
	return 0;
}

bool client_owns(const struct client *c, const char *credential)
{
	return c == NULL || c->credential == NULL || strcmp(c->credential, credential) == 0;
}

bool client_live(const struct client *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (life_stands(&c->v[i]->life))
			return true;
	return false;
}

/* The place of mid among the client's records: the first that is not smaller. */
static size_t place(const struct client *c, uint32_t mid)
{
	size_t lo = 0, hi = c->n;

	while (lo < hi) {
		size_t mid_i = lo + (hi - lo) / 2;

		if (c->v[mid_i]->m.mid < mid)
			lo = mid_i + 1;
		else
			hi = mid_i;
	}
	return lo;
}

struct record *client_find(const struct client *c, uint32_t mid)
{
	size_t i;

	if (c == NULL)
		return NULL;
	i = place(c, mid);
	return i < c->n && c->v[i]->m.mid == mid ? c->v[i] : NULL;
}

struct record *ledger_find(struct ledger *t, const char *peer, const char *cuid, uint32_t mid)
{
	return client_find(ledger_client(t, peer, cuid, false), mid);
}

struct record *record_new(struct mitigation *m, uint32_t mid)
{
	struct record *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->m = *m;
	mitigation_init(m);
	r->m.has_mid = true;
	r->m.mid = mid;
	r->life.due = r->life.expires = r->life.ask_until = LEDGER_NEVER;
	r->life.reported = STATUS_IN_PROGRESS;
	return r;
}

void record_free(struct record *r)
{
	if (r == NULL)
		return;
	mitigation_free(&r->m);
	json_decref(r->hosts);
	free(r);
}

int ledger_insert(struct ledger *t, struct client *c, struct record *r)
{
	size_t i = place(c, r->m.mid);

	assert(i == c->n || c->v[i]->m.mid != r->m.mid);
	if (!grow((void **)&c->v, c->n, &c->cap))
		return -1;
	memmove(&c->v[i + 1], &c->v[i], (c->n - i) * sizeof(*c->v));
	c->v[i] = r;
	c->n++;
	r->client = c;
	ledger_changed(t, r);
	return 0;
}

struct record *ledger_take(struct ledger *t, struct record *r)
{
	struct client *c = r->client;
	size_t i = place(c, r->m.mid);

	assert(i < c->n && c->v[i] == r);
	memmove(&c->v[i], &c->v[i + 1], (c->n - i - 1) * sizeof(*c->v));
	c->n--;
	t->generation++;
	return r;
}

void ledger_changed(struct ledger *t, struct record *r)
{
	r->generation = ++t->generation;
	if (r->life.due < t->next_due)
		t->next_due = r->life.due;
}

void ledger_run(struct ledger *t, int64_t now, void (*fn)(void *arg, struct record *r), void *arg)
{
	int64_t next = LEDGER_NEVER;

	if (now < t->next_due)
		return;
	for (size_t i = 0; i < t->n; i++) {
		struct client *c = t->v[i];

		/* From the end: fn may take the record it is given out. */
		for (size_t j = c->n; j-- > 0;)
			if (c->v[j]->life.due <= now)
				fn(arg, c->v[j]);
		for (size_t j = 0; j < c->n; j++)
			if (c->v[j]->life.due < next)
				next = c->v[j]->life.due;
	}
	t->next_due = next;
}

void life_grant(struct life *l, int64_t lifetime, int64_t now)
{
	l->lifetime = lifetime;
	l->expires = lifetime == LIFETIME_INDEFINITE ? LEDGER_NEVER : now + lifetime * 1000;
	l->due = l->expires;
}

void life_wait(struct life *l)
{
	l->due = l->pending && l->ask_until < l->expires ? l->ask_until : l->expires;
}

void life_begin(struct life *l, int64_t now, int64_t wall)
{
	l->start = (uint64_t)(wall / 1000);
	l->began = now;
}

int64_t life_left(const struct life *l, int64_t now)
{
	int64_t end = l->phase == PHASE_TERMINATING ? l->due : l->phase == PHASE_ENDED ? now : l->expires;

	if (end == LEDGER_NEVER)
		return LIFETIME_INDEFINITE;
	return end <= now ? 0 : (end - now + 999) / 1000;
}

enum dots_status life_status(const struct life *l)
{
	switch (l->phase) {
	case PHASE_ACTIVE:
		return l->pending ? STATUS_IN_PROGRESS : l->reported;
	case PHASE_TERMINATING:
		return STATUS_CLIENT_WITHDRAWN;
	case PHASE_REJECTED:
	case PHASE_ENDED:
	case PHASE_INACTIVE:
		return l->ended;
	case PHASE_ARMED:
		return l->repeats > 0 ? l->ended : STATUS_SIGNAL_LOSS;
	}
	return STATUS_NONE;
}

bool life_live(const struct life *l)
{
	return l->phase == PHASE_ACTIVE || l->phase == PHASE_TERMINATING;
}

bool life_stands(const struct life *l)
{
	return life_live(l) || l->phase == PHASE_ARMED;
}

size_t ledger_count(const struct ledger *t, const char *peer)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->v[i]->peer, peer) == 0)
			for (size_t j = 0; j < t->v[i]->n; j++)
				n += t->v[i]->v[j]->life.phase != PHASE_ENDED;
	return n;
}

bool ledger_mitigating(const struct ledger *t, const char *peer)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->v[i]->peer, peer) == 0)
			for (size_t j = 0; j < t->v[i]->n; j++)
				if (life_live(&t->v[i]->v[j]->life) && !t->v[i]->v[j]->life.pending)
					return true;
	return false;
}

bool client_overlap(const struct client *c, const struct mitigation *a, const struct mitigation *b)
{
	return c->base ? mitigation_targets_overlap(a, b) : mitigation_overlap(a, b);
}

void ledger_contenders(const struct record *r, bool (*fn)(void *arg, struct record *other), void *arg)
{
	const struct ledger *t = r->client->ledger;

	for (size_t i = 0; i < t->n; i++) {
		const struct client *c = t->v[i];

		if (c == r->client || strcmp(c->peer, r->client->peer) != 0)
			continue;
		for (size_t j = 0; j < c->n; j++)
			if (life_live(&c->v[j]->life) && client_overlap(c, &r->m, &c->v[j]->m) && !fn(arg, c->v[j]))
				return;
	}
}

static bool found_one(void *arg, struct record *other)
{
	(void)other;
	*(bool *)arg = true;
	return false;
}

bool ledger_contended(const struct record *r)
{
	bool found = false;

	if (life_live(&r->life))
		ledger_contenders(r, found_one, &found);
	return found;
}

const struct record *ledger_winner(const struct client *c, const struct mitigation *m, uint32_t mid)
{
	for (size_t i = c != NULL ? c->n : 0; i-- > 0 && c->v[i]->m.mid > mid;) {
		const struct record *r = c->v[i];

		if ((r->life.phase == PHASE_ACTIVE || r->life.phase == PHASE_ARMED) && (m->trigger == 0) == (r->m.trigger == 0) && client_overlap(c, m, &r->m))
			return r;
	}
	return NULL;
}

void ledger_each(const struct ledger *t, void (*fn)(void *arg, struct record *r), void *arg)
{
	for (size_t i = 0; i < t->n; i++)
		for (size_t j = 0; j < t->v[i]->n; j++)
			fn(arg, t->v[i]->v[j]);
}
