/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nft_private - what the parts of the nf_tables adapter share; the only place besides them that sees libnl. */
#ifndef BLOCK_NFT_PRIVATE_H
#define BLOCK_NFT_PRIVATE_H

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include "base/buf.h"
#include "nft.h"

/* One message of the batch, for errors that name it. */
struct nft_label { const char *verb; char name[NFT_NAME_MAX]; };

struct nft {
	struct nl_sock *sock;
	const char *table;
	size_t max;                  /* what the kernel takes in one sendmsg */
	uint32_t seq;
	struct buf batch;
	uint32_t first_seq;          /* of BATCH_BEGIN */
	struct nft_label *labels;    /* of seq first_seq + 1 + i */
	size_t n_labels, cap_labels;
	struct nl_msg *msg;          /* under construction */
	struct nlattr *nest[8];
	int depth;
	int error;                   /* sticky, negative errno */
	uint32_t set_id;
	const char *elems_set;
	bool elems_add;
	unsigned elems_left;         /* bytes this element message may still take */
};

/* A message of the batch. type is NFT_MSG_*, flags beside NLM_F_REQUEST; name goes into errors. finish appends it to the batch. */
struct nl_msg *nft_msg_begin(struct nft *n, int type, int flags, const char *verb, const char *name, size_t size);
void nft_msg_finish(struct nft *n);
void nft_put(struct nft *n, int attr, const void *data, size_t len);
void nft_put_text(struct nft *n, int attr, const char *text);
void nft_put_be32(struct nft *n, int attr, uint32_t v);
void nft_put_be64(struct nft *n, int attr, uint64_t v);
void nft_nest(struct nft *n, int attr);
void nft_unnest(struct nft *n);
/* NFTA_DATA_VALUE inside attr. */
void nft_put_value(struct nft *n, int attr, const void *data, size_t len);
void nft_put_verdict(struct nft *n, int attr, int code, const char *chain);
void nft_put_comment(struct nft *n, int attr, const char *text);

#endif
