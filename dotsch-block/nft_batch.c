/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nft_private.h"

/* A nest has a 16-bit length. */
#define ELEMS_MESSAGE_MAX 60000u
/* Key, end flag, timeout and verdict of one element, with all headers. */
#define ELEM_MAX 128u

struct nl_msg *nft_msg_begin(struct nft *n, int type, int flags, const char *verb, const char *name, size_t size)
{
	assert(!n->msg);
	if (n->n_labels == n->cap_labels) {
		size_t cap = n->cap_labels ? n->cap_labels * 2 : 32;
		struct nft_label *more = realloc(n->labels, cap * sizeof *more);
		if (!more) {
			n->error = -ENOMEM;
			return NULL;
		}
		n->labels = more;
		n->cap_labels = cap;
	}
	struct nft_label *l = &n->labels[n->n_labels++];
	l->verb = verb;
	snprintf(l->name, sizeof l->name, "%s", name);
	struct nfgenmsg g = { .nfgen_family = NFPROTO_INET, .version = NFNETLINK_V0 };
	n->msg = nlmsg_alloc_size(size);
	if (!n->msg || !nlmsg_put(n->msg, 0, n->seq++, (NFNL_SUBSYS_NFTABLES << 8) | type, 0, NLM_F_REQUEST | flags) || nlmsg_append(n->msg, &g, sizeof g, 4) < 0)
		n->error = -ENOMEM;
	n->depth = 0;
	return n->msg;
}

void nft_msg_finish(struct nft *n)
{
	if (!n->msg)
		return;
	assert(n->depth == 0);
	struct nlmsghdr *h = nlmsg_hdr(n->msg);
	static const uint8_t zero[4];
	buf_put(&n->batch, h, h->nlmsg_len);
	buf_put(&n->batch, zero, NLMSG_ALIGN(h->nlmsg_len) - h->nlmsg_len);
	nlmsg_free(n->msg);
	n->msg = NULL;
}

void nft_put(struct nft *n, int attr, const void *data, size_t len)
{
	if (n->msg && nla_put(n->msg, attr, (int)len, data) < 0)
		n->error = -EMSGSIZE;
}

void nft_put_text(struct nft *n, int attr, const char *text)
{
	nft_put(n, attr, text, strlen(text) + 1);
}

void nft_put_be32(struct nft *n, int attr, uint32_t v)
{
	v = htonl(v);
	nft_put(n, attr, &v, sizeof v);
}

void nft_put_be64(struct nft *n, int attr, uint64_t v)
{
	v = htobe64(v);
	nft_put(n, attr, &v, sizeof v);
}

void nft_nest(struct nft *n, int attr)
{
	assert(n->depth < (int)(sizeof n->nest / sizeof *n->nest));
	struct nlattr *a = n->msg ? nla_nest_start(n->msg, attr) : NULL;
	if (!a)
		n->error = n->error ? n->error : -EMSGSIZE;
	n->nest[n->depth++] = a;
}

void nft_unnest(struct nft *n)
{
	assert(n->depth > 0);
	struct nlattr *a = n->nest[--n->depth];
	if (a && nla_nest_end(n->msg, a) < 0)
		n->error = -EMSGSIZE;
}

void nft_put_value(struct nft *n, int attr, const void *data, size_t len)
{
	nft_nest(n, attr);
	nft_put(n, NFTA_DATA_VALUE, data, len);
	nft_unnest(n);
}

void nft_put_verdict(struct nft *n, int attr, int code, const char *chain)
{
	nft_nest(n, attr);
	nft_nest(n, NFTA_DATA_VERDICT);
	nft_put_be32(n, NFTA_VERDICT_CODE, (uint32_t)code);
	if (chain)
		nft_put_text(n, NFTA_VERDICT_CHAIN, chain);
	nft_unnest(n);
	nft_unnest(n);
}

/* What nft shows as "comment": type 0, length, text with its NUL. */
void nft_put_comment(struct nft *n, int attr, const char *text)
{
	uint8_t tlv[2 + NFT_COMMENT_MAX + 1] = { 0 };
	size_t len = strlen(text);
	if (len > NFT_COMMENT_MAX)
		len = NFT_COMMENT_MAX;
	tlv[1] = (uint8_t)(len + 1);
	memcpy(tlv + 2, text, len);
	nft_put(n, attr, tlv, 2 + len + 1);
}

void nft_add_table(struct nft *n, uint32_t flags, const char *marker)
{
	nft_msg_begin(n, NFT_MSG_NEWTABLE, NLM_F_CREATE, "add table", n->table, 512);
	nft_put_text(n, NFTA_TABLE_NAME, n->table);
	nft_put_be32(n, NFTA_TABLE_FLAGS, flags);
	nft_put_comment(n, NFTA_TABLE_USERDATA, marker);
	nft_msg_finish(n);
}

void nft_del_table(struct nft *n)
{
	nft_msg_begin(n, NFT_MSG_DELTABLE, 0, "delete table", n->table, 512);
	nft_put_text(n, NFTA_TABLE_NAME, n->table);
	nft_msg_finish(n);
}

static uint32_t hook_number(enum nft_hook hook)
{
	switch (hook) {
	case NFT_HOOK_FORWARD: return NF_INET_FORWARD;
	case NFT_HOOK_POSTROUTING: return NF_INET_POST_ROUTING;
	case NFT_HOOK_INGRESS: return NF_INET_INGRESS;
	default: return NF_INET_PRE_ROUTING;
	}
}

void nft_add_base_chain(struct nft *n, const char *chain, enum nft_hook hook, int priority, const char *const *devices, size_t n_devices)
{
	nft_msg_begin(n, NFT_MSG_NEWCHAIN, NLM_F_CREATE, "add chain", chain, 512 + 32 * n_devices);
	nft_put_text(n, NFTA_CHAIN_TABLE, n->table);
	nft_put_text(n, NFTA_CHAIN_NAME, chain);
	nft_put_text(n, NFTA_CHAIN_TYPE, "filter");
	nft_put_be32(n, NFTA_CHAIN_POLICY, NF_ACCEPT);
	nft_nest(n, NFTA_CHAIN_HOOK);
	nft_put_be32(n, NFTA_HOOK_HOOKNUM, hook_number(hook));
	nft_put_be32(n, NFTA_HOOK_PRIORITY, (uint32_t)priority);
	if (n_devices) {
		nft_nest(n, NFTA_HOOK_DEVS);
		for (size_t i = 0; i < n_devices; i++)
			nft_put_text(n, NFTA_DEVICE_NAME, devices[i]);
		nft_unnest(n);
	}
	nft_unnest(n);
	nft_msg_finish(n);
}

void nft_add_chain(struct nft *n, const char *chain, const char *comment)
{
	nft_msg_begin(n, NFT_MSG_NEWCHAIN, NLM_F_CREATE, "add chain", chain, 512);
	nft_put_text(n, NFTA_CHAIN_TABLE, n->table);
	nft_put_text(n, NFTA_CHAIN_NAME, chain);
	if (comment)
		nft_put_comment(n, NFTA_CHAIN_USERDATA, comment);
	nft_msg_finish(n);
}

void nft_del_chain(struct nft *n, const char *chain)
{
	nft_msg_begin(n, NFT_MSG_DELCHAIN, 0, "delete chain", chain, 256);
	nft_put_text(n, NFTA_CHAIN_TABLE, n->table);
	nft_put_text(n, NFTA_CHAIN_NAME, chain);
	nft_msg_finish(n);
}

void nft_flush_chain(struct nft *n, const char *chain)
{
	nft_msg_begin(n, NFT_MSG_DELRULE, 0, "flush chain", chain, 256);
	nft_put_text(n, NFTA_RULE_TABLE, n->table);
	nft_put_text(n, NFTA_RULE_CHAIN, chain);
	nft_msg_finish(n);
}

unsigned nft_key_len(enum nft_key key)
{
	static const unsigned lens[] = { 4, 16, 6, 1, 2, 2 };
	return lens[key];
}

void nft_add_set(struct nft *n, const struct nft_set_spec *s)
{
	/* nft's own numbers of the types, so that `nft list` shows the elements readably. */
	static const uint32_t types[] = { 7, 8, 9, 12, 13, 13 };
	uint32_t flags = (s->interval ? NFT_SET_INTERVAL : 0) | (s->timeout ? NFT_SET_TIMEOUT : 0) | (s->verdict ? NFT_SET_MAP : 0);
	nft_msg_begin(n, NFT_MSG_NEWSET, NLM_F_CREATE, "add set", s->name, 512);
	nft_put_text(n, NFTA_SET_TABLE, n->table);
	nft_put_text(n, NFTA_SET_NAME, s->name);
	nft_put_be32(n, NFTA_SET_FLAGS, flags);
	nft_put_be32(n, NFTA_SET_KEY_TYPE, types[s->key]);
	nft_put_be32(n, NFTA_SET_KEY_LEN, nft_key_len(s->key));
	nft_put_be32(n, NFTA_SET_ID, ++n->set_id);
	if (s->verdict)
		nft_put_be32(n, NFTA_SET_DATA_TYPE, NFT_DATA_VERDICT);
	if (s->size && !s->interval) {
		nft_nest(n, NFTA_SET_DESC);
		nft_put_be32(n, NFTA_SET_DESC_SIZE, s->size);
		nft_unnest(n);
	}
	nft_msg_finish(n);
}

void nft_del_set(struct nft *n, const char *set)
{
	nft_msg_begin(n, NFT_MSG_DELSET, 0, "delete set", set, 256);
	nft_put_text(n, NFTA_SET_TABLE, n->table);
	nft_put_text(n, NFTA_SET_NAME, set);
	nft_msg_finish(n);
}

void nft_flush_set(struct nft *n, const char *set)
{
	nft_msg_begin(n, NFT_MSG_DELSETELEM, 0, "flush set", set, 256);
	nft_put_text(n, NFTA_SET_ELEM_LIST_TABLE, n->table);
	nft_put_text(n, NFTA_SET_ELEM_LIST_SET, set);
	nft_msg_finish(n);
}

void nft_add_counter(struct nft *n, const char *name, uint64_t packets, uint64_t bytes, const void *userdata, size_t len)
{
	nft_msg_begin(n, NFT_MSG_NEWOBJ, NLM_F_CREATE | NLM_F_EXCL, "add counter", name, 1024);
	nft_put_text(n, NFTA_OBJ_TABLE, n->table);
	nft_put_text(n, NFTA_OBJ_NAME, name);
	nft_put_be32(n, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
	nft_nest(n, NFTA_OBJ_DATA);
	nft_put_be64(n, NFTA_COUNTER_BYTES, bytes);
	nft_put_be64(n, NFTA_COUNTER_PACKETS, packets);
	nft_unnest(n);
	nft_put(n, NFTA_OBJ_USERDATA, userdata, len);
	nft_msg_finish(n);
}

void nft_del_counter(struct nft *n, const char *name)
{
	nft_msg_begin(n, NFT_MSG_DELOBJ, 0, "delete counter", name, 256);
	nft_put_text(n, NFTA_OBJ_TABLE, n->table);
	nft_put_text(n, NFTA_OBJ_NAME, name);
	nft_put_be32(n, NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
	nft_msg_finish(n);
}

static void elems_message(struct nft *n)
{
	nft_msg_begin(n, n->elems_add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM, n->elems_add ? NLM_F_CREATE : 0, n->elems_add ? "add to set" : "delete from set", n->elems_set,
	    ELEMS_MESSAGE_MAX + 512);
	nft_put_text(n, NFTA_SET_ELEM_LIST_TABLE, n->table);
	nft_put_text(n, NFTA_SET_ELEM_LIST_SET, n->elems_set);
	nft_nest(n, NFTA_SET_ELEM_LIST_ELEMENTS);
	n->elems_left = ELEMS_MESSAGE_MAX;
}

void nft_elems_begin(struct nft *n, const char *set, bool add)
{
	n->elems_set = set;
	n->elems_add = add;
	n->elems_left = 0;
}

static void element(struct nft *n, const void *key, unsigned len, uint32_t flags, uint64_t timeout_ms, const char *chain)
{
	if (n->elems_left < ELEM_MAX) {
		if (n->msg) {
			nft_unnest(n);
			nft_msg_finish(n);
		}
		elems_message(n);
	}
	int before = n->msg ? (int)nlmsg_hdr(n->msg)->nlmsg_len : 0;
	nft_nest(n, NFTA_LIST_ELEM);
	nft_put_value(n, NFTA_SET_ELEM_KEY, key, len);
	if (flags)
		nft_put_be32(n, NFTA_SET_ELEM_FLAGS, flags);
	if (timeout_ms)
		nft_put_be64(n, NFTA_SET_ELEM_TIMEOUT, timeout_ms);
	if (chain)
		nft_put_verdict(n, NFTA_SET_ELEM_DATA, NFT_JUMP, chain);
	nft_unnest(n);
	n->elems_left -= n->msg ? (unsigned)((int)nlmsg_hdr(n->msg)->nlmsg_len - before) : 0;
}

void nft_elem(struct nft *n, const void *key, unsigned len, uint64_t timeout_ms, const char *chain)
{
	element(n, key, len, 0, timeout_ms, chain);
}

void nft_elem_end(struct nft *n, const void *key, unsigned len)
{
	element(n, key, len, NFT_SET_ELEM_INTERVAL_END, 0, NULL);
}

void nft_elems_end(struct nft *n)
{
	if (n->msg) {
		nft_unnest(n);
		nft_msg_finish(n);
	}
}
