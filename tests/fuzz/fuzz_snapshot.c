/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A snapshot out of any bytes is refused or safe to ask. The checksum would keep the fuzzer out, so it is put right first: what is tried is the check behind it. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "resolve.h"
#include "snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(struct table *t, const struct prefix *ext, int proto, bool port)
{
	struct nat nat = { .tables = &t, .n = 1 };
	struct nat_query q = { .ext = *ext, .proto = proto, .has_port = port, .port = { 1024, port ? 2047 : UINT16_MAX }, .attack = 1000 };
	struct answer a = { 0 };
	assert(resolve(&nat, &q, &a) == 0);
	for (size_t i = 0; i < a.n; i++)
		assert(table_string(a.v[i].table, a.v[i].table->instances[a.v[i].instance].name));
	answer_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reason why = { 0 };
	uint64_t *copy = malloc(size + 8);
	memcpy(copy, data, size);
	struct table *t = snapshot_parse(copy, size, &why);
	if (!t && size >= 24) {
		snapshot_seal(copy, size);
		t = snapshot_parse(copy, size, &why);
	}
	if (t) {
		struct prefix all4 = { .family = 4 }, all6 = { .family = 6 };
		ask(t, &all4, -1, false);
		ask(t, &all6, 17, true);
		for (uint32_t i = 0; i < t->n_addrs && i < 4; i++) {
			struct wide w = t->addrs[i].at;
			w.len = 128;
			struct prefix p = wide_prefix(&w);
			ask(t, &p, 17, true);
			ask(t, &p, 1, false);
		}
		for (uint32_t i = 0; i < t->n_rules && i < 8; i++) {
			struct wide w = t->rules[i].out;
			w.len = 128;
			struct prefix p = wide_prefix(&w);
			ask(t, &p, 6, true);
			ask(t, &p, 6, false);
		}
		for (uint32_t i = 0; i < t->n_bindings && i < 8; i++) {
			struct prefix host = prefix_make(4, t->bindings[i].v4, 32);
			ask(t, &host, 6, true);
		}
	}
	table_free(t);
	free(copy);
	return 0;
}
