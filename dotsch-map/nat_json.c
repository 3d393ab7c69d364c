/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nat_json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "dots/portset.h"
#include "nat_parse.h"

enum nat_key nat_here(const struct nat_json *p)
{
	return p->depth ? (enum nat_key)p->stack[p->depth - 1].key : KEY_ROOT;
}

enum nat_key nat_parent(const struct nat_json *p)
{
	int i = p->depth - 1;
	while (i > 0 && p->stack[i - 1].array)       /* an element stands under its list's name */
		i--;
	return i > 0 ? (enum nat_key)p->stack[i - 1].key : KEY_ROOT;
}

/* "/nat/instances/instance[1]/mapping-table/mapping-entry[17]/index" */
static void path_of(const struct nat_json *p, char *out, size_t cap)
{
	size_t n = 0;
	for (int i = 0; i < p->depth && n < cap; i++) {
		const struct frame *f = &p->stack[i];
		if (!f->array && i && p->stack[i - 1].array)
			n += (size_t)snprintf(out + n, cap - n, "[%" PRIu32 "]", p->stack[i - 1].count);
		else if (f->name)
			n += (size_t)snprintf(out + n, cap - n, "/%s", f->name);
	}
	if (p->name && n < cap && !p->stack[p->depth ? p->depth - 1 : 0].array)
		snprintf(out + n, cap - n, "/%s", p->name);
}

int nat_refuse(struct nat_json *p, const char *fmt, ...)
{
	char text[160], path[120] = "";
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	path_of(p, path, sizeof path);
	reason_set(&p->why, REASON_BAD_REQUEST, p->name ? p->name : "", "RFC 8512, 2", "%s: %s", *path ? path : "/", text);
	p->refused = true;
	return 0;
}

uint32_t nat_instance_of(struct nat_json *p)
{
	if (p->instance != NONE32)
		return p->instance;
	if (p->implicit == NONE32)
		p->implicit = builder_instance(p->b, p->source);
	return p->implicit;
}

/* What a container's name promises: a document without any of these is no NAT table. */
static bool is_table(enum nat_key key, const char *name)
{
	return key == KEY_INSTANCE || key == KEY_TABLE || key == KEY_ENTRY || key == KEY_ALGO || key == KEY_BINDING_ENTRY || key == KEY_DETERMINISTIC ||
	       (key == KEY_PASS && strcmp(name, "data"));
}

static int open_instance(struct nat_json *p, uint8_t kind)
{
	if (p->instance != NONE32)
		return nat_refuse(p, "an instance inside an instance");
	p->instance = builder_instance(p->b, p->source);
	if (!p->b->failed)
		p->b->instances[p->instance].kind = kind;
	return 1;
}

static int open_object(struct nat_json *p, enum nat_key key)
{
	switch (key) {
	case KEY_ROOT:
		p->event = (struct event){ .m.proto = PROTO_ANY, .m.is_event = true, .m.has_lifetime = true, .m.lifetime = UINT32_MAX };
		break;
	case KEY_INSTANCE:
		return open_instance(p, strcmp(p->stack[p->depth - 1].name, "instance") ? NAT_SOFTWIRE : NAT_UNKNOWN);
	case KEY_ENTRY:
		p->m = (struct nat_mapping){ .proto = PROTO_ANY };
		p->has_external = p->has_internal = false;
		break;
	case KEY_ALGO:
	case KEY_DETERMINISTIC:
		if (!open_instance(p, key == KEY_ALGO ? NAT_SOFTWIRE : NAT_DETERMINISTIC))
			return 0;
		/* fall through */
	case KEY_NAT64_PREFIXES:
	case KEY_EAM:
	case KEY_NPTV6:
		p->rule = (struct nat_rule){ .offset = 6, .first_port = 1024 };   /* RFC 7597, 5.1 */
		p->rule_in = p->rule_out = p->rule_offset = false;
		p->first_rule = p->b->n_rules;
		break;
	case KEY_POLICY:
		p->restriction = (struct nat_rule){ 0 };
		p->restrict_start = p->restrict_end = p->restrict_psid = false;
		p->first_pool = p->b->n_rules;
		break;
	case KEY_BINDING_ENTRY:
		p->binding = (struct nat_binding){ 0 };
		p->binding_v4 = p->binding_v6 = false;
		break;
	case KEY_INT_SRC_PORT:
	case KEY_EXT_SRC_PORT:
	case KEY_INT_DST_PORT:
	case KEY_EXT_DST_PORT:
		p->end_port = false;
		break;
	case KEY_ERRORS:
		p->errors = true;
		break;
	default:
		break;
	}
	return 1;
}

static int close_ports(struct nat_json *p, enum nat_key key)
{
	bool *has;
	struct range *r = nat_ports(p, key, &has);
	if (!*has)
		return nat_refuse(p, "start-port-number is missing");
	if (!p->end_port)
		r->upper = r->lower;
	return r->upper >= r->lower ? 1 : nat_refuse(p, "end-port-number %u is below start-port-number %u", r->upper, r->lower);
}

static int close_event(struct nat_json *p)
{
	struct event *e = &p->event;
	if (!e->t0 && !e->t1 && !e->ext && !e->in)
		return 1;
	if (!e->t0 || !e->ext || !e->in)
		return nat_refuse(p, "an event record has at least t0, ext and int");
	if (e->m.lifetime < e->m.index)
		return nat_refuse(p, "t1 lies before t0");
	if (e->m.has_b4 && e->m.b4.family != 6)
		return nat_refuse(p, "b4 is an IPv6 address");
	if (!e->hi)
		e->m.external_port.upper = e->m.external_port.lower;
	if (e->m.external_port.upper < e->m.external_port.lower)
		return nat_refuse(p, "hi is below lo");
	e->m.has_external_port = e->lo;
	unsigned width = e->m.external_port.upper - (unsigned)e->m.external_port.lower;
	if (e->port && e->m.internal_port.lower + width > UINT16_MAX)
		return nat_refuse(p, "port %u is too high for a range of %u", e->m.internal_port.lower, width + 1);
	e->m.has_internal_port = e->port && e->lo;
	e->m.internal_port.upper = (uint16_t)(e->m.internal_port.lower + width);
	uint32_t row = nat_instance_of(p);
	if (!p->b->failed)
		p->b->instances[row].kind = NAT_EVENTS;
	builder_mapping(p->b, row, &e->m);
	p->found = true;
	return 1;
}

static int close_nat64(struct nat_json *p)
{
	if (!p->rule_in)
		return nat_refuse(p, "nat64-prefix is missing");
	if (!p->rule_out) {      /* for every destination */
		struct prefix all = { .family = 4 };
		p->rule.kind = RULE_NAT64;
		p->rule.out = wide_of(&all);
		p->rule.instance = nat_instance_of(p);
		builder_rule(p->b, &p->rule);
	}
	for (size_t i = p->first_rule; i < p->b->n_rules; i++)
		p->b->rules[i].in = p->rule.in;
	return 1;
}

static int close_map(struct nat_json *p)
{
	struct nat_rule *r = &p->rule;
	if (!p->rule_in || !p->rule_out)
		return nat_refuse(p, "a MAP rule has rule-ipv6-prefix and rule-ipv4-prefix");
	if (r->in.len + r->ea_len > 64)
		return nat_refuse(p, "rule-ipv6-prefix and ea-len make an end-user prefix of %u bits; at most 64 are possible", r->in.len + r->ea_len);
	unsigned suffix = 128u - r->out.len, k = !r->ea_len ? r->psid_len : r->ea_len > suffix ? r->ea_len - suffix : 0;
	struct portset set = { .offset = r->offset, .psid_len = (uint8_t)(k > 16 ? 17 : k) };
	if (!portset_valid(&set))
		return nat_refuse(p, "psid-offset %u and a PSID of %u bits are more than 16 together (RFC 7597, 5.1)", r->offset, k);
	return 1;
}

static int close_rule(struct nat_json *p, uint8_t kind)
{
	struct nat_rule *r = &p->rule;
	if (kind == RULE_MAP && !close_map(p))
		return 0;
	if (!p->rule_in || !p->rule_out)
		return nat_refuse(p, "both prefixes of the rule are needed");
	if (kind == RULE_NPTV6 && r->in.len != r->out.len)
		return nat_refuse(p, "NPTv6 prefixes have the same length (RFC 6296), not %u and %u", r->out.len, r->in.len);
	if (kind == RULE_DETERMINISTIC && (!r->ports || r->ports > 65536 - r->first_port))
		return nat_refuse(p, "ports, how many each subscriber has, is needed: from 1 to %u", 65536 - r->first_port);
	r->kind = kind;
	r->instance = nat_instance_of(p);
	builder_rule(p->b, r);
	return 1;
}

/* Either a range, or a PSID as of MAP. */
static int close_restriction(struct nat_json *p)
{
	struct nat_rule *r = &p->restriction;
	struct portset set = { .offset = r->offset, .psid_len = r->psid_len };
	if (p->restrict_start == p->restrict_psid)
		return nat_refuse(p, "either start-port-number or psid-len and psid are needed");
	if (p->restrict_psid && (!portset_valid(&set) || r->psid >> r->psid_len))
		return nat_refuse(p, "psid-offset %u, psid-len %u and psid %u do not fit together (RFC 7597, 5.1)", r->offset, r->psid_len, r->psid);
	unsigned last = p->restrict_end ? r->ports : r->first_port;       /* until here `ports` is the last one */
	if (last < r->first_port)
		return nat_refuse(p, "end-port-number %u is below start-port-number %u", last, r->first_port);
	r->ports = p->restrict_start ? (uint16_t)(last - r->first_port + 1) : 0;       /* all 65536 become 0, which is no restriction */
	return 1;
}

/* The policy's port set is that of its pools, and may come before or after them. */
static int close_policy(struct nat_json *p)
{
	const struct nat_rule *r = &p->restriction;
	for (size_t i = p->first_pool; i < p->b->n_rules; i++) {
		struct nat_rule *pool = &p->b->rules[i];
		if (pool->kind != RULE_POOL)
			continue;
		pool->offset = r->offset;
		pool->psid_len = r->psid_len;
		pool->psid = r->psid;
		pool->first_port = r->first_port;
		pool->ports = r->ports;
	}
	return 1;
}

static int close_binding(struct nat_json *p)
{
	struct portset set = { .offset = p->binding.offset, .psid_len = p->binding.psid_len };
	if (!p->binding_v4 || !p->binding_v6)
		return nat_refuse(p, "a binding has binding-ipv4-addr and binding-ipv6info (RFC 8676)");
	if (!portset_valid(&set) || p->binding.psid >> p->binding.psid_len)
		return nat_refuse(p, "psid-offset %u, psid-len %u and psid %u do not fit together (RFC 7597, 5.1)", p->binding.offset, p->binding.psid_len, p->binding.psid);
	p->binding.instance = nat_instance_of(p);
	builder_binding(p->b, &p->binding);
	return 1;
}

static int close_object(struct nat_json *p, enum nat_key key)
{
	int ok = 1;
	switch (key) {
	case KEY_ROOT:
		return close_event(p);
	case KEY_ENTRY:
		if (p->has_external && p->has_internal)
			builder_mapping(p->b, nat_instance_of(p), &p->m);
		return 1;
	case KEY_INT_SRC_PORT:
	case KEY_EXT_SRC_PORT:
	case KEY_INT_DST_PORT:
	case KEY_EXT_DST_PORT:
		return close_ports(p, key);
	case KEY_RESTRICT:
		return close_restriction(p);
	case KEY_POLICY:
		return close_policy(p);
	case KEY_NAT64_PREFIXES:
		return close_nat64(p);
	case KEY_EAM:
	case KEY_NPTV6:
		return close_rule(p, key == KEY_EAM ? RULE_EAM : RULE_NPTV6);
	case KEY_BINDING_ENTRY:
		return close_binding(p);
	case KEY_ALGO:
	case KEY_DETERMINISTIC:
		ok = close_rule(p, key == KEY_ALGO ? RULE_MAP : RULE_DETERMINISTIC);
		/* fall through */
	case KEY_INSTANCE:
		p->instance = NONE32;
		return ok;
	default:
		return 1;
	}
}

static int on_open(struct nat_json *p, bool array)
{
	struct frame *top = p->depth ? &p->stack[p->depth - 1] : NULL;
	enum nat_key key = !top ? KEY_ROOT : top->array ? (enum nat_key)top->key : p->key;
	if (p->skip || key == KEY_UNKNOWN) {
		p->skip++;
		return 1;
	}
	if (top && top->array)
		top->count++;
	if (p->depth == MAX_DEPTH)
		return nat_refuse(p, "nested deeper than %d levels", MAX_DEPTH);
	p->stack[p->depth++] = (struct frame){ .key = (uint8_t)key, .array = array, .name = !top ? NULL : top->array ? top->name : p->name };
	p->found |= key > KEY_ROOT && is_table(key, p->stack[p->depth - 1].name);
	if (!array) {
		p->name = NULL;
		if (!open_object(p, key))
			return 0;
	}
	p->key = array ? key : KEY_UNKNOWN;
	return !p->b->failed;
}

static int on_close(struct nat_json *p)
{
	if (p->skip) {
		p->skip--;
		return 1;
	}
	struct frame f = p->stack[p->depth - 1];
	p->name = NULL;
	if (!f.array && !close_object(p, (enum nat_key)f.key))
		return 0;
	p->depth--;
	bool in_array = p->depth && p->stack[p->depth - 1].array;
	p->key = in_array ? (enum nat_key)p->stack[p->depth - 1].key : KEY_UNKNOWN;
	return !p->b->failed;
}

static int on_start_map(void *ctx)
{
	return on_open(ctx, false);
}

static int on_start_array(void *ctx)
{
	return on_open(ctx, true);
}

static int on_end(void *ctx)
{
	return on_close(ctx);
}

static int on_key(void *ctx, const unsigned char *name, size_t len)
{
	struct nat_json *p = ctx;
	if (!p->skip)
		p->key = nat_key_of((const char *)name, len, &p->name);
	return 1;
}

/* 1: the value is one of ours; 0: refused; -1: it means nothing. Lists hold objects, but for those of members that are not ours. */
static int is_ours(struct nat_json *p)
{
	if (p->skip || p->key == KEY_UNKNOWN || !p->depth)
		return -1;
	if (!p->stack[p->depth - 1].array)
		return 1;
	return p->key == KEY_ROOT ? -1 : nat_refuse(p, "an object belongs here, not a bare value");
}

static int on_string(void *ctx, const unsigned char *value, size_t len)
{
	struct nat_json *p = ctx;
	int ours = is_ours(p);
	return ours > 0 ? nat_text(p, (const char *)value, len) : -ours;
}

static int on_number(void *ctx, const char *text, size_t len)
{
	struct nat_json *p = ctx;
	int ours = is_ours(p);
	return ours > 0 ? nat_number(p, text, len) : -ours;
}

static int on_boolean(void *ctx, int value)
{
	struct nat_json *p = ctx;
	int ours = is_ours(p);
	return ours > 0 ? nat_boolean(p, value) : -ours;
}

static const yajl_callbacks callbacks = {
	.yajl_boolean = on_boolean, .yajl_number = on_number, .yajl_string = on_string, .yajl_start_map = on_start_map, .yajl_map_key = on_key,
	.yajl_end_map = on_end, .yajl_start_array = on_start_array, .yajl_end_array = on_end,
};

struct nat_json *nat_json_new(struct nat_builder *b, uint32_t source)
{
	struct nat_json *p = calloc(1, sizeof *p);
	if (!p || !(p->yajl = yajl_alloc(&callbacks, NULL, p))) {
		free(p);
		return NULL;
	}
	yajl_config(p->yajl, yajl_allow_multiple_values, 1);   /* event records are one object a line */
	p->b = b;
	p->source = source;
	p->instance = p->implicit = NONE32;
	return p;
}

void nat_json_free(struct nat_json *p)
{
	if (p)
		yajl_free(p->yajl);
	free(p);
}

/* yajl's own words for what is no JSON, without its picture of the place. */
static int bad_json(struct nat_json *p, const void *data, size_t len, uint64_t at, struct reason *why)
{
	unsigned char *text = yajl_get_error(p->yajl, 0, data, len);
	size_t n = text ? strcspn((char *)text, "\n") : 0;
	char path[120] = "";
	path_of(p, path, sizeof path);
	reason_set(why, REASON_BAD_REQUEST, "", "", "at byte %" PRIu64 ", %s: %.*s", at, *path ? path : "/", (int)n, text ? (char *)text : "");
	if (text)
		yajl_free_error(p->yajl, text);
	return -1;
}

int nat_json_feed(struct nat_json *p, const void *data, size_t len, struct reason *why)
{
	yajl_status status = yajl_parse(p->yajl, data, len);
	uint64_t at = p->offset + yajl_get_bytes_consumed(p->yajl);
	p->offset += len;
	if (status == yajl_status_ok)
		return 0;
	if (p->b->failed)
		return builder_failure(p->b, why);
	if (p->refused)
		return reason_set(why, p->why.code, p->why.field, p->why.section, "at byte %" PRIu64 ", %s", at, p->why.text);
	return bad_json(p, data, len, at, why);
}

int nat_json_end(struct nat_json *p, struct reason *why)
{
	if (yajl_complete_parse(p->yajl) != yajl_status_ok || p->depth || p->skip) {
		char path[120] = "";
		path_of(p, path, sizeof path);
		return reason_set(why, REASON_BAD_REQUEST, "", "", "the document is cut short at byte %" PRIu64 ", in %s", p->offset, *path ? path : "/");
	}
	if (p->errors)
		return reason_set(why, REASON_BAD_REQUEST, "", "RFC 8040, 7.1", "the server sent an error, not a table%s", p->message);
	if (!p->found)
		return reason_set(why, REASON_BAD_REQUEST, "", "RFC 8512, 2", "no NAT table: neither ietf-nat:nat, ietf-nat:mapping-table, ietf-nat:mapping-entry, a softwire "
			"binding table or algorithm, nor event records");
	return 0;
}
