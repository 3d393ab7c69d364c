/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "listener.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/addr.h"
#include "base/log.h"
#include "dots/envelope.h"
#include "link/listen.h"
#include "peer.h"
#include "server.h"

#define REFUSED_PER_SECOND 10        /* told one by one; a flood of bad handshakes must not become a flood of lines */

struct listener {
	struct server *server;
	const struct settings *settings;
	struct listen *listen;
	int64_t second;
	unsigned told, kept;
};

static const struct psk *find_psk(const struct settings *s, const char *identity, const struct peer_config **owner)
{
	for (size_t i = 0; i < s->n_peers; i++)
		for (size_t j = 0; j < s->peers[i].n_psks; j++)
			if (strcmp(s->peers[i].psks[j].identity, identity) == 0) {
				*owner = &s->peers[i];
				return &s->peers[i].psks[j];
			}
	return NULL;
}

static bool has_certificate(const struct peer_config *p, const char *name)
{
	for (size_t i = 0; i < p->certificate_names.n; i++)
		if (strcasecmp(p->certificate_names.v[i], name) == 0)
			return true;
	return false;
}

static bool has_key(const struct peer_config *p, const uint8_t spki[32])
{
	for (size_t i = 0; i < p->n_spkis; i++)
		if (memcmp(p->spkis[i], spki, 32) == 0)
			return true;
	return false;
}

const struct peer_config *listener_owner(const struct settings *s, const struct identity *id)
{
	const struct peer_config *owner = NULL;

	if (id->kind == IDENTITY_PSK)
		return find_psk(s, id->name, &owner) != NULL ? owner : NULL;
	for (size_t i = 0; i < s->n_peers; i++) {
		const struct peer_config *p = &s->peers[i];

		if (p->channel == CHANNEL_BASE && (has_key(p, id->spki) || (id->kind == IDENTITY_X509 && id->name[0] != '\0' && has_certificate(p, id->name))))
			return p;
	}
	return NULL;
}

static int psk_lookup(void *arg, const char *identity, uint8_t key[TLS_PSK_MAX], size_t *key_len, char name[254])
{
	const struct listener *l = arg;
	const struct peer_config *owner;
	const struct psk *psk = find_psk(l->settings, identity, &owner);

	if (psk == NULL)
		return -1;
	memcpy(key, psk->key, psk->key_len);
	*key_len = psk->key_len;
	snprintf(name, 254, "%s", owner->name);
	return 0;
}

static int peer_lookup(void *arg, struct identity *id)
{
	const struct listener *l = arg;
	const struct peer_config *owner = listener_owner(l->settings, id);

	if (owner == NULL)
		return -1;
	snprintf(id->owner, sizeof(id->owner), "%s", owner->name);
	return 0;
}

static void on_established(void *arg, struct channel *c)
{
	struct listener *l = arg;
	struct peer *p = server_peer(l->server, c->peer.owner);

	if (p != NULL)
		peer_called(p, c);
	else
		channel_close(c, true);      /* removed while it shook hands */
}

static void on_refused(void *arg, const struct sockaddr_storage *remote, enum transport transport, const char *identity, const char *why)
{
	struct listener *l = arg;
	int64_t second = loop_now(server_loop(l->server)) / 1000;
	char address[64];
	json_t *line;

	if (second != l->second) {
		if (l->kept > 0)
			log_warning("%u more handshakes were refused in one second", l->kept);
		l->second = second;
		l->told = l->kept = 0;
	}
	if (l->told++ >= REFUSED_PER_SECOND) {
		l->kept++;
		return;
	}
	log_warning("%s: no session: %s", sockaddr_format(remote, address), why);
	line = envelope_new("session");
	json_put_string(line, "event", "refused");
	json_put_string(line, "transport", transport == TRANSPORT_UDP ? "udp" : "tcp");
	json_put_string(line, "address", address);
	if (*identity != '\0')
		json_put_string(line, "identity", identity);
	json_put_string(line, "reason", why);
	server_say(l->server, line);
}

/* What kinds of credentials the clients have. */
static void kinds(const struct settings *s, bool *psk, bool *keys)
{
	*psk = *keys = false;
	for (size_t i = 0; i < s->n_peers; i++) {
		*psk |= s->peers[i].n_psks > 0;
		*keys |= s->peers[i].channel == CHANNEL_BASE && (s->peers[i].n_spkis > 0 || s->peers[i].certificate_names.n > 0);
	}
}

struct tls_bundle *listener_credentials(struct listener *l, const struct settings *s, struct reason *why)
{
	struct tls_config tls = {
		.server = true,
		.certificate_file = s->listen.certificate_file,
		.key_file = s->listen.key_file,
		.ca_file = s->listen.ca_file,
		.crl_file = s->listen.crl_file,
		.ticket_key_file = l != NULL ? s->listen.ticket_key_file : NULL,   /* which is made when it is missing */
		.arg = l,
	};
	bool psk, keys;

	kinds(s, &psk, &keys);
	if (psk)
		tls.psk_lookup = psk_lookup;
	if (tls.key_file != NULL)
		tls.peer_lookup = peer_lookup;
	return tls_bundle_new(&tls, why);
}

static struct listen *bind_all(struct listener *l, struct tls_bundle *bundle, struct reason *why)
{
	static const struct listen_ops ops = { .established = on_established, .refused = on_refused };
	const struct listen_settings *s = &l->settings->listen;
	const struct listen_config config = {
		.addresses = (const char *const *)s->addresses.v, .n_addresses = s->addresses.n, .port = s->port, .udp = s->udp, .tcp = s->tcp,
		.bundle = bundle, .max_half_open = s->max_half_open,
	};

	return listen_new(server_loop(l->server), &config, &ops, l, why);
}

struct listener *listener_new(struct server *server, const struct settings *settings, struct reason *why)
{
	struct listener *l = calloc(1, sizeof(*l));
	struct tls_bundle *bundle;

	if (l == NULL) {
		reason_set(why, 0, "listen", "", "out of memory");
		return NULL;
	}
	l->server = server;
	l->settings = settings;
	bundle = listener_credentials(l, settings, why);
	l->listen = bundle != NULL ? bind_all(l, bundle, why) : NULL;
	tls_bundle_unref(bundle);
	if (l->listen != NULL)
		return l;
	free(l);
	return NULL;
}

void listener_free(struct listener *l)
{
	if (l == NULL)
		return;
	listen_free(l->listen);
	free(l);
}

static bool same_place(const struct listen_settings *a, const struct listen_settings *b)
{
	bool same = a->port == b->port && a->udp == b->udp && a->tcp == b->tcp && a->addresses.n == b->addresses.n;

	for (size_t i = 0; same && i < a->addresses.n; i++)
		same = strcmp(a->addresses.v[i], b->addresses.v[i]) == 0;
	return same;
}

void listener_change(struct listener *l, const struct settings *settings, struct tls_bundle *bundle)
{
	if (!same_place(&l->settings->listen, &settings->listen))
		log_warning("listen: address, port and transport are others only after a restart");
	l->settings = settings;
	listen_set_bundle(l->listen, bundle);
}
