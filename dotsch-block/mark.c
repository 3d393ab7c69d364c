/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "rules.h"

/* Userdata is a list of type, length, value. Type 0 is the comment that nft shows; ours stands beside it. */
#define TYPE_COMMENT 0
#define TYPE_MARK 0x64
#define MARK_BYTES 25

size_t mark_write(const struct mark *m, const char *comment, uint8_t *out, size_t cap)
{
	size_t len = strlen(comment) + 1, at = 0;
	if (len > NFT_COMMENT_MAX + 1)
		len = NFT_COMMENT_MAX + 1;
	if (cap < len + 4 + MARK_BYTES)
		return 0;
	out[at++] = TYPE_COMMENT;
	out[at++] = (uint8_t)len;
	memcpy(out + at, comment, len - 1);
	out[at + len - 1] = '\0';
	at += len;
	out[at++] = TYPE_MARK;
	out[at++] = MARK_BYTES;
	memcpy(out + at, m->key, 16);
	for (int i = 0; i < 8; i++)
		out[at + 16 + (size_t)i] = (uint8_t)(m->request >> (8 * i));
	out[at + 24] = m->device;
	return at + MARK_BYTES;
}

static const uint8_t *find(const void *userdata, size_t len, uint8_t type, size_t *out_len)
{
	const uint8_t *p = userdata;
	while (len >= 2 && p[1] <= len - 2) {
		if (p[0] == type) {
			*out_len = p[1];
			return p + 2;
		}
		len -= 2u + p[1];
		p += 2 + p[1];
	}
	return NULL;
}

bool mark_read(const void *userdata, size_t len, struct mark *out)
{
	size_t n = 0;
	const uint8_t *p = userdata ? find(userdata, len, TYPE_MARK, &n) : NULL;
	if (!p || n != MARK_BYTES)
		return false;
	*out = (struct mark){ 0 };
	memcpy(out->key, p, 16);
	for (int i = 0; i < 8; i++)
		out->request |= (uint64_t)p[16 + i] << (8 * i);
	out->device = p[24];
	return true;
}

void mark_comment(const void *userdata, size_t len, char *out, size_t cap)
{
	size_t n = 0;
	const uint8_t *p = userdata ? find(userdata, len, TYPE_COMMENT, &n) : NULL;
	n = p && n ? n - 1 : 0;
	if (n >= cap)
		n = cap - 1;
	if (n)
		memcpy(out, p, n);
	out[n] = '\0';
}
