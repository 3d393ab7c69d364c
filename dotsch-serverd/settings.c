/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "settings_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/log.h"

static const struct conf_key top_keys[] = {
	{ .name = "terminating-time", .type = CONF_DURATION, .fallback = "120s", .min = 0, .max = 300 },
	{ .name = "rejected-time", .type = CONF_DURATION, .fallback = "1h", .min = 60, .max = 604800 },
	{ .name = "consent", .type = CONF_STRING, .fallback = "ask" },
	{ .name = "ask-above", .type = CONF_INT, .fallback = "0", .min = 0, .max = 32 },
	{ .name = "ask-above-ipv6", .type = CONF_INT, .fallback = "0", .min = 0, .max = 128 },
	{ .name = "consent-time", .type = CONF_DURATION, .fallback = "0s", .min = 0, .max = 604800 },
	{ .name = "consent-default", .type = CONF_STRING, .fallback = "reject" },
	{ .name = "state", .type = CONF_STRING },
	{ .name = "provider", .type = CONF_TITLED, .keys = settings_provider_keys },
	{ .name = "listen", .type = CONF_SECTION, .keys = settings_listen_keys },
	{ .name = "client", .type = CONF_TITLED, .keys = settings_client_keys },
	{ .type = CONF_END },
};

int settings_word(const struct conf_section *s, const char *name, const char *zero, const char *one, struct reason *why)
{
	const char *text = conf_string(s, name);

	if (strcmp(text, zero) == 0)
		return 0;
	if (strcmp(text, one) == 0)
		return 1;
	return reason_set(why, 0, name, "", "\"%s\": must be \"%s\" or \"%s\"", text, zero, one);
}

/* Says which section is meant. */
static void name_peer(struct reason *why, const char *kind, const char *name)
{
	struct reason was = *why;
	char field[sizeof(was.field)];

	memcpy(field, was.field, sizeof(field));
	reason_set(why, was.code, field, was.section, "%s \"%.40s\": %.240s", kind, name, was.text);
}

/* State belongs to a name: no two peers have the same. */
static int unique(const struct settings *c, const struct peer_config *p, struct reason *why)
{
	for (const struct peer_config *other = c->peers; other < p; other++)
		if (strcmp(other->name, p->name) == 0)
			return reason_set(why, 0, "client", "", "the name is taken by a provider");
	return 0;
}

/* A credential says who is calling, and so belongs to one client. */
static int own_credentials(const struct settings *c, const struct peer_config *p, struct reason *why)
{
	for (const struct peer_config *o = c->peers; o < p; o++) {
		for (size_t i = 0; i < p->n_psks; i++)
			for (size_t k = 0; k < o->n_psks; k++)
				if (strcmp(p->psks[i].identity, o->psks[k].identity) == 0)
					return reason_set(why, 0, "psk-identity", "", "\"%s\" belongs to \"%s\" already", p->psks[i].identity, o->name);
		for (size_t i = 0; i < p->certificate_names.n; i++)
			for (size_t k = 0; k < o->certificate_names.n; k++)
				if (strcasecmp(p->certificate_names.v[i], o->certificate_names.v[k]) == 0)
					return reason_set(why, 0, "certificate-name", "", "\"%s\" belongs to \"%s\" already", p->certificate_names.v[i], o->name);
		for (size_t i = 0; i < p->n_spkis && p->channel == o->channel; i++)
			for (size_t k = 0; k < o->n_spkis; k++)
				if (memcmp(p->spkis[i], o->spkis[k], sizeof(*p->spkis)) == 0)
					return reason_set(why, 0, "spki", "", "one of the keys belongs to \"%s\" already", o->name);
	}
	return 0;
}

static int read_peers(struct settings *c, const struct conf_section *top, const char *kind,
    int (*read)(const struct conf_section *s, const struct policy *general, struct peer_config *p, struct reason *why), struct reason *why)
{
	for (size_t i = 0; i < conf_count(top, kind); i++) {
		struct peer_config *p = &c->peers[c->n_peers++];

		if (read(conf_sub(top, kind, i), &c->policy, p, why) != 0 || unique(c, p, why) != 0 || (p->channel == CHANNEL_BASE && own_credentials(c, p, why) != 0)) {
			name_peer(why, kind, p->name);
			return -1;
		}
	}
	return 0;
}

static int peers(struct settings *c, const struct conf_section *top, struct reason *why)
{
	size_t providers = conf_count(top, "provider"), clients = conf_count(top, "client");
	const struct conf_section *listen = conf_sub(top, "listen", 0);

	if (providers == 0 && listen == NULL)
		return reason_set(why, 0, "provider", "", "missing: nobody to call home to; write provider \"NAME\" { … }, or listen { … } for a base DOTS server");
	if ((listen == NULL) != (clients == 0))
		return reason_set(why, 0, listen == NULL ? "listen" : "client", "", "missing: listen { … } and client \"NAME\" { … } go together");
	c->peers = calloc(providers + clients, sizeof(*c->peers));
	if (c->peers == NULL)
		return reason_set(why, 0, "", "", "out of memory");
	c->has_listen = listen != NULL;
	if (listen != NULL && settings_read_listen(listen, &c->listen, why) != 0)
		return -1;
	return read_peers(c, top, "provider", settings_read_provider, why) != 0 || read_peers(c, top, "client", settings_read_client, why) != 0 ? -1 : 0;
}

static bool holds_keys(const struct conf_section *top)
{
	for (size_t i = 0; i < conf_count(top, "provider"); i++)
		if (conf_string(conf_sub(top, "provider", i), "psk-key") != NULL)
			return true;
	for (size_t i = 0; i < conf_count(top, "client"); i++)
		if (conf_count(conf_sub(top, "client", i), "psk-key") > 0)
			return true;
	return false;
}

static void warn_of_readers(const char *path, const struct conf_section *top)
{
	struct stat st;

	if (stat(path, &st) == 0 && (st.st_mode & S_IRWXO) != 0 && holds_keys(top))
		log_warning("%s can be read by everybody, and holds keys: chmod o= %s", path, path);
}

struct settings *settings_load(const char *path, struct reason *why)
{
	struct settings *c = calloc(1, sizeof(*c));
	const struct conf_section *top;
	struct reason local;

	if (why == NULL)
		why = &local;
	if (c == NULL) {
		reason_set(why, 0, "", "", "out of memory");
		return NULL;
	}
	c->conf = conf_load(path, top_keys, why);
	if (c->conf == NULL)
		goto fail;
	top = conf_top(c->conf);
	c->terminating_s = (unsigned)conf_int(top, "terminating-time");
	c->rejected_s = (unsigned)conf_int(top, "rejected-time");
	if (settings_read_policy(top, &c->policy, why) != 0)
		goto fail;
	c->state = conf_string(top, "state");
	if (peers(c, top, why) != 0)
		goto fail;
	warn_of_readers(path, top);
	return c;
fail:
	settings_free(c);
	return NULL;
}

void settings_free(struct settings *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; c->peers != NULL && i < c->n_peers; i++)
		settings_peer_free(&c->peers[i]);
	free(c->peers);
	settings_listen_free(&c->listen);
	conf_free(c->conf);
	free(c);
}

const struct peer_config *settings_peer(const struct settings *c, const char *name)
{
	for (size_t i = 0; i < c->n_peers; i++)
		if (strcmp(c->peers[i].name, name) == 0)
			return &c->peers[i];
	return NULL;
}
