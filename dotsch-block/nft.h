/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nft - the door to nf_tables: batches of netlink messages through libnl, committed as one transaction, and what can be read back. */
#ifndef BLOCK_NFT_H
#define BLOCK_NFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/reason.h"

#define NFT_NAME_MAX 32              /* our own names of chains, sets and objects */
#define NFT_COMMENT_MAX 127          /* nft shows comments up to this length */

struct nft;

/* One netfilter socket and the table (family inet) that every message is about; table is not copied. NULL with *why (no CAP_NET_ADMIN shows at the first commit,
   not here). nft_close takes NULL. */
struct nft *nft_open(const char *table, struct reason *why);
void nft_close(struct nft *n);
uint32_t nft_port(const struct nft *n);      /* our netlink address: what a table's owner is compared with */

/* A batch: begin, messages, commit. The messages' own errors stick, so that only commit is checked. Nothing reaches the kernel before commit, and then all or nothing. */
void nft_begin(struct nft *n);
/* 0; or the negative errno with *why naming the message that failed (code 5.03: the kernel could not, 5.00: our own). */
int nft_commit(struct nft *n, struct reason *why);
size_t nft_batch_size(const struct nft *n);  /* bytes collected so far */
size_t nft_batch_messages(const struct nft *n);   /* 0: commit has nothing to send */
size_t nft_batch_max(const struct nft *n);   /* what one transaction may have */

/* What an element holds, and so its length and how nft shows it. */
enum nft_key { NFT_KEY_IPV4, NFT_KEY_IPV6, NFT_KEY_ETHER, NFT_KEY_PROTOCOL, NFT_KEY_PORT, NFT_KEY_ICMP };
unsigned nft_key_len(enum nft_key key);

enum nft_hook { NFT_HOOK_NONE, NFT_HOOK_PREROUTING, NFT_HOOK_FORWARD, NFT_HOOK_POSTROUTING, NFT_HOOK_INGRESS };

struct nft_set_spec {
	const char *name;
	enum nft_key key;
	bool interval, timeout, verdict;     /* verdict: a map to chains */
	uint32_t size;                       /* 0 = grows */
};

void nft_add_table(struct nft *n, uint32_t flags, const char *marker);
void nft_del_table(struct nft *n);
void nft_add_base_chain(struct nft *n, const char *chain, enum nft_hook hook, int priority, const char *const *devices, size_t n_devices);
void nft_add_chain(struct nft *n, const char *chain, const char *comment);   /* comment may be NULL */
void nft_del_chain(struct nft *n, const char *chain);
void nft_flush_chain(struct nft *n, const char *chain);
void nft_add_set(struct nft *n, const struct nft_set_spec *spec);
void nft_del_set(struct nft *n, const char *set);
void nft_flush_set(struct nft *n, const char *set);                          /* all its elements */
void nft_add_counter(struct nft *n, const char *name, uint64_t packets, uint64_t bytes, const void *userdata, size_t len);
void nft_del_counter(struct nft *n, const char *name);

/* Elements: begin, any number, end. Large lists are split into several messages of the same batch. timeout_ms 0 = none; chain NULL but for verdict maps. */
void nft_elems_begin(struct nft *n, const char *set, bool add);
void nft_elem(struct nft *n, const void *key, unsigned len, uint64_t timeout_ms, const char *chain);
void nft_elem_end(struct nft *n, const void *key, unsigned len);             /* the first key behind an interval */
void nft_elems_end(struct nft *n);

/* A rule, appended to its chain: begin, expressions in order, end. Values are in network order. One register is used: each load is followed by its test. */
void nft_rule_begin(struct nft *n, const char *chain);
void nft_rule_end(struct nft *n);
enum nft_base { NFT_BASE_LINK, NFT_BASE_NETWORK, NFT_BASE_TRANSPORT };
enum nft_meta { NFT_LOAD_NFPROTO, NFT_LOAD_L4PROTO, NFT_LOAD_IIF, NFT_LOAD_IIFTYPE };
void nft_load_meta(struct nft *n, enum nft_meta what);
void nft_load_payload(struct nft *n, enum nft_base base, unsigned offset, unsigned len);
void nft_load_local(struct nft *n);                                          /* the type of the destination address as a route sees it; RTN_LOCAL = 2 */
void nft_load_fragment6(struct nft *n);                                      /* the offset field of an IPv6 fragment header; no match without one */
void nft_mask(struct nft *n, const void *mask, unsigned len);
void nft_cmp(struct nft *n, bool equal, const void *value, unsigned len);
void nft_range(struct nft *n, const void *from, const void *to, unsigned len);
void nft_lookup(struct nft *n, const char *set, bool verdict);
void nft_count(struct nft *n, const char *counter);
void nft_jump(struct nft *n, const char *chain);
void nft_goto(struct nft *n, const char *chain);             /* does not come back: what follows the jump to this one goes on */
void nft_verdict(struct nft *n, int code);                                   /* NF_DROP, NF_ACCEPT, NFT_RETURN */
#define NFT_VERDICT_DROP 0
#define NFT_VERDICT_ACCEPT 1
#define NFT_VERDICT_RETURN (-5)
void nft_reject(struct nft *n, bool tcp_reset);
void nft_limit(struct nft *n, uint64_t rate, bool bytes, bool above);      /* matches what is above (or else within) `rate` a second */
void nft_queue(struct nft *n, uint16_t number);                              /* past the queue when nobody listens */
void nft_set_mark(struct nft *n, uint32_t mark);
void nft_log(struct nft *n, const char *prefix);

/* Reading. Each returns 0, or the negative errno with *why; -ENOENT when the thing is not there. */
struct nft_table_info { uint32_t flags, owner, use; uint64_t handle; char marker[16]; };
int nft_get_table(struct nft *n, struct nft_table_info *out, struct reason *why);
int nft_get_generation(struct nft *n, uint32_t *out, struct reason *why);
int nft_get_counter(struct nft *n, const char *name, uint64_t *packets, uint64_t *bytes, struct reason *why);
typedef void nft_counter_fn(void *arg, const char *name, uint64_t packets, uint64_t bytes, const void *userdata, size_t len);
int nft_dump_counters(struct nft *n, nft_counter_fn *fn, void *arg, struct reason *why);
typedef void nft_chain_fn(void *arg, const char *name, uint32_t rules, const char *comment, bool base);
int nft_dump_chains(struct nft *n, nft_chain_fn *fn, void *arg, struct reason *why);
/* count: of its elements, intervals counted once; -1 where the kernel does not tell (before 6.16). */
typedef void nft_set_fn(void *arg, const char *name, int64_t count);
int nft_dump_sets(struct nft *n, nft_set_fn *fn, void *arg, struct reason *why);
/* left_ms: until it expires, 0 = no timeout. end: the key behind an interval. */
typedef void nft_elem_fn(void *arg, const uint8_t *key, unsigned len, bool end, uint64_t left_ms);
int nft_dump_elems(struct nft *n, const char *set, nft_elem_fn *fn, void *arg, struct reason *why);
/* True when some table has a flowtable: flows may pass by without being seen. */
int nft_host_offloads(struct nft *n, bool *out, struct reason *why);
/* True when some table of this network namespace translates source addresses (a nat chain at postrouting). */
int nft_host_translates(struct nft *n, bool *out, struct reason *why);

#endif
