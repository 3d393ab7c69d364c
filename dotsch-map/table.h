/* SPDX-License-Identifier: GPL-3.0-or-later */
/* table - who is behind an external address: mappings indexed by address, protocol and port, and the rules that are computed. Read-only arrays that
   know each other by number only, so that a snapshot is the same bytes in a file. */
#ifndef MAP_TABLE_H
#define MAP_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wide.h"

#define NONE32 UINT32_MAX
#define PROTO_ANY 255        /* 255 itself is reserved by IANA and never on the wire */

/* What all mappings of a group have in common. ENTRY_DIRECT: an inside IPv4 address without subscriber stands in the entry itself. */
enum { ENTRY_STATIC = 1, ENTRY_PORTS = 2 /* `port` is known */, ENTRY_EVENT = 4, ENTRY_DIRECT = 8, ENTRY_WHOLE = 16 /* all ports of the address */ };

/* One mapping is a record of 16 bytes and one of 4, since there are millions: a search by port walks the small ones, and touches the other only of what it finds.
   Its external address is that of the slice, and its instance, protocol and flags are those of the group it stands in. */
struct nat_entry {
	uint16_t hi;                 /* last external port or ICMP identifier */
	uint16_t port;               /* the inside port of the first external one; the others follow one to one */
	uint32_t host;               /* number of the inside host; ENTRY_DIRECT: its IPv4 address, in network order */
	uint32_t life;               /* seconds left at the capture; of an event: its end, seconds since 1970 */
	uint32_t index;              /* the table's own index; of an event: its begin */
};
struct nat_span { uint16_t lo, maxhi; };      /* first external port, and the highest hi of its group up to here */

struct nat_host { struct wide at; uint8_t pad[3]; uint32_t b4; };                         /* b4: number of the subscriber's IPv6 address, or NONE32 */
enum { DST_PORTS = 1 /* lo and hi are given */, DST_CHANGED = 2 /* the inside host calls it something else */ };
struct nat_dst { struct wide at; uint8_t flags; uint16_t lo, hi; };
struct nat_addr { struct wide at; uint8_t pad[3]; uint32_t group; };                      /* first group; the next address' is the end */
struct nat_group { uint32_t start, instance; uint8_t proto, flags, pad[2]; };             /* start: first entry; the next group's is the end */

enum nat_kind { NAT_UNKNOWN, NAT_BASIC, NAT_NAPT44, NAT_DST, NAT_NAT64, NAT_SIIT, NAT_CLAT, NAT_EAM, NAT_NPTV6, NAT_SOFTWIRE, NAT_DETERMINISTIC, NAT_EVENTS, NAT_KINDS };
const char *nat_kind_name(uint32_t kind);

/* since: wall ms from which a softwire table or rule holds (the date of its version, RFC 8676), 0 = always. */
struct nat_instance { uint32_t id, source, name /* offset in strings */; uint8_t kind, dslite, disabled, pad; int64_t since; };
enum captured_how { CAPTURED_GIVEN, CAPTURED_READ, CAPTURED_MTIME };
struct nat_source { int64_t captured; uint32_t name; uint32_t how; };                     /* captured: wall ms */

/* Rules, few and computed. Which members count depends on `kind`. */
enum rule_kind { RULE_POOL, RULE_NAT64, RULE_EAM, RULE_NPTV6, RULE_MAP, RULE_DETERMINISTIC, RULE_KINDS };
struct nat_rule {
	uint8_t kind, ea_len, offset, psid_len;    /* MAP; psid_len and psid only when ea_len is 0. A pool's port set, psid_len 0 = none */
	uint16_t psid;
	struct wide out, in;         /* outside and inside; NAT64: in = the /96 and so on, out = destination it is for; MAP: rule-ipv4 and rule-ipv6 prefix */
	uint16_t first_port, ports;  /* deterministic: where the blocks begin, and how many ports a subscriber has; pool: the only ports it uses, 0 = not said */
	uint32_t instance;
};
/* One lw4o6 binding (RFC 8676), sorted by address, instance, offset, length, PSID. */
struct nat_binding { uint8_t v4[4]; uint8_t offset, psid_len; uint16_t psid; struct wide b4; uint8_t pad[3]; uint32_t instance; };

enum section {
	SECTION_ENTRIES, SECTION_SPANS, SECTION_DST_OF, SECTION_HOSTS, SECTION_DSTS, SECTION_ADDRS, SECTION_GROUPS, SECTION_SLOTS, SECTION_B4S, SECTION_INSTANCES, SECTION_SOURCES,
	SECTION_RULES, SECTION_BINDINGS, SECTION_STRINGS, SECTIONS
};

struct table {
	const struct nat_entry *entries;
	const struct nat_span *spans;        /* of the entry of the same number */
	const uint32_t *dst_of;              /* number of the destination the entry holds for, NONE32 = any; none at all (n_dst_of 0) when no entry has one */
	const struct nat_host *hosts;
	const struct nat_dst *dsts;
	const struct nat_addr *addrs;        /* sorted; one more than n_addrs */
	const struct nat_group *groups;      /* one more than n_groups */
	const uint32_t *slots;               /* hash of addrs: number + 1; a power of two, never full */
	const uint8_t (*b4s)[16];
	const struct nat_instance *instances;
	const struct nat_source *sources;
	const struct nat_rule *rules;
	const struct nat_binding *bindings;
	const char *strings;
	uint32_t n_entries, n_dst_of, n_hosts, n_dsts, n_addrs, n_groups, n_slots, n_b4s, n_instances, n_sources, n_rules, n_bindings, n_strings;
	uint8_t lens[129];           /* the lengths that external prefixes have, the longest first */
	unsigned n_lens;
	void *owned[SECTIONS];       /* malloc()ed parts, or */
	void *map;                   /* the file they lie in */
	size_t map_len;
};

/* Bytes of one record of a section. */
size_t table_record(enum section s);
/* Points the typed members at parts[] and takes over the counts; sets lens. */
void table_bind(struct table *t, const void *const parts[SECTIONS], const uint32_t counts[SECTIONS]);
/* The reverse, for writing. */
void table_parts(const struct table *t, const void *parts[SECTIONS], uint32_t counts[SECTIONS]);

/* An entry that could match, and where it stands. */
struct table_hit { uint32_t entry, addr; const struct nat_group *group; };
/* False stops. */
typedef bool table_hit_fn(void *arg, const struct table_hit *hit);
/* Every entry whose external prefix overlaps `ext`, whose protocol is `proto` (-1: any), and whose ports overlap lo..hi (whole: ports do not count). ICMP's entries
   hold identifiers, which DOTS does not carry, so for protocols 1 and 58 ports never count, and each matches the other (NAT64). False when the callback stopped it. */
bool table_match(const struct table *t, const struct wide *ext, int proto, bool whole, uint16_t lo, uint16_t hi, table_hit_fn *fn, void *arg);
const char *table_string(const struct table *t, uint32_t offset);
void table_free(struct table *t);      /* NULL allowed */

#endif
