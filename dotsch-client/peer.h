/* SPDX-License-Identifier: GPL-3.0-or-later */
/* peer - one router of a provider, or one base server: who it is, by which credential, and which prefixes are its own (a line of peers.jsonl). */
#ifndef CLIENT_PEER_H
#define CLIENT_PEER_H

#include "base/json.h"
#include "dots/mitigation.h"
#include "peer_server.h"

struct router;

/* One customer. The strings and the prefixes are part of its memory and never change. */
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

/* The peer that the object describes. The caller's, to peer_free or to put into a set. keyless: a psk-identity may come without its key. NULL with *why. */
struct peer *peer_read(const json_t *object, bool keyless, struct reason *why);
void peer_free(struct peer *p);              /* wipes the key; NULL allowed */
/* Its domain, and the address it calls from; a copy. 0, or -1 when out of memory. */
int peer_domain(const struct peer *p, struct prefix_list *out);
/* The object that makes this peer again, its key included: never for output. NULL when out of memory. */
json_t *peer_describe(const struct peer *p);
/* The same credentials and the same domain? A reload leaves such a peer alone. */
bool peer_same(const struct peer *a, const struct peer *b);

#endif
