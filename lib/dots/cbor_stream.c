/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dots/cbor_stream.h"

#include <cbor.h>
#include <string.h>

#include "base/limits.h"
#include "dots/field.h"

/* Lengths in callbacks were size_t before libcbor 0.9. */
#if CBOR_MAJOR_VERSION == 0 && CBOR_MINOR_VERSION < 9
typedef size_t length;
#else
typedef uint64_t length;
#endif

#define SET(k, ...) *(struct cbor_item *)context = (struct cbor_item){ .kind = (k), __VA_ARGS__ }

static void on_uint8(void *context, uint8_t v) { SET(CBOR_UINT, .value = v); }
static void on_uint16(void *context, uint16_t v) { SET(CBOR_UINT, .value = v); }
static void on_uint32(void *context, uint32_t v) { SET(CBOR_UINT, .value = v); }
static void on_uint64(void *context, uint64_t v) { SET(CBOR_UINT, .value = v); }
static void on_negint8(void *context, uint8_t v) { SET(CBOR_NEGINT, .value = v); }
static void on_negint16(void *context, uint16_t v) { SET(CBOR_NEGINT, .value = v); }
static void on_negint32(void *context, uint32_t v) { SET(CBOR_NEGINT, .value = v); }
static void on_negint64(void *context, uint64_t v) { SET(CBOR_NEGINT, .value = v); }
static void on_bytes_start(void *context) { SET(CBOR_BYTES, .indefinite = true); }
static void on_bytes(void *context, cbor_data data, length len) { SET(CBOR_BYTES, .text = data, .len = (size_t)len, .value = len); }
static void on_text_start(void *context) { SET(CBOR_TEXT, .indefinite = true); }
static void on_text(void *context, cbor_data data, length len) { SET(CBOR_TEXT, .text = data, .len = (size_t)len, .value = len); }
static void on_array(void *context, length n) { SET(CBOR_ARRAY, .value = n); }
static void on_array_start(void *context) { SET(CBOR_ARRAY, .indefinite = true); }
static void on_map(void *context, length n) { SET(CBOR_MAP, .value = n); }
static void on_map_start(void *context) { SET(CBOR_MAP, .indefinite = true); }
static void on_tag(void *context, uint64_t v) { SET(CBOR_TAG, .value = v); }
static void on_float(void *context, float v) { (void)v; SET(CBOR_OTHER, .value = 0); }
static void on_double(void *context, double v) { (void)v; SET(CBOR_OTHER, .value = 0); }
static void on_null(void *context) { SET(CBOR_OTHER, .value = 0); }
static void on_bool(void *context, bool v) { SET(CBOR_BOOL, .value = v); }
static void on_break(void *context) { SET(CBOR_BREAK, .value = 0); }

static const struct cbor_callbacks callbacks = {
	.uint8 = on_uint8, .uint16 = on_uint16, .uint32 = on_uint32, .uint64 = on_uint64,
	.negint8 = on_negint8, .negint16 = on_negint16, .negint32 = on_negint32, .negint64 = on_negint64,
	.byte_string_start = on_bytes_start, .byte_string = on_bytes, .string_start = on_text_start, .string = on_text,
	.array_start = on_array, .indef_array_start = on_array_start, .map_start = on_map, .indef_map_start = on_map_start,
	.tag = on_tag, .float2 = on_float, .float4 = on_float, .float8 = on_double, .undefined = on_null, .null = on_null,
	.boolean = on_bool, .indef_break = on_break,
};

void cbor_reader_init(struct cbor_reader *r, const uint8_t *data, size_t len, struct reason *why)
{
	*r = (struct cbor_reader){ .start = data, .p = data, .left = len, .why = why, .joined = { .max = DOTS_MESSAGE_MAX } };
}

void cbor_reader_free(struct cbor_reader *r)
{
	buf_free(&r->joined);
}

int cbor_next(struct cbor_reader *r, struct cbor_item *item)
{
	size_t at = (size_t)(r->p - r->start);
	struct cbor_decoder_result result = cbor_stream_decode(r->p, r->left, &callbacks, item);
	if (result.status == CBOR_DECODER_NEDATA)
		return reason_set(r->why, REASON_BAD_REQUEST, "", SECTION_CBOR, "the CBOR is cut short: an item at byte %zu does not end", at);
	if (result.status != CBOR_DECODER_FINISHED || result.read > r->left)
		return reason_set(r->why, REASON_BAD_REQUEST, "", SECTION_CBOR, "not CBOR: no item begins at byte %zu", at);
	r->p += result.read;
	r->left -= result.read;
	/* libcbor 0.9 to 0.14.0 passes on string lengths past the input where size_t has 32 bits. */
	if ((item->kind == CBOR_TEXT || item->kind == CBOR_BYTES) && item->value > result.read)
		return reason_set(r->why, REASON_BAD_REQUEST, "", SECTION_CBOR, "the CBOR is cut short: a string at byte %zu does not end", at);
	/* Every entry takes a byte at least, so a greater count is a lie that costs somebody memory. */
	if ((item->kind == CBOR_ARRAY && item->value > r->left) || (item->kind == CBOR_MAP && item->value > r->left / 2))
		return reason_set(r->why, REASON_BAD_REQUEST, "", SECTION_CBOR, "%s at byte %zu declares more entries than bytes follow", cbor_kind_name(item->kind), at);
	return 0;
}

int cbor_enter(struct cbor_reader *r, const struct cbor_item *item, struct cbor_box *box)
{
	if (r->depth == CBOR_MAX_DEPTH)
		return reason_set(r->why, REASON_BAD_REQUEST, "", SECTION_CBOR, "the CBOR is nested deeper than %d levels", CBOR_MAX_DEPTH);
	r->depth++;
	*box = (struct cbor_box){ .left = item->value, .indefinite = item->indefinite };
	return 0;
}

int cbor_more(struct cbor_reader *r, struct cbor_box *box)
{
	bool more = box->indefinite ? !(r->left && *r->p == 0xff) : box->left > 0;
	if (more) {
		box->left -= !box->indefinite;
		return 1;
	}
	if (box->indefinite) {
		r->p++;
		r->left--;
	}
	r->depth--;
	return 0;
}

int cbor_skip(struct cbor_reader *r, const struct cbor_item *item)
{
	static const struct cbor_item one = { .kind = CBOR_ARRAY, .value = 1 };
	struct cbor_item inner;
	struct cbor_box box = { 0 };
	bool pieces = item->indefinite && (item->kind == CBOR_TEXT || item->kind == CBOR_BYTES);
	if (item->kind == CBOR_BREAK)
		return reason_set(r->why, REASON_BAD_REQUEST, "", SECTION_CBOR, "not CBOR: a break before byte %zu ends nothing", (size_t)(r->p - r->start));
	if (item->kind != CBOR_ARRAY && item->kind != CBOR_MAP && item->kind != CBOR_TAG && !pieces)
		return 0;
	if (cbor_enter(r, item->kind == CBOR_TAG ? &one : item, &box) < 0)
		return -1;
	while (cbor_more(r, &box)) {
		if (cbor_next(r, &inner) < 0)
			return -1;
		if (pieces && (inner.kind != item->kind || inner.indefinite))
			return reason_set(r->why, REASON_BAD_REQUEST, "", SECTION_CBOR, "not CBOR: a string holds %s", cbor_kind_name(inner.kind));
		if (cbor_skip(r, &inner) < 0)
			return -1;
		if (item->kind == CBOR_MAP && (cbor_next(r, &inner) < 0 || cbor_skip(r, &inner) < 0))
			return -1;
	}
	return 0;
}

int cbor_join(struct cbor_reader *r, struct cbor_item *item)
{
	if (item->kind != CBOR_TEXT || !item->indefinite)
		return 0;
	struct cbor_item piece;
	struct cbor_box box = { .indefinite = true };
	r->depth++;   /* cbor_more leaves it; a string cannot nest */
	buf_reset(&r->joined);
	while (cbor_more(r, &box)) {
		if (cbor_next(r, &piece) < 0)
			return -1;
		if (piece.kind != CBOR_TEXT || piece.indefinite)
			return reason_set(r->why, REASON_BAD_REQUEST, "", SECTION_CBOR, "not CBOR: a string holds %s", cbor_kind_name(piece.kind));
		buf_put(&r->joined, piece.text, piece.len);
	}
	if (r->joined.failed)
		return field_memory((struct field){ "", SECTION_CBOR }, r->why);
	*item = (struct cbor_item){ .kind = CBOR_TEXT, .text = r->joined.data, .len = r->joined.len, .value = r->joined.len };
	return 0;
}

const char *cbor_kind_name(enum cbor_kind kind)
{
	static const char *const names[] = {
		[CBOR_UINT] = "a number", [CBOR_NEGINT] = "a negative number", [CBOR_BYTES] = "a byte string", [CBOR_TEXT] = "a text", [CBOR_ARRAY] = "a list",
		[CBOR_MAP] = "a map", [CBOR_TAG] = "a tag", [CBOR_BOOL] = "a boolean", [CBOR_OTHER] = "null or a real number", [CBOR_BREAK] = "a break",
	};
	return names[kind];
}

/* The longest head has nine bytes. */
static void put_head(struct buf *out, size_t (*encode)(uint64_t, unsigned char *, size_t), uint64_t v)
{
	unsigned char head[9];
	buf_put(out, head, encode(v, head, sizeof head));
}

static size_t encode_text(uint64_t v, unsigned char *head, size_t cap) { return cbor_encode_string_start((size_t)v, head, cap); }
static size_t encode_array(uint64_t v, unsigned char *head, size_t cap) { return cbor_encode_array_start((size_t)v, head, cap); }
static size_t encode_map(uint64_t v, unsigned char *head, size_t cap) { return cbor_encode_map_start((size_t)v, head, cap); }

void cbor_put_uint(struct buf *out, uint64_t v) { put_head(out, cbor_encode_uint, v); }
void cbor_put_negint(struct buf *out, uint64_t v) { put_head(out, cbor_encode_negint, v); }
void cbor_put_array(struct buf *out, size_t n) { put_head(out, encode_array, n); }
void cbor_put_map(struct buf *out, size_t n) { put_head(out, encode_map, n); }
void cbor_put_tag(struct buf *out, uint64_t tag) { put_head(out, cbor_encode_tag, tag); }

void cbor_put_text(struct buf *out, const char *text)
{
	size_t len = strlen(text);
	put_head(out, encode_text, len);
	buf_put(out, text, len);
}

void cbor_put_bool(struct buf *out, bool v)
{
	buf_u8(out, v ? 0xf5 : 0xf4);
}
