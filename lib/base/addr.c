/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/addr.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

uint8_t prefix_bits(const struct prefix *p)
{
	return p->family == 4 ? 32 : 128;
}

bool prefix_is_host(const struct prefix *p)
{
	return p->len == prefix_bits(p);
}

static void mask_host_bits(struct prefix *p)
{
	size_t byte = p->len / 8;
	if (p->len % 8) {
		p->addr[byte] &= (uint8_t)(0xff << (8 - p->len % 8));
		byte++;
	}
	memset(p->addr + byte, 0, sizeof p->addr - byte);
}

struct prefix prefix_make(uint8_t family, const void *bytes, uint8_t len)
{
	assert(family == 4 || family == 6);
	struct prefix p = { .family = family, .len = len };
	assert(len <= prefix_bits(&p));
	memcpy(p.addr, bytes, family == 4 ? 4 : 16);
	mask_host_bits(&p);
	return p;
}

static int parse_length(const char *text, unsigned max)
{
	size_t digits = strspn(text, "0123456789");
	if (!digits || digits > 3 || text[digits] || (text[0] == '0' && digits > 1))
		return -1;
	unsigned v = 0;
	for (size_t i = 0; i < digits; i++)
		v = v * 10 + (unsigned)(text[i] - '0');
	return v <= max ? (int)v : -1;
}

int prefix_parse(const char *text, bool bare_is_host, struct prefix *out)
{
	char address[PREFIX_TEXT_MAX];
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	if (!n || n >= sizeof address || (!slash && !bare_is_host))
		return -1;
	memcpy(address, text, n);
	address[n] = '\0';
	uint8_t bytes[16];
	uint8_t family = strchr(address, ':') ? 6 : 4;
	/* inet_pton refuses zone ids, leading zeros in IPv4 octets, and everything inet_aton lets through. */
	if (inet_pton(family == 4 ? AF_INET : AF_INET6, address, bytes) != 1)
		return -1;
	int len = family == 4 ? 32 : 128;
	if (slash && (len = parse_length(slash + 1, (unsigned)len)) < 0)
		return -1;
	*out = prefix_make(family, bytes, (uint8_t)len);
	return 0;
}

int addr_parse(const char *text, struct prefix *out)
{
	return strchr(text, '/') ? -1 : prefix_parse(text, true, out);
}

char *addr_format(const struct prefix *p, char out[PREFIX_TEXT_MAX])
{
	inet_ntop(p->family == 4 ? AF_INET : AF_INET6, p->addr, out, PREFIX_TEXT_MAX);
	return out;
}

char *prefix_format(const struct prefix *p, char out[PREFIX_TEXT_MAX])
{
	addr_format(p, out);
	size_t n = strlen(out);
	snprintf(out + n, PREFIX_TEXT_MAX - n, "/%u", p->len);
	return out;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	if (memcmp(a, b, bits / 8))
		return false;
	return !(bits % 8) || !((a[bits / 8] ^ b[bits / 8]) >> (8 - bits % 8));
}

bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return a->family == b->family && a->len == b->len && !memcmp(a->addr, b->addr, sizeof a->addr);
}

bool prefix_contains(const struct prefix *outer, const struct prefix *inner)
{
	return outer->family == inner->family && outer->len <= inner->len && same_bits(outer->addr, inner->addr, outer->len);
}

bool prefix_overlap(const struct prefix *a, const struct prefix *b)
{
	return a->family == b->family && same_bits(a->addr, b->addr, a->len < b->len ? a->len : b->len);
}

int prefix_compare(const void *va, const void *vb)
{
	const struct prefix *a = va, *b = vb;
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	int order = memcmp(a->addr, b->addr, sizeof a->addr);
	return order ? order : (a->len > b->len) - (a->len < b->len);
}

struct prefix prefix_last(const struct prefix *p)
{
	struct prefix last = *p;
	for (unsigned bit = p->len; bit < prefix_bits(p); bit++)
		last.addr[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	last.len = prefix_bits(p);
	return last;
}

struct block {
	struct prefix prefix;
	const char *name;
};

static const char *block_of(const struct prefix *p, const struct block *blocks, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (prefix_overlap(p, &blocks[i].prefix))
			return blocks[i].name;
	return NULL;
}

const char *prefix_forbidden(const struct prefix *p)
{
	/* The whole of IPv4-compatible space (::/96) holds "::" and "::1", so those come first to be named rightly. */
	static const struct block blocks[] = {
		{ { 4, 8, { 127 } }, "loopback" },
		{ { 4, 4, { 224 } }, "multicast" },
		{ { 4, 32, { 255, 255, 255, 255 } }, "broadcast" },
		{ { 4, 32, { 0 } }, "unspecified" },
		{ { 6, 128, { 0 } }, "unspecified" },
		{ { 6, 128, { [15] = 1 } }, "loopback" },
		{ { 6, 8, { 0xff } }, "multicast" },
		{ { 6, 96, { [10] = 0xff, [11] = 0xff } }, "IPv4-mapped" },
		{ { 6, 96, { 0 } }, "IPv4-compatible" },
	};
	return block_of(p, blocks, sizeof blocks / sizeof *blocks);
}

bool prefix_link_local(const struct prefix *p)
{
	static const struct block blocks[] = {
		{ { 4, 16, { 169, 254 } }, "link-local" },
		{ { 6, 10, { 0xfe, 0x80 } }, "link-local" },
	};
	return block_of(p, blocks, sizeof blocks / sizeof *blocks);
}

bool prefix_private(const struct prefix *p)
{
	static const struct block blocks[] = {
		{ { 4, 8, { 10 } }, "private" },
		{ { 4, 12, { 172, 16 } }, "private" },
		{ { 4, 16, { 192, 168 } }, "private" },
		{ { 4, 10, { 100, 64 } }, "shared" },
		{ { 6, 7, { 0xfc } }, "unique local" },
	};
	return block_of(p, blocks, sizeof blocks / sizeof *blocks);
}

int sockaddr_prefix(const struct sockaddr_storage *ss, struct prefix *host, uint16_t *port)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	if (ss->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)ss;
		*host = prefix_make(4, &in->sin_addr, 32);
		if (port)
			*port = ntohs(in->sin_port);
		return 0;
	}
	if (ss->ss_family != AF_INET6)
		return -1;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)ss;
	const uint8_t *bytes = in6->sin6_addr.s6_addr;
	*host = memcmp(bytes, mapped, sizeof mapped) ? prefix_make(6, bytes, 128) : prefix_make(4, bytes + 12, 32);
	if (port)
		*port = ntohs(in6->sin6_port);
	return 0;
}

socklen_t sockaddr_make(const struct prefix *host, uint16_t port, struct sockaddr_storage *ss)
{
	memset(ss, 0, sizeof *ss);
	if (host->family == 4) {
		struct sockaddr_in *in = (struct sockaddr_in *)ss;
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, host->addr, 4);
		return sizeof *in;
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, host->addr, 16);
	return sizeof *in6;
}

char *sockaddr_format(const struct sockaddr_storage *ss, char out[64])
{
	struct prefix host;
	uint16_t port = 0;
	char text[PREFIX_TEXT_MAX];
	if (sockaddr_prefix(ss, &host, &port) < 0)
		snprintf(out, 64, "?");
	else
		snprintf(out, 64, host.family == 4 ? "%s:%u" : "[%s]:%u", addr_format(&host, text), port);
	return out;
}
