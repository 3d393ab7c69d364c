/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dtls_table - who sent this datagram: a hash table of address pairs, keyed so that nobody can choose collisions. Private to lib/link. */
#ifndef LINK_DTLS_TABLE_H
#define LINK_DTLS_TABLE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* No padding: it is hashed and compared as bytes, and the cookie is made of it. IPv4 stands in the first four bytes. */
struct dtls_key {
	uint8_t remote[16], local[16];
	uint32_t scope;
	uint16_t port, family;
};

/* Embedded in what is kept. */
struct table_node {
	struct table_node *next;
	uint64_t hash;
	struct dtls_key key;
};

/* Zero-initialise, then table_init. */
struct table {
	struct table_node **slots;
	size_t n_slots, count;
	uint64_t seed[2];
};

struct dtls_key dtls_key_of(const struct sockaddr_storage *remote, const struct sockaddr_storage *local);
int table_init(struct table *t);                                     /* -1: out of memory */
void table_free(struct table *t);                                    /* the nodes are their owners' */
struct table_node *table_find(const struct table *t, const struct dtls_key *key);
void table_add(struct table *t, struct table_node *n);               /* n->key is set, and not in it yet; cannot fail: a table that cannot grow gets slower */
void table_remove(struct table *t, struct table_node *n);
/* n takes the place of old, which has the same key. */
void table_replace(struct table *t, struct table_node *old, struct table_node *n);

uint64_t siphash(const uint64_t seed[2], const void *data, size_t len);   /* SipHash-2-4 */

#endif
