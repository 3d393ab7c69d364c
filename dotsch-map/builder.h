/* SPDX-License-Identifier: GPL-3.0-or-later */
/* builder - collects mappings and rules from any number of sources, then makes the table of them. */
#ifndef MAP_BUILDER_H
#define MAP_BUILDER_H

#include "base/reason.h"
#include "dots/mitigation.h"
#include "intern.h"

#include "table.h"

struct nat_builder {
	struct nat_entry *entries;
	size_t n_entries, cap_entries;
	struct intern addrs, hosts, dsts, b4s;
	struct nat_instance *instances;
	struct nat_source *sources;
	struct nat_rule *rules;
	struct nat_binding *bindings;
	char *strings;
	size_t n_instances, n_sources, n_rules, n_bindings, n_strings;
	size_t cap_instances, cap_sources, cap_rules, cap_bindings, cap_strings;
	bool failed;                 /* out of memory: nothing more is taken, and finish says so */
};

/* One mapping as a source gives it. */
struct nat_mapping {
	struct prefix external, internal;
	bool has_external_port, has_internal_port, has_lifetime, is_static, is_event, has_b4, has_dst, has_dst_port;
	uint8_t proto;               /* PROTO_ANY when none is given */
	struct range external_port, internal_port, dst_port;
	uint32_t lifetime, index;    /* of an event: end and begin, seconds since 1970 */
	struct prefix dst, b4;
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
/* The table; the builder is empty afterwards. NULL with *why when memory is out. The caller table_free()s it. */
struct table *builder_finish(struct nat_builder *b, struct reason *why);

#endif
