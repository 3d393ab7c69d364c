/* SPDX-License-Identifier: GPL-3.0-or-later */
/* builder - collects mappings and rules from any number of sources, then makes the table of them. */
#ifndef MAP_BUILDER_H
#define MAP_BUILDER_H

#include "base/reason.h"
#include "dots/mitigation.h"
#include "intern.h"

#include "table.h"

/* What mappings share that differ in nothing but addresses and ports. */
struct nat_class { uint32_t instance; uint8_t proto, flags, pad[2]; };

/* A mapping while the table is being built; 28 bytes. The table keeps it in less: see nat_entry. */
struct nat_row {
	uint32_t ext;                /* number of the external address */
	uint16_t lo, hi, port;
	uint16_t class;
	uint32_t host, life, index;  /* as in nat_entry */
	uint32_t dst;                /* number of the destination, NONE32 = any */
};

struct nat_builder {
	struct nat_row *rows;
	size_t n_rows, cap_rows;
	struct intern addrs, classes, hosts, dsts, b4s;
	struct nat_instance *instances;
	struct nat_source *sources;
	struct nat_rule *rules;
	struct nat_binding *bindings;
	char *strings;
	size_t n_instances, n_sources, n_rules, n_bindings, n_strings;
	size_t cap_instances, cap_sources, cap_rules, cap_bindings, cap_strings;
	bool failed;                 /* out of memory: nothing more is taken, and finish says so */
	bool too_many;               /* failed, since classes are more than their numbers */
};

/* One mapping as a source gives it. */
struct nat_mapping {
	struct prefix external, internal;
	bool has_external_port, has_internal_port, has_lifetime, is_static, is_event, has_b4, has_dst, has_dst_port, has_inner_dst, has_inner_dst_port;
	uint8_t proto;               /* PROTO_ANY when none is given */
	struct range external_port, internal_port, dst_port, inner_dst_port;
	uint32_t lifetime, index;    /* of an event: end and begin, seconds since 1970 */
	struct prefix dst, inner_dst, b4;    /* the destination outside, and what the inside host calls it */
};

void builder_init(struct nat_builder *b);
void builder_free(struct nat_builder *b);
/* Each returns the new row's number; the instance's rows may be changed through `instances` until finish. Names may be NULL. */
uint32_t builder_source(struct nat_builder *b, const char *name, int64_t captured, enum captured_how how);
uint32_t builder_instance(struct nat_builder *b, uint32_t source);
void builder_name(struct nat_builder *b, uint32_t instance, const char *name, size_t len);
void builder_mapping(struct nat_builder *b, uint32_t instance, const struct nat_mapping *m);
void builder_rule(struct nat_builder *b, const struct nat_rule *rule);
void builder_binding(struct nat_builder *b, const struct nat_binding *binding);
/* Why nothing more is taken. Returns -1. */
int builder_failure(const struct nat_builder *b, struct reason *why);
bool builder_is_event(const struct nat_builder *b, size_t row);
/* The table; the builder is empty afterwards. NULL with *why when memory is out. The caller table_free()s it. */
struct table *builder_finish(struct nat_builder *b, struct reason *why);

#endif
