/* SPDX-License-Identifier: GPL-3.0-or-later */
/* state - what must outlive the process so that no mid is ever used twice: the next free mid and the cuid (RFC 9132, 4.4.1). */
#ifndef CLIENT_STATE_H
#define CLIENT_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/reason.h"

struct state;

/* path NULL: nothing is kept; mids then start at the seconds since 1970, which rises from one start to the next. NULL with *why. */
struct state *state_open(const char *path, struct reason *why);
void state_close(struct state *s);           /* NULL allowed */
/* The next mid: strictly increasing over all peers and all runs. 0, or -1 with *why when it could not be made durable: then it must not be used. */
int state_next_mid(struct state *s, uint32_t *mid, struct reason *why);
/* Nothing is under way: once three quarters of the numbers are used up, start again at 0. */
void state_idle(struct state *s);
/* The cuid kept, "" when none. Setting it is durable on return; 0, or -1 with *why. */
const char *state_cuid(const struct state *s);
int state_set_cuid(struct state *s, const char *cuid, struct reason *why);

#endif
