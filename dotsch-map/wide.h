/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wide - prefixes of both families as one kind: 128 bits, IPv4 under ::ffff:0:0/96, so that one index holds them all. */
#ifndef MAP_WIDE_H
#define MAP_WIDE_H

#include "base/addr.h"

struct wide { uint8_t addr[16]; uint8_t len; };   /* len 0..128; bits behind it are zero */

struct wide wide_of(const struct prefix *p);
/* Back again: IPv4 when it lies in ::ffff:0:0/96. */
struct prefix wide_prefix(const struct wide *w);
struct wide wide_cut(const struct wide *w, uint8_t len);                  /* the covering prefix of that length; len <= w->len */
bool wide_contains(const struct wide *outer, const struct wide *inner);
bool wide_overlap(const struct wide *a, const struct wide *b);
int wide_compare(const void *a, const void *b);                           /* address, then length */
/* The bits of `host` behind `from` bits, put behind the bits of `base` (for prefixes that map one to one). */
struct wide wide_graft(const struct wide *base, const struct wide *host, uint8_t from);

#endif
