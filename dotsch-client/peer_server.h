/* SPDX-License-Identifier: GPL-3.0-or-later */
/* peer_server - the part of a peer's entry that makes it a base DOTS server: it does not call, it is dialled (RFC 9132, 3 and 4.3). */
#ifndef CLIENT_PEER_SERVER_H
#define CLIENT_PEER_SERVER_H

#include "base/json.h"

#define BASE_PORT 4646       /* RFC 9132, 3 */

struct peer_server {
	char **addresses;            /* or names; owned, as is all of it */
	size_t n_addresses;
	char *server_name;           /* what its certificate must carry; NULL = none */
	uint16_t port;
	bool udp, tcp;
};

/* Reads address, port, transport and server-name. *out NULL: no address, so no server. 0, or -1 with *why. */
int peer_server_read(const json_t *object, struct peer_server **out, struct reason *why);
void peer_server_free(struct peer_server *s);            /* NULL allowed */
/* The members again. NULL allowed: none. */
void peer_server_describe(const struct peer_server *s, json_t *object);
bool peer_server_same(const struct peer_server *a, const struct peer_server *b);   /* NULL allowed */

#endif
