/* SPDX-License-Identifier: GPL-3.0-or-later */
/* peers - the set of all peers (peers.jsonl), and how one is found: by name, by credential, by the prefixes that are theirs. */
#ifndef CLIENT_PEERS_H
#define CLIENT_PEERS_H

#include "peer.h"

struct peers;

struct peers *peers_new(void);               /* NULL when out of memory */
void peers_free(struct peers *s);            /* NULL allowed */
/* From now on a psk-identity may come without its key, which is kept elsewhere. */
void peers_keyless(struct peers *s, bool allowed);
size_t peers_count(const struct peers *s);
/* False when all there are are servers, which are dialled. Of an empty set the first is still to come. */
bool peers_may_call(const struct peers *s);
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
/* The one peer that calls from there, else the longest prefix that contains the source; NULL when it is in nobody's domain, or several call from there. */
struct peer *peers_by_source(const struct peers *s, const struct prefix *source);

#endif
