/* SPDX-License-Identifier: GPL-3.0-or-later */
/* dotsch-block from its lines to its messages, above a kernel that takes every well-formed transaction (tests/unit/block_fake.c).
   An input has up to three parts, parted by lines "%%": a policy file, lines, and bytes with which the kernel answers: attributes of a dump's messages. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../unit/block_fake.h"
#include "base/log.h"
#include "block.h"
#include "nft.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct part { const uint8_t *data; size_t size; };

/* Takes the part before the next "%%\n" off the rest. */
static struct part next(struct part *rest)
{
	const uint8_t *end = rest->size ? memmem(rest->data, rest->size, "%%\n", 3) : NULL;
	struct part p = { rest->data, end ? (size_t)(end - rest->data) : rest->size };
	size_t used = p.size + (end ? 3 : 0);
	*rest = (struct part){ rest->data ? rest->data + used : NULL, rest->size - used };
	return p;
}

static struct policy *policy_of(struct options *o, struct part text)
{
	char path[64];
	struct reason why;
	int fd = memfd_create("policy", MFD_CLOEXEC);
	assert(fd >= 0 && write(fd, text.data, text.size) == (ssize_t)text.size);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	o->policy_file = text.size ? path : NULL;
	struct policy *p = policy_load(o, &why);
	assert(p || *why.text);
	if (!p) {
		o->policy_file = NULL;
		p = policy_load(o, &why);
	}
	close(fd);
	return p;
}

/* As block.c does when no more lines are there. */
static void lull(struct block *b)
{
	enforce_gathered(b);
	follow_unseen(b);
}

/* As block.c does with each line; an empty one ends a burst. */
static void take_line(struct block *b, const uint8_t *data, size_t len)
{
	if (!len) {
		lull(b);
		return;
	}
	struct envelope e;
	struct reason why;
	char *text = malloc(len + 1);
	memcpy(text, data, len);
	text[len] = '\0';
	if (envelope_parse(text, len, &e, &why) < 0) {
		envelope_send(b->out, envelope_error(&why, &e));
	} else if (e.type == LINE_MITIGATE) {
		block_mitigate(b, &e);
	} else if (e.type == LINE_WITHDRAW) {
		enforce_gathered(b);
		block_withdraw(b, &e);
	} else if (e.type == LINE_SYNC) {
		enforce_gathered(b);
		reconcile_line(b, &e);
	}
	envelope_free(&e);
	free(text);
}

static void end_one(void *arg, struct entry *e)
{
	block_end(arg, e);
}

static void an_element(void *arg, const uint8_t *key, unsigned len, bool end, uint64_t left_ms)
{
	(void)key, (void)end, (void)left_ms;
	*(unsigned *)arg += len;
}

/* News that no request asked for. */
static void take_news(struct block *b, struct part bytes)
{
	static const struct watch_ops news = { follow_neighbour, follow_own, follow_link };
	void *copy = malloc(bytes.size + 1);
	memcpy(copy, bytes.data, bytes.size);
	struct watch *w = watch_new(b->loop, &news, b);
	if (w)
		watch_take(w, copy, (int)bytes.size);
	watch_free(w);
	struct flows *f = flows_new(b->loop, follow_flow, b);
	if (f)
		flows_take(f, copy, (int)bytes.size);
	flows_free(f);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct part rest = { data, size };
	struct part policy = next(&rest), lines = next(&rest), bytes = rest;
	struct options o = { .table = "fuzz", .interval = 10, .stopped_after = 300, .hook = (enum hook)(HOOK_PREROUTING + size % (HOOKS - 1)), .drop_fragments = size & 4 };
	struct block b = { .o = &o, .device = { "lan0" }, .n_devices = 1, .loop = loop_new() };
	struct reason why;
	unsigned sum = 0;
	bool flag;
	int sink = open("/dev/null", O_WRONLY | O_CLOEXEC);
	log_init("fuzz_block", LOG_LEVEL_ERROR);
	b.out = line_out_new(b.loop, sink);
	b.policy = policy_of(&o, policy);
	/* What an earlier run left is read from the bytes. */
	fake_answers(bytes.data, bytes.size, 1000);
	b.kernel = kernel_open(o.table, false, b.device, b.n_devices, &why);
	assert(b.kernel);
	if (table_init(&b.table)) {
		policy_set_hook(b.policy, o.hook);
		for (struct part l = lines; l.size;) {
			const uint8_t *end = memchr(l.data, '\n', l.size);
			size_t len = end ? (size_t)(end - l.data) : l.size;
			fake_answers(bytes.data, bytes.size, 64 + size % 512);
			take_line(&b, l.data, len);
			l.data += len + (end ? 1 : 0);
			l.size -= len + (end ? 1 : 0);
		}
		fake_answers(bytes.data, bytes.size, 4000);
		lull(&b);
		struct nft *n = kernel_nft(b.kernel);
		fake_answers(bytes.data, bytes.size, 4000);
		nft_dump_elems(n, "m1_s4", an_element, &sum, &why);
		fake_answers(bytes.data, bytes.size, 4000);
		nft_host_translates(n, &flag, &why);
		fake_answers(bytes.data, bytes.size, 4000);
		status_tick(&b);
		fake_answers(bytes.data, bytes.size, 4000);
		kernel_watch(b.kernel, loop_now(b.loop), &why);
		take_news(&b, bytes);
		fake_answers(bytes.data, bytes.size, 4000);
		table_each(&b.table, end_one, &b);
		assert(b.table.n == 0 && kernel_units(b.kernel) == 0);
		table_free(&b.table);
	}
	kernel_close(b.kernel);
	line_out_free(b.out);
	policy_free(b.policy);
	loop_free(b.loop);
	close(sink);
	return 0;
}
