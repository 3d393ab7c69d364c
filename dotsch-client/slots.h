/* SPDX-License-Identifier: GPL-3.0-or-later */
/* slots - an open-addressing hash index over numbered items: eight bytes a slot, the items and their keys stay where they are. */
#ifndef CLIENT_SLOTS_H
#define CLIENT_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slot { uint32_t hash, item; };   /* item: 0 = never used, SLOT_GONE = removed, else the number + 1 */

/* Zero-initialise; slots_free when done. */
struct slots {
	struct slot *v;
	size_t cap, used, live;         /* used counts removed slots too; cap is a power of two */
};

/* Whether the item is the one that `key` names; hashes are equal already. */
typedef bool slots_same_fn(const void *arg, uint32_t item, const void *key);

void slots_free(struct slots *s);
/* Adds an item; the caller has made sure that it is not there. False when out of memory. */
bool slots_add(struct slots *s, uint32_t hash, uint32_t item);
/* The number of the item, or -1. */
int64_t slots_find(const struct slots *s, uint32_t hash, slots_same_fn *same, const void *arg, const void *key);
void slots_remove(struct slots *s, uint32_t hash, uint32_t item);   /* harmless when not there */
uint32_t slots_hash(const void *data, size_t len);

#endif
