/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_message - any bytes as a datagram, a TCP frame and a stream: parse, build and parse again give the same message. The first byte says which. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "link/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct message *a, const struct message *b)
{
	assert(a->code == b->code && a->id == b->id && a->token_len == b->token_len && !memcmp(a->token, b->token, a->token_len));
	assert(a->n_path == b->n_path && a->n_query == b->n_query);
	for (size_t i = 0; i < a->n_path; i++)
		assert(!strcmp(a->path[i], b->path[i]));
	for (size_t i = 0; i < a->n_query; i++)
		assert(!strcmp(a->query[i], b->query[i]));
	assert(a->content_format == b->content_format && a->observe == b->observe && a->max_age == b->max_age && a->hop_limit == b->hop_limit);
	assert(a->if_match_empty == b->if_match_empty && a->etag_len == b->etag_len && !memcmp(a->etag, b->etag, a->etag_len));
	assert(a->block1.present == b->block1.present && a->block1.num == b->block1.num && a->block1.more == b->block1.more && a->block1.szx == b->block1.szx);
	assert(a->block2.present == b->block2.present && a->block2.num == b->block2.num && a->block2.more == b->block2.more && a->block2.szx == b->block2.szx);
	assert(a->size2 == b->size2 && a->csm_max_message_size == b->csm_max_message_size && a->csm_block == b->csm_block);
	assert(a->payload_len == b->payload_len && (!a->payload_len || !memcmp(a->payload, b->payload, a->payload_len)));
}

static void round_trip(enum transport t, const uint8_t *data, size_t size)
{
	struct message m, again;
	struct reason why = { .code = 0 };
	bool header_ok;
	int rc = message_parse(t, data, size, &m, &header_ok, &why);
	if (rc < 0) {
		assert(why.code && *why.text);
		return;
	}
	assert(header_ok);
	struct buf out = { 0 };
	message_build(t, &m, &out);
	assert(!out.failed);
	if (t == TRANSPORT_TCP)
		assert(message_frame_len(out.data, out.len, 1 << 24) == (long)out.len);
	if (message_parse(t, out.data, out.len, &again, &header_ok, &why) < 0)
		abort();
	same(&m, &again);
	message_copy(&m, &again);
	same(&m, &again);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	enum transport t = data[0] & 1 ? TRANSPORT_TCP : TRANSPORT_UDP;
	data++, size--;
	if (t == TRANSPORT_TCP) {
		long n = message_frame_len(data, size, 65535);
		assert(n >= -1 && n <= 65535);
		for (size_t k = 0; k < size && k < 6; k++) {
			long part = message_frame_len(data, k, 65535);
			assert(part == 0 || part == n);
		}
		if (n > 0 && (size_t)n <= size)
			round_trip(t, data, (size_t)n);
	}
	round_trip(t, data, size);
	return 0;
}
