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
	uint32_t old_unit, old_junction;   /* the last ids of an earlier run */
	bool damaged;
	int64_t retry, pause;        /* loop time, ms: when what could not be put back is next tried, and how long after that again */
	bool uncounted;              /* the kernel counts the elements of sets otherwise than we do */
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
void kernel_forget_leftovers(struct kernel *k);              /* they are no more */
int kernel_claimed(struct kernel *k, struct reason *why);    /* reads what tells our table from another of its name, after it was made */
struct unit *kernel_unit(const struct kernel *k, uint32_t id);       /* NULL = none of ours */
void kernel_take_out(struct kernel *k, const struct unit *u);        /* out of the list of units */
uint64_t kernel_timeout(const struct unit *u, int64_t now);  /* ms */
/* Some units, which stay their owners'. */
struct units { struct unit *const *v; size_t n; };
/* Where the hook's packets go, with these units less and more. 0, or -1 out of memory; next is initialised by it. */
int kernel_routes(struct kernel *k, struct units without, struct units with, enum hook hook, struct dispatch next[2]);

#endif
