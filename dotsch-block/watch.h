/* SPDX-License-Identifier: GPL-3.0-or-later */
/* watch - what the kernel says about neighbours and about this machine's own addresses, as it changes (rtnetlink). */
#ifndef BLOCK_WATCH_H
#define BLOCK_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/loop.h"

struct watch;

struct watch_ops {
	void (*neighbour)(void *arg, const struct prefix *address, const uint8_t mac[6]);    /* this address is at this MAC now */
	void (*own)(void *arg, const struct prefix *address, bool add);                      /* this machine has it, or has it no more */
	void (*link)(void *arg, const char *name);                                           /* a new interface */
};

/* NULL with errno when the kernel refuses; ops must outlive it. watch_free takes NULL. */
struct watch *watch_new(struct loop *l, const struct watch_ops *ops, void *arg);
void watch_free(struct watch *w);
/* Every neighbour the kernel knows now, one after the other, before it returns. */
void watch_look(struct watch *w, void (*fn)(void *arg, const struct prefix *address, const uint8_t mac[6]), void *arg);
/* One read of the kernel's news; the loop calls it. */
void watch_take(struct watch *w, void *data, int len);

#endif
