/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "settings_private.h"

#include <stdlib.h>
#include <string.h>

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

/* Says which provider is meant. */
static void name_provider(struct reason *why, const char *name)
{
	struct reason was = *why;
	char field[sizeof(was.field)];

	memcpy(field, was.field, sizeof(field));
	reason_set(why, was.code, field, was.section, "provider \"%.40s\": %.240s", name, was.text);
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
	c->n_peers = conf_count(top, "provider");
	if (c->n_peers == 0) {
		reason_set(why, 0, "provider", "", "missing: nobody to call home to; write provider \"NAME\" { … }");
		goto fail;
	}
	c->peers = calloc(c->n_peers, sizeof(*c->peers));
	if (c->peers == NULL) {
		reason_set(why, 0, "", "", "out of memory");
		goto fail;
	}
	for (size_t i = 0; i < c->n_peers; i++)
		if (settings_read_provider(conf_sub(top, "provider", i), &c->policy, &c->peers[i], why) != 0) {
			name_provider(why, c->peers[i].name);
			goto fail;
		}
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
