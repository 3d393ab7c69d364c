/* SPDX-License-Identifier: GPL-3.0-or-later */
/* block - answers bigger than a message (RFC 7959, Block2): the server keeps them for the GETs that follow, the client puts them together. The ETag tells
   whether the blocks are of one state (RFC 9132, 4.4.2). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "link/session_private.h"

#define ETAG_LEN 8
#define SZX_MAX 6                    /* 1024 bytes; 7 means BERT (RFC 8323, 6), which we read but do not send */

static size_t block_size(uint8_t szx)
{
	return (size_t)1 << ((szx > SZX_MAX ? SZX_MAX : szx) + 4);
}

/* --- The server's side --- */

struct kept {
	struct kept *next;
	int64_t used;
	struct buf key, body;        /* what was asked for, and the whole answer */
	uint8_t etag[ETAG_LEN], code;
	int content_format;
	int64_t max_age;
};

struct kept_store {
	struct loop_timer timer;
	struct kept *list;           /* the newest first */
};

static void kept_drop(struct kept **k)
{
	struct kept *gone = *k;
	*k = gone->next;
	buf_free(&gone->key);
	buf_free(&gone->body);
	free(gone);
}

void block_free(struct session *s)
{
	if (!s->kept)
		return;
	loop_timer_stop(s->loop, &s->kept->timer);
	while (s->kept->list)
		kept_drop(&s->kept->list);
	free(s->kept);
	s->kept = NULL;
}

static void kept_expire(void *arg)
{
	struct session *s = arg;
	int64_t now = loop_now(s->loop), oldest = INT64_MAX;
	for (struct kept **k = &s->kept->list; *k;) {
		if (now - (*k)->used >= EXCHANGE_LIFETIME_MS) {
			kept_drop(k);
			continue;
		}
		if ((*k)->used < oldest)
			oldest = (*k)->used;
		k = &(*k)->next;
	}
	if (s->kept->list)
		loop_timer_set(s->loop, &s->kept->timer, oldest + EXCHANGE_LIFETIME_MS - now);
	else
		block_free(s);
}

static void put_key(struct buf *key, const struct message *request)
{
	for (size_t i = 0; i < request->n_path; i++)
		buf_put(key, request->path[i], strlen(request->path[i]) + 1);
	buf_u8(key, 0xff);
	for (size_t i = 0; i < request->n_query; i++)
		buf_put(key, request->query[i], strlen(request->query[i]) + 1);
}

static struct kept **kept_find(struct session *s, const struct message *request)
{
	struct buf key = { 0 };
	put_key(&key, request);
	struct kept **k = &s->kept->list;
	while (*k && ((*k)->key.len != key.len || memcmp((*k)->key.data, key.data, key.len) != 0))
		k = &(*k)->next;
	buf_free(&key);
	return k;
}

/* Two states of the same content have the same tag, so that a reader survives our having dropped it. FNV-1a. */
static void make_etag(const uint8_t *data, size_t len, uint8_t etag[ETAG_LEN])
{
	uint64_t h = 0xcbf29ce484222325u;
	for (size_t i = 0; i < len; i++)
		h = (h ^ data[i]) * 0x100000001b3u;
	memcpy(etag, &h, ETAG_LEN);
}

static bool keep(struct session *s, const struct message *request, const struct message *answer)
{
	if (!s->kept) {
		if (!(s->kept = calloc(1, sizeof *s->kept)))
			return false;
		loop_timer_init(&s->kept->timer, kept_expire, s);
	}
	struct kept **old = kept_find(s, request);
	if (*old)
		kept_drop(old);
	unsigned n = 0;
	for (struct kept **k = &s->kept->list; *k; k = &(*k)->next)
		if (++n == BLOCK_MAX_KEPT) {
			kept_drop(k);        /* the oldest */
			break;
		}
	struct kept *k = calloc(1, sizeof *k);
	if (!k)
		return false;
	put_key(&k->key, request);
	buf_put(&k->body, answer->payload, answer->payload_len);
	k->used = loop_now(s->loop);
	memcpy(k->etag, answer->etag, ETAG_LEN);
	k->code = answer->code;
	k->content_format = answer->content_format;
	k->max_age = answer->max_age;
	k->next = s->kept->list;
	s->kept->list = k;
	if (k->key.failed || k->body.failed) {
		kept_drop(&s->kept->list);
		return false;
	}
	if (!loop_timer_armed(&s->kept->timer))
		loop_timer_set(s->loop, &s->kept->timer, EXCHANGE_LIFETIME_MS);
	return true;
}

/* The largest exponent that the peer asked for and whose block fits a message to it; -1: none does. */
static int choose_szx(const struct session *s, const struct message *request, const struct message *answer)
{
	struct message bare = *answer;
	struct buf out = { 0 };
	bare.payload_len = 0;
	memcpy(bare.token, request->token, bare.token_len = request->token_len);
	bare.etag_len = ETAG_LEN;
	message_build(s->transport, &bare, &out);
	size_t overhead = out.len + 1 + 5 + 6;   /* the marker, Block2, Size2 */
	bool failed = out.failed;
	buf_free(&out);
	int szx = request->block2.present && request->block2.szx < SZX_MAX ? request->block2.szx : SZX_MAX;
	while (szx >= 0 && overhead + block_size((uint8_t)szx) > s->max_message)
		szx--;
	return failed ? -1 : szx;
}

/* Turns the whole payload into its block at `offset`. */
static void cut(struct message *answer, size_t offset, uint8_t szx)
{
	size_t size = block_size(szx), left = answer->payload_len - offset;
	answer->block2 = (struct block){ .present = true, .more = left > size, .num = (uint32_t)(offset / size), .szx = szx };
	if (!offset)
		answer->size2 = (int64_t)answer->payload_len;
	answer->payload += offset;
	answer->payload_len = left < size ? left : size;
}

static void past_the_end(struct message *answer)
{
	static const char text[] = "there is no such block (RFC 7959, 2.3)";
	message_init(answer);
	answer->code = REASON_BAD_REQUEST;
	answer->payload = (const uint8_t *)text;
	answer->payload_len = sizeof text - 1;
}

static size_t offset_of(const struct message *request)
{
	return request->block2.present ? (size_t)request->block2.num * block_size(request->block2.szx) : 0;
}

bool block_slice(struct session *s, const struct message *request, struct message *answer)
{
	size_t offset = offset_of(request);
	if (request->code != METHOD_GET || !code_is_success(answer->code) || answer->payload_len > BLOCK_ANSWER_MAX)
		return false;
	int szx = choose_szx(s, request, answer);
	if (szx < 0)
		return false;
	if (offset && offset >= answer->payload_len) {
		past_the_end(answer);
		return true;
	}
	if (answer->payload_len) {
		answer->etag_len = ETAG_LEN;
		make_etag(answer->payload, answer->payload_len, answer->etag);
	}
	if (answer->payload_len > block_size((uint8_t)szx) && !keep(s, request, answer))
		return false;
	cut(answer, offset, (uint8_t)szx);
	return true;
}

bool block_kept(struct session *s, const struct message *request, struct message *answer)
{
	struct kept *k = s->kept ? *kept_find(s, request) : NULL;
	if (!k)
		return false;
	k->used = loop_now(s->loop);
	message_init(answer);
	answer->code = k->code;
	answer->content_format = k->content_format;
	answer->max_age = k->max_age;
	memcpy(answer->etag, k->etag, answer->etag_len = ETAG_LEN);
	answer->payload = k->body.data;
	answer->payload_len = k->body.len;
	int szx = choose_szx(s, request, answer);
	if (szx < 0)
		return false;
	if (offset_of(request) >= k->body.len)
		past_the_end(answer);
	else
		cut(answer, offset_of(request), (uint8_t)szx);
	return true;
}

/* --- The client's side --- */

struct assembly {
	struct buf body;
	struct exchange *fetch;
	struct message first;        /* code, options and ETag of the answer under way */
	bool restarted;
	bool no_etag;                /* the peer takes one as a question whether it is still valid, and says 2.03 */
};

void block_drop(struct exchange *x)
{
	struct assembly *a = x->assembly;
	if (!a)
		return;
	x->assembly = NULL;
	if (a->fetch) {
		a->fetch->parent = NULL;
		exchange_drop(a->fetch);
	}
	buf_free(&a->body);
	free(a);
}

/* The blocks cannot become an answer. An observation goes on: its next notification is another try. */
static void give_up(struct exchange *x, enum exchange_event event, const char *why)
{
	log_debug("an answer in blocks was given up: %s", why);
	if (x->established)
		block_drop(x);
	else
		exchange_finish(x, event, NULL);
}

void block_failed(struct exchange *fetch, enum exchange_event event)
{
	struct exchange *x = fetch->parent;
	assert(x->assembly && x->assembly->fetch == fetch);
	x->assembly->fetch = NULL;
	give_up(x, event, event == EXCHANGE_TIMEOUT ? "no answer" : "reset or closed");
}

/* Asks for the block at the end of what is there, in the way of the first request. */
static void ask(struct exchange *x, uint8_t szx)
{
	struct assembly *a = x->assembly;
	struct message m;
	struct reason why;
	bool header_ok;
	if (message_parse(x->session->transport, x->data, x->len, &m, &header_ok, &why) < 0) {
		give_up(x, EXCHANGE_RESET, why.text);
		return;
	}
	m.token_len = 0;
	m.observe = -1;
	m.block2 = (struct block){ .present = true, .num = (uint32_t)(a->body.len / block_size(szx)), .szx = szx };
	if (a->body.len && !a->no_etag)
		memcpy(m.etag, a->first.etag, m.etag_len = a->first.etag_len);
	a->fetch = exchange_start(x->session, &m, x->confirmable, 0, NULL, NULL, &why);
	if (a->fetch)
		a->fetch->parent = x;
	else
		give_up(x, EXCHANGE_RESET, why.text);
}

/* Takes the block into the assembly; NULL or why not. */
static const char *take(struct assembly *a, const struct message *m)
{
	size_t size = block_size(m->block2.szx);
	if ((size_t)m->block2.num * size != a->body.len)
		return "the blocks are out of order";
	if (m->block2.more && (!m->payload_len || m->payload_len % size || (m->block2.szx <= SZX_MAX && m->payload_len != size)))
		return "a block is shorter than it says";
	buf_put(&a->body, m->payload, m->payload_len);
	return a->body.failed ? "it is too big" : NULL;
}

/* One block of the state that is being read. */
static void got_block(struct exchange *x, const struct message *m)
{
	struct assembly *a = x->assembly;
	const char *bad = take(a, m);
	if (bad) {
		give_up(x, EXCHANGE_RESET, bad);
		return;
	}
	if (m->block2.more) {
		ask(x, m->block2.szx);
		return;
	}
	struct buf body = a->body;
	struct message first;
	message_copy(&first, &a->first);
	a->body = (struct buf){ 0 };
	block_drop(x);
	exchange_deliver(x, &first, body.data, body.len);
	buf_free(&body);
}

static void start_with(struct assembly *a, const struct message *m)
{
	int64_t observe = a->first.observe;
	buf_reset(&a->body);
	message_copy(&a->first, m);
	if (observe >= 0)
		a->first.observe = observe;  /* the fetches carry none: the notification they complete did */
}

void block_begin(struct exchange *x, const struct message *m)
{
	block_drop(x);               /* of an older notification */
	x->state = EXCHANGE_ANSWERED;
	loop_timer_stop(x->session->loop, &x->timer);
	if (!(x->assembly = calloc(1, sizeof *x->assembly))) {
		give_up(x, EXCHANGE_RESET, "out of memory");
		return;
	}
	x->assembly->body.max = BLOCK_ANSWER_MAX;
	x->assembly->first.observe = -1;
	start_with(x->assembly, m);
	got_block(x, m);
}

static bool same_etag(const struct message *a, const struct message *b)
{
	return a->etag_len == b->etag_len && !memcmp(a->etag, b->etag, a->etag_len);
}

void block_next(struct exchange *fetch, const struct message *m)
{
	struct exchange *x = fetch->parent;
	struct assembly *a = x->assembly;
	a->fetch = NULL;
	fetch->parent = NULL;
	exchange_drop(fetch);        /* the caller holds its memory */
	if (!code_is_success(m->code)) {
		struct message failed;
		if (x->established) {
			give_up(x, EXCHANGE_RESET, code_name(m->code));
			return;
		}
		message_copy(&failed, m);
		block_drop(x);
		exchange_deliver(x, &failed, m->payload, m->payload_len);
		return;
	}
	if (m->code == CODE(2, 3) && !a->no_etag) {
		a->no_etag = true;
		ask(x, a->first.block2.szx);
		return;
	}
	bool whole = !m->block2.present || (m->block2.num == 0 && !m->block2.more);
	bool asked_for_first = a->body.len == 0;
	if (!whole && !asked_for_first && same_etag(&a->first, m)) {
		got_block(x, m);
		return;
	}
	if (whole || (asked_for_first && m->block2.num == 0)) {
		start_with(a, m);
		got_block(x, m);
		return;
	}
	/* Another state: once more from its beginning. */
	if (a->restarted) {
		give_up(x, EXCHANGE_RESET, "it changes faster than it can be read");
		return;
	}
	a->restarted = true;
	start_with(a, m);
	ask(x, m->block2.szx);
}
