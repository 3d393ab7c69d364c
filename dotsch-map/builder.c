/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "builder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void builder_init(struct nat_builder *b)
{
	*b = (struct nat_builder){ .addrs.size = sizeof(struct wide), .classes.size = sizeof(struct nat_class), .hosts.size = sizeof(struct nat_host),
		.dsts.size = sizeof(struct nat_dst), .b4s.size = 16 };
	assert(sizeof(struct nat_row) == 28 && sizeof(struct nat_entry) == 16 && sizeof(struct nat_rule) == 48 && sizeof(struct nat_instance) == 24);
}

void builder_free(struct nat_builder *b)
{
	if (!b)
		return;
	intern_free(&b->addrs);
	intern_free(&b->classes);
	intern_free(&b->hosts);
	intern_free(&b->dsts);
	intern_free(&b->b4s);
	free(b->rows);
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

/* Does the NAT change the destination, too? That of a NAT64 is computed. */
static bool changes_target(const struct nat_mapping *m)
{
	return (m->has_inner_dst && m->inner_dst.family == m->dst.family && !prefix_equal(&m->inner_dst, &m->dst)) ||
	       (m->has_inner_dst_port && m->has_dst_port && memcmp(&m->inner_dst_port, &m->dst_port, sizeof m->dst_port));
}

static uint32_t put_dst(struct nat_builder *b, const struct nat_mapping *m)
{
	struct nat_dst d = { .at = wide_of(&m->dst), .flags = (uint8_t)((m->has_dst_port ? DST_PORTS : 0) | (changes_target(m) ? DST_CHANGED : 0)) };
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

/* Ranges of unequal width say which block a host has, not which port is which. */
static bool ports_match(const struct nat_mapping *m)
{
	return !whole_range(m) && m->has_internal_port && m->internal_port.upper - m->internal_port.lower == m->external_port.upper - m->external_port.lower;
}

static bool is_direct(const struct nat_mapping *m)
{
	return m->internal.family == 4 && prefix_is_host(&m->internal) && !m->has_b4;
}

static uint16_t put_class(struct nat_builder *b, uint32_t instance, const struct nat_mapping *m)
{
	struct nat_class c = { .instance = instance, .proto = m->proto };
	c.flags = (uint8_t)((m->is_static ? ENTRY_STATIC : 0) | (ports_match(m) ? ENTRY_PORTS : 0) | (m->is_event ? ENTRY_EVENT : 0) | (is_direct(m) ? ENTRY_DIRECT : 0) |
			    (whole_range(m) ? ENTRY_WHOLE : 0));
	uint32_t n = put(b, &b->classes, &c);
	b->too_many |= n != INTERN_NONE && n > UINT16_MAX;
	b->failed |= b->too_many;
	return (uint16_t)n;
}

static uint32_t put_host(struct nat_builder *b, const struct nat_mapping *m)
{
	uint32_t direct;
	if (is_direct(m))
		return memcpy(&direct, m->internal.addr, sizeof direct), direct;
	struct nat_host host = { .at = wide_of(&m->internal), .b4 = m->has_b4 ? put(b, &b->b4s, m->b4.addr) : NONE32 };
	return put(b, &b->hosts, &host);
}

void builder_mapping(struct nat_builder *b, uint32_t instance, const struct nat_mapping *m)
{
	struct nat_row *r = b->failed ? NULL : append(b, &b->rows, &b->n_rows, &b->cap_rows, sizeof *r);
	if (!r)
		return;
	struct wide ext = wide_of(&m->external);
	bool whole = whole_range(m);
	*r = (struct nat_row){ .ext = put(b, &b->addrs, &ext), .host = put_host(b, m), .class = put_class(b, instance, m), .lo = whole ? 0 : m->external_port.lower,
		.hi = whole ? UINT16_MAX : m->external_port.upper, .port = ports_match(m) ? m->internal_port.lower : 0, .index = m->index,
		.life = m->has_lifetime ? m->lifetime : 0, .dst = m->has_dst ? put_dst(b, m) : NONE32 };
}

int builder_failure(const struct nat_builder *b, struct reason *why)
{
	if (b->too_many)
		return reason_set(why, REASON_BAD_REQUEST, "", "", "more than %d kinds of mappings (instances, protocols, static or not)", UINT16_MAX + 1);
	return reason_set(why, REASON_BAD_REQUEST, "", "", "the NAT table does not fit into memory");
}

bool builder_is_event(const struct nat_builder *b, size_t row)
{
	return ((const struct nat_class *)b->classes.items)[b->rows[row].class].flags & ENTRY_EVENT;
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
