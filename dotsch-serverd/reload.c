/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "peer.h"

/* One peer of the new settings: known, with its new credentials, or new. */
struct next { struct peer *p; struct tls_bundle *bundle; };

static struct peer *find(const struct server *s, const char *name)
{
	for (size_t i = 0; i < s->n_peers; i++)
		if (strcmp(peer_settings(s->peers[i])->name, name) == 0)
			return s->peers[i];
	return NULL;
}

/* All that can go wrong, before anything is changed. */
static int prepare(struct server *s, const struct settings *settings, struct next *next, struct reason *why)
{
	if (server_open_scope(s, settings, why) != 0)
		return -1;
	for (size_t i = 0; i < settings->n_peers; i++) {
		const struct peer_config *config = &settings->peers[i];

		next[i].p = find(s, config->name);
		if (next[i].p != NULL)
			next[i].bundle = peer_credentials(next[i].p, config, why);
		else
			next[i].p = peer_new(s, config, why);
		if (next[i].p == NULL || (next[i].bundle == NULL && find(s, config->name) != NULL))
			return -1;
	}
	return 0;
}

static void give_up(struct server *s, struct next *next, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool known = next[i].p != NULL && find(s, peer_settings(next[i].p)->name) == next[i].p;

		tls_bundle_unref(next[i].bundle);
		if (!known)
			peer_free(next[i].p, false);
	}
}

static void remove_others(struct server *s, const struct settings *settings)
{
	for (size_t i = 0; i < s->n_peers; i++)
		if (settings_peer(settings, peer_settings(s->peers[i])->name) == NULL)
			peer_remove(s->peers[i]);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

int server_reload(struct server *s, const struct settings *settings, struct reason *why)
{
	struct next *next = calloc(settings->n_peers, sizeof(*next));
	struct peer **peers = calloc(settings->n_peers, sizeof(struct peer *));

	if (next == NULL || peers == NULL || prepare(s, settings, next, why) != 0) {
		if (next == NULL || peers == NULL)
			reason_set(why, 0, "", "", "out of memory");
		else
			give_up(s, next, settings->n_peers);
		free(next);
		free(peers);
		return -1;
	}
	if (!same_text(s->core.settings->state, settings->state))
		log_warning("state: the file is another one only after a restart");
	remove_others(s, settings);
	for (size_t i = 0; i < settings->n_peers; i++) {
		peers[i] = next[i].p;
		if (next[i].bundle != NULL)
			peer_change(next[i].p, &settings->peers[i], next[i].bundle);
		tls_bundle_unref(next[i].bundle);
	}
	free(next);
	free(s->peers);
	s->peers = peers;
	s->n_peers = settings->n_peers;
	s->core.settings = settings;
	server_guard_configured(s, settings);
	server_read_scopes(s);
	return 0;
}
