/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "settings_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/buf.h"
#include "base/host.h"
#include "base/limits.h"
#include "link/psk.h"

#define DOMAIN_MAX (NAME_MAX_BYTES - sizeof(DOTS_CALL_HOME_SERVICE "._udp."))

const struct conf_key settings_provider_keys[] = {
	{ .name = "address", .type = CONF_LIST },
	{ .name = "domain", .type = CONF_STRING },
	{ .name = "port", .type = CONF_INT, .fallback = "4647", .min = 1, .max = 65535 },
	{ .name = "transport", .type = CONF_LIST },
	{ .name = "psk-identity", .type = CONF_STRING },
	{ .name = "psk-key", .type = CONF_STRING },
	{ .name = "psk-key-file", .type = CONF_STRING },
	{ .name = "certificate-file", .type = CONF_STRING },
	{ .name = "key-file", .type = CONF_STRING },
	{ .name = "ca-file", .type = CONF_STRING },
	{ .name = "crl-file", .type = CONF_STRING },
	{ .name = "server-name", .type = CONF_LIST },
	{ .name = "server-spki", .type = CONF_LIST },
	{ .name = "scope", .type = CONF_LIST },
	{ .name = "scope-interface", .type = CONF_LIST },
	{ .name = "target-scope", .type = CONF_LIST },
	SETTINGS_POLICY_KEYS,
	{ .name = "policy", .type = CONF_TITLED, .keys = settings_policy_keys },
	{ .name = "legitimate-source", .type = CONF_LIST },
	{ .name = "legitimate-target", .type = CONF_LIST },
	{ .name = "nat-timeout", .type = CONF_DURATION, .fallback = "240s", .min = 20, .max = 65535 },
	{ .name = "retry", .type = CONF_DURATION, .fallback = "5m", .min = 60, .max = 86400 },
	{ .name = "max-mitigations", .type = CONF_INT, .fallback = "4096", .min = 1, .max = 65536 },
	{ .name = "max-lifetime", .type = CONF_DURATION, .fallback = "24h", .min = 1, .max = 4294967295 },
	{ .name = "indefinite", .type = CONF_BOOL, .fallback = "false" },
	{ .type = CONF_END },
};

int settings_prefixes(const struct conf_section *s, const char *name, struct prefix_list *out, struct reason *why)
{
	for (size_t i = 0; i < conf_count(s, name); i++) {
		const char *text = conf_item(s, name, i);
		struct prefix p;

		if (prefix_parse(text, true, &p) != 0)
			return reason_set(why, 0, name, "", "\"%s\": not a prefix; write 192.0.2.0/24 or 2001:db8::/56", text);
		if (prefix_list_add(out, &p) != 0)
			return reason_set(why, 0, name, "", "out of memory");
	}
	return 0;
}

int settings_texts(const struct conf_section *s, const char *name, struct text_list *out, struct reason *why)
{
	for (size_t i = 0; i < conf_count(s, name); i++) {
		const char *text = conf_item(s, name, i);

		if (*text == '\0')
			return reason_set(why, 0, name, "", "has an empty entry");
		if (text_list_add(out, text, strlen(text)) != 0)
			return reason_set(why, 0, name, "", "out of memory");
	}
	return 0;
}

int settings_hosts(const struct conf_section *s, const char *name, bool addresses, struct text_list *out, struct reason *why)
{
	if (settings_texts(s, name, out, why) != 0)
		return -1;
	for (size_t i = 0; i < out->n; i++) {
		const char *fault = addresses ? host_fault(out->v[i]) : host_name_fault(out->v[i]);

		if (fault != NULL)
			return reason_set(why, 0, name, "RFC 1123, 2.1", "\"%.80s\": must be %s: %s", out->v[i], addresses ? "an address or a name" : "a name", fault);
	}
	return 0;
}

int settings_transports(const struct conf_section *s, bool *udp, bool *tcp, struct reason *why)
{
	size_t n = conf_count(s, "transport");

	*udp = *tcp = n == 0;
	for (size_t i = 0; i < n; i++) {
		const char *text = conf_item(s, "transport", i);

		if (strcmp(text, "udp") == 0)
			*udp = true;
		else if (strcmp(text, "tcp") == 0)
			*tcp = true;
		else
			return reason_set(why, 0, "transport", "", "\"%s\": must be \"udp\" (DTLS) or \"tcp\" (TLS)", text);
	}
	return 0;
}

int settings_psk(const char *digits, const char *path, uint8_t key[TLS_PSK_MAX], size_t *key_len, struct reason *why)
{
	char text[4 * TLS_PSK_MAX];
	long len;
	int result;

	if (path == NULL)
		return psk_from_hex(digits, strlen(digits), "psk-key", key, key_len, why);
	len = conf_read_secret(path, text, sizeof(text), why);
	if (len < 0)
		return -1;
	result = psk_from_hex(text, (size_t)len, "psk-key-file", key, key_len, why);
	explicit_bzero(text, sizeof(text));
	return result;
}

static int psk(const struct conf_section *s, struct peer_config *p, struct reason *why)
{
	const char *inline_key = conf_string(s, "psk-key"), *path = conf_string(s, "psk-key-file");

	p->psk_identity = conf_string(s, "psk-identity");
	if (p->psk_identity == NULL) {
		if (inline_key != NULL || path != NULL)
			return reason_set(why, 0, "psk-identity", "", "missing beside the key");
		return 0;
	}
	if ((inline_key == NULL) == (path == NULL))
		return reason_set(why, 0, "psk-key-file", "", "give psk-key-file or psk-key beside psk-identity, one of the two");
	return settings_psk(inline_key, path, p->psk_key, &p->psk_key_len, why);
}

/* Found by the domain's services, its name follows from them. */
static bool discovers(const struct peer_config *p)
{
	return p->addresses.n == 0 && p->domain != NULL;
}

static int credentials(const struct conf_section *s, struct peer_config *p, struct reason *why)
{
	if (psk(s, p, why) != 0)
		return -1;
	p->certificate_file = conf_string(s, "certificate-file");
	p->key_file = conf_string(s, "key-file");
	p->ca_file = conf_string(s, "ca-file");
	p->crl_file = conf_string(s, "crl-file");
	if (settings_hosts(s, "server-name", false, &p->server_names, why) != 0 || settings_spkis(s, "server-spki", p, why) != 0)
		return -1;
	if (p->certificate_file != NULL && p->key_file == NULL)
		return reason_set(why, 0, "key-file", "", "missing: a certificate and its key go together");
	if (p->certificate_file == NULL && p->key_file != NULL && (p->ca_file != NULL || p->n_spkis == 0))
		return reason_set(why, 0, p->ca_file != NULL ? "certificate-file" : "server-spki", "RFC 7250",
		    p->ca_file != NULL ? "missing beside ca-file" : "missing: a key without a certificate is a raw public key, and so is the provider's: which one?");
	if (p->certificate_file != NULL && (p->ca_file == NULL || (p->server_names.n == 0 && !discovers(p))))
		return reason_set(why, 0, p->ca_file == NULL ? "ca-file" : "server-name", "RFC 9132, 7.1",
		    "missing: with certificates the provider's chain and name are checked");
	if (p->psk_identity == NULL && p->key_file == NULL)
		return reason_set(why, 0, "psk-identity", "RFC 9066, 8",
		    "no credential: give psk-identity and psk-key-file, or certificate-file and key-file, or key-file and server-spki");
	return 0;
}

int settings_limits(const struct conf_section *s, struct peer_config *p, struct reason *why)
{
	p->max_mitigations = (unsigned)conf_int(s, "max-mitigations");
	p->max_lifetime = conf_int(s, "max-lifetime");
	p->indefinite = conf_bool(s, "indefinite");
	return settings_prefixes(s, "target-scope", &p->targets, why) != 0 || settings_prefixes(s, "legitimate-source", &p->legitimate_sources, why) != 0 ||
	    settings_prefixes(s, "legitimate-target", &p->legitimate_targets, why) != 0 ? -1 : 0;
}

static int scope(const struct conf_section *s, struct peer_config *p, struct reason *why)
{
	p->nat_timeout = (unsigned)conf_int(s, "nat-timeout");
	p->retry_s = (unsigned)conf_int(s, "retry");
	if (settings_prefixes(s, "scope", &p->scope, why) != 0 || settings_texts(s, "scope-interface", &p->scope_interfaces, why) != 0)
		return -1;
	if (p->scope.n == 0 && p->scope_interfaces.n == 0)
		return reason_set(why, 0, "scope", "RFC 9066, 5.3.1", "missing: name the prefixes, or the scope-interface, that this provider may ask about");
	return 0;
}

int settings_read_provider(const struct conf_section *s, const struct policy *general, struct peer_config *p, struct reason *why)
{
	const char *fault;

	p->name = conf_title(s);
	p->policy = *general;
	if (*p->name == '\0')
		return reason_set(why, 0, "provider", "", "a provider needs a name");
	if (settings_hosts(s, "address", true, &p->addresses, why) != 0 || settings_transports(s, &p->udp, &p->tcp, why) != 0)
		return -1;
	p->domain = conf_string(s, "domain");
	if (p->addresses.n == 0 && p->domain == NULL)
		return reason_set(why, 0, "address", "", "missing: where the provider listens; or give its domain, whose services tell");
	fault = p->domain == NULL ? NULL : strlen(p->domain) > DOMAIN_MAX ? "too long for the name of its service" : host_name_fault(p->domain);
	if (fault != NULL)
		return reason_set(why, 0, "domain", "RFC 8973", "\"%.80s\": must be a domain name: %s", p->domain, fault);
	p->port = (uint16_t)conf_int(s, "port");
	return settings_read_policy(s, &p->policy, why) != 0 || settings_read_policies(s, p, why) != 0 || credentials(s, p, why) != 0 || settings_limits(s, p, why) != 0 ||
	    scope(s, p, why) != 0 ? -1 : 0;
}

void settings_peer_free(struct peer_config *p)
{
	for (size_t i = 0; p->policies != NULL && i < p->n_policies; i++)
		prefix_list_free(&p->policies[i].source);
	free(p->policies);
	text_list_free(&p->addresses);
	text_list_free(&p->server_names);
	text_list_free(&p->scope_interfaces);
	prefix_list_free(&p->scope);
	prefix_list_free(&p->targets);
	prefix_list_free(&p->legitimate_sources);
	prefix_list_free(&p->legitimate_targets);
	text_list_free(&p->names);
	text_list_free(&p->certificate_names);
	for (size_t i = 0; i < p->n_psks; i++)
		explicit_bzero(p->psks[i].key, sizeof(p->psks[i].key));
	free(p->psks);
	free(p->spkis);
	explicit_bzero(p->psk_key, sizeof(p->psk_key));
}
