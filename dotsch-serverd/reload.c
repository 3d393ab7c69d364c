/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "provider.h"

/* One provider of the new settings: known, with its new credentials, or new. */
struct next { struct provider *p; struct tls_bundle *bundle; };

static struct provider *find(const struct server *s, const char *name)
{
	for (size_t i = 0; i < s->n_providers; i++)
		if (strcmp(provider_settings(s->providers[i])->name, name) == 0)
			return s->providers[i];
	return NULL;
}

/* All that can go wrong, before anything is changed. */
static int prepare(struct server *s, const struct settings *settings, struct next *next, struct reason *why)
{
	if (server_open_scope(s, settings, why) != 0)
		return -1;
	for (size_t i = 0; i < settings->n_providers; i++) {
		const struct provider_config *config = &settings->providers[i];

		next[i].p = find(s, config->name);
		if (next[i].p != NULL)
			next[i].bundle = provider_credentials(next[i].p, config, why);
		else
			next[i].p = provider_new(s, config, why);
		if (next[i].p == NULL || (next[i].bundle == NULL && find(s, config->name) != NULL))
			return -1;
	}
	return 0;
}

static void give_up(struct server *s, struct next *next, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool known = next[i].p != NULL && find(s, provider_settings(next[i].p)->name) == next[i].p;

		tls_bundle_unref(next[i].bundle);
		if (!known)
			provider_free(next[i].p, false);
	}
}

static void remove_others(struct server *s, const struct settings *settings)
{
	for (size_t i = 0; i < s->n_providers; i++)
		if (settings_provider(settings, provider_settings(s->providers[i])->name) == NULL)
			provider_remove(s->providers[i]);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

int server_reload(struct server *s, const struct settings *settings, struct reason *why)
{
	struct next *next = calloc(settings->n_providers, sizeof(*next));
	struct provider **providers = calloc(settings->n_providers, sizeof(struct provider *));

	if (next == NULL || providers == NULL || prepare(s, settings, next, why) != 0) {
		if (next == NULL || providers == NULL)
			reason_set(why, 0, "", "", "out of memory");
		else
			give_up(s, next, settings->n_providers);
		free(next);
		free(providers);
		return -1;
	}
	if (!same_text(s->core.settings->state, settings->state))
		log_warning("state: the file is another one only after a restart");
	remove_others(s, settings);
	for (size_t i = 0; i < settings->n_providers; i++) {
		providers[i] = next[i].p;
		if (next[i].bundle != NULL)
			provider_change(next[i].p, &settings->providers[i], next[i].bundle);
		tls_bundle_unref(next[i].bundle);
	}
	free(next);
	free(s->providers);
	s->providers = providers;
	s->n_providers = settings->n_providers;
	s->core.settings = settings;
	server_guard_configured(s, settings);
	server_read_scopes(s);
	return 0;
}
