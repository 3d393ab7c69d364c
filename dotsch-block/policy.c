/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "request.h"

/* One section of the file: what it is about, and what happens then. */
struct rule {
	enum { RULE_PROVIDER, RULE_TARGET, RULE_HOST, RULE_DEVICE } kind;
	const char *provider;        /* the conf's */
	struct prefix prefix;
	uint8_t mac[6];
	struct action action;
};

struct policy {
	const struct options *o;
	struct conf *conf;
	struct action fallback;
	struct rule *rule;
	size_t n_rules;
	enum hook hook;
	bool drop_fragments;
	struct prefix_list never, allowed, own;
};

static const struct conf_key rule_keys[] = { { .name = "action", .type = CONF_STRING }, { .name = NULL } };
static const struct conf_key keys[] = {
	{ .name = "action", .type = CONF_STRING },
	{ .name = "never-block", .type = CONF_LIST },
	{ .name = "allow", .type = CONF_LIST },
	{ .name = "fragments", .type = CONF_STRING },
	{ .name = "provider", .type = CONF_TITLED, .keys = rule_keys },
	{ .name = "target", .type = CONF_TITLED, .keys = rule_keys },
	{ .name = "host", .type = CONF_TITLED, .keys = rule_keys },
	{ .name = NULL },
};

static int read_title(const char *kind, const char *title, struct rule *r, struct reason *why)
{
	if (!strcmp(kind, "provider")) {
		r->kind = RULE_PROVIDER;
		r->provider = title;
		return 0;
	}
	r->kind = !strcmp(kind, "target") ? RULE_TARGET : RULE_HOST;
	if (prefix_parse(title, true, &r->prefix) == 0)
		return options_whole_prefix(kind, title, &r->prefix, why);
	if (r->kind == RULE_TARGET)
		return reason_set(why, 0, "target", "", "\"%s\" is not an address or prefix such as 203.0.113.0/24", title);
	r->kind = RULE_DEVICE;
	return mac_parse(title, r->mac) == 0 ? 0 : reason_set(why, 0, "host", "", "\"%s\" is neither an address, a prefix nor a MAC address", title);
}

static int read_rules(struct policy *p, const struct conf_section *top, const char *kind, struct reason *why)
{
	size_t n = conf_count(top, kind);
	for (size_t i = 0; i < n; i++) {
		const struct conf_section *s = conf_sub(top, kind, i);
		struct rule *more = realloc(p->rule, (p->n_rules + 1) * sizeof *more);
		if (!more)
			return reason_set(why, 0, "", "", "out of memory");
		p->rule = more;
		struct rule *r = &p->rule[p->n_rules];
		*r = (struct rule){ 0 };
		const char *action = conf_string(s, "action");
		if (!action)
			return reason_set(why, 0, "action", "", "is missing in %s \"%s\"", kind, conf_title(s));
		if (read_title(kind, conf_title(s), r, why) < 0 || action_parse(action, &r->action, why) < 0)
			return -1;
		p->n_rules++;
	}
	return 0;
}

static int read_prefixes(const struct conf_section *top, const char *name, struct prefix_list *to, struct reason *why)
{
	for (size_t i = 0; i < conf_count(top, name); i++) {
		struct prefix one;
		const char *text = conf_item(top, name, i);
		if (prefix_parse(text, true, &one) < 0)
			return reason_set(why, 0, name, "", "\"%s\" is not an address or prefix such as 192.0.2.0/24", text);
		if (options_whole_prefix(name, text, &one, why) < 0)
			return -1;
		if (prefix_list_add(to, &one) < 0)
			return reason_set(why, 0, name, "", "out of memory");
	}
	return 0;
}

static int read_file(struct policy *p, struct reason *why)
{
	p->conf = conf_load(p->o->policy_file, keys, why);
	if (!p->conf)
		return -1;
	const struct conf_section *top = conf_top(p->conf);
	const char *action = conf_string(top, "action"), *fragments = conf_string(top, "fragments");
	if (action && action_parse(action, &p->fallback, why) < 0)
		return -1;
	if (fragments && strcmp(fragments, "drop") && strcmp(fragments, "pass"))
		return reason_set(why, 0, "fragments", "", "\"%s\" is neither pass nor drop", fragments);
	if (fragments)
		p->drop_fragments = !strcmp(fragments, "drop");
	if (read_prefixes(top, "never-block", &p->never, why) < 0 || read_prefixes(top, "allow", &p->allowed, why) < 0)
		return -1;
	return read_rules(p, top, "provider", why) < 0 || read_rules(p, top, "target", why) < 0 || read_rules(p, top, "host", why) < 0 ? -1 : 0;
}

static int copy(struct prefix_list *to, const struct prefix_list *from)
{
	for (size_t i = 0; i < from->n; i++)
		if (prefix_list_add(to, &from->v[i]) < 0)
			return -1;
	return 0;
}

struct policy *policy_load(const struct options *o, struct reason *why)
{
	struct policy *p = calloc(1, sizeof *p);
	if (!p) {
		reason_set(why, 0, "", "", "out of memory");
		return NULL;
	}
	p->o = o;
	p->fallback = o->action;
	p->drop_fragments = o->drop_fragments;
	p->hook = o->hook;
	if (copy(&p->never, &o->never) < 0 || copy(&p->allowed, &o->allowed) < 0 || (o->policy_file && read_file(p, why) < 0)) {
		policy_free(p);
		return NULL;
	}
	return p;
}

void policy_free(struct policy *p)
{
	if (!p)
		return;
	prefix_list_free(&p->never);
	prefix_list_free(&p->allowed);
	prefix_list_free(&p->own);
	free(p->rule);
	conf_free(p->conf);
	free(p);
}

void policy_print(const struct policy *p, FILE *out)
{
	if (p->conf)
		conf_print(p->conf, out);
}

struct prefix_list *policy_own(struct policy *p)
{
	return &p->own;
}

bool policy_spares(const struct policy *p, const struct prefix *address)
{
	for (size_t i = 0; i < p->never.n; i++)
		if (prefix_contains(&p->never.v[i], address))
			return true;
	for (size_t i = 0; i < p->own.n; i++)
		if (prefix_equal(&p->own.v[i], address))
			return true;
	return false;
}

void policy_set_hook(struct policy *p, enum hook hook)
{
	p->hook = hook;
}

enum hook policy_device_hook(const struct policy *p, const struct action *a)
{
	if (a->verb == VERB_MARK)
		return HOOK_PREROUTING;
	/* Inside addresses are gone behind the translation. */
	return p->o->hook == HOOK_AUTO || p->o->hook == HOOK_POSTROUTING ? HOOK_FORWARD : p->o->hook;
}

/* How telling a rule is for this request; 0 = it does not apply. */
static unsigned applies(const struct rule *r, const char *peer, const struct plan_input *in)
{
	unsigned best = 0;
	switch (r->kind) {
	case RULE_PROVIDER:
		return !strcmp(r->provider, peer) ? 1 : 0;
	case RULE_TARGET:
		/* All targets, so that none gets the action of another. */
		for (size_t i = 0; i < in->m->target_prefix.n; i++)
			if (!prefix_contains(&r->prefix, &in->m->target_prefix.v[i]))
				return 0;
		return in->m->target_prefix.n ? 2u + r->prefix.len : 0;
	case RULE_HOST:
		for (size_t i = 0; i < in->n_hosts; i++)
			if (in->hosts[i].has_address && prefix_contains(&r->prefix, &in->hosts[i].address))
				best = 200u + r->prefix.len;
		return best;
	case RULE_DEVICE:
		for (size_t i = 0; i < in->n_hosts; i++)
			if (in->hosts[i].has_mac && !memcmp(in->hosts[i].mac, r->mac, 6))
				best = 400;
		return best;
	}
	return 0;
}

void policy_for(const struct policy *p, const char *peer, const struct plan_input *in, struct plan_policy *out)
{
	const struct action *action = &p->fallback;
	unsigned best = 0;
	for (size_t i = 0; i < p->n_rules; i++) {
		unsigned n = applies(&p->rule[i], peer, in);
		if (n > best) {
			best = n;
			action = &p->rule[i].action;
		}
	}
	/* A mark has to be there before routing; behind the translation it is too late for it. */
	enum hook hook = action->verb == VERB_MARK && p->hook != HOOK_POSTROUTING ? HOOK_PREROUTING : p->hook;
	*out = (struct plan_policy){ .hook = hook, .device_hook = policy_device_hook(p, action), .action = *action, .drop_fragments = p->drop_fragments, .never = &p->never,
		.own = &p->own, .allowed = &p->allowed };
}

const struct action *policy_action(const struct policy *p, size_t i)
{
	return i == 0 ? &p->fallback : i <= p->n_rules ? &p->rule[i - 1].action : NULL;
}
