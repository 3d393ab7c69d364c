/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "words.h"

#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/cli.h"
#include "base/utf8.h"
#include "base/when.h"
#include "dots/json.h"

#define CH "ietf-dots-call-home:"
#define LIFETIME_DEFAULT 3600

enum word_kind {
	WORD_PREFIXES, WORD_PORTS, WORD_TYPES, WORD_PROTOCOLS, WORD_TEXTS, WORD_LIFETIME, WORD_BOOL,   /* of the scope */
	WORD_PEER, WORD_TEXT, WORD_NUMBER, WORD_SWITCH,                                     /* of the line */
	WORD_WAIT,
	WORD_VALUE,                                                                         /* of a set of the session configuration */
	WORD_REDIRECT, WORD_RECORDS, WORD_TTL, WORD_DOMAIN,
	WORD_HOSTS, WORD_PORT,                                                              /* of a peer that is a server */
};

struct word_option { const char *name; enum word_kind kind; const char *member; };

static const struct word_option mitigate_options[] = {
	{ "source", WORD_PREFIXES, CH "source-prefix" }, { "target", WORD_PREFIXES, "target-prefix" }, { "source-port", WORD_PORTS, CH "source-port-range" },
	{ "target-port", WORD_PORTS, "target-port-range" }, { "source-icmp-type", WORD_TYPES, CH "source-icmp-type-range" },
	{ "protocol", WORD_PROTOCOLS, "target-protocol" }, { "target-fqdn", WORD_TEXTS, "target-fqdn" }, { "target-uri", WORD_TEXTS, "target-uri" },
	{ "alias", WORD_TEXTS, "alias-name" }, { "trigger-mitigation", WORD_BOOL, "trigger-mitigation" }, { "lifetime", WORD_LIFETIME, "lifetime" }, { "to", WORD_PEER, "to" }, { "subscriber", WORD_TEXT, "subscriber" }, { "ref", WORD_TEXT, "ref" },
	{ "keep", WORD_SWITCH, "keep" }, { "wait", WORD_WAIT, NULL }, { 0 },
};
static const struct word_option named_options[] = {
	{ "to", WORD_PEER, "to" }, { "mid", WORD_NUMBER, "mid" }, { "ref", WORD_TEXT, "ref" }, { 0 },
};
static const struct word_option query_options[] = {
	{ "to", WORD_PEER, "to" }, { "mid", WORD_NUMBER, "mid" }, { "ref", WORD_TEXT, "ref" }, { "content", WORD_TEXT, "content" }, { 0 },
};
static const struct word_option refresh_options[] = {
	{ "to", WORD_PEER, "to" }, { "mid", WORD_NUMBER, "mid" }, { "ref", WORD_TEXT, "ref" }, { "lifetime", WORD_LIFETIME, NULL }, { 0 },
};
static const struct word_option efficacy_options[] = {
	{ "to", WORD_PEER, "to" }, { "mid", WORD_NUMBER, "mid" }, { "ref", WORD_TEXT, "ref" }, { "attack-status", WORD_TEXT, "attack-status" }, { 0 },
};
static const struct word_option config_options[] = {
	{ "to", WORD_PEER, "to" }, { "sid", WORD_NUMBER, "sid" }, { "ref", WORD_TEXT, "ref" },
	{ "mitigating-heartbeat-interval", WORD_VALUE, NULL }, { "mitigating-missing-hb-allowed", WORD_VALUE, NULL }, { "mitigating-max-retransmit", WORD_VALUE, NULL },
	{ "mitigating-ack-timeout", WORD_VALUE, NULL }, { "mitigating-ack-random-factor", WORD_VALUE, NULL }, { "mitigating-probing-rate", WORD_VALUE, NULL },
	{ "idle-heartbeat-interval", WORD_VALUE, NULL }, { "idle-missing-hb-allowed", WORD_VALUE, NULL }, { "idle-max-retransmit", WORD_VALUE, NULL },
	{ "idle-ack-timeout", WORD_VALUE, NULL }, { "idle-ack-random-factor", WORD_VALUE, NULL }, { "idle-probing-rate", WORD_VALUE, NULL }, { 0 },
};
static const struct word_option redirect_options[] = {
	{ "to", WORD_PEER, "to" }, { "client", WORD_REDIRECT, NULL }, { "address", WORD_RECORDS, NULL }, { "ttl", WORD_TTL, NULL }, { "ref", WORD_TEXT, "ref" }, { 0 },
};
static const struct word_option peers_options[] = { { "connected", WORD_SWITCH, "connected" }, { "to", WORD_PEER, "to" }, { "ref", WORD_TEXT, "ref" }, { 0 } };
static const struct word_option peer_options[] = {
	{ "name", WORD_PEER, "name" }, { "psk-identity", WORD_TEXT, "psk-identity" }, { "psk-key", WORD_TEXT, "psk-key" },
	{ "certificate-name", WORD_TEXT, "certificate-name" }, { "spki", WORD_TEXT, "spki" }, { "domain", WORD_DOMAIN, "domain" },
	{ "address", WORD_HOSTS, "address" }, { "port", WORD_PORT, "port" }, { "transport", WORD_HOSTS, "transport" }, { "server-name", WORD_TEXT, "server-name" },
	{ "overlap", WORD_TEXT, "overlap" }, { "session-address", WORD_SWITCH, "session-address" }, { "ref", WORD_TEXT, "ref" }, { 0 },
};
static const struct word_option ref_options[] = { { "ref", WORD_TEXT, "ref" }, { 0 } };

/* Plain words: 'p' a peer, 'n' its name of the `peer` command, 'm' a mid (digits) or else a ref, 'a' the action, 's' the attack status. */
struct command { const char *name, *operands; const struct word_option *options; const char *usage, *help; };

static const struct command commands[] = {
	{ "mitigate", "", mitigate_options, "--source PREFIX… --target PREFIX… [--source-port RANGE] [--protocol NAME] [--lifetime DURATION] [--to PEER] [--keep] [--wait]",
	  "ask a router, or a base server, to stop an attack" },
	{ "withdraw", "m", named_options, "MID|REF [--to PEER]", "end a mitigation" },
	{ "refresh", "m", refresh_options, "MID|REF [--lifetime DURATION]", "ask for the same mitigation once more, with the same mid" },
	{ "query", "pm", query_options, "PEER [MID|REF] [--content c|n|a], or --ref REF alone", "what a router knows of our requests" },
	{ "observe", "m", named_options, "MID|REF [--to PEER]", "have the router tell of every change" },
	{ "unobserve", "m", named_options, "MID|REF", "no more of that" },
	{ "efficacy", "ms", efficacy_options, "MID|REF under-attack|attack-successfully-mitigated", "tell the router whether the attack still arrives" },
	{ "config", "ap", config_options, "get|set|delete PEER [--sid N] [--mitigating-heartbeat-interval N] …", "the session configuration" },
	{ "redirect", "p", redirect_options, "PEER --client NAME [--address ADDRESS…] [--ttl SECONDS]", "send a router to another Call Home client" },
	{ "peers", "", peers_options, "[--connected]", "who may call home, and who has" },
	{ "peer", "an", peer_options, "add|set|remove NAME [--psk-identity ID --psk-key HEX] [--certificate-name NAME] [--spki HEX] [--domain PREFIX…] [--address HOST… --server-name NAME]", "change a peer" },
	{ "pending", "", ref_options, "", "requests that wait for their router" },
	{ "watch", "", ref_options, "", "all requests" },
};

static const struct command *command_of(const char *name)
{
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

const char *words_command(size_t i)
{
	return i < sizeof commands / sizeof *commands ? commands[i].name : NULL;
}

const char *words_usage(const char *command)
{
	const struct command *c = command_of(command);
	return c ? c->usage : NULL;
}

const char *words_help(const char *command)
{
	const struct command *c = command_of(command);
	return c ? c->help : NULL;
}

const char *words_option(const char *command, size_t i, char *what)
{
	const struct command *c = command_of(command);
	if (!c)
		return NULL;
	for (size_t j = 0; j < i; j++)
		if (!c->options[j].name)
			return NULL;
	enum word_kind kind = c->options[i].kind;
	*what = kind == WORD_PEER ? 'p' : kind == WORD_SWITCH || kind == WORD_WAIT ? 's' : c->options[i].name && !strcmp(c->options[i].name, "mid") ? 'm' : 'v';
	return c->options[i].name;
}

char words_operand(const char *command)
{
	const struct command *c = command_of(command);
	return !c ? 0 : c->operands[0] == 'n' ? 'p' : c->operands[0];
}

static int bad(struct reason *why, const char *option, const char *value, const char *right)
{
	return reason_set(why, REASON_BAD_REQUEST, option, "", "%s is not %s", value, right);
}

/* The object behind `name`, made if it is not there. */
static json_t *sub_object(json_t *o, const char *name)
{
	json_t *sub = json_object_get(o, name);
	if (!sub) {
		sub = json_object();
		json_put(o, name, sub);
	}
	return sub;
}

static json_t *sub_array(json_t *o, const char *name)
{
	json_t *sub = json_object_get(o, name);
	if (!sub) {
		sub = json_array();
		json_put(o, name, sub);
	}
	return sub;
}

static json_t *scope_entry(json_t *line)
{
	json_t *scope = sub_array(sub_object(line, DOTS_JSON_SCOPE), "scope");
	if (!json_array_size(scope))
		json_array_append_new(scope, json_object());
	return json_array_get(scope, 0);
}

static int add_item(const struct word_option *o, json_t *line, const char *item, struct reason *why)
{
	struct prefix p;
	uint16_t lower, upper;
	int protocol;
	char text[PREFIX_TEXT_MAX];
	bool ports = o->kind == WORD_PORTS;
	switch (o->kind) {
	case WORD_PREFIXES:
	case WORD_DOMAIN:
		if (prefix_parse(item, true, &p) < 0)
			return bad(why, o->name, item, "a prefix such as 192.0.2.0/24 or 2001:db8::1");
		json_array_append_new(sub_array(o->kind == WORD_DOMAIN ? line : scope_entry(line), o->member), json_string(prefix_format(&p, text)));
		return 0;
	case WORD_PORTS:
	case WORD_TYPES:
		if (cli_range(item, ports ? 65535 : 255, &lower, &upper) < 0)
			return bad(why, o->name, item, ports ? "a range such as 5000-5010, at most 65535" : "a range such as 0-8, at most 255");
		json_array_append_new(sub_array(scope_entry(line), o->member),
		                      json_pack("{s:i,s:i}", ports ? "lower-port" : "lower-type", lower, ports ? "upper-port" : "upper-type", upper));
		return 0;
	case WORD_PROTOCOLS:
		if ((protocol = cli_protocol(item)) < 0)
			return bad(why, o->name, item, "a protocol such as udp, tcp, icmp, or a number up to 255");
		json_array_append_new(sub_array(scope_entry(line), o->member), json_integer(protocol));
		return 0;
	case WORD_RECORDS:
		if (addr_parse(item, &p) < 0)
			return bad(why, o->name, item, "an IP address");
		json_array_append_new(sub_array(sub_object(line, DOTS_JSON_REDIRECT), CH "alt-ch-client-record"), json_string(addr_format(&p, text)));
		return 0;
	case WORD_HOSTS:
		json_array_append_new(sub_array(line, o->member), json_string(item));
		return 0;
	default:
		json_array_append_new(sub_array(scope_entry(line), o->member), json_string(item));
		return 0;
	}
}

/* Lists: separated by commas, or the option again. */
static int add_items(const struct word_option *o, json_t *line, const char *value, struct reason *why)
{
	char item[1100];
	for (const char *p = value;; p++) {
		size_t len = strcspn(p, ",");
		if (!len || len >= sizeof item)
			return bad(why, o->name, value, "a list without gaps");
		memcpy(item, p, len);
		item[len] = '\0';
		if (add_item(o, line, item, why) < 0)
			return -1;
		p += len;
		if (!*p)
			return 0;
	}
}

static int set_lifetime(const struct word_option *o, json_t *line, const char *value, struct reason *why)
{
	int64_t s = !strcmp(value, "indefinite") || !strcmp(value, "-1") ? -1 : duration_parse(value);
	if (s == 0 || (s < 0 && strcmp(value, "indefinite") && strcmp(value, "-1")))
		return bad(why, o->name, value, "a duration such as 90s, 30m or 1h, or indefinite");
	json_put_int(o->member ? scope_entry(line) : line, "lifetime", s);
	return 0;
}

static int set_number(const struct word_option *o, json_t *to, const char *member, const char *value, struct reason *why)
{
	int64_t n = strspn(value, "0123456789") == strlen(value) && strlen(value) <= 10 ? 0 : -1;
	for (const char *p = value; n >= 0 && *p; p++)
		n = n * 10 + (*p - '0');
	if (n < 0 || n > UINT32_MAX || !*value)
		return bad(why, o->name, value, "a number up to 4294967295");
	json_put_int(to, member, n);
	return 0;
}

/* "mitigating-heartbeat-interval 30": into its set, its parameter, its current value. */
static int set_value(const struct word_option *o, json_t *line, const char *value, struct reason *why)
{
	bool idle = !strncmp(o->name, "idle-", 5);
	const char *parameter = o->name + (idle ? 5 : 11);
	json_t *set = sub_object(sub_object(line, DOTS_JSON_CONFIG), idle ? "idle-config" : "mitigating-config");
	json_t *to = sub_object(set, parameter);
	if (strncmp(parameter, "ack-", 4))
		return set_number(o, to, "current-value", value, why);
	json_put_string(to, "current-value-decimal", value);
	return 0;
}

static int set_option(const struct word_option *o, json_t *line, const char *value, struct words *out, struct reason *why)
{
	switch (o->kind) {
	case WORD_PREFIXES:
	case WORD_PORTS:
	case WORD_TYPES:
	case WORD_PROTOCOLS:
	case WORD_TEXTS:
	case WORD_RECORDS:
	case WORD_DOMAIN:
	case WORD_HOSTS: return add_items(o, line, value, why);
	case WORD_LIFETIME: return set_lifetime(o, line, value, why);
	case WORD_NUMBER:
	case WORD_PORT: return set_number(o, line, o->member, value, why);
	case WORD_BOOL:
		if (strcmp(value, "true") && strcmp(value, "false"))
			return bad(why, o->name, value, "true or false");
		json_put(scope_entry(line), o->member, json_boolean(*value == 't'));
		return 0;
	case WORD_TTL: return set_number(o, sub_object(line, DOTS_JSON_REDIRECT), CH "ttl", value, why);
	case WORD_VALUE: return set_value(o, line, value, why);
	case WORD_REDIRECT:
		json_put_string(sub_object(line, DOTS_JSON_REDIRECT), CH "alt-ch-client", value);
		return 0;
	case WORD_SWITCH:
		json_put(line, o->member, json_true());
		return 0;
	case WORD_WAIT:
		out->wait = true;
		return value && (out->wait_s = duration_parse(value)) < 0 ? bad(why, o->name, value, "a duration such as 30s") : 0;
	default:
		json_put_string(line, o->member, value);
		return 0;
	}
}

static int set_operand(char what, json_t *line, const char *value)
{
	bool digits = *value && strspn(value, "0123456789") == strlen(value) && strlen(value) <= 10;
	const struct word_option mid = { "mid", WORD_NUMBER, "mid" };
	switch (what) {
	case 'p': json_put_string(line, "to", value); break;
	case 'n': json_put_string(line, "name", value); break;
	case 'a': json_put_string(line, "action", value); break;
	case 's': json_put_string(line, "attack-status", value); break;
	default:
		if (digits)
			return set_number(&mid, line, "mid", value, NULL);
		json_put_string(line, "ref", value);
	}
	return 0;
}

static const struct word_option *option_of(const struct command *c, const char *word)
{
	if (!strncmp(word, "--", 2))
		word += 2;
	for (const struct word_option *o = c->options; o->name; o++)
		if (!strcmp(o->name, word))
			return o;
	return NULL;
}

static int parse_words(const struct command *c, int argc, char *const *argv, struct words *out, struct reason *why)
{
	const char *operands = c->operands;
	for (int i = 1; i < argc; i++) {
		const struct word_option *o = option_of(c, argv[i]);
		const char *value = NULL;
		if (!o && argv[i][0] != '-' && *operands) {
			if (set_operand(*operands++, out->line, argv[i]) < 0)
				return reason_set(why, REASON_BAD_REQUEST, argv[i], "", "is no mid: too large");
			continue;
		}
		if (!o)
			return reason_set(why, REASON_BAD_REQUEST, argv[i], "", "%s has no such option: %s %s", c->name, c->name, c->usage);
		if (o->kind == WORD_WAIT)
			value = i + 1 < argc && argv[i + 1][0] >= '0' && argv[i + 1][0] <= '9' ? argv[++i] : NULL;
		else if (o->kind != WORD_SWITCH && !(value = i + 1 < argc ? argv[++i] : NULL))
			return reason_set(why, REASON_BAD_REQUEST, argv[i], "", "needs a value");
		if (set_option(o, out->line, value, out, why) < 0)
			return -1;
	}
	return 0;
}

int words_parse(int argc, char *const *argv, struct words *out, struct reason *why)
{
	const struct command *c = argc ? command_of(argv[0]) : NULL;
	*out = (struct words){ .wait_s = -1 };
	if (!c)
		return reason_set(why, REASON_BAD_REQUEST, argc ? argv[0] : "", "", "no such command; there are mitigate, withdraw, refresh, query, observe, "
		                  "unobserve, efficacy, config, redirect, peers, peer, pending, watch and decode");
	for (int i = 1; i < argc; i++)
		if (!utf8_valid(argv[i], strlen(argv[i])))
			return reason_set(why, REASON_BAD_REQUEST, "", "", "word %d is not UTF-8", i);
	out->line = json_object();
	json_put_string(out->line, "type", c->name);
	if (parse_words(c, argc, argv, out, why) < 0) {
		json_decref(out->line);
		out->line = NULL;
		return -1;
	}
	if (c->options == mitigate_options && !json_object_get(out->line, DOTS_JSON_SCOPE)) {
		json_decref(out->line);
		out->line = NULL;
		return reason_set(why, REASON_BAD_REQUEST, c->name, "", "what is to be stopped? %s %s", c->name, c->usage);
	}
	if (out->wait && out->wait_s < 0) {
		json_t *lifetime = json_object_get(scope_entry(out->line), "lifetime");
		out->wait_s = lifetime && json_integer_value(lifetime) > 0 ? json_integer_value(lifetime) : LIFETIME_DEFAULT;
	}
	return 0;
}

const char *words_why(const struct reason *why)
{
	static char text[sizeof why->text + 100];
	return reason_format(why, text, sizeof text);
}
