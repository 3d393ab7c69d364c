/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "peer_command.h"

#include <string.h>

#include "callhome.h"
#include "dialled.h"
#include "dots/json.h"
#include "mitigations.h"

static void put_prefixes(json_t *line, const char *name, const struct prefix_list *l)
{
	char text[PREFIX_TEXT_MAX];
	json_t *array = json_array();
	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(array, json_string(prefix_format(&l->v[i], text)));
	json_put(line, name, array);
}

/* Where a base server is dialled. */
static void put_server(json_t *line, const struct peer_server *s)
{
	json_t *array = json_array();
	for (size_t i = 0; i < s->n_addresses; i++)
		json_array_append_new(array, json_string(s->addresses[i]));
	json_put(line, "server", array);
	json_put_int(line, "port", s->port);
	json_put_string(line, "server-name", s->server_name);
}

/* Never the key. */
static json_t *peer_line(const struct peer *p)
{
	const struct router *r = p->router;
	char spki[65], address[64];
	unsigned requests = 0;
	json_t *line = envelope_new("peer");
	json_put_string(line, "name", p->name);
	json_put(line, "connected", json_boolean(r && r->session));
	if (r && r->session) {
		const struct channel *c = session_channel(r->session);
		json_put_string(line, "transport", c->transport == TRANSPORT_UDP ? "udp" : "tcp");
		json_put_string(line, "address", sockaddr_format(&c->remote, address));
		json_put(line, "silent", json_boolean(r->silent));
	}
	for (const struct entry *e = r ? r->entries : NULL; e; e = e->next)
		requests++;
	json_put_int(line, "requests", requests);
	json_put_int(line, "active", r ? r->active : 0);
	json_put_string(line, "psk-identity", p->psk_identity);
	json_put_string(line, "certificate-name", p->certificate_name);
	json_put_string(line, "spki", p->spki ? hex_encode(p->spki, 32, spki) : NULL);
	if (p->server)
		put_server(line, p->server);
	else
		put_prefixes(line, "domain", &p->domain);
	if (p->session_address)
		json_put(line, "session-address", json_true());
	return line;
}

int peers_command(struct agent *a, struct console *c, const struct envelope *line, struct reason *why)
{
	bool connected_only = false;
	uint64_t limit = UINT64_MAX;
	if (json_get_bool(line->json, "connected", &connected_only, why) < 0 || json_get_u64(line->json, "limit", UINT64_MAX, &limit, why) < 0)
		return -1;
	for (size_t i = 0; limit && i < peers_places(a->peers); i++) {
		const struct peer *p = peers_at(a->peers, i);
		if (!p || (connected_only && !(p->router && p->router->session)) || (line->to && strcmp(line->to, p->name)))
			continue;
		json_t *about = peer_line(p);
		json_put_string(about, "ref", line->ref);
		console_tell(c, about);
		limit--;
	}
	json_t *sum = envelope_new("peers");
	json_put_string(sum, "ref", line->ref);
	json_put_int(sum, "peers", (int64_t)peers_count(a->peers));
	json_put_int(sum, "connected", a->sessions);
	json_put_int(sum, "requests", (int64_t)requests_count(a->requests));
	console_tell(c, sum);
	return 0;
}

static int remove_peer(struct agent *a, const char *name, struct reason *why)
{
	struct peer *p = peers_by_name(a->peers, name);
	if (!p)
		return reason_set(why, REASON_BAD_REQUEST, "name", "", "there is no peer %s", name);
	if (p->router) {
		callhome_hang_up(p->router, "its entry was removed");
		dialled_stop(p->router);
		p->router->peer = NULL;
	}
	peers_remove(a->peers, p);
	return 0;
}

/* A set that names no credential changes what it names and leaves the rest: an IPAM knows addresses, not keys. NULL: there is nothing to complete. */
static json_t *completed(const struct peer *old, const json_t *object)
{
	static const char *const credentials[] = { "psk-identity", "psk-key", "certificate-name", "spki", "server-name", "address" };
	for (size_t i = 0; i < sizeof credentials / sizeof *credentials; i++)
		if (json_object_get(object, credentials[i]))
			return NULL;
	json_t *whole = old ? peer_describe(old) : NULL;
	if (whole && json_object_update(whole, (json_t *)(uintptr_t)object) < 0) {
		json_decref(whole);
		return NULL;
	}
	return whole;
}

/* Adds it, or puts it in the place of the one with its name: the session stays when the credentials and the domain stay. */
static int set_peer(struct agent *a, const json_t *object, const char *name, struct reason *why)
{
	struct peers *trial = peers_new();
	if (trial)
		peers_keyless(trial, a->keys != NULL);
	struct peer *draft = trial ? peers_add(trial, object, why) : NULL;
	struct peer *old = peers_by_name(a->peers, name);
	struct router *r = old ? old->router : NULL;
	bool good = draft && dialled_check(&a->config, trial, why) == 0, same = good && old && peer_same(old, draft);
	peers_free(trial);
	if (!good || same)
		return good ? 0 : -1;
	/* A conflict with a third peer must leave the old entry in its place. */
	json_t *before = NULL;
	if (old && !(before = peer_describe(old)))
		return reason_set(why, REASON_BAD_REQUEST, "", "", "out of memory");
	if (old)
		peers_remove(a->peers, old);
	struct peer *p = peers_add(a->peers, object, why);
	struct peer *now = p ? p : before ? peers_add(a->peers, before, NULL) : NULL;
	json_decref(before);
	if (r)
		r->peer = now;
	if (now && r)
		now->router = r;
	if (p && r) {
		callhome_hang_up(r, "its entry was changed");
		dialled_stop(r);
	} else if (r) {
		callhome_place(r);
	}
	if (p && !r)
		router_adopt(a, p);
	if (p)
		dialled_start(a, p);
	return p ? 0 : -1;
}

int peer_command(struct agent *a, struct console *c, const struct envelope *line, struct reason *why)
{
	const char *action = "set", *name = NULL;
	if (json_get_string(line->json, "action", 16, &action, why) < 0 || json_get_string(line->json, "name", PEER_NAME_MAX, &name, why) < 0)
		return -1;
	if (!name)
		return reason_set(why, REASON_BAD_REQUEST, "name", "", "which peer?");
	bool adds = !strcmp(action, "add");
	if (!strcmp(action, "remove")) {
		if (remove_peer(a, name, why) < 0)
			return -1;
	} else if (!adds && strcmp(action, "set")) {
		return reason_set(why, REASON_BAD_REQUEST, "action", "", "must be add, set or remove");
	} else if (adds && peers_by_name(a->peers, name)) {
		return reason_set(why, REASON_BAD_REQUEST, "name", "", "there is a peer %s already", name);
	} else {
		json_t *whole = completed(peers_by_name(a->peers, name), line->json);
		int set = set_peer(a, whole ? whole : line->json, name, why);
		json_decref(whole);
		if (set < 0 || agent_listen_late(a, why) < 0)
			return -1;
	}
	struct peer *p = peers_by_name(a->peers, name);
	json_t *about = p ? peer_line(p) : envelope_new("peer");
	if (!p) {
		json_put_string(about, "name", name);
		json_put(about, "removed", json_true());
	}
	json_put_string(about, "ref", line->ref);
	console_tell(c, about);
	return 0;
}
