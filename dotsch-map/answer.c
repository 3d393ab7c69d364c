/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "answer.h"

#include <stdlib.h>
#include <string.h>

#include "intern.h"

#define FEW 12               /* candidates that are compared one by one */

/* All a->cap candidates keep the memory of their ports, for the next question. */
void answer_reset(struct answer *a)
{
	*a = (struct answer){ .v = a->v, .cap = a->cap };
}

void answer_free(struct answer *a)
{
	for (size_t i = 0; i < a->cap; i++)
		free(a->v[i].ports);
	free(a->v);
	*a = (struct answer){ 0 };
}

uint32_t answer_rank(uint8_t len, bool proto, uint16_t width, bool dst)
{
	return (uint32_t)len << 24 | (uint32_t)proto << 20 | (uint32_t)(UINT16_MAX - width) << 1 | dst;
}

static bool same_host(const struct search *s, const struct candidate *c, const struct voice *v)
{
	return prefix_equal(&c->host, &v->host) && c->has_subscriber == v->has_subscriber && (!c->has_subscriber || prefix_equal(&c->subscriber, &v->subscriber)) &&
	       c->table->instances[c->instance].id == s->table->instances[v->instance].id && !c->ruled_out == !v->ruled_out;
}

static struct candidate *new_candidate(struct search *s)
{
	struct answer *a = s->out;
	if (a->n == RESOLVE_MAX_HOSTS) {
		a->truncated = true;
		return NULL;
	}
	if (a->n == a->cap) {
		size_t cap = a->cap ? a->cap * 4 : 4;
		struct candidate *v = realloc(a->v, cap * sizeof *v);
		if (!v) {
			s->failed = true;
			return NULL;
		}
		memset(v + a->cap, 0, (cap - a->cap) * sizeof *v);
		a->v = v;
		a->cap = cap;
	}
	return &a->v[a->n++];
}

static uint16_t *slot_of(struct search *s, const struct prefix *host)
{
	uint32_t at = hash_bytes(host->addr, sizeof host->addr) & (ANSWER_SLOTS - 1);
	return &s->slots[at];
}

static uint16_t *next_slot(struct search *s, uint16_t *slot)
{
	return slot + 1 == s->slots + ANSWER_SLOTS ? s->slots : slot + 1;
}

static void put_slot(struct search *s, const struct prefix *host, size_t number)
{
	uint16_t *slot = slot_of(s, host);
	while (*slot)
		slot = next_slot(s, slot);
	*slot = (uint16_t)number;
}

static struct candidate *find(struct search *s, const struct voice *v)
{
	struct answer *a = s->out;
	for (size_t i = 0; !s->hashed && i < a->n; i++)
		if (same_host(s, &a->v[i], v))
			return &a->v[i];
	for (uint16_t *slot = s->hashed ? slot_of(s, &v->host) : NULL; slot && *slot; slot = next_slot(s, slot))
		if (same_host(s, &a->v[*slot - 1], v))
			return &a->v[*slot - 1];
	return NULL;
}

static struct candidate *find_or_add(struct search *s, const struct voice *v)
{
	struct answer *a = s->out;
	struct candidate *c = find(s, v);
	if (c || !(c = new_candidate(s)))
		return c;
	*c = (struct candidate){ .host = v->host, .subscriber = v->subscriber, .has_subscriber = v->has_subscriber, .table = s->table, .instance = v->instance,
		.has_entry = v->has_entry, .entry = v->entry, .ruled_out = v->ruled_out, .ports = c->ports, .cap_ports = c->cap_ports };
	if (s->hashed) {
		put_slot(s, &c->host, a->n);
	} else if (a->n > FEW) {
		s->hashed = true;
		memset(s->slots, 0, sizeof s->slots);
		for (size_t i = 0; i < a->n; i++)
			put_slot(s, &a->v[i].host, i + 1);
	}
	return c;
}

static void add_port(struct search *s, struct candidate *c, const struct inside_port *p)
{
	for (size_t i = c->n_ports; i > 0 && c->n_ports - i < 4; i--)   /* two tables, or a flow and its block, say the same port in a row */
		if (!memcmp(&c->ports[i - 1].range, &p->range, sizeof p->range) && c->ports[i - 1].proto == p->proto)
			return;
	if (c->n_ports == RESOLVE_MAX_PORTS)
		return;
	if (c->n_ports == c->cap_ports) {
		size_t cap = c->cap_ports ? c->cap_ports * 2 : 1;
		struct inside_port *v = realloc(c->ports, cap * sizeof *v);
		if (!v) {
			s->failed = true;
			return;
		}
		c->ports = v;
		c->cap_ports = cap;
	}
	c->ports[c->n_ports++] = *p;
}

static void note_capture(struct candidate *c, int64_t captured, int64_t attack)
{
	if (!captured)
		return;
	if (captured <= attack && captured > c->before)
		c->before = captured;
	if (captured >= attack && (!c->after || captured < c->after))
		c->after = captured;
}

bool answer_hear(struct search *s, const struct voice *v)
{
	struct candidate *c = find_or_add(s, v);
	if (!c)
		return false;
	c->entries++;
	c->port_required |= v->port_required;
	c->covers |= v->covers;
	c->other_target |= v->other_target;
	note_capture(c, v->captured, s->q->attack);
	if (v->certainty < c->certainty)
		return true;
	if (v->certainty > c->certainty) {   /* what a less sure entry said about ports is void */
		c->certainty = v->certainty;
		c->rank = 0;
		c->n_ports = 0;
		c->some_without_ports = false;
		c->table = s->table;
		c->instance = v->instance;
		c->entry = v->entry;
		c->has_entry = v->has_entry;
	}
	if (v->rank > c->rank) {
		c->rank = v->rank;
		c->entry = v->entry;
	}
	if (v->has_port)
		add_port(s, c, &v->port);
	else
		c->some_without_ports = true;
	return !s->failed;
}
