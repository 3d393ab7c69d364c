/* SPDX-License-Identifier: GPL-3.0-or-later */
/* addr - IP addresses and prefixes: parse, print, compare, and the special blocks. */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* A prefix; an address is one of full length. Bits behind the length are always zero. Plain memory, copy freely. */
struct prefix {
	uint8_t family;      /* 4 or 6 */
	uint8_t len;         /* bits, 0..32 or 0..128 */
	uint8_t addr[16];    /* network order; IPv4 in the first four bytes, the rest zero */
};

#define PREFIX_TEXT_MAX 50   /* room for any prefix or address as text */

/* "192.0.2.0/24". A missing length is refused unless bare_is_host; host bits are masked away (RFC 6991). Zone ids, leading zeros in
   octets and in the length, and anything behind are refused. Returns 0, or -1 and leaves *out alone. */
int prefix_parse(const char *text, bool bare_is_host, struct prefix *out);
/* An address without a length. */
int addr_parse(const char *text, struct prefix *out);
/* With "/len" always. Returns out. */
char *prefix_format(const struct prefix *p, char out[PREFIX_TEXT_MAX]);
/* The address part only. Returns out. */
char *addr_format(const struct prefix *p, char out[PREFIX_TEXT_MAX]);

/* From bytes in network order; family 4 or 6, len as above. Masks the host bits. */
struct prefix prefix_make(uint8_t family, const void *bytes, uint8_t len);
uint8_t prefix_bits(const struct prefix *p);                             /* 32 or 128 */
bool prefix_is_host(const struct prefix *p);
bool prefix_equal(const struct prefix *a, const struct prefix *b);
bool prefix_contains(const struct prefix *outer, const struct prefix *inner);
bool prefix_overlap(const struct prefix *a, const struct prefix *b);
/* Order for qsort: family, address, length. */
int prefix_compare(const void *a, const void *b);
/* The last address of the prefix, as a host. */
struct prefix prefix_last(const struct prefix *p);

/* What a prefix touches; overlap counts, not only containment (RFC 9066, 5.3.1). NULL when it touches none of the forbidden blocks, else
   the block's name for people: "loopback", "multicast", "broadcast", "unspecified", "IPv4-mapped", "IPv4-compatible". */
const char *prefix_forbidden(const struct prefix *p);
bool prefix_link_local(const struct prefix *p);      /* overlaps 169.254/16 or fe80::/10 */
bool prefix_private(const struct prefix *p);         /* overlaps RFC 1918, 100.64/10 or ULA */

/* Socket addresses. sockaddr_prefix gives a host prefix (IPv4-mapped IPv6 becomes IPv4); 0, or -1 for another family. */
int sockaddr_prefix(const struct sockaddr_storage *ss, struct prefix *host, uint16_t *port);
socklen_t sockaddr_make(const struct prefix *host, uint16_t port, struct sockaddr_storage *ss);
/* "192.0.2.1:4647" or "[2001:db8::1]:4647"; out needs 64. Returns out. */
char *sockaddr_format(const struct sockaddr_storage *ss, char out[64]);

#endif
