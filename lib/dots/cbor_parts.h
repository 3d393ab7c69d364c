/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cbor_parts - what the files of the CBOR codec share. */
#ifndef DOTS_CBOR_PARTS_H
#define DOTS_CBOR_PARTS_H

#include "dots/cbor.h"
#include "dots/cbor_stream.h"
#include "dots/field.h"
#include "dots/keys.h"

#define CBOR_TAG_DOTS 271            /* RFC 9132, 10.4 */
#define CBOR_TAG_DECIMAL 4           /* RFC 8949, 3.4.4 */
/* Unknown keys of one map that are kept to find duplicates, and of a body that a reason names. */
#define UNKNOWN_MAX 64
#define UNKNOWN_NAMED 8

struct decoder {
	struct cbor_reader r;
	enum body_direction direction;
	struct body *out;
	uint64_t unknown[UNKNOWN_NAMED];     /* comprehension-required ones */
	size_t n_unknown;
	bool has_hb_status;
};

struct decoded_range {
	uint64_t lower, upper;
	bool has_lower, has_upper;
};

/* Called for every known key of a map that is allowed there, or every entry of a list; item has the right kind, texts are whole. */
typedef int decode_fn(struct decoder *d, const struct dots_key *k, struct cbor_item *item, void *target);

int decode_map(struct decoder *d, enum place place, const struct cbor_item *map, decode_fn *fn, void *target);
int decode_list(struct decoder *d, const struct dots_key *k, enum cbor_kind entries, const struct cbor_item *list, decode_fn *fn, void *target);
decode_fn config_member;
/* How many members a mitigation has as a map. */
size_t mitigation_members(const struct mitigation *m);

#endif
