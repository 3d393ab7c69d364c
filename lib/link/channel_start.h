/* SPDX-License-Identifier: GPL-3.0-or-later */
/* channel_start - what a channel tells the one who starts it (dial, listen) until somebody owns it. Private to lib/link. */
#ifndef LINK_CHANNEL_START_H
#define LINK_CHANNEL_START_H

#include "link/channel.h"

/* A handshake that takes longer is given up: DTLS retransmits after 1, 2, 4 and 8 s, and a fifth time would help nobody. */
#define HANDSHAKE_MS 20000

struct start_ops {
	/* Established: peer, resumed, addresses are filled in. Somebody owns it (channel_own) or closes it before the return. */
	void (*up)(void *arg, struct channel *c);
	/* The handshake failed. claimed: the identity, "" when none. */
	void (*failed)(void *arg, struct channel *c, const char *claimed, const char *why);
	/* The last call, for every channel: take it out of tables and free its memory. */
	void (*gone)(void *arg, struct channel *c);
};

#endif
