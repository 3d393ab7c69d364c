/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nat_json - NAT tables and rules as JSON, read as a stream: RFC 8512, 8513, 8676, deterministic NAT, and event records. Adapter of yajl. */
#ifndef MAP_NAT_JSON_H
#define MAP_NAT_JSON_H

#include "builder.h"

struct nat_json;

/* Everything that is read goes into `b` (borrowed) under the given source. NULL when memory is out. */
struct nat_json *nat_json_new(struct nat_builder *b, uint32_t source);
/* 0, or -1 with *why: byte offset, path, and what would be right. After -1 only nat_json_free. */
int nat_json_feed(struct nat_json *p, const void *data, size_t len, struct reason *why);
/* The end of the input: a document that is cut short, an ietf-restconf:errors body, or one without any NAT table in it, is refused. */
int nat_json_end(struct nat_json *p, struct reason *why);
void nat_json_free(struct nat_json *p);    /* NULL allowed */

#endif
