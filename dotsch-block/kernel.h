/* SPDX-License-Identifier: GPL-3.0-or-later */
/* kernel - what the parts that keep the table (apply.c, takeover.c) share. */
#ifndef BLOCK_KERNEL_H
#define BLOCK_KERNEL_H

#include "apply.h"
#include "dispatch.h"

struct names { char (*v)[NFT_NAME_MAX]; size_t n, cap; };

struct kernel {
	struct nft *nft;
	const char *const *devices;
	size_t n_devices;
	uint32_t flags;              /* of the table */
	uint64_t handle;             /* of the table, 64 bits that never come back */
	uint32_t generation;         /* of the ruleset after our last transaction */
	uint32_t run;                /* part of the names of base chains and maps: those of an earlier run stay beside ours until they are dropped */
	uint32_t last_unit, last_junction;
	bool damaged;
	struct unit **unit;          /* in the order of their ids */
	size_t n_units, cap_units;
	struct dispatch dispatch[HOOKS][2];
	/* Of an earlier run. */
	struct leftover *leftover;
	size_t n_leftovers, cap_leftovers;
	struct names old_chains, old_sets, old_counters;
};

int kernel_commit(struct kernel *k, struct reason *why);
int kernel_new_table(struct kernel *k, struct reason *why);  /* an empty one in place of whatever is there */
bool kernel_intact(struct kernel *k);                        /* as we left it, as far as the kernel's own counts tell */

#endif
