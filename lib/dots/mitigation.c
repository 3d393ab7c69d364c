/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dots/mitigation.h"

#include <stdlib.h>
#include <string.h>

/* A list of n entries has room for n rounded up to a power of two, and never for fewer than this. */
#define LIST_ROOM_MIN 4

static size_t room_of(size_t n)
{
	size_t room = LIST_ROOM_MIN;
	while (room < n)
		room *= 2;
	return room;
}

/* Makes room for entry n. NULL out of memory, and then v stays as it was. */
static void *list_room(void *v, size_t n, size_t size)
{
	if (n && n < room_of(n))
		return v;
	return realloc(v, room_of(n + 1) * size);
}

int prefix_list_add(struct prefix_list *l, const struct prefix *p)
{
	void *v = list_room(l->v, l->n, sizeof *l->v);
	if (!v)
		return -1;
	l->v = v;
	l->v[l->n++] = *p;
	return 0;
}

int range_list_add(struct range_list *l, uint16_t lower, uint16_t upper)
{
	void *v = list_room(l->v, l->n, sizeof *l->v);
	if (!v)
		return -1;
	l->v = v;
	l->v[l->n++] = (struct range){ .lower = lower, .upper = upper };
	return 0;
}

int protocol_list_add(struct protocol_list *l, uint8_t protocol)
{
	void *v = list_room(l->v, l->n, sizeof *l->v);
	if (!v)
		return -1;
	l->v = v;
	l->v[l->n++] = protocol;
	return 0;
}

int text_list_add(struct text_list *l, const char *text, size_t len)
{
	void *v = list_room(l->v, l->n, sizeof *l->v);
	if (!v)
		return -1;
	l->v = v;
	char *copy = malloc(len + 1);
	if (!copy)
		return -1;
	memcpy(copy, text, len);
	copy[len] = '\0';
	l->v[l->n++] = copy;
	return 0;
}

void prefix_list_free(struct prefix_list *l)
{
	free(l->v);
	*l = (struct prefix_list){ 0 };
}

void range_list_free(struct range_list *l)
{
	free(l->v);
	*l = (struct range_list){ 0 };
}

void protocol_list_free(struct protocol_list *l)
{
	free(l->v);
	*l = (struct protocol_list){ 0 };
}

void text_list_free(struct text_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct text_list){ 0 };
}

/* A copy of n entries in memory of their own; *failed when out of memory. */
static void *list_copy(const void *v, size_t n, size_t size, bool *failed)
{
	if (!n || *failed)
		return NULL;
	void *copy = malloc(room_of(n) * size);
	if (!copy)
		*failed = true;
	else
		memcpy(copy, v, n * size);
	return copy;
}

static void prefix_list_copy(struct prefix_list *to, const struct prefix_list *from, bool *failed)
{
	to->v = list_copy(from->v, from->n, sizeof *from->v, failed);
	to->n = to->v ? from->n : 0;
}

static void range_list_copy(struct range_list *to, const struct range_list *from, bool *failed)
{
	to->v = list_copy(from->v, from->n, sizeof *from->v, failed);
	to->n = to->v ? from->n : 0;
}

static void protocol_list_copy(struct protocol_list *to, const struct protocol_list *from, bool *failed)
{
	to->v = list_copy(from->v, from->n, sizeof *from->v, failed);
	to->n = to->v ? from->n : 0;
}

static void text_list_copy(struct text_list *to, const struct text_list *from, bool *failed)
{
	*to = (struct text_list){ 0 };
	for (size_t i = 0; i < from->n && !*failed; i++)
		*failed = text_list_add(to, from->v[i], strlen(from->v[i])) < 0;
}

void mitigation_init(struct mitigation *m)
{
	*m = (struct mitigation){ .lifetime = LIFETIME_ABSENT, .trigger = -1 };
}

static void conflict_free(struct conflict *c)
{
	prefix_list_free(&c->target_prefix);
	range_list_free(&c->target_port);
	protocol_list_free(&c->target_protocol);
	text_list_free(&c->target_fqdn);
	text_list_free(&c->target_uri);
	text_list_free(&c->alias_name);
	text_list_free(&c->acl_name);
	text_list_free(&c->acl_type);
}

void mitigation_free(struct mitigation *m)
{
	if (!m)
		return;
	prefix_list_free(&m->target_prefix);
	range_list_free(&m->target_port);
	protocol_list_free(&m->target_protocol);
	text_list_free(&m->target_fqdn);
	text_list_free(&m->target_uri);
	text_list_free(&m->alias_name);
	prefix_list_free(&m->source_prefix);
	range_list_free(&m->source_port);
	range_list_free(&m->source_icmp_type);
	conflict_free(&m->conflict);
	mitigation_init(m);
}

static void conflict_copy(struct conflict *to, const struct conflict *from, bool *failed)
{
	prefix_list_copy(&to->target_prefix, &from->target_prefix, failed);
	range_list_copy(&to->target_port, &from->target_port, failed);
	protocol_list_copy(&to->target_protocol, &from->target_protocol, failed);
	text_list_copy(&to->target_fqdn, &from->target_fqdn, failed);
	text_list_copy(&to->target_uri, &from->target_uri, failed);
	text_list_copy(&to->alias_name, &from->alias_name, failed);
	text_list_copy(&to->acl_name, &from->acl_name, failed);
	text_list_copy(&to->acl_type, &from->acl_type, failed);
}

int mitigation_copy(struct mitigation *to, const struct mitigation *from)
{
	bool failed = false;
	*to = *from;   /* every list of it is replaced below */
	prefix_list_copy(&to->target_prefix, &from->target_prefix, &failed);
	range_list_copy(&to->target_port, &from->target_port, &failed);
	protocol_list_copy(&to->target_protocol, &from->target_protocol, &failed);
	text_list_copy(&to->target_fqdn, &from->target_fqdn, &failed);
	text_list_copy(&to->target_uri, &from->target_uri, &failed);
	text_list_copy(&to->alias_name, &from->alias_name, &failed);
	prefix_list_copy(&to->source_prefix, &from->source_prefix, &failed);
	range_list_copy(&to->source_port, &from->source_port, &failed);
	range_list_copy(&to->source_icmp_type, &from->source_icmp_type, &failed);
	conflict_copy(&to->conflict, &from->conflict, &failed);
	if (!failed)
		return 0;
	mitigation_free(to);
	return -1;
}
