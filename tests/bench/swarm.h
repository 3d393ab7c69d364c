/* SPDX-License-Identifier: GPL-3.0-or-later */
/* swarm - very many DTLS clients on few sockets: each has an address of its own within 127/8. Bare GnuTLS below, channels of lib/link above. */
#ifndef BENCH_SWARM_H
#define BENCH_SWARM_H

#include "base/loop.h"
#include "link/channel.h"

struct swarm_config {
	struct loop *loop;
	uint16_t port;                       /* of the listener, on 127.0.0.1 */
	unsigned n;
	uint32_t first;                      /* the first of their addresses, in host order; 0 = 127.1.0.1 */
	/* Credentials: the same certificate for all, or for each the identity cpe-0000000 … with swarm_key, when certificate is NULL. */
	const char *certificate, *key_file, *ca;
	bool abandon;                        /* goes away at the server's first flight, and calls again */
	void (*up)(void *arg, unsigned i, struct channel *c, bool resumed);   /* channel_own() it inside */
	void (*failed)(void *arg, unsigned i, const char *why);
	void *arg;
};

struct swarm;
struct swarm *swarm_new(const struct swarm_config *config);
void swarm_call(struct swarm *s, unsigned i);        /* a handshake; by ticket when there is one from before. Its former channel is gone without a word */
void swarm_forget(struct swarm *s, unsigned i);       /* its ticket: the next call is a full handshake */
unsigned swarm_waiting(const struct swarm *s);       /* handshakes under way */
void swarm_free(struct swarm *s);

void swarm_key(unsigned i, uint8_t key[16]);
void swarm_identity(unsigned i, char out[16]);

#endif
