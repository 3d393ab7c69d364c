/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <arpa/inet.h>
#include <linux/netlink.h>

#include "nft_private.h"

/* One transaction: 100,000 intervals are about 6 MB. */
#define BATCH_WANTED ((size_t)32 << 20)
#define COMMIT_TRIES 3

static void enlarge(struct nft *n)
{
	int fd = nl_socket_get_fd(n->sock), want = (int)BATCH_WANTED, got = 0;
	socklen_t len = sizeof got;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &want, sizeof want) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &want, sizeof want);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &(int){ 4 << 20 }, sizeof(int)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){ 1 << 20 }, sizeof(int));
	/* The kernel doubles what is asked, for its own book-keeping, and keeps 32 bytes. */
	if (getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &got, &len) < 0 || got < 65536)
		got = 65536;
	n->max = (size_t)got - 64;
}

struct nft *nft_open(const char *table, struct reason *why)
{
	struct nft *n = calloc(1, sizeof *n);
	int e = -NLE_NOMEM;
	if (!n || !(n->sock = nl_socket_alloc()) || (e = nl_connect(n->sock, NETLINK_NETFILTER)) < 0) {
		reason_set(why, 0, "", "", "cannot open a netfilter socket: %s (the kernel needs nfnetlink and nf_tables)", nl_geterror(e));
		nft_close(n);
		return NULL;
	}
	n->table = table;
	nl_socket_disable_seq_check(n->sock);
	nl_socket_disable_auto_ack(n->sock);
	int fd = nl_socket_get_fd(n->sock);
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &(int){ 1 }, sizeof(int));
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &(int){ 1 }, sizeof(int));
	/* The kernel answers inside sendmsg; the bound is for a kernel that does not. */
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ .tv_sec = 10 }, sizeof(struct timeval));
	enlarge(n);
	n->seq = 1;
	return n;
}

void nft_close(struct nft *n)
{
	if (!n)
		return;
	if (n->sock)
		nl_socket_free(n->sock);
	if (n->msg)
		nlmsg_free(n->msg);
	buf_free(&n->batch);
	free(n->labels);
	free(n);
}

uint32_t nft_port(const struct nft *n)
{
	return nl_socket_get_local_port(n->sock);
}

size_t nft_batch_size(const struct nft *n)
{
	return n->batch.len;
}

size_t nft_batch_messages(const struct nft *n)
{
	return n->n_labels;
}

size_t nft_batch_max(const struct nft *n)
{
	return n->max;
}

/* BATCH_BEGIN and BATCH_END carry the subsystem in res_id. */
static void bracket(struct nft *n, int type)
{
	struct nlmsghdr h = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct nfgenmsg)), .nlmsg_type = (uint16_t)type, .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = n->seq++ };
	struct nfgenmsg g = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES) };
	buf_put(&n->batch, &h, sizeof h);
	buf_put(&n->batch, &g, sizeof g);
}

void nft_begin(struct nft *n)
{
	assert(!n->msg);
	buf_reset(&n->batch);
	n->error = 0;
	n->n_labels = 0;
	n->first_seq = n->seq;
	bracket(n, NFNL_MSG_BATCH_BEGIN);
}

/* What a kernel error means for the one who reads the reason. */
static const char *hint(int error)
{
	switch (error) {
	case EPERM: return " (CAP_NET_ADMIN is needed, and the table must not be owned by another process)";
	case EOPNOTSUPP: case ENOENT: return " (this kernel lacks what the rule needs, or something was removed by another program)";
	case ENOMEM: case ENOBUFS: case ENFILE: return " (no memory, or a limit of the kernel)";
	case EMSGSIZE: return " (the transaction is larger than the socket's buffer)";
	case EAGAIN: return " (the kernel did not answer)";
	case ERESTART: return " (other programs change the ruleset all the time)";
	default: return "";
	}
}

static int failed(struct nft *n, int error, uint32_t seq, const char *text, struct reason *why)
{
	uint32_t i = seq - n->first_seq - 1;
	const struct nft_label *l = i < n->n_labels ? &n->labels[i] : NULL;
	reason_set(why, 163 /* 5.03 */, "", "", "nf_tables: %s%s%s: %s%s%s%s", l ? l->verb : "transaction", l ? " " : "", l ? l->name : "", strerror(error), hint(error),
	    text ? ": " : "", text ? text : "");
	return -error;
}

/* The kernel's own words behind an error, if any (extended ack; the request is capped to its header). */
static const char *ext_ack(struct nlmsghdr *h)
{
	struct nlattr *tb[NLMSGERR_ATTR_MSG + 1] = { 0 };
	if (!(h->nlmsg_flags & NLM_F_ACK_TLVS) || nlmsg_parse(h, sizeof(struct nlmsgerr), tb, NLMSGERR_ATTR_MSG, NULL) < 0 || !tb[NLMSGERR_ATTR_MSG])
		return NULL;
	return nla_get_string(tb[NLMSGERR_ATTR_MSG]);
}

/* Reads until the last message is acknowledged, or anything of the batch failed; what follows a failure (one error per message) is drained. */
static int await(struct nft *n, uint32_t last, struct reason *why)
{
	int result = 1;
	while (result == 1) {
		struct sockaddr_nl from;
		unsigned char *data = NULL;
		int len = nl_recv(n->sock, &from, &data, NULL);
		if (len <= 0)
			return failed(n, len == -NLE_NOMEM ? ENOBUFS : errno ? errno : EAGAIN, n->first_seq, NULL, why);
		for (struct nlmsghdr *h = (struct nlmsghdr *)data; nlmsg_ok(h, len); h = nlmsg_next(h, &len)) {
			if (h->nlmsg_type != NLMSG_ERROR || h->nlmsg_seq - n->first_seq > last - n->first_seq)
				continue;
			struct nlmsgerr *e = nlmsg_data(h);
			if (e->error && result == 1)
				result = failed(n, -e->error, h->nlmsg_seq, ext_ack(h), why);
			else if (!e->error && h->nlmsg_seq == last && result == 1)
				result = 0;
		}
		free(data);
	}
	return result;
}

/* After a failure more errors may wait in the socket; they belong to no later request. */
static void drain(struct nft *n)
{
	char bin[8192];
	while (recv(nl_socket_get_fd(n->sock), bin, sizeof bin, MSG_DONTWAIT) > 0)
		;
}

static int say(struct nft *n, uint32_t last, struct reason *why)
{
	errno = 0;
	if (nl_sendto(n->sock, n->batch.data, n->batch.len) < 0)
		return failed(n, errno ? errno : EIO, n->first_seq, NULL, why);
	int r = await(n, last, why);
	if (r < 0)
		drain(n);
	return r;
}

int nft_commit(struct nft *n, struct reason *why)
{
	assert(!n->msg && n->depth == 0);
	if (n->n_labels == 0 && !n->error)
		return 0;
	uint32_t last = n->seq - 1;
	bracket(n, NFNL_MSG_BATCH_END);
	if (n->batch.failed || n->error)
		return failed(n, n->error ? -n->error : ENOMEM, last, NULL, why);
	if (n->batch.len > n->max)
		return failed(n, EMSGSIZE, n->first_seq, NULL, why);
	/* Only the last real message asks for an answer: the batch is all or nothing. */
	struct nlmsghdr *h = (struct nlmsghdr *)n->batch.data;
	for (uint32_t i = 0; i < n->n_labels; i++)
		h = (struct nlmsghdr *)((char *)h + NLMSG_ALIGN(h->nlmsg_len));
	h->nlmsg_flags |= NLM_F_ACK;
	/* The ruleset moved under the kernel's hands: nothing of ours was applied, and all of it may be said again. */
	int r = -ERESTART;
	for (int i = 0; i < COMMIT_TRIES && r == -ERESTART; i++)
		r = say(n, last, why);
	/* A bulk list leaves megabytes behind that the next request does not need. */
	if (n->batch.cap > (size_t)1 << 20)
		buf_free(&n->batch);
	return r;
}
