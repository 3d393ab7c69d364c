/* SPDX-License-Identifier: GPL-3.0-or-later */
/* send - a request's way to its router: PUT, refresh, DELETE, and what has to be on the disk before them. */
#ifndef CLIENT_SEND_H
#define CLIENT_SEND_H

#include "mitigations.h"

/* A new entry: sends it, or tells that it waits. May free the entry. */
void entry_start(struct entry *e);
/* The same for one that has its times already. */
void entry_begin(struct entry *e);
/* The session is up: whatever waits goes out. May free the entry. */
void entry_session_up(struct entry *e);
/* The peer has lost it: it waits to be sent again, with the same mid and what is left of its lifetime. */
void entry_ask_again(struct entry *e);
/* PUT with the same mid and all its parameters; attack != 0 makes it an efficacy update (RFC 9132, 4.4.3). */
void entry_refresh(struct entry *e, enum attack_status attack);
/* DELETE; one that was never sent is just dropped. May free the entry. */
void entry_withdraw(struct entry *e);
/* The bare PUT and DELETE of a connected peer, once the disk knows that it is sent. May free the entry. */
void send_put(struct entry *e, enum attack_status attack);
void send_delete(struct entry *e);

#endif
