/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "callhome.h"
#include "dialled.h"
#include "dots/cuid.h"
#include "dots/envelope.h"
#include "hold.h"
#include "inquiry.h"
#include "keys.h"
#include "ledger.h"
#include "link/tls.h"
#include "mitigations.h"
#include "tell.h"

static int psk_lookup(void *arg, const char *identity, uint8_t key[TLS_PSK_MAX], size_t *key_len, char owner[254])
{
	const struct agent *a = arg;
	const struct peer *p = peers_by_psk(a->peers, identity);
	if (!p)
		return -1;
	snprintf(owner, 254, "%s", p->name);
	if (!p->psk_key_len)
		return a->keys ? keys_find(a->keys, identity, key, key_len) : -1;
	memcpy(key, p->psk_key, p->psk_key_len);
	*key_len = p->psk_key_len;
	return 0;
}

static int peer_lookup(void *arg, struct identity *id)
{
	const struct agent *a = arg;
	const struct peer *p = peers_by_spki(a->peers, id->spki);
	if (!p && id->kind == IDENTITY_X509 && *id->name)
		p = peers_by_certificate(a->peers, id->name);
	if (!p)
		return -1;
	snprintf(id->owner, sizeof id->owner, "%s", p->name);
	return 0;
}

/* check: nothing is written, so a ticket key that a start would make is left out. */
static struct tls_bundle *make_bundle(struct agent *a, const struct config *config, bool check, struct reason *why)
{
	struct tls_config tls;
	config_tls(config, &tls);
	if (check && tls.ticket_key_file && access(tls.ticket_key_file, F_OK) < 0 && errno == ENOENT)
		tls.ticket_key_file = NULL;
	tls.psk_lookup = psk_lookup;
	tls.peer_lookup = peer_lookup;
	tls.arg = a;
	return tls_bundle_new(&tls, why);
}

/* Configured; else the one of former runs, which a renewed certificate must not change; else from our certificate; else a random one (RFC 9132, 4.4.1.1). */
static void choose_cuid(struct agent *a)
{
	uint8_t digest[32];
	if (a->config.cuid || *state_cuid(a->state)) {
		snprintf(a->cuid, sizeof a->cuid, "%s", a->config.cuid ? a->config.cuid : state_cuid(a->state));
		return;
	}
	if (!tls_bundle_spki(a->bundle, digest)) {
		tls_random(digest, sizeof digest);
		if (!a->config.state)
			log_warning("neither cuid nor state is configured: this run has a cuid of its own");
	} else if (a->instance) {
		/* Each instance counts its mids by itself, and a router may call this one today and that one tomorrow. */
		uint8_t text[32 + INSTANCE_MAX];
		memcpy(text, digest, 32);
		memcpy(text + 32, a->instance, strlen(a->instance));
		tls_sha256(text, 32 + strlen(a->instance), digest);
	}
	cuid_from_digest(digest, a->cuid);
	state_set_cuid(a->state, a->cuid);
}

static int open_keys(const struct config *config, struct peers *peers, struct keys **out, struct reason *why)
{
	*out = NULL;
	if (config->psk_database && !(*out = keys_open(config->psk_database, why)))
		return -1;
	peers_keyless(peers, *out != NULL);
	return 0;
}

int agent_open(struct agent *a, struct loop *l, const char *config_path, bool check, struct reason *why)
{
	return agent_open_as(a, l, config_path, NULL, check, why);
}

int agent_open_as(struct agent *a, struct loop *l, const char *config_path, const char *instance, bool check, struct reason *why)
{
	*a = (struct agent){ .loop = l, .config_path = config_path, .instance = instance };
	if (config_load_as(config_path, instance, &a->config, why) < 0)
		return -1;
	a->peers = peers_new();
	a->requests = requests_new();
	if (!a->peers || !a->requests)
		return reason_set(why, REASON_BAD_REQUEST, "", "", "out of memory");
	if (open_keys(&a->config, a->peers, &a->keys, why) < 0 || peers_load(a->peers, a->config.peers_file, why) < 0 || dialled_check(&a->config, a->peers, why) < 0 || !(a->bundle = make_bundle(a, &a->config, check, why)) ||
	    !(a->state = state_open(l, check ? NULL : a->config.state, why)))
		return -1;
	if (check)
		return 0;
	choose_cuid(a);
	return ledger_load(a, why) < 0 ? -1 : hold_load(a, why);
}

static void tell_listening(struct agent *a)
{
	json_t *line = envelope_new("session");
	json_t *addresses = json_array(), *transports = json_array();
	for (size_t i = 0; a->listen && i < a->config.n_addresses; i++)
		json_array_append_new(addresses, json_string(a->config.addresses[i]));
	if (a->listen && a->config.udp)
		json_array_append_new(transports, json_string("udp"));
	if (a->listen && a->config.tcp)
		json_array_append_new(transports, json_string("tcp"));
	json_put_string(line, "event", "listening");
	json_put(line, "addresses", addresses);
	json_put_int(line, "port", a->config.port);
	json_put(line, "transports", transports);
	json_put_string(line, "cuid", a->cuid);
	json_put_int(line, "peers", (int64_t)peers_count(a->peers));
	console_tell_all(a, NULL, line);
}

static int bind_sockets(struct agent *a, struct reason *why)
{
	struct listen_config config = {
		.addresses = a->config.addresses, .n_addresses = a->config.n_addresses, .port = a->config.port, .udp = a->config.udp, .tcp = a->config.tcp,
		.bundle = a->bundle, .max_half_open = a->config.max_half_open, .max_rate = a->config.max_rate,
		.penalty_after = a->config.penalty_after ? a->config.penalty_after : LISTEN_UNLIMITED, .penalty_s = a->config.penalty_s,
	};
	if (!peers_may_call(a->peers))
		return 0;   /* an open port that nobody may use is only there to be attacked */
	a->listen = listen_new(a->loop, &config, &callhome_ops, a, why);
	return a->listen ? 0 : -1;
}

int agent_listen(struct agent *a, struct reason *why)
{
	if (bind_sockets(a, why) < 0)
		return -1;
	tell_listening(a);
	dialled_start_all(a);
	return 0;
}

int agent_listen_late(struct agent *a, struct reason *why)
{
	if (a->listen || !peers_may_call(a->peers))
		return 0;
	if (bind_sockets(a, why) < 0)
		return -1;
	tell_listening(a);
	return 0;
}

/* Each running router finds its peer in the new set; whose peer is gone or has another credential is hung up on. */
static void change_peers(struct agent *a, struct peers *fresh)
{
	struct peers *old = a->peers;
	a->peers = fresh;
	for (struct router *r = a->routers, *next; r; r = next) {
		next = r->next;
		if (r->peer)
			r->peer->calls_from = NULL;   /* the old set, which knows it by that, goes */
		struct peer *was = r->peer, *is = peers_by_name(fresh, r->name);
		if (!is || !was || !peer_same(was, is)) {
			callhome_hang_up(r, is ? "its entry was changed" : "its entry was removed");
			dialled_stop(r);
		}
		r->peer = is;
		if (is)
			is->router = r;
		callhome_place(r);
	}
	peers_free(old);
}

void agent_reload(struct agent *a)
{
	struct config config;
	struct reason why = { 0 };
	char text[sizeof why.text + 100];
	struct tls_bundle *bundle = NULL;
	struct peers *fresh = peers_new();
	struct keys *keys = NULL;
	bool ok = config_load_as(a->config_path, a->instance, &config, &why) == 0 && fresh && open_keys(&config, fresh, &keys, &why) == 0 && peers_load(fresh, config.peers_file, &why) == 0 && dialled_check(&config, fresh, &why) == 0 &&
	          (bundle = make_bundle(a, &config, false, &why));
	if (!ok) {
		log_error("reload: %s; everything stays as it was", reason_format(&why, text, sizeof text));
		console_tell_all(a, NULL, envelope_error(&why, NULL));
		peers_free(fresh);
		keys_close(keys);
		config_free(&config);
		return;
	}
	/* Sockets stay bound as they are: addresses and port take a restart. */
	config_free(&a->config);
	a->config = config;
	change_peers(a, fresh);
	keys_close(a->keys);
	a->keys = keys;
	tls_bundle_unref(a->bundle);
	a->bundle = bundle;
	if (a->listen)
		listen_set_bundle(a->listen, bundle);
	else if (agent_listen_late(a, &why) < 0)
		log_error("reload: %s", reason_format(&why, text, sizeof text));
	dialled_start_all(a);
	tell_session(a, "reloaded", NULL, NULL, NULL);
}

void agent_close(struct agent *a)
{
	a->closing = true;
	for (struct router *r = a->routers; r; r = r->next)
		if (r->session) {
			session_close(r->session, true);
			r->session = NULL;
		}
	while (a->routers)
		router_free(a->routers);
	listen_free(a->listen);
	tls_bundle_unref(a->bundle);
	state_close(a->state);
	requests_free(a->requests);
	peers_free(a->peers);
	keys_close(a->keys);
	config_free(&a->config);
}

void agent_forget_console(struct agent *a, struct console *c)
{
	for (struct router *r = a->routers; r; r = r->next)
		for (struct entry *e = r->entries; e; e = e->next)
			if (e->console == c) {
				e->console = NULL;
				e->owed = false;
			}
	inquiry_forget(a, c);
}
