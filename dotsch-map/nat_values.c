/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nat_values - the values of a NAT document: each goes where the object it stands in says. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/when.h"
#include "nat_parse.h"

/* Plain dotted quads are nearly all addresses of a table, and inet_pton would be the costliest part of the load. */
static bool quick_v4(const char *s, size_t len, struct prefix *out)
{
	const char *end = s + len;
	uint8_t bytes[4];
	for (int i = 0; i < 4; i++) {
		unsigned v = 0;
		int digits = 0;
		for (; s < end && *s >= '0' && *s <= '9' && digits < 4; s++, digits++)
			v = v * 10 + (unsigned)(*s - '0');
		if (!digits || v > 255 || (digits > 1 && s[-digits] == '0') || (i < 3 && (s == end || *s++ != '.')))
			return false;
		bytes[i] = (uint8_t)v;
	}
	if (s != end && !(end - s == 3 && !memcmp(s, "/32", 3)))
		return false;
	*out = (struct prefix){ .family = 4, .len = 32, .addr = { bytes[0], bytes[1], bytes[2], bytes[3] } };
	return true;
}

static int read_prefix(struct nat_json *p, const char *text, size_t len, struct prefix *out)
{
	char copy[PREFIX_TEXT_MAX];
	if (quick_v4(text, len, out))
		return 1;
	if (len < sizeof copy && !memchr(text, 0, len)) {
		memcpy(copy, text, len);
		copy[len] = '\0';
		if (prefix_parse(copy, true, out) == 0)
			return 1;
	}
	return nat_refuse(p, "an address or prefix belongs here, not \"%.*s\"", (int)(len > 60 ? 60 : len), text);
}

static int read_wide(struct nat_json *p, const char *text, size_t len, uint8_t family, struct wide *out)
{
	struct prefix q;
	if (!read_prefix(p, text, len, &q))
		return 0;
	if (family && q.family != family)
		return nat_refuse(p, "an IPv%u prefix belongs here, not \"%.*s\"", family, (int)len, text);
	*out = wide_of(&q);
	return 1;
}

static int read_when(struct nat_json *p, const char *text, size_t len, int64_t *ms)
{
	char copy[64];
	if (len < sizeof copy) {
		memcpy(copy, text, len);
		copy[len] = '\0';
		if (when_parse(copy, ms) == 0)
			return 1;
	}
	return nat_refuse(p, "a time like 2026-11-22T23:28:07Z belongs here, not \"%.*s\"", (int)(len > 60 ? 60 : len), text);
}

static const struct { const char *name; uint8_t kind; } kinds[] = {
	{ "basic-nat44", NAT_BASIC }, { "napt44", NAT_NAPT44 }, { "dst-nat", NAT_DST }, { "nat64", NAT_NAT64 }, { "siit", NAT_SIIT }, { "clat", NAT_CLAT },
	{ "eam", NAT_EAM }, { "nptv6", NAT_NPTV6 },
};

static bool same(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && !memcmp(text, word, len);
}

static int instance_text(struct nat_json *p, const char *text, size_t len)
{
	struct nat_instance *in = &p->b->instances[p->instance];
	if (p->key == KEY_NAME) {
		builder_name(p->b, p->instance, text, len > 64 ? 64 : len);
	} else if (p->key == KEY_TYPE) {
		const char *colon = memchr(text, ':', len);
		size_t cut = colon ? (size_t)(colon + 1 - text) : 0;
		for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
			if (same(text + cut, len - cut, kinds[i].name))
				in->kind = kinds[i].kind;
	} else if (p->key == KEY_BINDING_OF_INTERFACE) {
		in->dslite = same(text, len, "dslite");
	}
	return 1;
}

static int entry_text(struct nat_json *p, const char *text, size_t len)
{
	switch (p->key) {
	case KEY_TYPE:
		p->m.is_static = same(text, len, "static");
		return 1;
	case KEY_INT_SRC:
		p->has_internal = true;
		return read_prefix(p, text, len, &p->m.internal);
	case KEY_EXT_SRC:
		p->has_external = true;
		return read_prefix(p, text, len, &p->m.external);
	case KEY_INT_DST:
		p->m.has_inner_dst = true;
		return read_prefix(p, text, len, &p->m.inner_dst);
	case KEY_EXT_DST:
		p->m.has_dst = true;
		return read_prefix(p, text, len, &p->m.dst);
	case KEY_INDEX:
	case KEY_LIFETIME:
	case KEY_PROTOCOL:
		return nat_refuse(p, "a number belongs here, not text");
	default:
		return 1;
	}
}

static int b4_text(struct nat_json *p, const char *text, size_t len)
{
	if (!read_prefix(p, text, len, &p->m.b4))
		return 0;
	p->m.has_b4 = true;
	return p->m.b4.family == 6 ? 1 : nat_refuse(p, "the B4's address is IPv6 (RFC 8513), not \"%.*s\"", (int)(len > 60 ? 60 : len), text);
}

static int event_text(struct nat_json *p, const char *text, size_t len)
{
	struct event *e = &p->event;
	int64_t ms;
	switch (p->key) {
	case KEY_T0:
	case KEY_T1:
		if (!read_when(p, text, len, &ms))
			return 0;
		if (ms < 0 || ms / 1000 > UINT32_MAX)
			return nat_refuse(p, "the time is out of range");
		*(p->key == KEY_T0 ? &e->m.index : &e->m.lifetime) = (uint32_t)(ms / 1000);
		*(p->key == KEY_T0 ? &e->t0 : &e->t1) = true;
		return 1;
	case KEY_EXT:
		e->ext = true;
		return read_prefix(p, text, len, &e->m.external);
	case KEY_INT:
		e->in = true;
		return read_prefix(p, text, len, &e->m.internal);
	case KEY_B4_SHORT:
		e->m.has_b4 = true;
		return read_prefix(p, text, len, &e->m.b4);
	default:
		return 1;
	}
}

static int rule_text(struct nat_json *p, const char *text, size_t len)
{
	struct nat_rule *r = &p->rule;
	switch (p->key) {
	case KEY_NAT64_PREFIX: {
		p->rule_in = true;
		if (!read_wide(p, text, len, 6, &r->in))
			return 0;
		uint8_t n = r->in.len;
		return n == 96 || (n >= 32 && n <= 64 && n % 8 == 0) ? 1 : nat_refuse(p, "a NAT64 prefix has 32, 40, 48, 56, 64 or 96 bits (RFC 6052, 2.2), not %u", n);
	}
	case KEY_RULE_IPV6:
	case KEY_INTERNAL_IPV6_PREFIX:
	case KEY_IPV6_PREFIX:
		p->rule_in = true;
		return read_wide(p, text, len, 6, &r->in);
	case KEY_EXTERNAL_IPV6_PREFIX:
		p->rule_out = true;
		return read_wide(p, text, len, 6, &r->out);
	case KEY_RULE_IPV4:
	case KEY_IPV4_PREFIX:
		p->rule_out = true;
		return read_wide(p, text, len, 4, &r->out);
	case KEY_INSIDE:
		p->rule_in = true;
		return read_wide(p, text, len, 0, &r->in);
	case KEY_OUTSIDE:
		p->rule_out = true;
		return read_wide(p, text, len, 4, &r->out);
	case KEY_NAME:
		if (p->instance != NONE32)
			builder_name(p->b, p->instance, text, len > 64 ? 64 : len);
		return 1;
	default:
		return 1;
	}
}

static int binding_text(struct nat_json *p, const char *text, size_t len)
{
	struct prefix q;
	if (p->key == KEY_BINDING_IPV6) {
		p->binding_v6 = true;
		return read_wide(p, text, len, 6, &p->binding.b4);
	}
	if (p->key != KEY_BINDING_IPV4)
		return 1;
	p->binding_v4 = true;
	if (!read_prefix(p, text, len, &q))
		return 0;
	memcpy(p->binding.v4, q.addr, 4);
	return q.family == 4 && prefix_is_host(&q) ? 1 : nat_refuse(p, "an IPv4 address belongs here");
}

int nat_text(struct nat_json *p, const char *text, size_t len)
{
	switch (nat_here(p)) {
	case KEY_ENTRY:
		return entry_text(p, text, len);
	case KEY_INSTANCE:
		return instance_text(p, text, len);
	case KEY_B4:
		return p->key == KEY_ADDRESS ? b4_text(p, text, len) : 1;
	case KEY_ROOT:
		return event_text(p, text, len);
	case KEY_POOL:
		if (p->key == KEY_EXTERNAL_POOL) {
			struct nat_rule pool = { .kind = RULE_POOL, .instance = nat_instance_of(p) };
			if (!read_wide(p, text, len, 0, &pool.out))
				return 0;
			builder_rule(p->b, &pool);
		}
		return 1;
	case KEY_DESTINATION_PREFIX:
		if (p->key == KEY_IPV4_PREFIX) {
			if (!read_wide(p, text, len, 4, &p->rule.out))
				return 0;
			p->rule_out = true;
			p->rule.kind = RULE_NAT64;
			p->rule.instance = nat_instance_of(p);
			builder_rule(p->b, &p->rule);
		}
		return 1;
	case KEY_NAT64_PREFIXES:
	case KEY_EAM:
	case KEY_NPTV6:
	case KEY_ALGO:
	case KEY_DETERMINISTIC:
		return rule_text(p, text, len);
	case KEY_BINDING_ENTRY:
		return binding_text(p, text, len);
	case KEY_VERSIONING:
		return p->key == KEY_DATE && p->instance != NONE32 ? read_when(p, text, len, &p->b->instances[p->instance].since) : 1;
	case KEY_ERROR:
		if (p->key == KEY_ERROR_MESSAGE)
			snprintf(p->message, sizeof p->message, ": %.*s", (int)(len > 100 ? 100 : len), text);
		return 1;
	default:
		return 1;
	}
}

static int read_number(struct nat_json *p, const char *text, size_t len, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;
	size_t i = 0;
	for (; i < len && text[i] >= '0' && text[i] <= '9' && v <= max; i++)
		v = v * 10 + (uint64_t)(text[i] - '0');
	if (i < len || v > max)
		return nat_refuse(p, "a whole number from 0 to %" PRIu64 " belongs here, not %.*s", max, (int)(len > 40 ? 40 : len), text);
	*out = v;
	return 1;
}

/* Into 16 bits, or 8. */
static int number16(struct nat_json *p, const char *text, size_t len, uint64_t max, void *out, bool byte)
{
	uint64_t v;
	if (!read_number(p, text, len, max, &v))
		return 0;
	if (byte)
		*(uint8_t *)out = (uint8_t)v;
	else
		*(uint16_t *)out = (uint16_t)v;
	return 1;
}

struct range *nat_ports(struct nat_json *p, enum nat_key key, bool **has)
{
	struct nat_mapping *m = &p->m;
	switch (key) {
	case KEY_INT_SRC_PORT:
		return *has = &m->has_internal_port, &m->internal_port;
	case KEY_EXT_SRC_PORT:
		return *has = &m->has_external_port, &m->external_port;
	case KEY_INT_DST_PORT:
		return *has = &m->has_inner_dst_port, &m->inner_dst_port;
	default:
		return *has = &m->has_dst_port, &m->dst_port;
	}
}

static int port_number(struct nat_json *p, const char *text, size_t len)
{
	bool *has;
	struct range *r = nat_ports(p, nat_here(p), &has);
	if (nat_parent(p) != KEY_ENTRY || (p->key != KEY_START_PORT && p->key != KEY_END_PORT))
		return 1;
	if (p->key == KEY_END_PORT) {
		p->end_port = true;
		return number16(p, text, len, UINT16_MAX, &r->upper, false);
	}
	*has = true;
	return number16(p, text, len, UINT16_MAX, &r->lower, false);
}

static int entry_number(struct nat_json *p, const char *text, size_t len)
{
	uint64_t v = 0;
	switch (p->key) {
	case KEY_INDEX:
	case KEY_LIFETIME:
		if (!read_number(p, text, len, UINT32_MAX, &v))
			return 0;
		if (p->key == KEY_INDEX)
			p->m.index = (uint32_t)v;
		else
			p->m.lifetime = (uint32_t)v, p->m.has_lifetime = true;
		return 1;
	case KEY_PROTOCOL:
		return number16(p, text, len, UINT8_MAX, &p->m.proto, true);
	case KEY_INT_SRC:
	case KEY_EXT_SRC:
	case KEY_INT_DST:
	case KEY_EXT_DST:
	case KEY_TYPE:
		return nat_refuse(p, "text belongs here, not a number");
	default:
		return 1;
	}
}

static int event_number(struct nat_json *p, const char *text, size_t len)
{
	struct event *e = &p->event;
	uint64_t v = 0;
	switch (p->key) {
	case KEY_T0:
	case KEY_T1:
		if (!read_number(p, text, len, UINT32_MAX, &v))
			return 0;
		*(p->key == KEY_T0 ? &e->m.index : &e->m.lifetime) = (uint32_t)v;
		*(p->key == KEY_T0 ? &e->t0 : &e->t1) = true;
		return 1;
	case KEY_PROTO:
		return number16(p, text, len, UINT8_MAX, &e->m.proto, true);
	case KEY_LO:
		e->lo = true;
		return number16(p, text, len, UINT16_MAX, &e->m.external_port.lower, false);
	case KEY_HI:
		e->hi = true;
		return number16(p, text, len, UINT16_MAX, &e->m.external_port.upper, false);
	case KEY_PORT:
		e->port = true;
		return number16(p, text, len, UINT16_MAX, &e->m.internal_port.lower, false);
	default:
		return 1;
	}
}

static int rule_number(struct nat_json *p, const char *text, size_t len)
{
	switch (p->key) {
	case KEY_EA_LEN:
		return number16(p, text, len, 48, &p->rule.ea_len, true);
	case KEY_FIRST_PORT:
		return number16(p, text, len, UINT16_MAX, &p->rule.first_port, false);
	case KEY_PORTS:
		return number16(p, text, len, UINT16_MAX, &p->rule.ports, false);
	default:
		return 1;
	}
}

static int portset_number(struct nat_json *p, const char *text, size_t len)
{
	bool algo = nat_parent(p) == KEY_ALGO;
	switch (p->key) {
	case KEY_PSID_OFFSET:
		p->rule_offset = true;
		return number16(p, text, len, 16, algo ? &p->rule.offset : &p->binding.offset, true);
	case KEY_PSID_LEN:
		return number16(p, text, len, 16, algo ? &p->rule.psid_len : &p->binding.psid_len, true);
	case KEY_PSID:
		return number16(p, text, len, UINT16_MAX, algo ? &p->rule.psid : &p->binding.psid, false);
	default:
		return 1;
	}
}

static int restriction_number(struct nat_json *p, const char *text, size_t len)
{
	struct nat_rule *r = &p->restriction;
	switch (p->key) {
	case KEY_START_PORT:
		p->restrict_start = true;
		return number16(p, text, len, UINT16_MAX, &r->first_port, false);
	case KEY_END_PORT:
		p->restrict_end = true;
		return number16(p, text, len, UINT16_MAX, &r->ports, false);
	case KEY_PSID_OFFSET:
		return number16(p, text, len, 15, &r->offset, true);
	case KEY_PSID_LEN:
		return number16(p, text, len, 15, &r->psid_len, true);
	case KEY_PSID:
		p->restrict_psid = true;
		return number16(p, text, len, UINT16_MAX, &r->psid, false);
	default:
		return 1;
	}
}

int nat_number(struct nat_json *p, const char *text, size_t len)
{
	uint64_t v;
	switch (nat_here(p)) {
	case KEY_ENTRY:
		return entry_number(p, text, len);
	case KEY_INT_SRC_PORT:
	case KEY_EXT_SRC_PORT:
	case KEY_INT_DST_PORT:
	case KEY_EXT_DST_PORT:
		return port_number(p, text, len);
	case KEY_INSTANCE:
		if (p->key != KEY_ID)
			return 1;
		if (!read_number(p, text, len, UINT32_MAX, &v))
			return 0;
		p->b->instances[p->instance].id = (uint32_t)v;
		return 1;
	case KEY_ROOT:
		return event_number(p, text, len);
	case KEY_ALGO:
	case KEY_DETERMINISTIC:
		return rule_number(p, text, len);
	case KEY_PORT_SET:
		return portset_number(p, text, len);
	case KEY_RESTRICT:
		return restriction_number(p, text, len);
	default:
		return 1;
	}
}

int nat_boolean(struct nat_json *p, bool value)
{
	if (nat_here(p) == KEY_ENTRY)
		return nat_refuse(p, "true or false does not belong here");
	if (p->key == KEY_ENABLE && (nat_here(p) == KEY_INSTANCE || nat_here(p) == KEY_ALGO) && p->instance != NONE32)
		p->b->instances[p->instance].disabled = !value;
	return 1;
}
