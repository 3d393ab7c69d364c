/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wide.h"

#include <string.h>

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static void mask(struct wide *w)
{
	size_t byte = w->len / 8;
	if (w->len % 8) {
		w->addr[byte] &= (uint8_t)(0xff << (8 - w->len % 8));
		byte++;
	}
	memset(w->addr + byte, 0, sizeof w->addr - byte);
}

struct wide wide_of(const struct prefix *p)
{
	struct wide w = { .len = p->len };
	if (p->family == 6) {
		memcpy(w.addr, p->addr, 16);
	} else {
		memcpy(w.addr, mapped, 12);
		memcpy(w.addr + 12, p->addr, 4);
		w.len = (uint8_t)(p->len + 96);
	}
	return w;
}

struct prefix wide_prefix(const struct wide *w)
{
	if (w->len >= 96 && !memcmp(w->addr, mapped, 12))
		return prefix_make(4, w->addr + 12, (uint8_t)(w->len - 96));
	return prefix_make(6, w->addr, w->len);
}

struct wide wide_cut(const struct wide *w, uint8_t len)
{
	struct wide out = *w;
	out.len = len;
	mask(&out);
	return out;
}

bool wide_contains(const struct wide *outer, const struct wide *inner)
{
	if (inner->len < outer->len)
		return false;
	size_t whole = outer->len / 8;
	if (memcmp(outer->addr, inner->addr, whole))
		return false;
	unsigned rest = outer->len % 8;
	return !rest || !((outer->addr[whole] ^ inner->addr[whole]) >> (8 - rest));
}

bool wide_overlap(const struct wide *a, const struct wide *b)
{
	return a->len <= b->len ? wide_contains(a, b) : wide_contains(b, a);
}

int wide_compare(const void *a, const void *b)
{
	const struct wide *x = a, *y = b;
	int c = memcmp(x->addr, y->addr, 16);
	return c ? c : (int)x->len - (int)y->len;
}

struct wide wide_graft(const struct wide *base, const struct wide *host, uint8_t from)
{
	struct wide out = *base;
	size_t byte = from / 8;
	if (from % 8) {
		uint8_t keep = (uint8_t)(0xff << (8 - from % 8));
		out.addr[byte] = (uint8_t)((out.addr[byte] & keep) | (host->addr[byte] & ~keep));
		byte++;
	}
	memcpy(out.addr + byte, host->addr + byte, 16 - byte);
	out.len = host->len;
	mask(&out);
	return out;
}
