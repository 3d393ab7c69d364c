/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json_write - one scope entry as RFC 7951 JSON, members in the order of RFC 9132's figures, the source attributes of RFC 9066 last. */
#include <stdlib.h>
#include <string.h>

#include "dots/json.h"
#include "dots/json_parts.h"

static void append(json_t *list, json_t *value)
{
	if (!value || json_array_append_new(list, value) < 0)
		abort();   /* out of memory for our own line */
}

void json_put_prefixes(json_t *object, const char *name, const struct prefix_list *l, bool with_length)
{
	if (!l->n)
		return;
	json_t *list = json_array();
	char text[PREFIX_TEXT_MAX];
	for (size_t i = 0; i < l->n; i++)
		append(list, json_string_nocheck(with_length ? prefix_format(&l->v[i], text) : addr_format(&l->v[i], text)));
	json_put(object, name, list);
}

static void put_ranges(json_t *object, const char *name, const struct range_names *names, const struct range_list *l)
{
	if (!l->n)
		return;
	json_t *list = json_array();
	for (size_t i = 0; i < l->n; i++) {
		json_t *entry = json_object();
		json_put_int(entry, names->lower, l->v[i].lower);
		if (l->v[i].upper != l->v[i].lower)
			json_put_int(entry, names->upper, l->v[i].upper);
		append(list, entry);
	}
	json_put(object, name, list);
}

static void put_protocols(json_t *object, const struct protocol_list *l)
{
	if (!l->n)
		return;
	json_t *list = json_array();
	for (size_t i = 0; i < l->n; i++)
		append(list, json_integer(l->v[i]));
	json_put(object, "target-protocol", list);
}

static void put_texts(json_t *object, const char *name, const struct text_list *l)
{
	if (!l->n)
		return;
	json_t *list = json_array();
	for (size_t i = 0; i < l->n; i++)
		append(list, json_string(l->v[i]));
	json_put(object, name, list);
}

static void put_conflict(json_t *object, const struct conflict *c)
{
	json_t *o = json_object(), *scope = json_object();
	json_put_string(o, "conflict-status", conflict_status_label(c->status));
	json_put_string(o, "conflict-cause", conflict_cause_label(c->cause));
	if (c->has_retry_timer)
		json_put_int(o, "retry-timer", c->retry_timer);
	json_put_prefixes(scope, "target-prefix", &c->target_prefix, true);
	put_ranges(scope, "target-port-range", &range_target_port, &c->target_port);
	put_protocols(scope, &c->target_protocol);
	put_texts(scope, "target-fqdn", &c->target_fqdn);
	put_texts(scope, "target-uri", &c->target_uri);
	put_texts(scope, "alias-name", &c->alias_name);
	if (c->acl_name.n) {
		json_t *list = json_array();
		for (size_t i = 0; i < c->acl_name.n; i++) {
			json_t *acl = json_object();
			json_put_string(acl, "acl-name", c->acl_name.v[i]);
			if (i < c->acl_type.n && *c->acl_type.v[i])
				json_put_string(acl, "acl-type", c->acl_type.v[i]);
			append(list, acl);
		}
		json_put(scope, "acl-list", list);
	}
	if (c->has_mid)
		json_put_int(scope, "mid", c->mid);
	if (json_object_size(scope))
		json_put(o, "conflict-scope", scope);
	else
		json_decref(scope);
	json_put(object, "conflict-information", o);
}

json_t *json_write_mitigation(const struct mitigation *m)
{
	json_t *o = json_object();
	if (m->has_mid)
		json_put_int(o, "mid", m->mid);
	if (m->has_start)
		json_put_u64_string(o, "mitigation-start", m->start);
	json_put_prefixes(o, "target-prefix", &m->target_prefix, true);
	put_ranges(o, "target-port-range", &range_target_port, &m->target_port);
	put_protocols(o, &m->target_protocol);
	put_texts(o, "target-fqdn", &m->target_fqdn);
	put_texts(o, "target-uri", &m->target_uri);
	put_texts(o, "alias-name", &m->alias_name);
	if (m->lifetime != LIFETIME_ABSENT)
		json_put_int(o, "lifetime", m->lifetime);
	if (m->trigger >= 0)
		json_put(o, "trigger-mitigation", json_boolean(m->trigger));
	json_put_string(o, "attack-status", label_of(&labels_attack_status, m->attack_status));
	json_put_string(o, "status", dots_status_label(m->status));
	if (m->has_conflict)
		put_conflict(o, &m->conflict);
	for (unsigned c = 0; c < COUNTERS; c++)
		if (m->has_counters & 1u << c)
			json_put_u64_string(o, counter_name(c), m->counters[c]);
	json_put_prefixes(o, CALL_HOME_PREFIX "source-prefix", &m->source_prefix, true);
	put_ranges(o, CALL_HOME_PREFIX "source-port-range", &range_source_port, &m->source_port);
	put_ranges(o, CALL_HOME_PREFIX "source-icmp-type-range", &range_source_icmp_type, &m->source_icmp_type);
	return o;
}

bool json_mitigation_member(const char *name)
{
	static const char *const names[] = {
		"mid", "mitigation-start", "target-prefix", "target-port-range", "target-protocol", "target-fqdn", "target-uri", "alias-name", "lifetime",
		"trigger-mitigation", "attack-status", "status", "conflict-information", "bytes-dropped", "bps-dropped", "pkts-dropped", "pps-dropped",
		"source-prefix", "source-port-range", "source-icmp-type-range",
	};
	if (!strncmp(name, CALL_HOME_PREFIX "source-", sizeof CALL_HOME_PREFIX "source-" - 1))
		name += sizeof CALL_HOME_PREFIX - 1;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}
