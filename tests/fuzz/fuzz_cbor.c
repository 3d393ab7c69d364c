/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is decoded, encoded and decoded again stays the same; so it does through JSON. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "dots/cbor.h"
#include "dots/json.h"
#include "dots/validate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_equal(const struct buf *a, const struct buf *b)
{
	assert(!a->failed && !b->failed && a->len == b->len && (!a->len || !memcmp(a->data, b->data, a->len)));
}

static void through_json(const struct body *b, const struct buf *wire)
{
	struct body again;
	struct buf out = { 0 };
	if (b->kind == BODY_MITIGATION_SCOPE && !b->n_scope)
		return;   /* an answer may have no entry, a line must */
	json_t *line = json_object();
	dots_json_write(b, line);
	assert(!dots_json_read(line, &again, NULL));
	dots_cbor_encode(&again, &out);
	must_equal(wire, &out);
	buf_free(&out);
	body_free(&again);
	json_decref(line);
}

static void one(const uint8_t *data, size_t size, enum body_direction direction)
{
	struct body b, again;
	struct buf first = { 0 }, second = { 0 };
	struct reason why = { 0 };
	if (dots_cbor_decode(data, size, direction, &b, &why)) {
		assert(why.code && *why.text && b.kind == BODY_EMPTY && !b.scope);
		return;
	}
	dots_cbor_encode(&b, &first);
	assert(!dots_cbor_decode(first.data, first.len, direction, &again, &why));
	dots_cbor_encode(&again, &second);
	must_equal(&first, &second);
	through_json(&b, &first);
	for (size_t i = 0; i < b.n_scope && i < 4; i++) {
		const struct validate_rules rules = { .call_home = size & 1, .with_lifetime = size & 2 };
		validate_request(&b.scope[i], &rules, &why);
		assert(mitigation_same(&b.scope[i], &again.scope[i]));
		mitigation_overlap(&b.scope[i], &b.scope[0]);
	}
	body_free(&again);
	body_free(&b);
	buf_free(&first);
	buf_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	one(data, size, BODY_REQUEST);
	one(data, size, BODY_RESPONSE);
	return 0;
}
