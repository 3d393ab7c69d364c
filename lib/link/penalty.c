/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "link/penalty.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "link/dtls_table.h"

/* What is known of an address: kept while it has a session, or something is held against it. */
struct source {
	struct table_node node;
	struct source *prev, *next;          /* those without a session, the one that failed longest ago first */
	int64_t last, until;                 /* the last failure; on the list until then, 0 = not */
	unsigned failures, live;
};

struct penalty {
	struct table sources;
	struct source suspects;              /* head of the ring */
	unsigned n_suspects, limit;
	int64_t time;
};

struct penalty *penalty_new(unsigned failures, int64_t time_ms)
{
	struct penalty *p = calloc(1, sizeof *p);
	if (!p || table_init(&p->sources) < 0) {
		free(p);
		return NULL;
	}
	p->suspects.prev = p->suspects.next = &p->suspects;
	p->limit = failures;
	p->time = time_ms;
	return p;
}

void penalty_free(struct penalty *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->sources.n_slots; i++)
		for (struct table_node *n = p->sources.slots[i], *next; n; n = next) {
			next = n->next;
			free((char *)n - offsetof(struct source, node));
		}
	table_free(&p->sources);
	free(p);
}

static struct dtls_key key_of(const struct sockaddr_storage *remote)
{
	static const struct sockaddr_storage nowhere;
	struct dtls_key k = dtls_key_of(remote, &nowhere);
	k.port = 0;
	if (k.family == AF_INET6)
		memset(k.remote + 8, 0, 8);
	return k;
}

static struct source *find(const struct penalty *p, const struct sockaddr_storage *remote)
{
	struct dtls_key k = key_of(remote);
	struct table_node *n = table_find(&p->sources, &k);
	return n ? (struct source *)((char *)n - offsetof(struct source, node)) : NULL;
}

static void suspect(struct penalty *p, struct source *s)
{
	s->next = &p->suspects;
	s->prev = p->suspects.prev;
	s->prev->next = p->suspects.prev = s;
	p->n_suspects++;
}

static void acquit(struct penalty *p, struct source *s)
{
	if (!s->next)
		return;
	s->prev->next = s->next;
	s->next->prev = s->prev;
	s->prev = s->next = NULL;
	p->n_suspects--;
}

static void forget(struct penalty *p, struct source *s)
{
	acquit(p, s);
	table_remove(&p->sources, &s->node);
	free(s);
}

static struct source *find_or_make(struct penalty *p, const struct sockaddr_storage *remote)
{
	struct source *s = find(p, remote);
	if (s || !(s = calloc(1, sizeof *s)))
		return s;
	s->node.key = key_of(remote);
	table_add(&p->sources, &s->node);
	return s;
}

bool penalty_holds(const struct penalty *p, const struct sockaddr_storage *remote, int64_t now)
{
	const struct source *s = p->n_suspects ? find(p, remote) : NULL;
	return s && s->until > now && !s->live;
}

/* The oldest ones go when their time is over, and when there are too many. */
static void make_room(struct penalty *p, int64_t now)
{
	for (struct source *s; (s = p->suspects.next) != &p->suspects && (p->n_suspects >= LISTEN_SUSPECTS || (s->until <= now && now - s->last >= p->time));)
		forget(p, s);
}

bool penalty_failed(struct penalty *p, const struct sockaddr_storage *remote, int64_t now)
{
	if (!p->limit)
		return false;
	make_room(p, now);
	struct source *s = find_or_make(p, remote);
	if (!s || s->live)
		return false;   /* behind the address of a router may be many others, and a device that wants to shut it out */
	acquit(p, s);
	suspect(p, s);
	if (now - s->last >= p->time)
		s->failures = 0;
	s->last = now;
	if (++s->failures < p->limit)
		return false;
	s->failures = 0;
	s->until = now + p->time;
	return true;
}

void penalty_up(struct penalty *p, const struct sockaddr_storage *remote)
{
	struct source *s = p->limit ? find_or_make(p, remote) : NULL;
	if (!s)
		return;
	acquit(p, s);
	s->failures = 0;
	s->until = 0;
	s->live++;
}

void penalty_down(struct penalty *p, const struct sockaddr_storage *remote)
{
	struct source *s = p->limit ? find(p, remote) : NULL;
	if (s && s->live && --s->live == 0)
		forget(p, s);
}
