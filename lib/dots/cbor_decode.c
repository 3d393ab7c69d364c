/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cbor_decode - the maps of a DOTS body, one function each; the table of keys says what may stand where, and is asked first. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "dots/cbor.h"
#include "dots/cbor_parts.h"

/* RFC 9132, 4.6: a redirect names a server; RFC 9066, 5.2.2: or a Call Home client. */
static int check_redirect(struct decoder *d)
{
	if (d->direction == BODY_REQUEST && !d->out->redirect.alt_ch_client)
		return reason_set(d->r.why, REASON_BAD_REQUEST, "alt-ch-client", SECTION_CH_REDIRECT, "is missing in redirected-signal");
	return 0;
}

static int port_member(struct decoder *d, const struct dots_key *k, struct cbor_item *item, void *target)
{
	struct decoded_range *range = target;
	(void)d;
	bool lower = k->key == KEY_LOWER_PORT || k->key == KEY_LOWER_TYPE;
	*(lower ? &range->lower : &range->upper) = item->value;
	*(lower ? &range->has_lower : &range->has_upper) = true;
	return 0;
}

static int range_entry(struct decoder *d, const struct dots_key *k, struct cbor_item *item, void *target)
{
	const struct range_names *names = k->key == KEY_TARGET_PORT_RANGE ? &range_target_port : k->key == KEY_SOURCE_PORT_RANGE ? &range_source_port :
	    &range_source_icmp_type;
	struct decoded_range range = { 0 };
	if (decode_map(d, names == &range_source_icmp_type ? PLACE_ICMP_RANGE : PLACE_PORT_RANGE, item, port_member, &range) < 0)
		return -1;
	if (!range.has_lower)
		return reason_set(d->r.why, REASON_BAD_REQUEST, names->lower, k->section, "is missing in %s", k->name);
	if (!range.has_upper)
		range.upper = range.lower;
	if (field_range(names, range.lower, range.upper, d->r.why) < 0)
		return -1;
	return range_list_add(target, (uint16_t)range.lower, (uint16_t)range.upper) < 0 ? field_memory(names->list, d->r.why) : 0;
}

static int prefix_entry(struct decoder *d, const struct dots_key *k, struct cbor_item *item, void *target)
{
	struct field f = { k->name, k->section };
	struct prefix p;
	if (field_prefix(f, (const char *)item->text, item->len, false, &p, d->r.why) < 0)
		return -1;
	return prefix_list_add(target, &p) < 0 ? field_memory(f, d->r.why) : 0;
}

static int address_entry(struct decoder *d, const struct dots_key *k, struct cbor_item *item, void *target)
{
	struct field f = { k->name, k->section };
	struct prefix p;
	if (field_address(f, (const char *)item->text, item->len, &p, d->r.why) < 0)
		return -1;
	return prefix_list_add(target, &p) < 0 ? field_memory(f, d->r.why) : 0;
}

static int text_entry(struct decoder *d, const struct dots_key *k, struct cbor_item *item, void *target)
{
	struct field f = { k->name, k->section };
	if (field_text(f, (const char *)item->text, item->len, k->key == KEY_TARGET_FQDN ? NAME_MAX_BYTES : TEXT_MAX_BYTES, d->r.why) < 0)
		return -1;
	return text_list_add(target, (const char *)item->text, item->len) < 0 ? field_memory(f, d->r.why) : 0;
}

static int protocol_entry(struct decoder *d, const struct dots_key *k, struct cbor_item *item, void *target)
{
	struct field f = { k->name, k->section };
	if (field_number(f, item->value, 255, d->r.why) < 0)
		return -1;
	return protocol_list_add(target, (uint8_t)item->value) < 0 ? field_memory(f, d->r.why) : 0;
}

static int target_member(struct decoder *d, const struct dots_key *k, struct cbor_item *item, struct target_lists t)
{
	switch (k->key) {
	case KEY_TARGET_PREFIX:
		return decode_list(d, k, CBOR_TEXT, item, prefix_entry, t.prefix);
	case KEY_TARGET_PORT_RANGE:
		return decode_list(d, k, CBOR_MAP, item, range_entry, t.port);
	case KEY_TARGET_PROTOCOL:
		return decode_list(d, k, CBOR_UINT, item, protocol_entry, t.protocol);
	case KEY_TARGET_FQDN:
		return decode_list(d, k, CBOR_TEXT, item, text_entry, t.fqdn);
	case KEY_TARGET_URI:
		return decode_list(d, k, CBOR_TEXT, item, text_entry, t.uri);
	default:
		return decode_list(d, k, CBOR_TEXT, item, text_entry, t.alias);
	}
}

static int number(struct decoder *d, const struct dots_key *k, const struct cbor_item *item, uint64_t max)
{
	return field_number((struct field){ k->name, k->section }, item->value, max, d->r.why);
}

/* Enumerations begin at 1 (RFC 9132, 6: 0 is reserved). */
static int enumeration(struct decoder *d, const struct dots_key *k, const struct cbor_item *item, unsigned max)
{
	if (item->value >= 1 && item->value <= max)
		return 0;
	return reason_set(d->r.why, REASON_BAD_REQUEST, k->name, k->section, "%" PRIu64 " is not in 1..%u", item->value, max);
}

struct acl {
	struct conflict *conflict;
	bool has_name, has_type;
};

static int acl_member(struct decoder *d, const struct dots_key *k, struct cbor_item *item, void *target)
{
	struct acl *acl = target;
	bool name = k->key == KEY_ACL_NAME;
	*(name ? &acl->has_name : &acl->has_type) = true;
	return text_entry(d, k, item, name ? &acl->conflict->acl_name : &acl->conflict->acl_type);
}

static int acl_entry(struct decoder *d, const struct dots_key *k, struct cbor_item *item, void *target)
{
	struct acl acl = { .conflict = target };
	if (decode_map(d, PLACE_ACL, item, acl_member, &acl) < 0)
		return -1;
	if (!acl.has_name)
		return reason_set(d->r.why, REASON_BAD_REQUEST, "acl-name", k->section, "is missing in acl-list");
	/* Both lists have the same length. */
	return !acl.has_type && text_list_add(&acl.conflict->acl_type, "", 0) < 0 ? field_memory((struct field){ k->name, k->section }, d->r.why) : 0;
}

static int conflict_scope_member(struct decoder *d, const struct dots_key *k, struct cbor_item *item, void *target)
{
	struct conflict *c = target;
	if (k->key == KEY_ACL_LIST)
		return decode_list(d, k, CBOR_MAP, item, acl_entry, c);
	if (k->key != KEY_MID)
		return target_member(d, k, item, conflict_targets(c));
	c->has_mid = true;
	c->mid = (uint32_t)item->value;
	return number(d, k, item, UINT32_MAX);
}

static int conflict_member(struct decoder *d, const struct dots_key *k, struct cbor_item *item, void *target)
{
	struct conflict *c = target;
	switch (k->key) {
	case KEY_CONFLICT_STATUS:
		c->status = (enum conflict_status)item->value;
		return enumeration(d, k, item, CONFLICT_ALL_INACTIVE);
	case KEY_CONFLICT_CAUSE:
		c->cause = (enum conflict_cause)item->value;
		return enumeration(d, k, item, CONFLICT_OVERLAPPING_PIPES);
	case KEY_RETRY_TIMER:
		c->has_retry_timer = true;
		c->retry_timer = (uint32_t)item->value;
		return number(d, k, item, UINT32_MAX);
	default:
		return decode_map(d, PLACE_CONFLICT_SCOPE, item, conflict_scope_member, c);
	}
}

static int lifetime(struct decoder *d, const struct cbor_item *item, struct mitigation *m)
{
	int64_t v = item->value > INT64_MAX ? INT64_MAX : (int64_t)item->value;
	if (item->kind == CBOR_NEGINT)
		v = -1 - v;
	m->lifetime = v;
	/* A server may say that nothing is left. */
	return v == 0 && d->direction == BODY_RESPONSE ? 0 : field_lifetime(v, d->r.why);
}

static int scope_member(struct decoder *d, const struct dots_key *k, struct cbor_item *item, void *target)
{
	struct mitigation *m = target;
	switch (k->key) {
	case KEY_MID:
		m->has_mid = true;
		m->mid = (uint32_t)item->value;
		return number(d, k, item, UINT32_MAX);
	case KEY_LIFETIME:
		return lifetime(d, item, m);
	case KEY_TRIGGER_MITIGATION:
		m->trigger = (int8_t)item->value;
		return 0;
	case KEY_ATTACK_STATUS:
		m->attack_status = (enum attack_status)item->value;
		return enumeration(d, k, item, ATTACK_SUCCESSFULLY_MITIGATED);
	case KEY_MITIGATION_START:
		m->has_start = true;
		m->start = item->value;
		return 0;
	case KEY_STATUS:
		m->status = (enum dots_status)item->value;
		return enumeration(d, k, item, STATUS_SIGNAL_LOSS);
	case KEY_CONFLICT_INFORMATION:
		m->has_conflict = true;
		return decode_map(d, PLACE_CONFLICT, item, conflict_member, &m->conflict);
	case KEY_BYTES_DROPPED: case KEY_BPS_DROPPED: case KEY_PKTS_DROPPED: case KEY_PPS_DROPPED:
		m->has_counters |= (uint8_t)(1u << (k->key - KEY_BYTES_DROPPED));
		m->counters[k->key - KEY_BYTES_DROPPED] = item->value;
		return 0;
	case KEY_SOURCE_PREFIX:
		return decode_list(d, k, CBOR_TEXT, item, prefix_entry, &m->source_prefix);
	case KEY_SOURCE_PORT_RANGE:
		return decode_list(d, k, CBOR_MAP, item, range_entry, &m->source_port);
	case KEY_SOURCE_ICMP_TYPE_RANGE:
		return decode_list(d, k, CBOR_MAP, item, range_entry, &m->source_icmp_type);
	default:
		return target_member(d, k, item, mitigation_targets(m));
	}
}

static int scope_entry(struct decoder *d, const struct dots_key *k, struct cbor_item *item, void *target)
{
	struct body *b = target;
	if (d->direction == BODY_REQUEST && b->n_scope)
		return reason_set(d->r.why, REASON_BAD_REQUEST, k->name, k->section, "has more than one entry; a request is about one mitigation");
	struct mitigation *m = body_add_scope(b);
	if (!m)
		return field_memory((struct field){ k->name, k->section }, d->r.why);
	if (decode_map(d, PLACE_SCOPE, item, scope_member, m) < 0)
		return -1;
	/* Thousands of entries of one byte would cost some hundred times as much memory. */
	if (!mitigation_members(m) && !d->n_unknown)
		return reason_set(d->r.why, REASON_BAD_REQUEST, k->name, k->section, "holds an empty entry");
	return 0;
}

static int mitigation_member(struct decoder *d, const struct dots_key *k, struct cbor_item *item, void *target)
{
	return decode_list(d, k, CBOR_MAP, item, scope_entry, target);
}

static int redirect_name(struct decoder *d, const struct dots_key *k, const struct cbor_item *item, char **out)
{
	struct field f = { k->name, k->section };
	if (field_text(f, (const char *)item->text, item->len, NAME_MAX_BYTES, d->r.why) < 0)
		return -1;
	return (*out = strndup((const char *)item->text, item->len)) ? 0 : field_memory(f, d->r.why);
}

static int redirect_member(struct decoder *d, const struct dots_key *k, struct cbor_item *item, void *target)
{
	struct redirect *r = target;
	switch (k->key) {
	case KEY_ALT_SERVER:
		return redirect_name(d, k, item, &r->alt_server);
	case KEY_ALT_SERVER_RECORD:
		return decode_list(d, k, CBOR_TEXT, item, address_entry, &r->alt_server_record);
	case KEY_ALT_CH_CLIENT:
		return redirect_name(d, k, item, &r->alt_ch_client);
	case KEY_ALT_CH_CLIENT_RECORD:
		return decode_list(d, k, CBOR_TEXT, item, address_entry, &r->alt_ch_client_record);
	default:
		r->has_ttl = true;
		r->ttl = (uint32_t)item->value;
		return number(d, k, item, UINT32_MAX);
	}
}

static int heartbeat_member(struct decoder *d, const struct dots_key *k, struct cbor_item *item, void *target)
{
	(void)k;
	(void)target;
	d->out->peer_hb_status = item->value;
	d->has_hb_status = true;
	return 0;
}

static int top_member(struct decoder *d, const struct dots_key *k, struct cbor_item *item, void *target)
{
	struct body *b = target;
	if (b->kind != BODY_EMPTY)
		return reason_set(d->r.why, REASON_BAD_REQUEST, k->name, SECTION_CBOR, "stands beside another container; a body carries one");
	switch (k->key) {
	case KEY_MITIGATION_SCOPE:
		b->kind = BODY_MITIGATION_SCOPE;
		if (decode_map(d, PLACE_MITIGATION, item, mitigation_member, b) < 0)
			return -1;
		if (!b->n_scope && d->direction == BODY_REQUEST && !d->n_unknown)
			return reason_set(d->r.why, REASON_BAD_REQUEST, "scope", k->section, "is missing in mitigation-scope");
		return 0;
	case KEY_SIGNAL_CONFIG:
		b->kind = BODY_SIGNAL_CONFIG;
		return decode_map(d, PLACE_CONFIG, item, config_member, &b->config);
	case KEY_REDIRECTED_SIGNAL:
		b->kind = BODY_REDIRECTED_SIGNAL;
		return decode_map(d, PLACE_REDIRECT, item, redirect_member, &b->redirect) < 0 ? -1 : check_redirect(d);
	default:
		b->kind = BODY_HEARTBEAT;
		if (decode_map(d, PLACE_HEARTBEAT, item, heartbeat_member, NULL) < 0)
			return -1;
		return d->has_hb_status ? 0 : reason_set(d->r.why, REASON_BAD_REQUEST, "peer-hb-status", k->section, "is missing");
	}
}

/* RFC 9132, 6: what cannot be processed is named. */
static int check_unknown(struct decoder *d)
{
	char keys[200];
	size_t n = 0;
	for (size_t i = 0; i < d->n_unknown && i < UNKNOWN_NAMED; i++)
		n += (size_t)snprintf(keys + n, sizeof keys - n, "%s%" PRIu64, i ? ", " : "", d->unknown[i]);
	if (!d->n_unknown)
		return 0;
	return reason_set(d->r.why, REASON_BAD_REQUEST, "", SECTION_CBOR, "unknown %s %s%s, which a receiver must understand", d->n_unknown > 1 ? "keys" : "key", keys,
	    d->n_unknown > UNKNOWN_NAMED ? " and more" : "");
}

static int decode_body(struct decoder *d)
{
	struct cbor_item item;
	if (cbor_next(&d->r, &item) < 0)
		return -1;
	if (item.kind == CBOR_TAG && item.value == CBOR_TAG_DOTS && cbor_next(&d->r, &item) < 0)
		return -1;
	if (item.kind != CBOR_MAP)
		return reason_set(d->r.why, REASON_BAD_REQUEST, "", SECTION_CBOR, "the body is %s, expected a map", cbor_kind_name(item.kind));
	if (decode_map(d, PLACE_TOP, &item, top_member, d->out) < 0 || check_unknown(d) < 0)
		return -1;
	if (d->out->kind == BODY_EMPTY)
		return reason_set(d->r.why, REASON_BAD_REQUEST, "", SECTION_CBOR, "the body holds none of mitigation-scope, signal-config, redirected-signal, heartbeat");
	if (d->r.left)
		return reason_set(d->r.why, REASON_BAD_REQUEST, "", SECTION_CBOR, "%zu bytes stand behind the body", d->r.left);
	return 0;
}

int dots_cbor_decode(const uint8_t *data, size_t len, enum body_direction direction, struct body *out, struct reason *why)
{
	struct decoder d = { .direction = direction, .out = out };
	body_init(out);
	if (!len)
		return 0;
	cbor_reader_init(&d.r, data, len, why);
	int got = decode_body(&d);
	cbor_reader_free(&d.r);
	if (got < 0)
		body_free(out);
	return got;
}
