/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cbor_config - the session configuration of a DOTS body (RFC 9132, 4.5). */
#include "dots/cbor_parts.h"

static const uint16_t param_keys[SIGCONF_PARAMS] = {
	[SIGCONF_HEARTBEAT_INTERVAL] = KEY_HEARTBEAT_INTERVAL, [SIGCONF_MISSING_HB_ALLOWED] = KEY_MISSING_HB_ALLOWED, [SIGCONF_PROBING_RATE] = KEY_PROBING_RATE,
	[SIGCONF_MAX_RETRANSMIT] = KEY_MAX_RETRANSMIT, [SIGCONF_ACK_TIMEOUT] = KEY_ACK_TIMEOUT, [SIGCONF_ACK_RANDOM_FACTOR] = KEY_ACK_RANDOM_FACTOR,
};

static int bad_decimal(struct decoder *d, const struct dots_key *k)
{
	return reason_set(d->r.why, REASON_BAD_REQUEST, k->name, k->section, "is not a decimal fraction [exponent, mantissa] of 0.00..42949672.95 in steps of 0.01");
}

/* Tag 4 was read; [exponent, mantissa] follows. Any exponent is taken that gives whole hundredths. */
static int decimal(struct decoder *d, const struct dots_key *k, const struct cbor_item *tag, uint32_t *out)
{
	struct cbor_item list, part[2];
	struct cbor_box box;
	size_t n = 0;
	if (tag->value != CBOR_TAG_DECIMAL)
		return bad_decimal(d, k);
	if (cbor_next(&d->r, &list) < 0)
		return -1;
	if (list.kind != CBOR_ARRAY)
		return bad_decimal(d, k);
	if (cbor_enter(&d->r, &list, &box) < 0)
		return -1;
	while (cbor_more(&d->r, &box)) {
		if (n == 2)
			return bad_decimal(d, k);
		if (cbor_next(&d->r, &part[n++]) < 0)
			return -1;
	}
	if (n != 2 || (part[0].kind != CBOR_UINT && part[0].kind != CBOR_NEGINT) || part[1].kind != CBOR_UINT || part[0].value > 9 || part[1].value > UINT32_MAX)
		return bad_decimal(d, k);
	uint64_t v = part[1].value;
	int shift = (part[0].kind == CBOR_UINT ? (int)part[0].value : -1 - (int)part[0].value) + 2;
	for (; shift > 0 && v <= UINT32_MAX; shift--)
		v *= 10;
	for (; shift < 0 && v % 10 == 0; shift++)
		v /= 10;
	if (v > UINT32_MAX || (shift < 0 && v))
		return bad_decimal(d, k);
	*out = (uint32_t)v;
	return 0;
}

static int value_member(struct decoder *d, const struct dots_key *k, struct cbor_item *item, void *target)
{
	struct sigconf_value *v = target;
	bool max = k->key == KEY_MAX_VALUE || k->key == KEY_MAX_VALUE_DECIMAL, min = k->key == KEY_MIN_VALUE || k->key == KEY_MIN_VALUE_DECIMAL;
	*(max ? &v->has_max : min ? &v->has_min : &v->has_current) = true;
	uint32_t *out = max ? &v->max : min ? &v->min : &v->current;
	if (k->type == KEY_DECIMAL)
		return decimal(d, k, item, out);
	*out = (uint32_t)item->value;
	return field_number((struct field){ k->name, k->section }, item->value, UINT16_MAX, d->r.why);
}

static int set_member(struct decoder *d, const struct dots_key *k, struct cbor_item *item, void *target)
{
	struct sigconf_set *set = target;
	enum sigconf_param p = 0;
	while (param_keys[p] != k->key)
		p++;   /* the table of keys lets no other in */
	struct sigconf_value *v = &set->p[p];
	if (decode_map(d, sigconf_param_decimal(p) ? PLACE_PARAM_DECIMAL : PLACE_PARAM, item, value_member, v) < 0)
		return -1;
	/* The registry and Table 5 list these two keys in opposite order, so a peer may mean the other one. */
	if (v->has_max && v->has_min && v->max < v->min) {
		uint32_t swap = v->max;
		v->max = v->min;
		v->min = swap;
	}
	return 0;
}

int config_member(struct decoder *d, const struct dots_key *k, struct cbor_item *item, void *target)
{
	struct sigconf *c = target;
	bool mitigating = k->key == KEY_MITIGATING_CONFIG;
	*(mitigating ? &c->has_mitigating : &c->has_idle) = true;
	return decode_map(d, PLACE_CONFIG_SET, item, set_member, mitigating ? &c->mitigating : &c->idle);
}
