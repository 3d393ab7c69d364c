/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "block_fake.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

uint8_t fake_said[1 << 20];
size_t fake_said_len;
unsigned fake_batches;
static const uint8_t *bytes;
static size_t n_bytes, chunk_size;
static uint8_t reply[1 << 16];
static size_t reply_len;

int __wrap_nl_sendto(struct nl_sock *s, void *buf, size_t size);
int __wrap_nl_recv(struct nl_sock *s, struct sockaddr_nl *from, unsigned char **buf, struct ucred **creds);

void fake_answers(const uint8_t *data, size_t len, size_t chunk)
{
	bytes = data;
	n_bytes = len;
	chunk_size = chunk;
}

static struct nlmsghdr *put(int type, int flags, uint32_t seq, const void *payload, size_t len)
{
	struct nlmsghdr *h = (struct nlmsghdr *)(reply + reply_len);
	*h = (struct nlmsghdr){ .nlmsg_len = (uint32_t)(NLMSG_HDRLEN + len), .nlmsg_type = (uint16_t)type, .nlmsg_flags = (uint16_t)flags, .nlmsg_seq = seq };
	memcpy(nlmsg_data(h), payload, len);
	reply_len += NLMSG_ALIGN(h->nlmsg_len);
	assert(reply_len <= sizeof reply);
	return h;
}

static void acknowledge(const struct nlmsghdr *h, int error)
{
	struct nlmsgerr e = { .error = -error, .msg = *h };
	put(NLMSG_ERROR, 0, h->nlmsg_seq, &e, sizeof e);
}

/* What every kernel checks: lengths, and attributes within their message. */
static void well_formed(struct nlmsghdr *h)
{
	int left;
	struct nlattr *a;
	assert(nlmsg_valid_hdr(h, sizeof(struct nfgenmsg)));
	nlmsg_for_each_attr(a, h, sizeof(struct nfgenmsg), left)
		assert(nla_len(a) >= 0);
	assert(left == 0);
}

static void take_batch(struct nlmsghdr *h, int len)
{
	bool ended = false;
	for (; nlmsg_ok(h, len); h = nlmsg_next(h, &len)) {
		assert(!ended);
		well_formed(h);
		ended = h->nlmsg_type == NFNL_MSG_BATCH_END;
		if (h->nlmsg_flags & NLM_F_ACK)
			acknowledge(h, 0);
	}
	assert(ended && len == 0 && reply_len);
	fake_batches++;
}

static void answer(const struct nlmsghdr *h)
{
	uint8_t payload[4096] = { 0 };
	int type = h->nlmsg_type & 0xff;
	size_t len = sizeof(struct nfgenmsg), more = n_bytes < chunk_size ? n_bytes : chunk_size;
	if (type == NFT_MSG_GETGEN && h->nlmsg_type >> 8 == NFNL_SUBSYS_NFTABLES) {
		uint32_t generation = htonl(fake_batches);
		struct nlattr a = { .nla_len = 8, .nla_type = NFTA_GEN_ID };
		memcpy(payload + len, &a, sizeof a);
		memcpy(payload + len + 4, &generation, 4);
		put(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN, 0, h->nlmsg_seq, payload, len + 8);
		return;
	}
	if (type == NFT_MSG_GETTABLE && h->nlmsg_type >> 8 == NFNL_SUBSYS_NFTABLES && fake_batches) {
		/* handle 1, and the mark of dotsch-block */
		static const uint8_t table[] = { 12, 0, NFTA_TABLE_HANDLE, 0, 0, 0, 0, 0, 0, 0, 0, 1, 15, 0, NFTA_TABLE_USERDATA, 0, 0, 9, 'd', 'o', 't', 's', 'c', 'h', ' ', '1', 0, 0 };
		memcpy(payload + len, table, sizeof table);
		put(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE, 0, h->nlmsg_seq, payload, len + sizeof table);
		return;
	}
	if ((!more || type == NFT_MSG_GETTABLE) && !(h->nlmsg_flags & NLM_F_DUMP)) {
		acknowledge(h, ENOENT);
		return;
	}
	if (more > sizeof payload - len)
		more = sizeof payload - len;
	if (more)
		memcpy(payload + len, bytes, more);
	bytes += more;
	n_bytes -= more;
	/* Each NFT_MSG_GETx is answered by the NFT_MSG_NEWx before it. */
	put((h->nlmsg_type & ~0xff) | (type - 1), NLM_F_MULTI, h->nlmsg_seq, payload, len + more);
	put(NLMSG_DONE, NLM_F_MULTI, h->nlmsg_seq, payload, 4);
}

int __wrap_nl_sendto(struct nl_sock *s, void *buf, size_t size)
{
	struct nlmsghdr *h = buf;
	(void)s;
	assert(size >= sizeof *h);
	fake_said_len = size < sizeof fake_said ? size : sizeof fake_said;
	memcpy(fake_said, buf, fake_said_len);
	reply_len = 0;
	if (h->nlmsg_type == NFNL_MSG_BATCH_BEGIN)
		take_batch(h, (int)size);
	else if (h->nlmsg_type >> 8 == NFNL_SUBSYS_NFTABLES)
		answer(h);
	return (int)size;
}

int __wrap_nl_recv(struct nl_sock *s, struct sockaddr_nl *from, unsigned char **buf, struct ucred **creds)
{
	(void)s, (void)from, (void)creds;
	errno = EAGAIN;
	if (!reply_len || !(*buf = malloc(reply_len)))
		return -NLE_AGAIN;
	memcpy(*buf, reply, reply_len);
	int len = (int)reply_len;
	reply_len = 0;
	return len;
}
