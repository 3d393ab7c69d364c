/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nft_private.h"

#define DUMP_RETRIES 20
/* linux/nf_tables.h of newer kernels. */
#define SET_ATTR_COUNT 20

/* One request and its answers. fn is called per message of the wanted type. */
typedef void reply_fn(void *arg, struct nlattr **tb);

struct request {
	struct nla_policy *policy;     /* texts have an end, numbers their length; NULL = whoever reads them looks */
	int type, flags, answer;       /* NFT_MSG_*; NLM_F_DUMP or 0; the type of the answers */
	uint8_t family;
	int max;                       /* the highest attribute */
	int attr[3];                   /* text attributes of the request, 0-ended */
	const char *text[3];
	uint32_t obj_type;             /* NFTA_OBJ_TYPE, 0 = none */
};

static int told(struct reason *why, const struct request *r, int error)
{
	reason_set(why, 163 /* 5.03 */, "", "", "nf_tables: cannot read %s: %s%s", r->attr[1] ? r->text[1] : r->attr[0] ? r->text[0] : "the ruleset", strerror(error),
	    error == EPERM ? " (CAP_NET_ADMIN is needed)" : "");
	return -error;
}

/* One receive buffer of answers: 1 = more to come, 0 = done, else a negative errno. */
static int answers(struct nlmsghdr *h, int len, const struct request *r, uint32_t seq, reply_fn *fn, void *arg)
{
	struct nlattr *tb[64];
	for (; nlmsg_ok(h, len); h = nlmsg_next(h, &len)) {
		if (h->nlmsg_seq != seq)
			continue;
		if (h->nlmsg_flags & NLM_F_DUMP_INTR)
			return -EINTR;
		if (h->nlmsg_type == NLMSG_DONE)
			return 0;
		if (h->nlmsg_type == NLMSG_ERROR)
			return nlmsg_datalen(h) >= (int)sizeof(struct nlmsgerr) ? ((struct nlmsgerr *)nlmsg_data(h))->error : -EBADMSG;
		if (h->nlmsg_type != ((NFNL_SUBSYS_NFTABLES << 8) | r->answer))
			continue;
		if (nlmsg_parse(h, sizeof(struct nfgenmsg), tb, r->max, r->policy) >= 0)
			fn(arg, tb);
		if (!(r->flags & NLM_F_DUMP))
			return 0;
	}
	return 1;
}

static int ask_once(struct nft *n, const struct request *r, reply_fn *fn, void *arg)
{
	struct nfgenmsg g = { .nfgen_family = r->family, .version = NFNETLINK_V0 };
	uint32_t seq = n->seq++;
	struct nl_msg *msg = nlmsg_alloc_size(1024);
	if (!msg || !nlmsg_put(msg, 0, seq, (NFNL_SUBSYS_NFTABLES << 8) | r->type, 0, NLM_F_REQUEST | r->flags) || nlmsg_append(msg, &g, sizeof g, 4) < 0) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	for (size_t i = 0; i < 3 && r->attr[i]; i++)
		nla_put_string(msg, r->attr[i], r->text[i]);
	if (r->obj_type)
		nla_put_u32(msg, NFTA_OBJ_TYPE, htonl(r->obj_type));
	errno = 0;
	int e = nl_sendto(n->sock, nlmsg_hdr(msg), nlmsg_hdr(msg)->nlmsg_len) < 0 ? -(errno ? errno : EIO) : 1;
	nlmsg_free(msg);
	while (e == 1) {
		struct sockaddr_nl from;
		unsigned char *data = NULL;
		int len = nl_recv(n->sock, &from, &data, NULL);
		if (len <= 0)
			return -(errno ? errno : EAGAIN);
		e = answers((struct nlmsghdr *)data, len, r, seq, fn, arg);
		free(data);
	}
	return e;
}

static void drain(struct nft *n)
{
	char bin[8192];
	while (recv(nl_socket_get_fd(n->sock), bin, sizeof bin, MSG_DONTWAIT) > 0)
		;
}

/* A dump that another transaction interrupted is begun again; callers of dumps must take a name twice without harm. */
static int ask(struct nft *n, const struct request *r, reply_fn *fn, void *arg, struct reason *why)
{
	int e = -EINTR;
	for (int i = 0; i < DUMP_RETRIES && e == -EINTR; i++) {
		e = ask_once(n, r, fn, arg);
		if (e < 0)
			drain(n);
	}
	return e < 0 ? told(why, r, -e) : 0;
}

static uint32_t get_be32(const struct nlattr *a)
{
	return a && nla_len(a) >= 4 ? ntohl(nla_get_u32(a)) : 0;
}

static uint64_t get_be64(const struct nlattr *a)
{
	return a && nla_len(a) >= 8 ? be64toh(nla_get_u64(a)) : 0;
}

/* The comment of our own userdata into out; empty when there is none. */
static void get_comment(const struct nlattr *a, char *out, size_t cap)
{
	const uint8_t *d = a ? nla_data(a) : NULL;
	size_t len = a ? (size_t)nla_len(a) : 0;
	*out = '\0';
	if (len > 2 && d[0] == 0 && d[1] <= len - 2)
		snprintf(out, cap, "%.*s", (int)d[1], (const char *)d + 2);
}

static void table_reply(void *arg, struct nlattr **tb)
{
	struct nft_table_info *out = arg;
	out->flags = get_be32(tb[NFTA_TABLE_FLAGS]);
	out->use = get_be32(tb[NFTA_TABLE_USE]);
	out->owner = get_be32(tb[NFTA_TABLE_OWNER]);
	out->handle = get_be64(tb[NFTA_TABLE_HANDLE]);
	get_comment(tb[NFTA_TABLE_USERDATA], out->marker, sizeof out->marker);
}

int nft_get_table(struct nft *n, struct nft_table_info *out, struct reason *why)
{
	struct request r = { .type = NFT_MSG_GETTABLE, .answer = NFT_MSG_NEWTABLE, .family = NFPROTO_INET, .max = NFTA_TABLE_MAX, .attr = { NFTA_TABLE_NAME },
		.text = { n->table } };
	*out = (struct nft_table_info){ 0 };
	return ask(n, &r, table_reply, out, why);
}

static void generation_reply(void *arg, struct nlattr **tb)
{
	*(uint32_t *)arg = get_be32(tb[NFTA_GEN_ID]);
}

int nft_get_generation(struct nft *n, uint32_t *out, struct reason *why)
{
	struct request r = { .type = NFT_MSG_GETGEN, .answer = NFT_MSG_NEWGEN, .family = NFPROTO_UNSPEC, .max = NFTA_GEN_MAX };
	*out = 0;
	return ask(n, &r, generation_reply, out, why);
}

static struct nla_policy counter_policy[NFTA_OBJ_MAX + 1] = { [NFTA_OBJ_TABLE] = { .type = NLA_STRING }, [NFTA_OBJ_NAME] = { .type = NLA_STRING } };

struct counters { nft_counter_fn *fn; void *arg; const char *table; };

static void counter_reply(void *arg, struct nlattr **tb)
{
	struct counters *c = arg;
	struct nlattr *in[NFTA_COUNTER_MAX + 1];
	/* A dump with a table name is filtered by the kernel, but not by old ones for every family. */
	if (!tb[NFTA_OBJ_NAME] || !tb[NFTA_OBJ_TABLE] || strcmp(nla_get_string(tb[NFTA_OBJ_TABLE]), c->table) || get_be32(tb[NFTA_OBJ_TYPE]) != NFT_OBJECT_COUNTER ||
	    !tb[NFTA_OBJ_DATA] || nla_parse_nested(in, NFTA_COUNTER_MAX, tb[NFTA_OBJ_DATA], NULL) < 0)
		return;
	const struct nlattr *u = tb[NFTA_OBJ_USERDATA];
	c->fn(c->arg, nla_get_string(tb[NFTA_OBJ_NAME]), get_be64(in[NFTA_COUNTER_PACKETS]), get_be64(in[NFTA_COUNTER_BYTES]), u ? nla_data(u) : NULL,
	    u ? (size_t)nla_len(u) : 0);
}

struct values { uint64_t packets, bytes; };

static void one_counter(void *arg, const char *name, uint64_t packets, uint64_t bytes, const void *userdata, size_t len)
{
	(void)name, (void)userdata, (void)len;
	*(struct values *)arg = (struct values){ packets, bytes };
}

int nft_get_counter(struct nft *n, const char *name, uint64_t *packets, uint64_t *bytes, struct reason *why)
{
	struct values v = { 0, 0 };
	struct counters c = { one_counter, &v, n->table };
	struct request r = { .policy = counter_policy, .type = NFT_MSG_GETOBJ, .answer = NFT_MSG_NEWOBJ, .family = NFPROTO_INET, .max = NFTA_OBJ_MAX, .attr = { NFTA_OBJ_TABLE, NFTA_OBJ_NAME },
		.text = { n->table, name }, .obj_type = NFT_OBJECT_COUNTER };
	int e = ask(n, &r, counter_reply, &c, why);
	*packets = v.packets;
	*bytes = v.bytes;
	return e;
}

int nft_dump_counters(struct nft *n, nft_counter_fn *fn, void *arg, struct reason *why)
{
	struct counters c = { fn, arg, n->table };
	struct request r = { .policy = counter_policy, .type = NFT_MSG_GETOBJ, .flags = NLM_F_DUMP, .answer = NFT_MSG_NEWOBJ, .family = NFPROTO_INET, .max = NFTA_OBJ_MAX,
		.attr = { NFTA_OBJ_TABLE }, .text = { n->table }, .obj_type = NFT_OBJECT_COUNTER };
	return ask(n, &r, counter_reply, &c, why);
}

static struct nla_policy chain_policy[NFTA_CHAIN_MAX + 1] = { [NFTA_CHAIN_TABLE] = { .type = NLA_STRING }, [NFTA_CHAIN_NAME] = { .type = NLA_STRING },
	[NFTA_CHAIN_TYPE] = { .type = NLA_STRING } };

struct chains { nft_chain_fn *fn; void *arg; const char *table; };

static void chain_reply(void *arg, struct nlattr **tb)
{
	struct chains *c = arg;
	char comment[NFT_COMMENT_MAX + 1];
	if (!tb[NFTA_CHAIN_NAME] || !tb[NFTA_CHAIN_TABLE] || strcmp(nla_get_string(tb[NFTA_CHAIN_TABLE]), c->table))
		return;
	get_comment(tb[NFTA_CHAIN_USERDATA], comment, sizeof comment);
	c->fn(c->arg, nla_get_string(tb[NFTA_CHAIN_NAME]), get_be32(tb[NFTA_CHAIN_USE]), comment, tb[NFTA_CHAIN_HOOK] != NULL);
}

int nft_dump_chains(struct nft *n, nft_chain_fn *fn, void *arg, struct reason *why)
{
	struct chains c = { fn, arg, n->table };
	struct request r = { .policy = chain_policy, .type = NFT_MSG_GETCHAIN, .flags = NLM_F_DUMP, .answer = NFT_MSG_NEWCHAIN, .family = NFPROTO_INET, .max = NFTA_CHAIN_MAX };
	return ask(n, &r, chain_reply, &c, why);
}

static void nat_reply(void *arg, struct nlattr **tb)
{
	struct nlattr *in[NFTA_HOOK_MAX + 1];
	if (tb[NFTA_CHAIN_TYPE] && !strcmp(nla_get_string(tb[NFTA_CHAIN_TYPE]), "nat") && tb[NFTA_CHAIN_HOOK] &&
	    nla_parse_nested(in, NFTA_HOOK_MAX, tb[NFTA_CHAIN_HOOK], NULL) >= 0 && get_be32(in[NFTA_HOOK_HOOKNUM]) == NF_INET_POST_ROUTING)
		*(bool *)arg = true;
}

int nft_host_translates(struct nft *n, bool *out, struct reason *why)
{
	struct request r = { .policy = chain_policy, .type = NFT_MSG_GETCHAIN, .flags = NLM_F_DUMP, .answer = NFT_MSG_NEWCHAIN, .family = NFPROTO_UNSPEC, .max = NFTA_CHAIN_MAX };
	*out = false;
	return ask(n, &r, nat_reply, out, why);
}

static void flowtable_reply(void *arg, struct nlattr **tb)
{
	(void)tb;
	*(bool *)arg = true;
}

int nft_host_offloads(struct nft *n, bool *out, struct reason *why)
{
	struct request r = { .type = NFT_MSG_GETFLOWTABLE, .flags = NLM_F_DUMP, .answer = NFT_MSG_NEWFLOWTABLE, .family = NFPROTO_UNSPEC, .max = NFTA_FLOWTABLE_MAX };
	*out = false;
	return ask(n, &r, flowtable_reply, out, why);
}

static struct nla_policy set_policy[SET_ATTR_COUNT + 1] = { [NFTA_SET_TABLE] = { .type = NLA_STRING }, [NFTA_SET_NAME] = { .type = NLA_STRING } };

struct sets { nft_set_fn *fn; void *arg; const char *table; };

static void set_reply(void *arg, struct nlattr **tb)
{
	struct sets *s = arg;
	if (tb[NFTA_SET_NAME] && tb[NFTA_SET_TABLE] && !strcmp(nla_get_string(tb[NFTA_SET_TABLE]), s->table))
		s->fn(s->arg, nla_get_string(tb[NFTA_SET_NAME]), tb[SET_ATTR_COUNT] ? (int64_t)get_be32(tb[SET_ATTR_COUNT]) : -1);
}

int nft_dump_sets(struct nft *n, nft_set_fn *fn, void *arg, struct reason *why)
{
	struct sets s = { fn, arg, n->table };
	struct request r = { .policy = set_policy, .type = NFT_MSG_GETSET, .flags = NLM_F_DUMP, .answer = NFT_MSG_NEWSET, .family = NFPROTO_INET, .max = SET_ATTR_COUNT,
		.attr = { NFTA_SET_TABLE }, .text = { n->table } };
	return ask(n, &r, set_reply, &s, why);
}

struct elems { nft_elem_fn *fn; void *arg; };

static void elem_one(struct elems *e, struct nlattr *a)
{
	struct nlattr *in[NFTA_SET_ELEM_MAX + 1], *key[NFTA_DATA_MAX + 1];
	if (nla_parse_nested(in, NFTA_SET_ELEM_MAX, a, NULL) < 0 || !in[NFTA_SET_ELEM_KEY] ||
	    nla_parse_nested(key, NFTA_DATA_MAX, in[NFTA_SET_ELEM_KEY], NULL) < 0 || !key[NFTA_DATA_VALUE])
		return;
	bool end = get_be32(in[NFTA_SET_ELEM_FLAGS]) & NFT_SET_ELEM_INTERVAL_END;
	e->fn(e->arg, nla_data(key[NFTA_DATA_VALUE]), (unsigned)nla_len(key[NFTA_DATA_VALUE]), end, get_be64(in[NFTA_SET_ELEM_EXPIRATION]));
}

static void elems_reply(void *arg, struct nlattr **tb)
{
	struct nlattr *a;
	int left;
	if (tb[NFTA_SET_ELEM_LIST_ELEMENTS])
		nla_for_each_nested(a, tb[NFTA_SET_ELEM_LIST_ELEMENTS], left)
			elem_one(arg, a);
}

int nft_dump_elems(struct nft *n, const char *set, nft_elem_fn *fn, void *arg, struct reason *why)
{
	struct elems e = { fn, arg };
	struct request r = { .type = NFT_MSG_GETSETELEM, .flags = NLM_F_DUMP, .answer = NFT_MSG_NEWSETELEM, .family = NFPROTO_INET, .max = NFTA_SET_ELEM_LIST_MAX,
		.attr = { NFTA_SET_ELEM_LIST_TABLE, NFTA_SET_ELEM_LIST_SET }, .text = { n->table, set } };
	return ask(n, &r, elems_reply, &e, why);
}
