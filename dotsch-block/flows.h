/* SPDX-License-Identifier: GPL-3.0-or-later */
/* flows - flows that the kernel or the hardware forwards past the packet filter (flowtables). Deleting their conntrack entries brings their packets back to it. */
#ifndef BLOCK_FLOWS_H
#define BLOCK_FLOWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/loop.h"

/* A flow as it was begun, and how it looks behind the translation. */
struct flow {
	struct prefix source, target, outside;
	uint8_t protocol;
	uint16_t source_port, target_port, outside_port;   /* 0 where the protocol has none */
	bool offloaded;
};

struct flows;

/* wanted: whether this flow is to be cut. NULL with errno when the kernel has no conntrack. flows_free takes NULL. */
struct flows *flows_new(struct loop *l, bool (*wanted)(void *arg, const struct flow *f), void *arg);
void flows_free(struct flows *f);
/* Looks through all flows once; the answers come through the loop. Asked again meanwhile, it looks once more afterwards. */
void flows_look(struct flows *f);
bool flows_busy(const struct flows *f);
/* One read of the kernel's answers; the loop calls it. */
void flows_take(struct flows *f, void *data, int len);

#endif
