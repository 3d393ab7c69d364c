/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "ranges.h"
#include "rules.h"
#include "sets.h"

void rules_renew(struct nft *n, uint32_t id, const struct plan *p, uint64_t timeout_ms)
{
	char name[NFT_NAME_MAX];
	for (int f = 0; f < 2; f++) {
		if (!rules_have_gate(p, f))
			continue;
		const struct prefix_list *l = &p->target[f];
		bool interval = !prefixes_all_hosts(l);
		unit_name(id, f ? "_t6" : "_t4", name);
		/* Deleting what has run out would fail the batch, and adding what is there keeps its old timeout on some kernels. */
		sets_elems(n, name, true, l->v, l->n, interval, timeout_ms);
		sets_elems(n, name, false, l->v, l->n, interval, 0);
		sets_elems(n, name, true, l->v, l->n, interval, timeout_ms);
	}
}

/* How many entries two long lists begin with alike; compared by blocks, since nearly all of them are. */
static size_t alike(const struct prefix_list *a, const struct prefix_list *b)
{
	enum { BLOCK = 512 };
	size_t least = a->n < b->n ? a->n : b->n, i = 0;
	while (i + BLOCK <= least && !memcmp(&a->v[i], &b->v[i], BLOCK * sizeof *a->v))
		i += BLOCK;
	while (i < least && !memcmp(&a->v[i], &b->v[i], sizeof *a->v))
		i++;
	return i;
}

static size_t alike_at_the_end(const struct prefix_list *a, const struct prefix_list *b, size_t most)
{
	enum { BLOCK = 512 };
	size_t i = 0;
	while (i + BLOCK <= most && !memcmp(&a->v[a->n - i - BLOCK], &b->v[b->n - i - BLOCK], BLOCK * sizeof *a->v))
		i += BLOCK;
	while (i < most && !memcmp(&a->v[a->n - i - 1], &b->v[b->n - i - 1], sizeof *a->v))
		i++;
	return i;
}

/* Elements of a that b lacks; both are sorted, and begin and end alike but for the middle. */
static void difference(struct nft *n, const char *set, bool add, const struct prefix_list *a, const struct prefix_list *b, size_t head, size_t tail)
{
	nft_elems_begin(n, set, add);
	for (size_t i = head, k = head; i + tail < a->n; i++) {
		while (k < b->n && prefix_compare(&b->v[k], &a->v[i]) < 0)
			k++;
		if (k == b->n || !prefix_equal(&b->v[k], &a->v[i]))
			nft_elem(n, a->v[i].addr, a->v[i].family == 4 ? 4 : 16, 0, NULL);
	}
	nft_elems_end(n);
}

bool rules_change_sources(struct nft *n, uint32_t id, const struct plan *from, const struct plan *to)
{
	char name[NFT_NAME_MAX];
	for (int f = 0; f < 2; f++) {
		const struct prefix_list *a = &from->source[f], *b = &to->source[f];
		if (!a->n != !b->n || !from->single[f] || !to->single[f] || (rules_bulky(from, f) && b->n > a->n + a->n / 4))
			return false;
	}
	for (int f = 0; f < 2; f++) {
		if (!rules_have_sources(from, f))
			continue;
		unit_name(id, f ? "_s6" : "_s4", name);
		const struct prefix_list *a = &from->source[f], *b = &to->source[f];
		size_t head = alike(a, b), tail = alike_at_the_end(a, b, (a->n < b->n ? a->n : b->n) - head);
		difference(n, name, false, a, b, head, tail);
		difference(n, name, true, b, a, head, tail);
	}
	return true;
}

void rules_source(struct nft *n, uint32_t id, const struct prefix *source, bool add)
{
	char name[NFT_NAME_MAX];
	unit_name(id, source->family == 6 ? "_s6" : "_s4", name);
	sets_elems(n, name, add, source, 1, false, 0);
}
