/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cbor - DOTS bodies as application/dots+cbor (RFC 9132, 6): streaming decode with caps, and encode. Adapter of libcbor. */
#ifndef DOTS_CBOR_H
#define DOTS_CBOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/reason.h"
#include "dots/body.h"

/* Which side sent it: a request may not hold what only a server sends, and the other way round (4.00, RFC 9132, 6). */
enum body_direction { BODY_REQUEST, BODY_RESPONSE };

/* Decodes one body into *out (initialised by it). Refuses, with code, field and section in *why: malformed, truncated or over-deep CBOR, counts larger than
   the bytes left, wrong types and ranges, keys in a place where they do not belong, duplicate keys, trailing bytes, unknown comprehension-required keys
   (named). Unknown comprehension-optional keys are skipped. An optional tag 271 in front is accepted. len 0 gives BODY_EMPTY.
   Allocates in proportion to len only. 0, or -1 and *out is empty. */
int dots_cbor_decode(const uint8_t *data, size_t len, enum body_direction direction, struct body *out, struct reason *why);
/* Appends the body; sticky error in *out. Shortest forms, keys in the order of RFC 9132, Figure 7 (list orders kept). Absent things are left out.
   Keys 34/35 and 41/42 as Table 5 says. */
void dots_cbor_encode(const struct body *body, struct buf *out);

#endif
