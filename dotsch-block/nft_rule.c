/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <string.h>

#include "nft_private.h"

#define REGISTER NFT_REG_1

void nft_rule_begin(struct nft *n, const char *chain)
{
	nft_msg_begin(n, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, "add rule to", chain, 4096);
	nft_put_text(n, NFTA_RULE_TABLE, n->table);
	nft_put_text(n, NFTA_RULE_CHAIN, chain);
	nft_nest(n, NFTA_RULE_EXPRESSIONS);
}

void nft_rule_end(struct nft *n)
{
	nft_unnest(n);
	nft_msg_finish(n);
}

static void expr_begin(struct nft *n, const char *name)
{
	nft_nest(n, NFTA_LIST_ELEM);
	nft_put_text(n, NFTA_EXPR_NAME, name);
	nft_nest(n, NFTA_EXPR_DATA);
}

static void expr_end(struct nft *n)
{
	nft_unnest(n);
	nft_unnest(n);
}

void nft_load_meta(struct nft *n, enum nft_meta what)
{
	static const uint32_t keys[] = { NFT_META_NFPROTO, NFT_META_L4PROTO, NFT_META_IIF, NFT_META_IIFTYPE };
	expr_begin(n, "meta");
	nft_put_be32(n, NFTA_META_DREG, REGISTER);
	nft_put_be32(n, NFTA_META_KEY, keys[what]);
	expr_end(n);
}

void nft_load_payload(struct nft *n, enum nft_base base, unsigned offset, unsigned len)
{
	static const uint32_t bases[] = { NFT_PAYLOAD_LL_HEADER, NFT_PAYLOAD_NETWORK_HEADER, NFT_PAYLOAD_TRANSPORT_HEADER };
	expr_begin(n, "payload");
	nft_put_be32(n, NFTA_PAYLOAD_DREG, REGISTER);
	nft_put_be32(n, NFTA_PAYLOAD_BASE, bases[base]);
	nft_put_be32(n, NFTA_PAYLOAD_OFFSET, offset);
	nft_put_be32(n, NFTA_PAYLOAD_LEN, len);
	expr_end(n);
}

void nft_load_local(struct nft *n)
{
	expr_begin(n, "fib");
	nft_put_be32(n, NFTA_FIB_DREG, REGISTER);
	nft_put_be32(n, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	nft_put_be32(n, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
	expr_end(n);
}

void nft_load_fragment6(struct nft *n)
{
	uint8_t type = 44;
	expr_begin(n, "exthdr");
	nft_put_be32(n, NFTA_EXTHDR_DREG, REGISTER);
	nft_put(n, NFTA_EXTHDR_TYPE, &type, 1);
	nft_put_be32(n, NFTA_EXTHDR_OFFSET, 2);
	nft_put_be32(n, NFTA_EXTHDR_LEN, 2);
	expr_end(n);
}

void nft_mask(struct nft *n, const void *mask, unsigned len)
{
	static const uint8_t zero[16];
	expr_begin(n, "bitwise");
	nft_put_be32(n, NFTA_BITWISE_SREG, REGISTER);
	nft_put_be32(n, NFTA_BITWISE_DREG, REGISTER);
	nft_put_be32(n, NFTA_BITWISE_LEN, len);
	nft_put_value(n, NFTA_BITWISE_MASK, mask, len);
	nft_put_value(n, NFTA_BITWISE_XOR, zero, len);
	expr_end(n);
}

void nft_cmp(struct nft *n, bool equal, const void *value, unsigned len)
{
	expr_begin(n, "cmp");
	nft_put_be32(n, NFTA_CMP_SREG, REGISTER);
	nft_put_be32(n, NFTA_CMP_OP, equal ? NFT_CMP_EQ : NFT_CMP_NEQ);
	nft_put_value(n, NFTA_CMP_DATA, value, len);
	expr_end(n);
}

void nft_range(struct nft *n, const void *from, const void *to, unsigned len)
{
	expr_begin(n, "range");
	nft_put_be32(n, NFTA_RANGE_SREG, REGISTER);
	nft_put_be32(n, NFTA_RANGE_OP, NFT_RANGE_EQ);
	nft_put_value(n, NFTA_RANGE_FROM_DATA, from, len);
	nft_put_value(n, NFTA_RANGE_TO_DATA, to, len);
	expr_end(n);
}

void nft_lookup(struct nft *n, const char *set, bool verdict)
{
	expr_begin(n, "lookup");
	nft_put_text(n, NFTA_LOOKUP_SET, set);
	nft_put_be32(n, NFTA_LOOKUP_SREG, REGISTER);
	if (verdict)
		nft_put_be32(n, NFTA_LOOKUP_DREG, NFT_REG_VERDICT);
	expr_end(n);
}

void nft_count(struct nft *n, const char *counter)
{
	expr_begin(n, "objref");
	nft_put_be32(n, NFTA_OBJREF_IMM_TYPE, NFT_OBJECT_COUNTER);
	nft_put_text(n, NFTA_OBJREF_IMM_NAME, counter);
	expr_end(n);
}

static void verdict(struct nft *n, int code, const char *chain)
{
	expr_begin(n, "immediate");
	nft_put_be32(n, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	nft_put_verdict(n, NFTA_IMMEDIATE_DATA, code, chain);
	expr_end(n);
}

void nft_jump(struct nft *n, const char *chain)
{
	verdict(n, NFT_JUMP, chain);
}

void nft_goto(struct nft *n, const char *chain)
{
	verdict(n, NFT_GOTO, chain);
}

void nft_verdict(struct nft *n, int code)
{
	verdict(n, code, NULL);
}

void nft_reject(struct nft *n, bool tcp_reset)
{
	uint8_t code = NFT_REJECT_ICMPX_ADMIN_PROHIBITED;
	expr_begin(n, "reject");
	nft_put_be32(n, NFTA_REJECT_TYPE, tcp_reset ? NFT_REJECT_TCP_RST : NFT_REJECT_ICMPX_UNREACH);
	if (!tcp_reset)
		nft_put(n, NFTA_REJECT_ICMP_CODE, &code, 1);
	expr_end(n);
}

void nft_limit(struct nft *n, uint64_t rate, bool bytes, bool above)
{
	expr_begin(n, "limit");
	nft_put_be64(n, NFTA_LIMIT_RATE, rate);
	nft_put_be64(n, NFTA_LIMIT_UNIT, 1);
	/* Packets need a burst of at least one; bytes get one full-size packet. */
	nft_put_be32(n, NFTA_LIMIT_BURST, bytes ? 1600 : 1);
	nft_put_be32(n, NFTA_LIMIT_TYPE, bytes ? NFT_LIMIT_PKT_BYTES : NFT_LIMIT_PKTS);
	nft_put_be32(n, NFTA_LIMIT_FLAGS, above ? NFT_LIMIT_F_INV : 0);
	expr_end(n);
}

void nft_queue(struct nft *n, uint16_t number)
{
	uint16_t num = htons(number), total = htons(1), flags = htons(NFT_QUEUE_FLAG_BYPASS);
	expr_begin(n, "queue");
	nft_put(n, NFTA_QUEUE_NUM, &num, 2);
	nft_put(n, NFTA_QUEUE_TOTAL, &total, 2);
	nft_put(n, NFTA_QUEUE_FLAGS, &flags, 2);
	expr_end(n);
}

void nft_set_mark(struct nft *n, uint32_t mark)
{
	expr_begin(n, "immediate");
	nft_put_be32(n, NFTA_IMMEDIATE_DREG, REGISTER);
	nft_put_value(n, NFTA_IMMEDIATE_DATA, &mark, sizeof mark);
	expr_end(n);
	expr_begin(n, "meta");
	nft_put_be32(n, NFTA_META_KEY, NFT_META_MARK);
	nft_put_be32(n, NFTA_META_SREG, REGISTER);
	expr_end(n);
}

void nft_log(struct nft *n, const char *prefix)
{
	expr_begin(n, "log");
	nft_put_text(n, NFTA_LOG_PREFIX, prefix);
	expr_end(n);
}
