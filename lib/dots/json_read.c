/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json_read - one scope entry out of RFC 7951 JSON. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "dots/json_parts.h"

int json_section(struct reason *why, const char *section)
{
	if (why)
		snprintf(why->section, sizeof why->section, "%s", section);
	return -1;
}

int json_read_list(const json_t *object, struct field f, json_t **out, struct reason *why)
{
	int got = json_get_container(object, f.name, JSON_ARRAY, out, why);
	if (got <= 0)
		return got < 0 ? json_section(why, f.section) : 0;
	size_t n = json_array_size(*out);
	if (!n)
		return reason_set(why, REASON_BAD_REQUEST, f.name, f.section, "is an empty list; leave it out instead");
	if (n > MITIGATION_MAX_LINE_ENTRIES)
		return reason_set(why, REASON_BAD_REQUEST, f.name, f.section, "has %zu entries, at most %d are allowed", n, MITIGATION_MAX_LINE_ENTRIES);
	return 1;
}

static int entry_text(const json_t *v, struct field f, const char **text, size_t *len, struct reason *why)
{
	if (!json_is_string(v))
		return reason_set(why, REASON_BAD_REQUEST, f.name, f.section, "holds something that is not a string");
	*text = json_string_value(v);
	*len = json_string_length(v);
	return 0;
}

static int read_prefixes(const json_t *object, struct field f, bool addresses, struct prefix_list *out, struct reason *why)
{
	json_t *list;
	int got = json_read_list(object, f, &list, why);
	for (size_t i = 0; got > 0 && i < json_array_size(list); i++) {
		const char *text = "";
		size_t len = 0;
		struct prefix p;
		if (entry_text(json_array_get(list, i), f, &text, &len, why) < 0)
			return -1;
		if ((addresses ? field_address(f, text, len, &p, why) : field_prefix(f, text, len, true, &p, why)) < 0)
			return -1;
		if (prefix_list_add(out, &p) < 0)
			return field_memory(f, why);
	}
	return got < 0 ? -1 : 0;
}

int json_read_prefixes(const json_t *object, struct field f, struct prefix_list *out, struct reason *why)
{
	return read_prefixes(object, f, false, out, why);
}

int json_read_addresses(const json_t *object, struct field f, struct prefix_list *out, struct reason *why)
{
	return read_prefixes(object, f, true, out, why);
}

int json_read_texts(const json_t *object, struct field f, size_t max, struct text_list *out, struct reason *why)
{
	json_t *list;
	int got = json_read_list(object, f, &list, why);
	for (size_t i = 0; got > 0 && i < json_array_size(list); i++) {
		const char *text = "";
		size_t len = 0;
		if (entry_text(json_array_get(list, i), f, &text, &len, why) < 0 || field_text(f, text, len, max, why) < 0)
			return -1;
		if (text_list_add(out, text, len) < 0)
			return field_memory(f, why);
	}
	return got < 0 ? -1 : 0;
}

int json_read_u32(const json_t *object, struct field f, uint32_t *out, struct reason *why)
{
	uint64_t v;
	int got = json_get_u64(object, f.name, UINT32_MAX, &v, why);
	if (got > 0)
		*out = (uint32_t)v;
	return got < 0 ? json_section(why, f.section) : got;
}

/* `name` is the list's name as it stands in the object, with or without prefix. */
static int read_ranges(const json_t *object, const char *name, const struct range_names *names, struct range_list *out, struct reason *why)
{
	json_t *list;
	int got = json_read_list(object, (struct field){ name, names->list.section }, &list, why);
	for (size_t i = 0; got > 0 && i < json_array_size(list); i++) {
		const json_t *entry = json_array_get(list, i);
		uint64_t lower = 0, upper = 0;
		if (!json_is_object(entry))
			return reason_set(why, REASON_BAD_REQUEST, name, names->list.section, "holds something that is not an object");
		int low = json_get_u64(entry, names->lower, UINT64_MAX, &lower, why);
		int high = json_get_u64(entry, names->upper, UINT64_MAX, &upper, why);
		if (low < 0 || high < 0)
			return json_section(why, names->list.section);
		if (!low)
			return reason_set(why, REASON_BAD_REQUEST, names->lower, names->list.section, "is missing in %s", names->list.name);
		if (field_range(names, lower, high ? upper : lower, why) < 0)
			return -1;
		if (range_list_add(out, (uint16_t)lower, (uint16_t)(high ? upper : lower)) < 0)
			return field_memory(names->list, why);
	}
	return got < 0 ? -1 : 0;
}

static int read_protocols(const json_t *object, struct protocol_list *out, struct reason *why)
{
	struct field f = { "target-protocol", SECTION_REQUEST };
	json_t *list;
	int got = json_read_list(object, f, &list, why);
	for (size_t i = 0; got > 0 && i < json_array_size(list); i++) {
		const json_t *v = json_array_get(list, i);
		if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > 255)
			return reason_set(why, REASON_BAD_REQUEST, f.name, f.section, "holds something that is not a protocol number 0..255");
		if (protocol_list_add(out, (uint8_t)json_integer_value(v)) < 0)
			return field_memory(f, why);
	}
	return got < 0 ? -1 : 0;
}

/* A label or its number. Absent: 0 and *out stays. */
static int read_label(const json_t *object, struct field f, const struct labels *labels, unsigned *out, struct reason *why)
{
	const json_t *v = json_object_get(object, f.name);
	if (!v)
		return 0;
	unsigned value = 0;
	if (json_is_string(v))
		value = label_value(labels, json_string_value(v));
	else if (json_is_integer(v) && json_integer_value(v) > 0 && json_integer_value(v) < labels->n)
		value = (unsigned)json_integer_value(v);
	if (!value && json_is_string(v))
		return reason_set(why, REASON_BAD_REQUEST, f.name, f.section, "\"%.80s\" is no label of it, such as \"%s\"", json_string_value(v), labels->v[1]);
	if (!value)
		return reason_set(why, REASON_BAD_REQUEST, f.name, f.section, "is neither a label, such as \"%s\", nor a number 1..%u", labels->v[1], labels->n - 1);
	*out = value;
	return 1;
}

static int read_targets(const json_t *o, struct target_lists t, struct reason *why)
{
	if (json_read_prefixes(o, (struct field){ "target-prefix", SECTION_REQUEST }, t.prefix, why) < 0 ||
	    read_ranges(o, "target-port-range", &range_target_port, t.port, why) < 0 || read_protocols(o, t.protocol, why) < 0 ||
	    json_read_texts(o, (struct field){ "target-fqdn", SECTION_REQUEST }, NAME_MAX_BYTES, t.fqdn, why) < 0 ||
	    json_read_texts(o, (struct field){ "target-uri", SECTION_REQUEST }, TEXT_MAX_BYTES, t.uri, why) < 0 ||
	    json_read_texts(o, (struct field){ "alias-name", SECTION_REQUEST }, TEXT_MAX_BYTES, t.alias, why) < 0)
		return -1;
	return 0;
}

static int read_acls(const json_t *scope, struct conflict *c, struct reason *why)
{
	struct field list_field = { "acl-list", SECTION_STATUS }, name_field = { "acl-name", SECTION_STATUS }, type_field = { "acl-type", SECTION_STATUS };
	json_t *list;
	int got = json_read_list(scope, list_field, &list, why);
	for (size_t i = 0; got > 0 && i < json_array_size(list); i++) {
		const char *name = NULL, *type = "";
		if (json_get_string(json_array_get(list, i), name_field.name, TEXT_MAX_BYTES, &name, why) < 0 ||
		    json_get_string(json_array_get(list, i), type_field.name, TEXT_MAX_BYTES, &type, why) < 0)
			return json_section(why, SECTION_STATUS);
		if (!name)
			return reason_set(why, REASON_BAD_REQUEST, name_field.name, SECTION_STATUS, "is missing in acl-list");
		if (field_text(name_field, name, strlen(name), TEXT_MAX_BYTES, why) < 0 || (*type && field_text(type_field, type, strlen(type), TEXT_MAX_BYTES, why) < 0))
			return -1;
		if (text_list_add(&c->acl_name, name, strlen(name)) < 0 || text_list_add(&c->acl_type, type, strlen(type)) < 0)
			return field_memory(list_field, why);
	}
	return got < 0 ? -1 : 0;
}

static int read_conflict(const json_t *entry, struct mitigation *m, struct reason *why)
{
	json_t *o, *scope;
	int got = json_get_container(entry, "conflict-information", JSON_OBJECT, &o, why);
	if (got <= 0)
		return got < 0 ? json_section(why, SECTION_STATUS) : 0;
	struct conflict *c = &m->conflict;
	m->has_conflict = true;
	unsigned status = 0, cause = 0;
	int timer;
	if (read_label(o, (struct field){ "conflict-status", SECTION_STATUS }, &labels_conflict_status, &status, why) < 0 ||
	    read_label(o, (struct field){ "conflict-cause", SECTION_STATUS }, &labels_conflict_cause, &cause, why) < 0 ||
	    (timer = json_read_u32(o, (struct field){ "retry-timer", SECTION_STATUS }, &c->retry_timer, why)) < 0)
		return -1;
	c->status = (enum conflict_status)status;
	c->cause = (enum conflict_cause)cause;
	c->has_retry_timer = timer;
	got = json_get_container(o, "conflict-scope", JSON_OBJECT, &scope, why);
	if (got <= 0)
		return got < 0 ? json_section(why, SECTION_STATUS) : 0;
	if (read_targets(scope, conflict_targets(c), why) < 0 || read_acls(scope, c, why) < 0 ||
	    (got = json_read_u32(scope, (struct field){ "mid", SECTION_STATUS }, &c->mid, why)) < 0)
		return -1;
	c->has_mid = got;
	return 0;
}

const char *json_call_home_name(const json_t *object, const char *prefixed, struct reason *why)
{
	const char *bare = prefixed + sizeof CALL_HOME_PREFIX - 1;
	if (!json_object_get(object, bare))
		return prefixed;
	if (!json_object_get(object, prefixed))
		return bare;
	reason_set(why, REASON_BAD_REQUEST, bare, SECTION_SOURCE, "stands there twice, with and without \"%s\"", CALL_HOME_PREFIX);
	return NULL;
}

static int read_sources(const json_t *o, struct mitigation *m, struct reason *why)
{
	const char *prefix = json_call_home_name(o, CALL_HOME_PREFIX "source-prefix", why);
	const char *port = prefix ? json_call_home_name(o, CALL_HOME_PREFIX "source-port-range", why) : NULL;
	const char *type = port ? json_call_home_name(o, CALL_HOME_PREFIX "source-icmp-type-range", why) : NULL;
	if (!type || json_read_prefixes(o, (struct field){ prefix, SECTION_SOURCE }, &m->source_prefix, why) < 0 ||
	    read_ranges(o, port, &range_source_port, &m->source_port, why) < 0)
		return -1;
	return read_ranges(o, type, &range_source_icmp_type, &m->source_icmp_type, why);
}

static int read_state(const json_t *o, struct mitigation *m, struct reason *why)
{
	unsigned status = 0, attack = 0;
	bool trigger = true;
	int mid = json_read_u32(o, (struct field){ "mid", SECTION_REQUEST }, &m->mid, why);
	int start = mid < 0 ? -1 : json_get_u64(o, "mitigation-start", UINT64_MAX, &m->start, why);
	if (start < 0)
		return json_section(why, SECTION_STATUS);
	m->has_mid = mid;
	m->has_start = start;
	int got = json_get_bool(o, "trigger-mitigation", &trigger, why);
	if (got < 0)
		return json_section(why, SECTION_REQUEST);
	if (got)
		m->trigger = trigger;
	if (read_label(o, (struct field){ "status", SECTION_STATUS }, &labels_status, &status, why) < 0 ||
	    read_label(o, (struct field){ "attack-status", "RFC 9132, 4.4.3" }, &labels_attack_status, &attack, why) < 0)
		return -1;
	m->status = (enum dots_status)status;
	m->attack_status = (enum attack_status)attack;
	for (unsigned c = 0; c < COUNTERS; c++) {
		if ((got = json_get_u64(o, counter_name(c), UINT64_MAX, &m->counters[c], why)) < 0)
			return json_section(why, SECTION_STATUS);
		if (got)
			m->has_counters |= (uint8_t)(1u << c);
	}
	return 0;
}

int json_read_mitigation(const json_t *entry, struct mitigation *m, struct reason *why)
{
	if (read_targets(entry, mitigation_targets(m), why) < 0)
		return -1;
	int64_t lifetime;
	int got = json_get_i64(entry, "lifetime", INT64_MIN, INT64_MAX, &lifetime, why);
	if (got < 0)
		return json_section(why, SECTION_REQUEST);
	if (got) {
		if (field_lifetime(lifetime, why) < 0)
			return -1;
		m->lifetime = lifetime;
	}
	return read_state(entry, m, why) < 0 || read_conflict(entry, m, why) < 0 || read_sources(entry, m, why) < 0 ? -1 : 0;
}
