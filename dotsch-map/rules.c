/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rules.h"

#include <string.h>

#include "dots/portset.h"

static bool bit_get(const uint8_t *bytes, unsigned i)
{
	return bytes[i / 8] >> (7 - i % 8) & 1;
}

static void bit_put(uint8_t *bytes, unsigned i, bool on)
{
	uint8_t mask = (uint8_t)(0x80 >> i % 8);
	bytes[i / 8] = (uint8_t)(on ? bytes[i / 8] | mask : bytes[i / 8] & ~mask);
}

bool nat64_embed(const struct prefix *nat64, const struct prefix *v4, struct prefix *out)
{
	uint8_t len = nat64->len;
	if (nat64->family != 6 || v4->family != 4 || (len != 32 && len != 40 && len != 48 && len != 56 && len != 64 && len != 96))
		return false;
	uint8_t addr[16];
	memcpy(addr, nat64->addr, 16);
	unsigned at = len / 8;
	for (unsigned i = 0; i < 4; i++) {
		at += at == 8;       /* bits 64 to 71 stay zero (RFC 6052, 2.2) */
		addr[at++] = v4->addr[i];
	}
	unsigned bits = len + v4->len;
	if (v4->len && len <= 64 && bits > 64)
		bits += 8;
	*out = prefix_make(6, addr, (uint8_t)bits);
	return true;
}

bool prefix_swap(const struct prefix *external, const struct prefix *internal, const struct prefix *address, struct prefix *out)
{
	if (!prefix_contains(external, address))
		return false;
	uint8_t bytes[16];
	unsigned rest = (unsigned)(address->len - external->len), bits = prefix_bits(internal), from = internal->len;
	if (from + rest > bits)
		return false;
	memcpy(bytes, internal->addr, 16);
	for (unsigned i = 0; i < rest; i++)
		bit_put(bytes, from + i, bit_get(address->addr, external->len + i));
	*out = prefix_make(internal->family, bytes, (uint8_t)(from + rest));
	/* A host stays a host: an EAM of IPv4 /32 and IPv6 /64 names the whole /64, and that is what it becomes. */
	return true;
}

static uint16_t word(const uint8_t *bytes, unsigned i)
{
	return (uint16_t)(bytes[2 * i] << 8 | bytes[2 * i + 1]);
}

/* Sum in one's complement. */
static uint16_t sum1(uint16_t a, uint16_t b)
{
	uint32_t s = (uint32_t)a + b;
	return (uint16_t)((s & 0xffff) + (s >> 16));
}

bool nptv6_inside(const struct prefix *external, const struct prefix *internal, const struct prefix *address, struct prefix *out)
{
	if (external->family != 6 || internal->family != 6 || external->len != internal->len || !prefix_swap(external, internal, address, out))
		return false;
	/* The word that is adjusted: bits 48 to 63 for prefixes up to /48, else the first word of the interface identifier that is not 0xffff (RFC 6296, 3.4, 3.5).
	   A prefix that ends before or inside that word has no fixed value there, so it only names what it can. */
	unsigned at = 3;
	if (external->len > 48)
		for (at = 4; at < 7 && word(address->addr, at) == 0xffff; at++)
			;
	if (address->len < (at + 1) * 16)
		return address->len <= at * 16;
	uint16_t adjust = 0;
	for (unsigned i = 0; i < 4; i++) {
		adjust = sum1(adjust, word(external->addr, i));
		adjust = sum1(adjust, (uint16_t)~word(internal->addr, i));
	}
	uint16_t v = sum1(word(out->addr, at), adjust);
	if (v == 0xffff)
		v = 0;
	out->addr[2 * at] = (uint8_t)(v >> 8);
	out->addr[2 * at + 1] = (uint8_t)v;
	return true;
}

unsigned map_psid_len(const struct nat_rule *rule)
{
	unsigned suffix = 128u - rule->out.len;
	if (!rule->ea_len)
		return rule->psid_len;
	return rule->ea_len > suffix ? rule->ea_len - suffix : 0;
}

/* End-user prefix, then a zero subnet id, then the interface identifier 0, IPv4, PSID (RFC 7597, 6). */
static void ce_address(const struct nat_rule *rule, const struct prefix *v4, uint16_t psid, struct prefix *ce)
{
	struct prefix rule6 = wide_prefix(&rule->in);
	uint8_t addr[16];
	memcpy(addr, rule6.addr, 16);
	unsigned rule4_len = rule->out.len - 96u, k = map_psid_len(rule), at = rule6.len, suffix = rule->ea_len ? rule->ea_len - k : 0;
	if (rule->ea_len) {
		for (unsigned i = 0; i < suffix; i++)
			bit_put(addr, at++, bit_get(v4->addr, rule4_len + i));
		for (unsigned i = k; i-- > 0;)
			bit_put(addr, at++, psid >> i & 1);
	}
	memset(addr + 8, 0, 2);
	memcpy(addr + 10, v4->addr, 4);
	addr[14] = (uint8_t)(psid >> 8);
	addr[15] = (uint8_t)psid;
	/* An IPv4 prefix (o + r < 32) has no single address to put in; the end-user prefix names it. */
	*ce = rule->ea_len && rule4_len + suffix < 32 ? prefix_make(6, addr, (uint8_t)at) : prefix_make(6, addr, 128);
}

int map_ce(const struct nat_rule *rule, const struct prefix *v4, int port, struct prefix *ce)
{
	struct prefix rule4 = wide_prefix(&rule->out);
	if (v4->family != 4 || !prefix_is_host(v4) || !prefix_contains(&rule4, v4))
		return -2;
	struct portset set = { .offset = rule->offset, .psid_len = (uint8_t)map_psid_len(rule) };
	int psid = 0;
	if (set.psid_len) {
		if (port < 0)
			return -3;
		psid = portset_psid(&set, (uint16_t)port);
		if (psid < 0 || (!rule->ea_len && psid != rule->psid))
			return -1;
	}
	ce_address(rule, v4, (uint16_t)psid, ce);
	return 0;
}

int deterministic_inside(const struct nat_rule *rule, const struct prefix *ext, int port, struct prefix *inside)
{
	struct prefix out = wide_prefix(&rule->out), in = wide_prefix(&rule->in);
	if (!prefix_is_host(ext) || !prefix_contains(&out, ext))
		return -2;
	if (port < 0)
		return -3;
	if (port < rule->first_port)
		return -1;
	/* Subscribers fill one outside address after the other (RFC 7422, 2). */
	uint64_t per_address = (65536u - rule->first_port) / rule->ports, block = (uint64_t)(port - rule->first_port) / rule->ports, at = 0;
	if (block >= per_address)
		return -1;
	for (unsigned i = out.len; i < 32; i++)
		at = at << 1 | bit_get(ext->addr, i);
	uint64_t subscriber = at * per_address + block;
	unsigned room = prefix_bits(&in) - in.len;
	if (room < 64 && subscriber >> room)
		return -1;
	uint8_t bytes[16];
	memcpy(bytes, in.addr, 16);
	for (unsigned i = prefix_bits(&in); subscriber && i-- > in.len; subscriber >>= 1)
		bit_put(bytes, i, subscriber & 1);
	*inside = prefix_make(in.family, bytes, prefix_bits(&in));
	return 0;
}
