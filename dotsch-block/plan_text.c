/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cli.h"
#include "plan.h"

static const char *const hooks[HOOKS] = { "auto", "prerouting", "forward", "postrouting", "ingress" };
static const char *const verbs[VERBS] = { "drop", "reject", "limit", "quarantine", "queue", "mark", "log", "dry-run" };

const char *hook_name(enum hook h)
{
	return hooks[h];
}

int hook_parse(const char *text, enum hook *out)
{
	for (int i = 0; i < HOOKS; i++)
		if (!strcmp(hooks[i], text)) {
			*out = (enum hook)i;
			return 0;
		}
	return -1;
}

/* "100/s", "100packets/s", "64kbytes/s", "2mbytes/s" */
static int parse_rate(const char *text, struct action *a)
{
	static const struct { const char *unit; uint64_t factor; bool bytes; } units[] = {
		{ "/s", 1, false }, { "packets/s", 1, false }, { "bytes/s", 1, true }, { "kbytes/s", 1000, true }, { "mbytes/s", 1000000, true },
	};
	char *end;
	if (*text < '0' || *text > '9' || strspn(text, "0123456789") > 9)
		return -1;
	uint64_t n = strtoull(text, &end, 10);
	for (size_t i = 0; n && i < sizeof units / sizeof *units; i++)
		if (!strcmp(end, units[i].unit)) {
			a->rate = n * units[i].factor;
			a->bytes = units[i].bytes;
			return 0;
		}
	return -1;
}

static int parse_number(const char *text, uint32_t max, uint32_t *out)
{
	char *end;
	if (*text < '0' || *text > '9' || strlen(text) > 10)
		return -1;
	unsigned long long n = strtoull(text, &end, 0);
	if (*end || n > max)
		return -1;
	*out = (uint32_t)n;
	return 0;
}

int action_parse(const char *text, struct action *out, struct reason *why)
{
	size_t len = strcspn(text, ":");
	const char *value = text[len] ? text + len + 1 : NULL;
	struct action a = { 0 };
	int bad = -1;
	for (int i = 0; i < VERBS; i++) {
		if (strlen(verbs[i]) != len || strncmp(verbs[i], text, len))
			continue;
		a.verb = (enum verb)i;
		if (a.verb == VERB_LIMIT)
			bad = value ? parse_rate(value, &a) : -1;
		else if (a.verb == VERB_QUEUE)
			bad = value ? parse_number(value, 65535, &a.number) : -1;
		else if (a.verb == VERB_MARK)
			bad = value ? parse_number(value, UINT32_MAX, &a.number) : -1;
		else
			bad = value ? -1 : 0;
	}
	if (bad)
		return reason_set(why, 0, "action", "",
		    "\"%.60s\" is not one of drop, reject, limit:N/s, limit:N[k|m]bytes/s, quarantine, queue:N, mark:N, log, dry-run", text);
	*out = a;
	return 0;
}

const char *action_format(const struct action *a, char out[48])
{
	const char *name = verbs[a->verb];
	if (a->verb == VERB_LIMIT)
		snprintf(out, 48, "%s:%" PRIu64 "%s/s", name, a->rate, a->bytes ? "bytes" : "packets");
	else if (a->verb == VERB_QUEUE)
		snprintf(out, 48, "%s:%" PRIu32, name, a->number);
	else if (a->verb == VERB_MARK)
		snprintf(out, 48, "%s:0x%" PRIx32, name, a->number);
	else
		snprintf(out, 48, "%s", name);
	return out;
}

bool action_stops(const struct action *a)
{
	return a->verb == VERB_DROP || a->verb == VERB_REJECT || a->verb == VERB_LIMIT || a->verb == VERB_QUARANTINE;
}

static bool bytes_equal(const void *a, size_t na, const void *b, size_t nb, size_t each)
{
	return na == nb && (!na || !memcmp(a, b, na * each));
}

/* Both merged, so that the order says nothing; a prefix has no bytes that mean nothing. */
static bool prefixes_equal(const struct prefix_list *a, const struct prefix_list *b)
{
	return bytes_equal(a->v, a->n, b->v, b->n, sizeof *a->v);
}

bool plan_equal(const struct plan *a, const struct plan *b)
{
	for (int f = 0; f < 2; f++)
		if (!prefixes_equal(&a->target[f], &b->target[f]) || (a->source[f].v != b->source[f].v && !prefixes_equal(&a->source[f], &b->source[f])))
			return false;
	for (size_t i = 0; a->n_rules == b->n_rules && i < a->n_rules; i++)
		if (a->rule[i].family != b->rule[i].family || a->rule[i].mac != b->rule[i].mac || a->rule[i].shape != b->rule[i].shape)
			return false;
	return a->outcome == b->outcome && a->hook == b->hook && a->device == b->device && a->any_source == b->any_source && a->n_rules == b->n_rules &&
	    a->action.verb == b->action.verb && a->action.rate == b->action.rate && a->action.bytes == b->action.bytes && a->action.number == b->action.number &&
	    bytes_equal(a->mac, a->n_mac, b->mac, b->n_mac, 6) && prefixes_equal(&a->allowed, &b->allowed) &&
	    prefixes_equal(&a->victim[0], &b->victim[0]) && prefixes_equal(&a->victim[1], &b->victim[1]) &&
	    bytes_equal(a->target_port.v, a->target_port.n, b->target_port.v, b->target_port.n, sizeof(struct range)) &&
	    bytes_equal(a->source_port.v, a->source_port.n, b->source_port.v, b->source_port.n, sizeof(struct range)) &&
	    bytes_equal(a->types.v, a->types.n, b->types.v, b->types.n, sizeof(struct range)) &&
	    bytes_equal(a->ported.v, a->ported.n, b->ported.v, b->ported.n, 1) && bytes_equal(a->plain.v, a->plain.n, b->plain.v, b->plain.n, 1);
}

static bool among(const struct prefix_list *l, const struct prefix *a)
{
	for (size_t i = 0; i < l->n; i++)
		if (prefix_contains(&l->v[i], a))
			return true;
	return false;
}

static bool within(const struct range_list *l, uint16_t v)
{
	for (size_t i = 0; i < l->n; i++)
		if (v >= l->v[i].lower && v <= l->v[i].upper)
			return true;
	return !l->n;
}

static bool has_protocol(const struct protocol_list *l, uint8_t protocol)
{
	return l->n && memchr(l->v, protocol, l->n);
}

bool plan_covers(const struct plan *p, const struct prefix *source, const struct prefix *target, uint8_t protocol, uint16_t source_port, uint16_t target_port)
{
	int f = source->family == 6;
	if (p->outcome != PLAN_ENFORCE || !among(&p->target[f], target) || (!p->any_source && !among(&p->source[f], source)))
		return false;
	for (size_t i = 0; i < p->n_rules; i++) {
		if ((p->rule[i].family == 6) != f)
			continue;
		if (p->rule[i].shape == SHAPE_ANY || (p->rule[i].shape == SHAPE_PROTOCOLS && has_protocol(&p->plain, protocol)) ||
		    (p->rule[i].shape == SHAPE_TYPES && protocol == (f ? 58 : 1)) ||
		    (p->rule[i].shape == SHAPE_PORTS && has_protocol(&p->ported, protocol) && within(&p->source_port, source_port) && within(&p->target_port, target_port)))
			return true;
	}
	return false;
}

static void print_prefixes(FILE *out, const char *word, const struct prefix_list *l)
{
	char text[PREFIX_TEXT_MAX];
	fprintf(out, " %s", word);
	for (size_t i = 0; i < l->n; i++)
		fprintf(out, "%s%s", i ? "," : " ", prefix_format(&l->v[i], text));
}

static void print_ranges(FILE *out, const char *word, const struct range_list *l)
{
	fprintf(out, " %s", word);
	for (size_t i = 0; i < l->n; i++) {
		fprintf(out, "%s%u", i ? "," : " ", l->v[i].lower);
		if (l->v[i].upper != l->v[i].lower)
			fprintf(out, "-%u", l->v[i].upper);
	}
}

static void print_protocols(FILE *out, const struct protocol_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		fprintf(out, "%s%s", i ? "," : " ", cli_protocol_name(l->v[i]));
}

static void print_shape(const struct plan *p, const struct plan_rule *r, FILE *out)
{
	switch (r->shape) {
	case SHAPE_ANY:
		break;
	case SHAPE_PROTOCOLS:
		print_protocols(out, &p->plain);
		break;
	case SHAPE_PORTS:
		print_protocols(out, &p->ported);
		if (p->source_port.n)
			print_ranges(out, "from port", &p->source_port);
		if (p->target_port.n)
			print_ranges(out, "to port", &p->target_port);
		break;
	case SHAPE_TYPES:
		fprintf(out, " %s", r->family == 4 ? "icmp" : "ipv6-icmp");
		print_ranges(out, "type", &p->types);
		break;
	case SHAPE_FRAGMENTS:
		print_protocols(out, &p->ported);
		fprintf(out, " later fragments");
		break;
	case SHAPE_TYPE_FRAGMENTS:
		fprintf(out, " %s later fragments", r->family == 4 ? "icmp" : "ipv6-icmp");
		break;
	}
}

void plan_print(const struct plan *p, FILE *out)
{
	char action[48];
	if (p->outcome != PLAN_ENFORCE) {
		fprintf(out, "%s %s: %s\n", p->outcome == PLAN_HELD ? "held" : "refused", p->cause, p->why.text);
		return;
	}
	for (size_t i = 0; i < p->n_rules; i++) {
		const struct plan_rule *r = &p->rule[i];
		int f = r->family == 6;
		fprintf(out, "%s%s ipv%u", hook_name(p->hook), p->forwarded_only ? " forwarded" : "", r->family);
		if (r->mac) {
			fprintf(out, " from");
			for (size_t k = 0; k < p->n_mac; k++)
				fprintf(out, "%s%02x:%02x:%02x:%02x:%02x:%02x", k ? "," : " ", p->mac[k][0], p->mac[k][1], p->mac[k][2], p->mac[k][3], p->mac[k][4], p->mac[k][5]);
		} else if (!p->any_source) {
			print_prefixes(out, "from", &p->source[f]);
		}
		print_prefixes(out, "to", &p->target[f]);
		print_shape(p, r, out);
		fprintf(out, ": %s\n", action_format(&p->action, action));
	}
}

char *plan_summary(const struct plan *p, char *out, size_t cap)
{
	char *text = NULL, action[48];
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	if (!f) {
		*out = '\0';
		return out;
	}
	/* The families share their shapes: those of the first family and kind of source say it all. */
	for (size_t i = 0; i < p->n_rules && p->rule[i].family == p->rule[0].family && p->rule[i].mac == p->rule[0].mac; i++) {
		fprintf(f, "%s", i ? " or" : hook_name(p->hook));
		print_shape(p, &p->rule[i], f);
	}
	fprintf(f, ": %s", action_format(&p->action, action));
	fclose(f);
	snprintf(out, cap, "%s", text ? text : "");
	free(text);
	return out;
}
