/* SPDX-License-Identifier: GPL-3.0-or-later */
/* apply - the table in the kernel: mitigations go in, change and come out, by one transaction (dotsch-block(8), THE TABLE). */
#ifndef BLOCK_APPLY_H
#define BLOCK_APPLY_H

#include "rules.h"

#define LEASE_SECONDS 3600           /* what an indefinite lifetime gets: rules end even if nobody is there to end them */
#define LEASE_RENEW_SECONDS 900
#define TABLE_MARKER "dotsch 1"

/* One mitigation as it stands in the kernel. Its owner frees it (unit_free) when it is out. */
struct unit {
	uint32_t id;                 /* given by kernel_install */
	struct plan plan;
	struct mark mark;
	char comment[NFT_COMMENT_MAX + 1];
	int64_t until;               /* loop time, ms, when it ends; INT64_MAX = indefinite */
	uint64_t packets, bytes;     /* as last read; what a rebuilt counter starts from */
	bool out;                    /* could not be put back after somebody else removed it; the kernel has nothing of it */
};
void unit_free(struct unit *u);      /* NULL allowed */

/* What an earlier run left behind, read from the kernel. */
struct leftover {
	uint32_t id;
	struct mark mark;
	uint64_t packets, bytes;
	bool closed;                 /* its gate has been emptied: it stops nothing any more */
};

struct kernel;

/* Takes the table over, or makes it. shared: other programs may change it too. devices: for the ingress hook; they must outlive it. Refused with *why: not permitted, no nf_tables, a table of that name that is not ours, or one in use by
   another process. NULL then. kernel_close leaves everything in place. */
struct kernel *kernel_open(const char *table, bool shared, const char *const *devices, size_t n_devices, struct reason *why);
void kernel_close(struct kernel *k);
struct nft *kernel_nft(struct kernel *k);

/* All in one transaction; on failure nothing has changed. 0, or a negative errno with *why.
   install: `replaces` (may be NULL) goes out as `u` goes in, and counts on. change: the unit gets this plan, which is then the unit's. */
int kernel_install(struct kernel *k, struct unit *u, struct unit *replaces, int64_t now, struct reason *why);
/* Many at once: a transaction costs the kernel the more, the more the table holds. Those to install must be small (unit_small). Those that are removed are read before. */
int kernel_install_all(struct kernel *k, struct unit *const *u, size_t n, int64_t now, struct reason *why);
int kernel_remove_all(struct kernel *k, struct unit *const *u, size_t n, struct reason *why);
bool unit_small(const struct unit *u);       /* so many as UNITS_AT_ONCE of its kind fit one transaction */
#define UNITS_AT_ONCE 128
int kernel_change(struct kernel *k, struct unit *u, struct plan *plan, int64_t now, struct reason *why);
/* The device has got, or lost, an address. Nothing to do: 0. */
int kernel_source(struct kernel *k, struct unit *u, const struct prefix *address, bool add, struct reason *why);
int kernel_remove(struct kernel *k, struct unit *u, struct reason *why);
/* For a unit that cannot be removed: it is left out when the table is next put right, which is then due. */
void kernel_forget(struct kernel *k, const struct unit *u);
int kernel_renew(struct kernel *k, struct unit *u, int64_t now, struct reason *why);

/* Counters. read: one unit's. read_all: every unit's, by one dump. */
int kernel_read(struct kernel *k, struct unit *u, struct reason *why);
int kernel_read_all(struct kernel *k, struct reason *why);

/* What an earlier run left; index < kernel_leftovers. */
size_t kernel_leftovers(const struct kernel *k);
struct leftover *kernel_leftover(struct kernel *k, size_t i);
/* Its sources, when they are few: inside hosts. The caller frees *out. */
int kernel_leftover_hosts(struct kernel *k, const struct leftover *l, struct host **out, size_t *n, struct reason *why);
/* Their counters as they are now. */
int kernel_count_leftovers(struct kernel *k, struct reason *why);
int kernel_close_leftover(struct kernel *k, struct leftover *l, struct reason *why);
int kernel_drop_leftovers(struct kernel *k, struct reason *why);

/* Another program may have changed or flushed our table. 1: it had, and all was put back; 0: untouched; else a negative errno. */
int kernel_watch(struct kernel *k, int64_t now, struct reason *why);
void kernel_mark_damaged(struct kernel *k);  /* the next watch puts everything in anew, if ingress is in use */
size_t kernel_units(const struct kernel *k);

#endif
