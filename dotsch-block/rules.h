/* SPDX-License-Identifier: GPL-3.0-or-later */
/* rules - one mitigation as nf_tables objects: counter, gate, sources, and a chain of its own. Only adds messages to the batch under way. */
#ifndef BLOCK_RULES_H
#define BLOCK_RULES_H

#include "nft.h"
#include "plan.h"

/* Lists longer than this are filled in before the transaction that makes them count. */
#define BULK_MIN 4096
#define BULK_CHUNK 2000

/* What the kernel keeps with the counter for the next start of the program. */
struct mark {
	uint8_t key[16];             /* of (peer, cuid, mid) */
	uint64_t request;            /* what was asked */
	uint8_t device;              /* the sources are inside hosts */
};
size_t mark_write(const struct mark *m, const char *comment, uint8_t *out, size_t cap);   /* 256 bytes are enough */
bool mark_read(const void *userdata, size_t len, struct mark *out);
void mark_comment(const void *userdata, size_t len, char *out, size_t cap);

/* The chain and the counter of mitigation id are m<id>, its sets m<id>_<suffix>. Returns out. */
char *unit_name(uint32_t id, const char *suffix, char out[NFT_NAME_MAX]);

bool rules_bulky(const struct plan *p, int family);          /* its sources go in beforehand */
void rules_add_sources(struct nft *n, uint32_t id, const struct plan *p, int family, bool set, size_t from, size_t count);
void rules_add(struct nft *n, uint32_t id, const struct plan *p, const struct mark *mark, const char *comment, uint64_t timeout_ms, uint64_t packets, uint64_t bytes);
void rules_delete(struct nft *n, uint32_t id, const struct plan *p);
/* What rules_add makes: each set with the number of its elements as the kernel counts them, and how many rules the chain has. */
typedef void rules_fn(void *arg, const char *name, uint32_t elements);
void rules_sets(uint32_t id, const struct plan *p, rules_fn *fn, void *arg);
uint32_t rules_count(const struct plan *p);
/* Several rules share one limit, in a chain of one rule of its own. */
#define RULES_LIMIT "_l"
bool rules_share_limit(const struct plan *p);
/* Gives the gates another timeout, whether they have run out or not. */
void rules_renew(struct nft *n, uint32_t id, const struct plan *p, uint64_t timeout_ms);
/* The same chain with another list of sources: what to is more, is added; what it lacks, deleted. False when the kinds of sets differ, and nothing was added. */
bool rules_change_sources(struct nft *n, uint32_t id, const struct plan *from, const struct plan *to);
/* One single address more or less. */
void rules_source(struct nft *n, uint32_t id, const struct prefix *source, bool add);
/* There are such sets. */
bool rules_have_gate(const struct plan *p, int family);
bool rules_have_sources(const struct plan *p, int family);

#endif
