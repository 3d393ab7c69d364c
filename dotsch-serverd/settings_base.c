/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The base signal channel in serverd.conf: where we listen, and the clients that may call. */
#include "settings_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/buf.h"
#include "base/host.h"
#include "dots/validate.h"

const struct conf_key settings_listen_keys[] = {
	{ .name = "address", .type = CONF_LIST },
	{ .name = "port", .type = CONF_INT, .fallback = "4646", .min = 1, .max = 65535 },
	{ .name = "transport", .type = CONF_LIST },
	{ .name = "certificate-file", .type = CONF_STRING },
	{ .name = "key-file", .type = CONF_STRING },
	{ .name = "ca-file", .type = CONF_STRING },
	{ .name = "crl-file", .type = CONF_STRING },
	{ .name = "ticket-key-file", .type = CONF_STRING },
	{ .name = "max-half-open", .type = CONF_INT, .fallback = "0", .min = 0, .max = 1000000 },
	{ .name = "redirect", .type = CONF_STRING, .fallback = "full" },
	{ .name = "alt-server", .type = CONF_STRING },
	{ .name = "alt-server-record", .type = CONF_LIST },
	{ .name = "alt-server-ttl", .type = CONF_DURATION, .fallback = "30m", .min = 0, .max = 4294967294 },
	{ .type = CONF_END },
};

const struct conf_key settings_client_keys[] = {
	{ .name = "psk-identity", .type = CONF_LIST },
	{ .name = "psk-key", .type = CONF_LIST },
	{ .name = "psk-key-file", .type = CONF_LIST },
	{ .name = "certificate-name", .type = CONF_LIST },
	{ .name = "spki", .type = CONF_LIST },
	{ .name = "target-scope", .type = CONF_LIST },
	{ .name = "target-name", .type = CONF_LIST },
	SETTINGS_POLICY_KEYS,
	{ .name = "policy", .type = CONF_TITLED, .keys = settings_policy_keys },
	{ .name = "legitimate-source", .type = CONF_LIST },
	{ .name = "legitimate-target", .type = CONF_LIST },
	{ .name = "max-mitigations", .type = CONF_INT, .fallback = "4096", .min = 1, .max = 65536 },
	{ .name = "max-lifetime", .type = CONF_DURATION, .fallback = "24h", .min = 1, .max = 4294967295 },
	{ .name = "indefinite", .type = CONF_BOOL, .fallback = "false" },
	{ .type = CONF_END },
};

static int redirection(const struct conf_section *s, struct listen_settings *l, struct reason *why)
{
	static const char *const words[] = { [REDIRECT_NEVER] = "never", [REDIRECT_FULL] = "full", [REDIRECT_ALWAYS] = "always" };
	const char *text = conf_string(s, "redirect"), *fault;
	size_t i = 0;

	while (i < 3 && strcmp(words[i], text) != 0)
		i++;
	if (i == 3)
		return reason_set(why, 0, "redirect", "RFC 9132, 4.6", "\"%s\": must be \"never\", \"full\" or \"always\"", text);
	l->redirect = (enum redirect_policy)i;
	l->alt_server = conf_string(s, "alt-server");
	l->alt_ttl = (uint32_t)conf_int(s, "alt-server-ttl");
	if (settings_prefixes(s, "alt-server-record", &l->alt_records, why) != 0)
		return -1;
	for (i = 0; i < l->alt_records.n; i++)
		if (l->alt_records.v[i].len != (l->alt_records.v[i].family == 4 ? 32 : 128))
			return reason_set(why, 0, "alt-server-record", "RFC 9132, 4.6", "\"%s\": must be an address", conf_item(s, "alt-server-record", i));
	fault = l->alt_server != NULL ? host_name_fault(l->alt_server) : NULL;
	if (fault != NULL)
		return reason_set(why, 0, "alt-server", "RFC 9132, 4.6", "\"%.80s\": must be a name: %s", l->alt_server, fault);
	if (l->alt_server == NULL && (l->alt_records.n > 0 || l->redirect == REDIRECT_ALWAYS))
		return reason_set(why, 0, "alt-server", "RFC 9132, 4.6", "missing: the name of the server that clients are sent to");
	return 0;
}

int settings_read_listen(const struct conf_section *s, struct listen_settings *l, struct reason *why)
{
	struct prefix p;

	if (settings_texts(s, "address", &l->addresses, why) != 0 || settings_transports(s, &l->udp, &l->tcp, why) != 0 || redirection(s, l, why) != 0)
		return -1;
	if (l->addresses.n == 0 && (text_list_add(&l->addresses, "0.0.0.0", 7) != 0 || text_list_add(&l->addresses, "::", 2) != 0))
		return reason_set(why, 0, "address", "", "out of memory");
	for (size_t i = 0; i < l->addresses.n; i++)
		if (addr_parse(l->addresses.v[i], &p) != 0)
			return reason_set(why, 0, "address", "", "\"%s\": must be an address of this host; 0.0.0.0 and :: are all of them", l->addresses.v[i]);
	l->port = (uint16_t)conf_int(s, "port");
	l->certificate_file = conf_string(s, "certificate-file");
	l->key_file = conf_string(s, "key-file");
	l->ca_file = conf_string(s, "ca-file");
	l->crl_file = conf_string(s, "crl-file");
	l->ticket_key_file = conf_string(s, "ticket-key-file");
	l->max_half_open = (unsigned)conf_int(s, "max-half-open");
	if (l->certificate_file != NULL && l->key_file == NULL)
		return reason_set(why, 0, "key-file", "", "missing: a certificate and its key go together");
	return 0;
}

void settings_listen_free(struct listen_settings *l)
{
	text_list_free(&l->addresses);
	prefix_list_free(&l->alt_records);
}

static int psks(const struct conf_section *s, struct peer_config *p, struct reason *why)
{
	size_t n = conf_count(s, "psk-identity"), digits = conf_count(s, "psk-key"), files = conf_count(s, "psk-key-file");

	if ((n == 0 ? digits + files > 0 : (digits > 0 && files > 0) || digits + files != n))
		return reason_set(why, 0, "psk-key-file", "", "give as many psk-key-file, or psk-key, as there are in psk-identity, in the same order");
	p->psks = calloc(n + 1, sizeof(*p->psks));
	if (p->psks == NULL)
		return reason_set(why, 0, "psk-identity", "", "out of memory");
	for (size_t i = 0; i < n; i++) {
		struct psk *psk = &p->psks[p->n_psks++];

		psk->identity = conf_item(s, "psk-identity", i);
		if (*psk->identity == '\0' || strlen(psk->identity) > 253)
			return reason_set(why, 0, "psk-identity", "", "\"%s\": must have 1 to 253 bytes", psk->identity);
		if (settings_psk(digits > 0 ? conf_item(s, "psk-key", i) : NULL, files > 0 ? conf_item(s, "psk-key-file", i) : NULL, psk->key, &psk->key_len, why) != 0)
			return -1;
	}
	return 0;
}

int settings_spkis(const struct conf_section *s, const char *name, struct peer_config *p, struct reason *why)
{
	size_t n = conf_count(s, name);

	p->spkis = calloc(n + 1, sizeof(*p->spkis));
	if (p->spkis == NULL)
		return reason_set(why, 0, name, "", "out of memory");
	for (size_t i = 0; i < n; i++) {
		const char *text = conf_item(s, name, i);

		if (hex_decode(text, strlen(text), p->spkis[i], 32) != 32)
			return reason_set(why, 0, name, "RFC 7250", "\"%s\": must be the SHA-256 of the SubjectPublicKeyInfo, 64 hexadecimal digits", text);
		p->n_spkis++;
	}
	return 0;
}

int settings_read_client(const struct conf_section *s, const struct policy *general, struct peer_config *p, struct reason *why)
{
	p->name = conf_title(s);
	p->channel = CHANNEL_BASE;
	p->policy = *general;
	p->policy.consent = CONSENT_AUTO;    /* what a client asks for is its own network's, and so is the say */
	if (*p->name == '\0')
		return reason_set(why, 0, "client", "", "a client needs a name");
	if (psks(s, p, why) != 0 || settings_spkis(s, "spki", p, why) != 0 || settings_texts(s, "certificate-name", &p->certificate_names, why) != 0)
		return -1;
	if (p->n_psks + p->n_spkis + p->certificate_names.n == 0)
		return reason_set(why, 0, "psk-identity", "RFC 9132, 7.1", "no credential: give psk-identity and psk-key-file, or certificate-name, or spki");
	if (settings_read_policy(s, &p->policy, why) != 0 || settings_read_policies(s, p, why) != 0 || settings_limits(s, p, why) != 0 ||
	    settings_texts(s, "target-name", &p->names, why) != 0)
		return -1;
	if (p->targets.n + p->names.n == 0)
		return reason_set(why, 0, "target-scope", "RFC 9132, 4.4.1", "missing: the prefixes of this client's own domain, for which it may ask");
	return 0;
}
