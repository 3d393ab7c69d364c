/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A NAT table as JSON: any text is read or refused with a reason; fed in two pieces it is the same; what was read answers questions, and survives a snapshot's check. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "nat_json.h"
#include "resolve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct table *read_table(const uint8_t *data, size_t size, size_t cut)
{
	struct nat_builder b;
	struct reason why = { 0 };
	builder_init(&b);
	struct nat_json *p = nat_json_new(&b, builder_source(&b, "fuzz", 0, CAPTURED_GIVEN));
	assert(p);
	int status = nat_json_feed(p, data, cut, &why);
	if (status == 0 && cut < size)
		status = nat_json_feed(p, data + cut, size - cut, &why);
	if (status == 0)
		status = nat_json_end(p, &why);
	nat_json_free(p);
	struct table *t = status == 0 ? builder_finish(&b, &why) : NULL;
	assert(t || *why.text);
	builder_free(&b);
	return t;
}

static void ask(struct table *t, const struct prefix *ext, int proto, bool port, uint16_t lo, uint16_t hi)
{
	struct nat nat = { .tables = &t, .n = 1 };
	struct nat_query q = { .ext = *ext, .proto = proto, .has_port = port, .port = { lo, hi }, .attack = 1000 };
	struct answer a = { 0 };
	assert(resolve(&nat, &q, &a) == 0);
	assert(a.possible <= a.n && a.n <= RESOLVE_MAX_HOSTS && (a.possible > 0) == (a.certainty != CERTAINTY_NONE));
	answer_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct table *t = read_table(data, size, size), *again = read_table(data, size, size / 2);
	assert(!t == !again);
	if (t) {
		assert(t->n_entries == again->n_entries && t->n_rules == again->n_rules && t->n_bindings == again->n_bindings);
		for (uint32_t i = 0; i < t->n_addrs && i < 8; i++) {
			struct prefix p = wide_prefix(&t->addrs[i].at);
			ask(t, &p, -1, false, 0, UINT16_MAX);
			ask(t, &p, 17, true, 0, UINT16_MAX);
			ask(t, &p, 1, true, 5, 5);
		}
		for (uint32_t i = 0; i < t->n_rules && i < 8; i++) {
			struct prefix p = wide_prefix(&t->rules[i].out), host = prefix_make(p.family, p.addr, prefix_bits(&p));
			ask(t, &p, -1, false, 0, UINT16_MAX);
			ask(t, &host, 6, true, 1000, 3000);
		}
		for (uint32_t i = 0; i < t->n_bindings && i < 8; i++) {
			struct prefix host = prefix_make(4, t->bindings[i].v4, 32);
			ask(t, &host, 6, true, 0, UINT16_MAX);
		}
	}
	table_free(t);
	table_free(again);
	return 0;
}
