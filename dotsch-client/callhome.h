/* SPDX-License-Identifier: GPL-3.0-or-later */
/* callhome - a router calls: its session, the configuration it offers, heartbeats, and what was waiting for it (RFC 9066, 5.1 and 5.2.1). */
#ifndef CLIENT_CALLHOME_H
#define CLIENT_CALLHOME_H

#include "link/listen.h"
#include "dots/body.h"
#include "mitigations.h"

/* What the listener calls; its arg is the agent. */
extern const struct listen_ops callhome_ops;

/* The router's new session, whoever has dialled; an older one is closed. Takes over c. */
void callhome_up(struct router *r, struct channel *c);
/* GET config; the answer sets the heartbeats. asked NULL = the agent's own wish. 0, or -1 with *why. */
int callhome_get_config(struct router *r, struct console *asked, const char *ref, struct reason *why);
/* PUT config; without has_sid a fresh, higher one is taken (RFC 9132, 4.5.2). What the peer then offers is fetched. 0, or -1 with *why. */
int callhome_set_config(struct router *r, struct console *asked, const char *ref, bool has_sid, uint32_t sid, const struct body *values, struct reason *why);
/* Heartbeats by the set that is in force: mitigating or idle (RFC 9132, 4.5). */
void callhome_heartbeat(struct router *r);
/* The peer's entry is a new one while the session goes on: the address that it calls from belongs to that one, too. */
void callhome_place(struct router *r);
/* Ends the session in good order and tells why. Harmless when not connected. */
void callhome_hang_up(struct router *r, const char *why);

#endif
