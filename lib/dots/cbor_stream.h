/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cbor_stream - CBOR item by item: a pull reader over libcbor's streaming decoder, and the writing of heads. The only user of libcbor. */
#ifndef DOTS_CBOR_STREAM_H
#define DOTS_CBOR_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/reason.h"

enum cbor_kind { CBOR_UINT, CBOR_NEGINT, CBOR_BYTES, CBOR_TEXT, CBOR_ARRAY, CBOR_MAP, CBOR_TAG, CBOR_BOOL, CBOR_OTHER /* null, floats, … */, CBOR_BREAK };

struct cbor_item {
	enum cbor_kind kind;
	uint64_t value;              /* number (of a negint: -1 - value), count of an array or map, tag, 0/1 */
	bool indefinite;             /* array or map that a break ends; or a string in pieces, of which text holds nothing */
	const uint8_t *text;         /* of text and bytes: into the input, not ended by a NUL */
	size_t len;
};

struct cbor_reader {
	const uint8_t *start, *p;
	size_t left;
	unsigned depth;
	struct reason *why;
	struct buf joined;           /* a text that came in pieces */
};

/* One array or map being read. */
struct cbor_box {
	uint64_t left;
	bool indefinite;
};

/* All readers return 0 (or as said), or -1 with *why. A reader owns nothing but `joined`: cbor_reader_free. */
void cbor_reader_init(struct cbor_reader *r, const uint8_t *data, size_t len, struct reason *why);
void cbor_reader_free(struct cbor_reader *r);
/* The next item; what an array, map, or string in pieces holds follows as further items. A count that the bytes left cannot hold is refused. */
int cbor_next(struct cbor_reader *r, struct cbor_item *item);
/* Goes into an array or map just read (past CBOR_MAX_DEPTH: refused), gives whether one more entry follows (1, 0), and leaves it when none does. */
int cbor_enter(struct cbor_reader *r, const struct cbor_item *item, struct cbor_box *box);
int cbor_more(struct cbor_reader *r, struct cbor_box *box);
/* Skips what belongs to an item just read. */
int cbor_skip(struct cbor_reader *r, const struct cbor_item *item);
/* Makes a text that came in pieces a whole one; it stays until the next call. Other items stay as they are. */
int cbor_join(struct cbor_reader *r, struct cbor_item *item);
/* "a list", "a number", … for reasons. */
const char *cbor_kind_name(enum cbor_kind kind);

/* Heads in their shortest form. */
void cbor_put_uint(struct buf *out, uint64_t v);
void cbor_put_negint(struct buf *out, uint64_t v);     /* -1 - v */
void cbor_put_text(struct buf *out, const char *text);
void cbor_put_array(struct buf *out, size_t n);
void cbor_put_map(struct buf *out, size_t n);
void cbor_put_tag(struct buf *out, uint64_t tag);
void cbor_put_bool(struct buf *out, bool v);

#endif
