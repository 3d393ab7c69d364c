/* SPDX-License-Identifier: GPL-3.0-or-later */
/* peers - the routers of a provider: who may call home, by which credential, and which prefixes are theirs (peers.jsonl). */
#ifndef CLIENT_PEERS_H
#define CLIENT_PEERS_H

#include "base/json.h"
#include "dots/mitigation.h"
#include "peer_server.h"

struct router;

/* One customer. Owned by the set; the strings and the prefixes are part of its memory and never change. */
struct peer {
	const char *name;
	const char *psk_identity;            /* NULL = none */
	const char *certificate_name;        /* NULL = none; compared without regard to case */
	const uint8_t *psk_key;              /* NULL = none, or kept in the database of keys */
	const uint8_t *spki;                 /* SHA-256 of its SubjectPublicKeyInfo; NULL = none */
	uint8_t psk_key_len;
	bool session_address;                /* the address it calls from is of its domain, too: we listen inside the provider's address translator */
	bool overlap_strict;                 /* it takes any common target for an overlap (RFC 9132, 4.4.1) */
	uint32_t number;                     /* its place in the set */
	struct prefix_list domain;           /* CH-15: the sources that may be named to it */
	struct peer_server *server;          /* a base server, which we dial: then the credentials are ours towards it, and no key to look it up by. NULL = it calls */
	const struct prefix *calls_from;     /* with session_address, while it is connected; peers_called */
	struct router *router;               /* what the agent keeps of it once it has called or is named; not the set's */
};

struct peers;

struct peers *peers_new(void);               /* NULL when out of memory */
void peers_free(struct peers *s);            /* NULL allowed */
/* From now on a psk-identity may come without its key, which is kept elsewhere. */
void peers_keyless(struct peers *s, bool allowed);
size_t peers_count(const struct peers *s);
/* The i-th place; NULL where one was removed. Places run from 0 to peers_places - 1. */
struct peer *peers_at(const struct peers *s, size_t i);
size_t peers_places(const struct peers *s);

/* Adds the peer that the object describes; a name, a credential or a prefix that another peer has already is refused. NULL with *why. */
struct peer *peers_add(struct peers *s, const json_t *object, struct reason *why);
void peers_remove(struct peers *s, struct peer *p);
/* Every line of the file; the first bad one ends it. 0, or -1 with *why naming file and line. */
int peers_load(struct peers *s, const char *path, struct reason *why);

struct peer *peers_by_name(const struct peers *s, const char *name);
struct peer *peers_by_psk(const struct peers *s, const char *identity);
struct peer *peers_by_certificate(const struct peers *s, const char *name);
struct peer *peers_by_spki(const struct peers *s, const uint8_t spki[32]);
/* A peer with session_address is connected from there; *from must stay until the next call. NULL: it is not connected. False: out of memory. */
bool peers_called(struct peers *s, struct peer *p, const struct prefix *from);
/* Its domain, and the address it calls from; a copy. 0, or -1 when out of memory. */
int peer_domain(const struct peer *p, struct prefix_list *out);
/* The one peer that calls from there, else the longest prefix that contains the source; NULL when it is in nobody's domain, or several call from there. */
struct peer *peers_by_source(const struct peers *s, const struct prefix *source);
/* The object that makes this peer again, its key included: never for output. NULL when out of memory. */
json_t *peer_describe(const struct peer *p);
/* The same credentials and the same domain? A reload leaves such a peer alone. */
bool peer_same(const struct peer *a, const struct peer *b);

#endif
