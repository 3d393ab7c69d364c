/* SPDX-License-Identifier: GPL-3.0-or-later */
/* intern - equal records are kept once and get a number: the hosts, addresses and destinations of millions of mappings are few. */
#ifndef MAP_INTERN_H
#define MAP_INTERN_H

#include <stddef.h>
#include <stdint.h>

#define INTERN_NONE UINT32_MAX

/* Set `size` (bytes of a record without padding, or with padding zeroed), the rest zero. */
struct intern {
	size_t size;
	uint8_t *items;          /* n records, in the order of their numbers */
	uint32_t n;
	size_t cap;
	uint32_t *slots;         /* number + 1, 0 = free */
	size_t n_slots;          /* a power of two */
	uint32_t last;           /* the number of the record asked for last: mappings come in runs */
};

/* The record's number; INTERN_NONE when memory is out. */
uint32_t intern_put(struct intern *in, const void *record);
void intern_free(struct intern *in);
/* A quick hash; the tables are the operator's own, so it need not resist an enemy. */
uint32_t hash_bytes(const void *data, size_t len);

#endif
