/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/buf.h"
#include "base/limits.h"
#include "dots/validate.h"

static const struct conf_key listen_keys[] = {
	{ .name = "address", .type = CONF_LIST },
	{ .name = "port", .type = CONF_INT, .fallback = "4647", .min = 1, .max = 65535 },
	{ .name = "transport", .type = CONF_LIST },
	{ .name = "max-half-open", .type = CONF_INT, .fallback = "0", .min = 0, .max = 1000000 },
	{ .name = "max-rate", .type = CONF_INT, .fallback = "0", .min = 0, .max = 1000000 },
	{ .name = "penalty-after", .type = CONF_INT, .fallback = "8", .min = 0, .max = 1000000 },
	{ .name = "penalty-time", .type = CONF_DURATION, .fallback = "5m", .min = 1, .max = 86400 },
	{ 0 },
};

/* In the order of enum sigconf_param. */
static const struct conf_key session_keys[] = {
	{ .name = "heartbeat-interval", .type = CONF_INT, .min = 0, .max = 65535 },
	{ .name = "missing-hb-allowed", .type = CONF_INT, .min = 1, .max = 65535 },
	{ .name = "probing-rate", .type = CONF_INT, .min = 1, .max = 65535 },
	{ .name = "max-retransmit", .type = CONF_INT, .min = 1, .max = 65535 },
	{ .name = "ack-timeout-ms", .type = CONF_INT, .min = 10, .max = 600000 },
	{ .name = "ack-random-percent", .type = CONF_INT, .min = 100, .max = 1000 },
	{ 0 },
};

static const struct conf_key keys[] = {
	{ .name = "listen", .type = CONF_SECTION, .keys = listen_keys },
	{ .name = "cuid", .type = CONF_STRING },
	{ .name = "peers-file", .type = CONF_STRING },
	{ .name = "psk-database", .type = CONF_STRING },
	{ .name = "state", .type = CONF_STRING },
	{ .name = "certificate-file", .type = CONF_STRING },
	{ .name = "key-file", .type = CONF_STRING },
	{ .name = "ca-file", .type = CONF_STRING },
	{ .name = "crl-file", .type = CONF_STRING },
	{ .name = "ticket-key-file", .type = CONF_STRING },
	{ .name = "tls-priority", .type = CONF_STRING },
	{ .name = "external-addresses", .type = CONF_LIST },
	{ .name = "shared-addresses", .type = CONF_LIST },
	{ .name = "auto-withdraw", .type = CONF_BOOL, .fallback = "false" },
	{ .name = "mitigating", .type = CONF_SECTION, .keys = session_keys },
	{ .name = "idle", .type = CONF_SECTION, .keys = session_keys },
	{ 0 },
};

bool config_instance_ok(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
	return n && n <= INSTANCE_MAX && !name[n] && *name != '.' && *name != '-';
}

char *config_expand(const char *text, const char *instance)
{
	struct buf out = { 0 };
	for (const char *at; (at = strstr(text, "%i")); text = at + 2) {
		if (!instance) {
			buf_free(&out);
			return NULL;
		}
		buf_put(&out, text, (size_t)(at - text));
		buf_text(&out, instance);
	}
	buf_text(&out, text);
	buf_put(&out, "", 1);
	if (out.failed)
		abort();
	return (char *)out.data;
}

struct files { const struct conf_section *s; const char *conf_path, *instance; struct reason *why; bool failed; };

/* NULL: not given, or f->failed. */
static char *file_of(struct files *f, const char *name)
{
	const char *value = conf_string(f->s, name), *slash = strrchr(f->conf_path, '/');
	if (!value)
		return NULL;
	char *out = NULL, *expanded = config_expand(value, f->instance);
	if (!expanded) {
		f->failed = true;
		reason_set(f->why, REASON_BAD_REQUEST, name, "", "%s: %%i is the name of an instance (--instance), and there is none", value);
		return NULL;
	}
	int folder = slash && *value != '/' ? (int)(slash - f->conf_path) + 1 : 0;
	if (asprintf(&out, "%.*s%s", folder, f->conf_path, expanded) < 0)
		abort();
	free(expanded);
	return out;
}

static int read_listen(const struct conf_section *s, struct config *out, struct reason *why)
{
	static const char *const any[] = { "0.0.0.0", "::" };
	size_t given = s ? conf_count(s, "address") : 0;
	out->n_addresses = given ? given : 2;
	out->addresses = calloc(out->n_addresses, sizeof *out->addresses);
	if (!out->addresses)
		return reason_set(why, REASON_BAD_REQUEST, "address", "", "out of memory");
	for (size_t i = 0; i < out->n_addresses; i++) {
		struct prefix host;
		out->addresses[i] = given ? conf_item(s, "address", i) : any[i];
		if (addr_parse(out->addresses[i], &host) < 0)
			return reason_set(why, REASON_BAD_REQUEST, "listen.address", "", "%s is not an IP address", out->addresses[i]);
	}
	out->port = s ? (uint16_t)conf_int(s, "port") : CALL_HOME_PORT;
	out->max_half_open = s ? (unsigned)conf_int(s, "max-half-open") : 0;
	out->max_rate = s ? (unsigned)conf_int(s, "max-rate") : 0;
	out->penalty_after = s ? (unsigned)conf_int(s, "penalty-after") : LISTEN_PENALTY_AFTER;
	out->penalty_s = s ? (unsigned)conf_int(s, "penalty-time") : LISTEN_PENALTY_S;
	size_t transports = s ? conf_count(s, "transport") : 0;
	out->udp = out->tcp = transports == 0;
	for (size_t i = 0; i < transports; i++) {
		const char *t = conf_item(s, "transport", i);
		if (!strcmp(t, "udp"))
			out->udp = true;
		else if (!strcmp(t, "tcp"))
			out->tcp = true;
		else
			return reason_set(why, REASON_BAD_REQUEST, "listen.transport", "", "%s is neither udp nor tcp", t);
	}
	return 0;
}

static int read_prefixes(const struct conf_section *s, const char *name, struct prefix_list *out, struct reason *why)
{
	for (size_t i = 0; i < conf_count(s, name); i++) {
		const char *text = conf_item(s, name, i);
		struct prefix p;
		if (prefix_parse(text, true, &p) < 0)
			return reason_set(why, REASON_BAD_REQUEST, name, "", "%s is not a prefix such as 198.51.100.0/26", text);
		if (prefix_list_add(out, &p) < 0)
			return reason_set(why, REASON_BAD_REQUEST, name, "", "out of memory");
	}
	return 0;
}

static bool read_session(const struct conf_section *s, struct sigconf_set *out)
{
	bool any = false;
	for (int i = 0; s && i < SIGCONF_PARAMS; i++) {
		if (!conf_has(s, session_keys[i].name))
			continue;
		int64_t v = conf_int(s, session_keys[i].name);
		out->p[i].has_current = any = true;
		out->p[i].current = (uint32_t)(i == SIGCONF_ACK_TIMEOUT ? v / 10 : v);
	}
	return any;
}

int config_load(const char *path, struct config *out, struct reason *why)
{
	return config_load_as(path, NULL, out, why);
}

int config_load_as(const char *path, const char *instance, struct config *out, struct reason *why)
{
	*out = (struct config){ .conf = conf_load(path, keys, why) };
	if (!out->conf)
		return -1;
	const struct conf_section *s = conf_top(out->conf);
	struct files files = { .s = s, .conf_path = path, .instance = instance, .why = why };
	out->peers_file = file_of(&files, "peers-file");
	out->psk_database = file_of(&files, "psk-database");
	out->state = file_of(&files, "state");
	out->certificate_file = file_of(&files, "certificate-file");
	out->key_file = file_of(&files, "key-file");
	out->ca_file = file_of(&files, "ca-file");
	out->crl_file = file_of(&files, "crl-file");
	out->ticket_key_file = file_of(&files, "ticket-key-file");
	out->priority = conf_string(s, "tls-priority");
	out->cuid = conf_string(s, "cuid");
	out->auto_withdraw = conf_bool(s, "auto-withdraw");
	out->wanted.has_mitigating = read_session(conf_sub(s, "mitigating", 0), &out->wanted.mitigating);
	out->wanted.has_idle = read_session(conf_sub(s, "idle", 0), &out->wanted.idle);
	if (files.failed)
		return -1;
	if (!out->peers_file)
		return reason_set(why, REASON_BAD_REQUEST, "peers-file", "", "%s names no peers-file: nobody could call home", path);
	/* A key alone is a raw public key (RFC 7250). */
	if (out->certificate_file && !out->key_file)
		return reason_set(why, REASON_BAD_REQUEST, "key-file", "", "missing: the certificate %s needs its private key", out->certificate_file);
	if (out->cuid && validate_cuid(out->cuid, why) < 0)
		return -1;
	return read_listen(conf_sub(s, "listen", 0), out, why) < 0 || read_prefixes(s, "external-addresses", &out->external, why) < 0 ||
	               read_prefixes(s, "shared-addresses", &out->shared, why) < 0 ? -1 : 0;
}

void config_free(struct config *c)
{
	free(c->peers_file);
	free(c->psk_database);
	free(c->state);
	free(c->certificate_file);
	free(c->key_file);
	free(c->ca_file);
	free(c->crl_file);
	free(c->ticket_key_file);
	free(c->addresses);
	prefix_list_free(&c->external);
	prefix_list_free(&c->shared);
	conf_free(c->conf);
	*c = (struct config){ 0 };
}

void config_tls(const struct config *c, struct tls_config *out)
{
	*out = (struct tls_config){
		.server = true,
		.certificate_file = c->certificate_file,
		.key_file = c->key_file,
		.ca_file = c->ca_file,
		.crl_file = c->crl_file,
		.ticket_key_file = c->ticket_key_file,
		.priority = c->priority,
	};
}
