/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "listener.h"
#include "peer.h"

/* One peer of the new settings: known, with its new credentials when we dial it, or new. */
struct next { struct peer *p; bool known; struct tls_bundle *bundle; };

/* All that the new settings need; made before anything is changed. */
struct change {
	const struct settings *settings;
	struct next *next;
	struct peer **peers;
	struct listener *listener;           /* a new one */
	struct tls_bundle *bundle;           /* for the one that there is */
};

static bool stays(const struct peer *p, const struct settings *settings)
{
	const struct peer_config *config = settings_peer(settings, peer_settings(p)->name);

	return config != NULL && config->channel == peer_settings(p)->channel;
}

static int prepare_listener(struct server *s, struct change *c, struct reason *why)
{
	if (!c->settings->has_listen)
		return 0;
	if (s->listener != NULL)
		c->bundle = listener_credentials(s->listener, c->settings, why);
	else
		c->listener = listener_new(s, c->settings, why);
	return c->bundle != NULL || c->listener != NULL ? 0 : -1;
}

static int prepare_peer(struct server *s, const struct peer_config *config, struct next *next, struct reason *why)
{
	struct peer *known = server_peer(s, config->name);

	next->known = known != NULL && peer_settings(known)->channel == config->channel;
	next->p = next->known ? known : peer_new(s, config, why);
	if (next->known && config->channel == CHANNEL_CALL_HOME)
		next->bundle = peer_credentials(known, config, why);
	return next->p != NULL && (next->bundle != NULL || !next->known || config->channel == CHANNEL_BASE) ? 0 : -1;
}

/* All that can go wrong. */
static int prepare(struct server *s, struct change *c, struct reason *why)
{
	c->next = calloc(c->settings->n_peers, sizeof(*c->next));
	c->peers = calloc(c->settings->n_peers, sizeof(struct peer *));
	if (c->next == NULL || c->peers == NULL)
		return reason_set(why, 0, "", "", "out of memory");
	if (server_open_scope(s, c->settings, why) != 0 || prepare_listener(s, c, why) != 0)
		return -1;
	for (size_t i = 0; i < c->settings->n_peers; i++)
		if (prepare_peer(s, &c->settings->peers[i], &c->next[i], why) != 0)
			return -1;
	return 0;
}

static void give_up(struct change *c)
{
	for (size_t i = 0; c->next != NULL && i < c->settings->n_peers; i++) {
		tls_bundle_unref(c->next[i].bundle);
		if (!c->next[i].known)
			peer_free(c->next[i].p, false);
	}
	listener_free(c->listener);
	tls_bundle_unref(c->bundle);
	free(c->next);
	free(c->peers);
}

static void remove_others(struct server *s, const struct settings *settings)
{
	for (size_t i = 0; i < s->n_peers; i++)
		if (!stays(s->peers[i], settings))
			peer_remove(s->peers[i]);
}

struct keep { const struct settings *settings; const char *name; };

static bool still_its(void *arg, const struct identity *id)
{
	const struct keep *k = arg;
	const struct peer_config *owner = listener_owner(k->settings, id);

	return owner != NULL && strcmp(owner->name, k->name) == 0;
}

static void change_peers(struct change *c)
{
	for (size_t i = 0; i < c->settings->n_peers; i++) {
		const struct peer_config *config = &c->settings->peers[i];
		struct keep keep = { c->settings, config->name };

		c->peers[i] = c->next[i].p;
		if (c->next[i].known)
			peer_change(c->next[i].p, config, c->next[i].bundle);
		tls_bundle_unref(c->next[i].bundle);
		if (config->channel == CHANNEL_BASE)
			peer_close_others(c->next[i].p, still_its, &keep);
	}
	free(c->next);
}

/* After the sessions of clients that are no longer there. */
static void change_listener(struct server *s, struct change *c)
{
	if (c->bundle != NULL) {
		listener_change(s->listener, c->settings, c->bundle);
		tls_bundle_unref(c->bundle);
	} else {
		listener_free(s->listener);
		s->listener = c->listener;
	}
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

int server_reload(struct server *s, const struct settings *settings, struct reason *why)
{
	struct change c = { .settings = settings };

	if (prepare(s, &c, why) != 0) {
		give_up(&c);
		return -1;
	}
	if (!same_text(s->core.settings->state, settings->state))
		log_warning("state: the file is another one only after a restart");
	remove_others(s, settings);
	change_peers(&c);
	change_listener(s, &c);
	free(s->peers);
	s->peers = c.peers;
	s->n_peers = settings->n_peers;
	s->core.settings = settings;
	server_guard_configured(s, settings);
	server_read_scopes(s);
	return 0;
}

int server_check(const struct settings *settings, struct reason *why)
{
	struct tls_bundle *b;

	for (size_t i = 0; i < settings->n_peers; i++)
		if (peer_check(&settings->peers[i], why) != 0)
			return -1;
	if (!settings->has_listen)
		return 0;
	b = listener_credentials(NULL, settings, why);
	tls_bundle_unref(b);
	return b != NULL ? 0 : -1;
}
