/* SPDX-License-Identifier: GPL-3.0-or-later */
/* send - a request's way to its router: PUT, refresh, DELETE, their answers and repetitions, and the end of its lifetime. */
#ifndef CLIENT_SEND_H
#define CLIENT_SEND_H

#include "mitigations.h"

/* A new entry: sends it, or tells that it waits. May free the entry. */
void entry_start(struct entry *e);
/* The same for one that has its times already. */
void entry_begin(struct entry *e);
/* The session is up: whatever waits goes out. May free the entry. */
void entry_session_up(struct entry *e);
/* Taken out of the state after a restart; left: seconds of its lifetime, <= 0 when it has run out meanwhile. */
void entry_taken_up(struct entry *e, int64_t left);
/* The peer has lost it: it waits to be sent again, with the same mid and what is left of its lifetime. */
void entry_ask_again(struct entry *e);
/* PUT with the same mid and all its parameters; attack != 0 makes it an efficacy update (RFC 9132, 4.4.3). */
void entry_refresh(struct entry *e, enum attack_status attack);
/* DELETE; one that was never sent is just dropped. May free the entry. */
void entry_withdraw(struct entry *e);
/* The peer says that it is over: observed to its end, for a while. */
void entry_over(struct entry *e);
/* Puts the timer on the earliest of the entry's times. */
void entry_arm(struct entry *e);
/* What is left of its lifetime; LIFETIME_INDEFINITE = no end. */
int64_t entry_seconds_left(const struct entry *e);
/* When the lifetime counts from now on. */
void entry_lifetime(struct entry *e, int64_t lifetime);

#endif
