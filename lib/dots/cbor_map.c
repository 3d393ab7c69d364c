/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cbor_map - the checks that every map and list of a DOTS body goes through: place, direction, type, duplicates, unknown keys. */
#include <inttypes.h>

#include "base/limits.h"
#include "dots/cbor_parts.h"

/* Keys of one map that were met: a bit for each known one, a list of the others. */
struct seen {
	uint64_t known;
	size_t n;
	uint64_t unknown[UNKNOWN_MAX];
};

static int twice(struct decoder *d, enum place place, uint64_t key, const char *name)
{
	return reason_set(d->r.why, REASON_BAD_REQUEST, name, SECTION_CBOR, "key %" PRIu64 " stands twice in %s", key, place_name(place));
}

static int skip_unknown(struct decoder *d, enum place place, uint64_t key, struct seen *seen)
{
	struct cbor_item value;
	for (size_t i = 0; i < seen->n; i++)
		if (seen->unknown[i] == key)
			return twice(d, place, key, "");
	if (seen->n == UNKNOWN_MAX)
		return reason_set(d->r.why, REASON_BAD_REQUEST, "", SECTION_CBOR, "more than %d unknown keys in %s", UNKNOWN_MAX, place_name(place));
	seen->unknown[seen->n++] = key;
	if (dots_key_required(key)) {
		if (d->n_unknown < UNKNOWN_NAMED)
			d->unknown[d->n_unknown] = key;
		d->n_unknown++;
	}
	return cbor_next(&d->r, &value) < 0 ? -1 : cbor_skip(&d->r, &value);
}

static int check_place(struct decoder *d, const struct dots_key *k, enum place place)
{
	if (!k->places)
		return reason_set(d->r.why, REASON_BAD_REQUEST, k->name, k->section, "has no place in a body; it stands in the Uri-Path");
	if (!(k->places & place))
		return reason_set(d->r.why, REASON_BAD_REQUEST, k->name, k->section, "key %u has no place in %s", k->key, place_name(place));
	if (d->direction == BODY_REQUEST && !(k->sender & SENT_IN_REQUEST))
		return reason_set(d->r.why, REASON_BAD_REQUEST, k->name, k->section, "has no place in a request: only a server sends it");
	if (d->direction == BODY_RESPONSE && !(k->sender & SENT_IN_RESPONSE))
		return reason_set(d->r.why, REASON_BAD_REQUEST, k->name, k->section, "has no place in a response: only a client sends it");
	return 0;
}

static int check_type(struct decoder *d, const struct dots_key *k, const struct cbor_item *item)
{
	static const enum cbor_kind kinds[] = {
		[KEY_UINT] = CBOR_UINT, [KEY_INT] = CBOR_UINT, [KEY_TEXT] = CBOR_TEXT, [KEY_BOOL] = CBOR_BOOL, [KEY_DECIMAL] = CBOR_TAG, [KEY_MAP] = CBOR_MAP,
		[KEY_LIST] = CBOR_ARRAY,
	};
	if (item->kind == kinds[k->type] || (k->type == KEY_INT && item->kind == CBOR_NEGINT))
		return 0;
	return reason_set(d->r.why, REASON_BAD_REQUEST, k->name, k->section, "is %s, expected %s", cbor_kind_name(item->kind),
	    k->type == KEY_DECIMAL ? "a decimal fraction (tag 4)" : cbor_kind_name(kinds[k->type]));
}

static int known_member(struct decoder *d, enum place place, const struct dots_key *k, struct seen *seen, decode_fn *fn, void *target)
{
	struct cbor_item value;
	/* 51 base keys, then the eight of Call Home. */
	uint64_t bit = UINT64_C(1) << (k->key < KEY_SOURCE_PREFIX ? k->key : KEY_PEER_HB_STATUS + 1 + k->key - KEY_SOURCE_PREFIX);
	if (check_place(d, k, place) < 0)
		return -1;
	if (seen->known & bit)
		return twice(d, place, k->key, k->name);
	seen->known |= bit;
	if (cbor_next(&d->r, &value) < 0 || check_type(d, k, &value) < 0 || cbor_join(&d->r, &value) < 0)
		return -1;
	return fn(d, k, &value, target);
}

int decode_map(struct decoder *d, enum place place, const struct cbor_item *map, decode_fn *fn, void *target)
{
	struct cbor_box box;
	struct seen seen;
	seen.known = 0;
	seen.n = 0;   /* not the whole of it: most maps hold no unknown key */
	if (cbor_enter(&d->r, map, &box) < 0)
		return -1;
	while (cbor_more(&d->r, &box)) {
		struct cbor_item key;
		if (cbor_next(&d->r, &key) < 0)
			return -1;
		if (key.kind != CBOR_UINT)
			return reason_set(d->r.why, REASON_BAD_REQUEST, "", SECTION_CBOR, "a key in %s is %s, expected a number", place_name(place), cbor_kind_name(key.kind));
		const struct dots_key *k = dots_key_find(key.value);
		if ((k ? known_member(d, place, k, &seen, fn, target) : skip_unknown(d, place, key.value, &seen)) < 0)
			return -1;
	}
	return 0;
}

int decode_list(struct decoder *d, const struct dots_key *k, enum cbor_kind entries, const struct cbor_item *list, decode_fn *fn, void *target)
{
	struct cbor_box box;
	size_t n = 0, max = k->key == KEY_SCOPE ? DOTS_MAX_SCOPES : MITIGATION_MAX_WIRE_ENTRIES;
	if (cbor_enter(&d->r, list, &box) < 0)
		return -1;
	while (cbor_more(&d->r, &box)) {
		struct cbor_item item;
		if (n++ == max)
			return reason_set(d->r.why, REASON_BAD_REQUEST, k->name, k->section, "has more than %zu entries", max);
		if (cbor_next(&d->r, &item) < 0)
			return -1;
		if (item.kind != entries)
			return reason_set(d->r.why, REASON_BAD_REQUEST, k->name, k->section, "holds %s, expected %s", cbor_kind_name(item.kind), cbor_kind_name(entries));
		if (cbor_join(&d->r, &item) < 0 || fn(d, k, &item, target) < 0)
			return -1;
	}
	/* A request must not hold empty lists; in an answer they say nothing. */
	if (!n && d->direction == BODY_REQUEST)
		return reason_set(d->r.why, REASON_BAD_REQUEST, k->name, k->section, "is an empty list; leave it out instead");
	return 0;
}
