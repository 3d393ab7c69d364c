/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cbor_encode - a DOTS body as CBOR, keys in ascending order. A map's count stands before its members, so each map counts first. */
#include "dots/cbor.h"
#include "dots/cbor_parts.h"
#include "dots/cbor_stream.h"
#include "dots/field.h"
#include "dots/keys.h"

static void put_prefixes(struct buf *out, uint64_t key, const struct prefix_list *l, bool with_length)
{
	char text[PREFIX_TEXT_MAX];
	if (!l->n)
		return;
	cbor_put_uint(out, key);
	cbor_put_array(out, l->n);
	for (size_t i = 0; i < l->n; i++)
		cbor_put_text(out, with_length ? prefix_format(&l->v[i], text) : addr_format(&l->v[i], text));
}

static void put_ranges(struct buf *out, uint64_t key, uint64_t lower, const struct range_list *l)
{
	if (!l->n)
		return;
	cbor_put_uint(out, key);
	cbor_put_array(out, l->n);
	for (size_t i = 0; i < l->n; i++) {
		const struct range *r = &l->v[i];
		cbor_put_map(out, r->upper == r->lower ? 1 : 2);
		cbor_put_uint(out, lower);
		cbor_put_uint(out, r->lower);
		if (r->upper == r->lower)
			continue;
		cbor_put_uint(out, lower + 1);   /* upper-port follows lower-port, upper-type lower-type */
		cbor_put_uint(out, r->upper);
	}
}

static void put_protocols(struct buf *out, const struct protocol_list *l)
{
	if (!l->n)
		return;
	cbor_put_uint(out, KEY_TARGET_PROTOCOL);
	cbor_put_array(out, l->n);
	for (size_t i = 0; i < l->n; i++)
		cbor_put_uint(out, l->v[i]);
}

static void put_texts(struct buf *out, uint64_t key, const struct text_list *l)
{
	if (!l->n)
		return;
	cbor_put_uint(out, key);
	cbor_put_array(out, l->n);
	for (size_t i = 0; i < l->n; i++)
		cbor_put_text(out, l->v[i]);
}

static void put_number(struct buf *out, uint64_t key, uint64_t v)
{
	cbor_put_uint(out, key);
	cbor_put_uint(out, v);
}

static size_t conflict_scope_count(const struct conflict *c)
{
	return (size_t)c->has_mid + !!c->target_prefix.n + !!c->target_port.n + !!c->target_protocol.n + !!c->target_fqdn.n + !!c->target_uri.n + !!c->alias_name.n +
	    !!c->acl_name.n;
}

static void put_conflict_scope(struct buf *out, const struct conflict *c)
{
	cbor_put_uint(out, KEY_CONFLICT_SCOPE);
	cbor_put_map(out, conflict_scope_count(c));
	if (c->has_mid)
		put_number(out, KEY_MID, c->mid);
	put_prefixes(out, KEY_TARGET_PREFIX, &c->target_prefix, true);
	put_ranges(out, KEY_TARGET_PORT_RANGE, KEY_LOWER_PORT, &c->target_port);
	put_protocols(out, &c->target_protocol);
	put_texts(out, KEY_TARGET_FQDN, &c->target_fqdn);
	put_texts(out, KEY_TARGET_URI, &c->target_uri);
	put_texts(out, KEY_ALIAS_NAME, &c->alias_name);
	if (!c->acl_name.n)
		return;
	cbor_put_uint(out, KEY_ACL_LIST);
	cbor_put_array(out, c->acl_name.n);
	for (size_t i = 0; i < c->acl_name.n; i++) {
		bool typed = i < c->acl_type.n && *c->acl_type.v[i];
		cbor_put_map(out, typed ? 2 : 1);
		cbor_put_uint(out, KEY_ACL_NAME);
		cbor_put_text(out, c->acl_name.v[i]);
		if (!typed)
			continue;
		cbor_put_uint(out, KEY_ACL_TYPE);
		cbor_put_text(out, c->acl_type.v[i]);
	}
}

static void put_conflict(struct buf *out, const struct conflict *c)
{
	bool scope = conflict_scope_count(c);
	cbor_put_uint(out, KEY_CONFLICT_INFORMATION);
	cbor_put_map(out, (size_t)!!c->status + !!c->cause + c->has_retry_timer + scope);
	if (c->status)
		put_number(out, KEY_CONFLICT_STATUS, c->status);
	if (c->cause)
		put_number(out, KEY_CONFLICT_CAUSE, c->cause);
	if (c->has_retry_timer)
		put_number(out, KEY_RETRY_TIMER, c->retry_timer);
	if (scope)
		put_conflict_scope(out, c);
}

size_t mitigation_members(const struct mitigation *m)
{
	size_t n = (size_t)m->has_mid + !!m->target_prefix.n + !!m->target_port.n + !!m->target_protocol.n + !!m->target_fqdn.n + !!m->target_uri.n +
	    !!m->alias_name.n + (m->lifetime != LIFETIME_ABSENT) + m->has_start + !!m->status + m->has_conflict + !!m->attack_status + (m->trigger >= 0) +
	    !!m->source_prefix.n + !!m->source_port.n + !!m->source_icmp_type.n;
	for (unsigned c = 0; c < COUNTERS; c++)
		n += m->has_counters >> c & 1;
	return n;
}

static void put_mitigation(struct buf *out, const struct mitigation *m)
{
	cbor_put_map(out, mitigation_members(m));
	if (m->has_mid)
		put_number(out, KEY_MID, m->mid);
	put_prefixes(out, KEY_TARGET_PREFIX, &m->target_prefix, true);
	put_ranges(out, KEY_TARGET_PORT_RANGE, KEY_LOWER_PORT, &m->target_port);
	put_protocols(out, &m->target_protocol);
	put_texts(out, KEY_TARGET_FQDN, &m->target_fqdn);
	put_texts(out, KEY_TARGET_URI, &m->target_uri);
	put_texts(out, KEY_ALIAS_NAME, &m->alias_name);
	if (m->lifetime != LIFETIME_ABSENT) {
		cbor_put_uint(out, KEY_LIFETIME);
		m->lifetime < 0 ? cbor_put_negint(out, (uint64_t)(-1 - m->lifetime)) : cbor_put_uint(out, (uint64_t)m->lifetime);
	}
	if (m->has_start)
		put_number(out, KEY_MITIGATION_START, m->start);
	if (m->status)
		put_number(out, KEY_STATUS, m->status);
	if (m->has_conflict)
		put_conflict(out, &m->conflict);
	for (unsigned c = 0; c < COUNTERS; c++)
		if (m->has_counters >> c & 1)
			put_number(out, KEY_BYTES_DROPPED + c, m->counters[c]);
	if (m->attack_status)
		put_number(out, KEY_ATTACK_STATUS, m->attack_status);
	if (m->trigger >= 0) {
		cbor_put_uint(out, KEY_TRIGGER_MITIGATION);
		cbor_put_bool(out, m->trigger);
	}
	put_prefixes(out, KEY_SOURCE_PREFIX, &m->source_prefix, true);
	put_ranges(out, KEY_SOURCE_PORT_RANGE, KEY_LOWER_PORT, &m->source_port);
	put_ranges(out, KEY_SOURCE_ICMP_TYPE_RANGE, KEY_LOWER_TYPE, &m->source_icmp_type);
}

static void put_value(struct buf *out, uint64_t key, bool decimal, uint32_t v)
{
	cbor_put_uint(out, key);
	if (decimal) {
		cbor_put_tag(out, CBOR_TAG_DECIMAL);
		cbor_put_array(out, 2);
		cbor_put_negint(out, 1);   /* -2: hundredths */
	}
	cbor_put_uint(out, v);
}

/* Parameters in the order of their keys, which is not that of the enumeration. */
static const struct {
	enum sigconf_param p;
	uint16_t key;
} params[SIGCONF_PARAMS] = {
	{ SIGCONF_HEARTBEAT_INTERVAL, KEY_HEARTBEAT_INTERVAL }, { SIGCONF_MISSING_HB_ALLOWED, KEY_MISSING_HB_ALLOWED },
	{ SIGCONF_MAX_RETRANSMIT, KEY_MAX_RETRANSMIT }, { SIGCONF_ACK_TIMEOUT, KEY_ACK_TIMEOUT }, { SIGCONF_ACK_RANDOM_FACTOR, KEY_ACK_RANDOM_FACTOR },
	{ SIGCONF_PROBING_RATE, KEY_PROBING_RATE },
};

static size_t value_count(const struct sigconf_value *v)
{
	return (size_t)v->has_max + v->has_min + v->has_current;
}

static void put_set(struct buf *out, uint64_t key, const struct sigconf_set *set)
{
	size_t n = 0;
	for (size_t i = 0; i < SIGCONF_PARAMS; i++)
		n += !!value_count(&set->p[i]);
	cbor_put_uint(out, key);
	cbor_put_map(out, n);
	for (size_t i = 0; i < SIGCONF_PARAMS; i++) {
		const struct sigconf_value *v = &set->p[params[i].p];
		bool decimal = sigconf_param_decimal(params[i].p);
		if (!value_count(v))
			continue;
		cbor_put_uint(out, params[i].key);
		cbor_put_map(out, value_count(v));
		if (v->has_max)
			put_value(out, decimal ? KEY_MAX_VALUE_DECIMAL : KEY_MAX_VALUE, decimal, v->max);
		if (v->has_min)
			put_value(out, decimal ? KEY_MIN_VALUE_DECIMAL : KEY_MIN_VALUE, decimal, v->min);
		if (v->has_current)
			put_value(out, decimal ? KEY_CURRENT_VALUE_DECIMAL : KEY_CURRENT_VALUE, decimal, v->current);
	}
}

static void put_config(struct buf *out, const struct sigconf *c)
{
	cbor_put_map(out, (size_t)c->has_mitigating + c->has_idle);
	if (c->has_mitigating)
		put_set(out, KEY_MITIGATING_CONFIG, &c->mitigating);
	if (c->has_idle)
		put_set(out, KEY_IDLE_CONFIG, &c->idle);
}

static void put_redirect(struct buf *out, const struct redirect *r)
{
	cbor_put_map(out, (size_t)!!r->alt_server + !!r->alt_server_record.n + !!r->alt_ch_client + !!r->alt_ch_client_record.n + r->has_ttl);
	if (r->alt_server) {
		cbor_put_uint(out, KEY_ALT_SERVER);
		cbor_put_text(out, r->alt_server);
	}
	put_prefixes(out, KEY_ALT_SERVER_RECORD, &r->alt_server_record, false);
	if (r->alt_ch_client) {
		cbor_put_uint(out, KEY_ALT_CH_CLIENT);
		cbor_put_text(out, r->alt_ch_client);
	}
	put_prefixes(out, KEY_ALT_CH_CLIENT_RECORD, &r->alt_ch_client_record, false);
	if (r->has_ttl)
		put_number(out, KEY_TTL, r->ttl);
}

static void put_scopes(struct buf *out, const struct body *b)
{
	cbor_put_map(out, 1);
	cbor_put_uint(out, KEY_SCOPE);
	cbor_put_array(out, b->n_scope);
	for (size_t i = 0; i < b->n_scope; i++)
		put_mitigation(out, &b->scope[i]);
}

void dots_cbor_encode(const struct body *body, struct buf *out)
{
	static const uint16_t containers[] = {
		[BODY_MITIGATION_SCOPE] = KEY_MITIGATION_SCOPE, [BODY_SIGNAL_CONFIG] = KEY_SIGNAL_CONFIG, [BODY_REDIRECTED_SIGNAL] = KEY_REDIRECTED_SIGNAL,
		[BODY_HEARTBEAT] = KEY_HEARTBEAT,
	};
	if (body->kind == BODY_EMPTY)
		return;
	cbor_put_map(out, 1);
	cbor_put_uint(out, containers[body->kind]);
	switch (body->kind) {
	case BODY_MITIGATION_SCOPE:
		put_scopes(out, body);
		break;
	case BODY_SIGNAL_CONFIG:
		put_config(out, &body->config);
		break;
	case BODY_REDIRECTED_SIGNAL:
		put_redirect(out, &body->redirect);
		break;
	case BODY_HEARTBEAT:
		cbor_put_map(out, 1);
		cbor_put_uint(out, KEY_PEER_HB_STATUS);
		cbor_put_bool(out, body->peer_hb_status);
		break;
	case BODY_EMPTY:
		break;
	}
}
