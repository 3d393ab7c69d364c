/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "builder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void builder_init(struct nat_builder *b)
{
	*b = (struct nat_builder){ .addrs.size = sizeof(struct wide), .hosts.size = sizeof(struct nat_host), .dsts.size = sizeof(struct nat_dst), .b4s.size = 16 };
	assert(sizeof(struct nat_entry) == 28 && sizeof(struct nat_rule) == 56);
}

void builder_free(struct nat_builder *b)
{
	if (!b)
		return;
	intern_free(&b->addrs);
	intern_free(&b->hosts);
	intern_free(&b->dsts);
	intern_free(&b->b4s);
	free(b->entries);
	free(b->instances);
	free(b->sources);
	free(b->rules);
	free(b->bindings);
	free(b->strings);
	builder_init(b);
}

/* One more element of `size` bytes at the end of an array; NULL marks the builder as failed. */
static void *append(struct nat_builder *b, void *array, size_t *n, size_t *cap, size_t size)
{
	if (*n == *cap) {
		size_t bigger = *cap ? *cap + *cap / 2 : 16;
		void *new = bigger < NONE32 ? realloc(*(void **)array, bigger * size) : NULL;
		if (!new) {
			b->failed = true;
			return NULL;
		}
		*(void **)array = new;
		*cap = bigger;
	}
	void *at = *(char **)array + (*n)++ * size;
	memset(at, 0, size);
	return at;
}

static uint32_t add_string(struct nat_builder *b, const char *text, size_t len)
{
	if (b->n_strings + len + 1 > b->cap_strings) {
		size_t cap = (b->n_strings + len + 1) * 2;
		char *new = cap < NONE32 ? realloc(b->strings, cap) : NULL;
		if (!new) {
			b->failed = true;
			return NONE32;
		}
		b->strings = new;
		b->cap_strings = cap;
	}
	uint32_t at = (uint32_t)b->n_strings;
	memcpy(b->strings + at, text, len);
	b->strings[at + len] = '\0';
	b->n_strings += len + 1;
	return at;
}

uint32_t builder_source(struct nat_builder *b, const char *name, int64_t captured, enum captured_how how)
{
	struct nat_source *s = append(b, &b->sources, &b->n_sources, &b->cap_sources, sizeof *s);
	if (s)
		*s = (struct nat_source){ .captured = captured, .name = add_string(b, name, strlen(name)), .how = how };
	return (uint32_t)b->n_sources - 1;
}

uint32_t builder_instance(struct nat_builder *b, uint32_t source)
{
	struct nat_instance *i = append(b, &b->instances, &b->n_instances, &b->cap_instances, sizeof *i);
	if (i)
		*i = (struct nat_instance){ .source = source, .name = NONE32 };
	return (uint32_t)b->n_instances - 1;
}

void builder_name(struct nat_builder *b, uint32_t instance, const char *name, size_t len)
{
	if (!b->failed)
		b->instances[instance].name = add_string(b, name, len);
}

static uint32_t put(struct nat_builder *b, struct intern *in, const void *record)
{
	uint32_t n = intern_put(in, record);
	b->failed |= n == INTERN_NONE;
	return n;
}

static uint32_t put_dst(struct nat_builder *b, const struct nat_mapping *m)
{
	struct nat_dst d = { .at = wide_of(&m->dst), .ports = m->has_dst_port };
	if (m->has_dst_port) {
		d.lo = m->dst_port.lower;
		d.hi = m->dst_port.upper;
	}
	return put(b, &b->dsts, &d);
}

static bool whole_range(const struct nat_mapping *m)
{
	return !m->has_external_port || (m->external_port.lower == 0 && m->external_port.upper == UINT16_MAX);
}

void builder_mapping(struct nat_builder *b, uint32_t instance, const struct nat_mapping *m)
{
	struct nat_entry *e = b->failed ? NULL : append(b, &b->entries, &b->n_entries, &b->cap_entries, sizeof *e);
	if (!e)
		return;
	struct wide ext = wide_of(&m->external);
	struct nat_host host = { .at = wide_of(&m->internal), .instance = instance, .b4 = m->has_b4 ? put(b, &b->b4s, m->b4.addr) : NONE32 };
	*e = (struct nat_entry){ .ext = put(b, &b->addrs, &ext), .host = put(b, &b->hosts, &host), .hi = UINT16_MAX, .proto = m->proto,
		.index = m->index, .life = m->has_lifetime ? m->lifetime : 0, .dst = m->has_dst ? put_dst(b, m) : NONE32 };
	e->flags = (uint8_t)((m->is_static ? ENTRY_STATIC : 0) | (m->is_event ? ENTRY_EVENT : 0));
	if (!m->has_external_port)
		return;
	e->lo = m->external_port.lower;
	e->hi = m->external_port.upper;
	/* Ranges of unequal width say which block a host has, not which port is which. */
	if (m->has_internal_port && m->internal_port.upper - m->internal_port.lower == e->hi - e->lo && !whole_range(m)) {
		e->port = m->internal_port.lower;
		e->flags |= ENTRY_PORTS;
	}
}

void builder_rule(struct nat_builder *b, const struct nat_rule *rule)
{
	struct nat_rule *r = b->failed ? NULL : append(b, &b->rules, &b->n_rules, &b->cap_rules, sizeof *r);
	if (r)
		*r = *rule;
}

void builder_binding(struct nat_builder *b, const struct nat_binding *binding)
{
	struct nat_binding *n = b->failed ? NULL : append(b, &b->bindings, &b->n_bindings, &b->cap_bindings, sizeof *n);
	if (n)
		*n = *binding;
}
