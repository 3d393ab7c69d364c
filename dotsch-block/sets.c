/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sets.h"

#include <arpa/inet.h>

#include "ranges.h"
#include "rules.h"

void sets_elems(struct nft *n, const char *set, bool add, const struct prefix *v, size_t count, bool interval, uint64_t timeout_ms)
{
	nft_elems_begin(n, set, add);
	for (size_t i = 0; i < count; i++) {
		unsigned len = v[i].family == 4 ? 4 : 16;
		uint8_t next[16];
		nft_elem(n, v[i].addr, len, timeout_ms, NULL);
		if (interval && prefix_behind(&v[i], next))
			nft_elem_end(n, next, len);
	}
	nft_elems_end(n);
}

void sets_add_prefixes(struct nft *n, uint32_t id, const char *suffix, int family, const struct prefix_list *l, bool timeout, uint64_t timeout_ms)
{
	char name[NFT_NAME_MAX];
	struct nft_set_spec spec = { .name = unit_name(id, suffix, name), .key = family ? NFT_KEY_IPV6 : NFT_KEY_IPV4, .interval = !prefixes_all_hosts(l), .timeout = timeout };
	nft_add_set(n, &spec);
	sets_elems(n, name, true, l->v, l->n, spec.interval, timeout_ms);
}

bool sets_of_family(const struct prefix_list *l, int family, struct prefix_list *out)
{
	for (size_t i = 0; i < l->n; i++)
		if ((l->v[i].family == 6) == family && prefix_list_add(out, &l->v[i]) < 0)
			return false;
	return out->n > 0;
}

void sets_add_ranges(struct nft *n, uint32_t id, const char *suffix, const struct range_list *l)
{
	char name[NFT_NAME_MAX];
	if (l->n < 2)
		return;
	struct nft_set_spec spec = { .name = unit_name(id, suffix, name), .key = NFT_KEY_PORT, .interval = true };
	nft_add_set(n, &spec);
	nft_elems_begin(n, name, true);
	for (size_t i = 0; i < l->n; i++) {
		uint16_t lower = htons(l->v[i].lower), behind = htons((uint16_t)(l->v[i].upper + 1));
		nft_elem(n, &lower, 2, 0, NULL);
		if (l->v[i].upper < UINT16_MAX)
			nft_elem_end(n, &behind, 2);
	}
	nft_elems_end(n);
}

struct range_list sets_types(const struct range_list *types, struct range v[], size_t cap)
{
	struct range_list l = { v, types->n < cap ? types->n : cap };
	for (size_t i = 0; i < l.n; i++)
		v[i] = (struct range){ (uint16_t)((types->v[i].lower & 0xff) << 8), (uint16_t)((types->v[i].upper & 0xff) << 8 | 0xff) };
	return l;
}

void sets_add_bytes(struct nft *n, uint32_t id, const char *suffix, enum nft_key key, const uint8_t *v, size_t count)
{
	char name[NFT_NAME_MAX];
	unsigned len = nft_key_len(key);
	if (count < 1 || (key == NFT_KEY_PROTOCOL && count < 2))
		return;
	struct nft_set_spec spec = { .name = unit_name(id, suffix, name), .key = key };
	nft_add_set(n, &spec);
	nft_elems_begin(n, name, true);
	for (size_t i = 0; i < count; i++)
		nft_elem(n, v + i * len, len, 0, NULL);
	nft_elems_end(n);
}
