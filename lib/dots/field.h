/* SPDX-License-Identifier: GPL-3.0-or-later */
/* field - checks of single DOTS values that both codecs share, so that CBOR and JSON refuse the same things with the same words. */
#ifndef DOTS_FIELD_H
#define DOTS_FIELD_H

#include "base/reason.h"
#include "dots/mitigation.h"
#include "dots/sigconf.h"

#define SECTION_REQUEST "RFC 9132, 4.4.1"
#define SECTION_STATUS "RFC 9132, 4.4.2"
#define SECTION_CONFIG "RFC 9132, 4.5"
#define SECTION_REDIRECT "RFC 9132, 4.6"
#define SECTION_HEARTBEAT "RFC 9132, 4.7"
#define SECTION_CBOR "RFC 9132, 6"
#define SECTION_SOURCE "RFC 9066, 5.3.1"
#define SECTION_CH_REDIRECT "RFC 9066, 5.2.2"
#define SECTION_JSON "RFC 7951"

/* What a caller says about the value: its name for people and the section that rules it. */
struct field {
	const char *name, *section;
};

/* All return 0, or -1 with *why (4.00). Text comes with its length and need not end in a NUL; it is quoted in the reason, cut when long. */

/* bare_is_host: JSON lines may leave the length out, the wire may not (RFC 9132, 4.4.1: CIDR notation). */
int field_prefix(struct field f, const char *text, size_t len, bool bare_is_host, struct prefix *out, struct reason *why);
/* An address without a length, e.g. of alt-server-record. */
int field_address(struct field f, const char *text, size_t len, struct prefix *out, struct reason *why);
/* 1..max bytes of UTF-8 without control characters. */
int field_text(struct field f, const char *text, size_t len, size_t max, struct reason *why);
/* Refuses value > max. */
int field_number(struct field f, uint64_t value, uint64_t max, struct reason *why);
int field_lifetime(int64_t value, struct reason *why);
/* Out of memory while reading: 5.03, since another try may do better. */
int field_memory(struct field f, struct reason *why);

/* Members of both range lists: which bound they have and how their parts are called. */
struct range_names {
	struct field list;
	const char *lower, *upper;
	uint16_t max;
};
extern const struct range_names range_target_port, range_source_port, range_source_icmp_type;
int field_range(const struct range_names *names, uint64_t lower, uint64_t upper, struct reason *why);

/* What a mitigation and a conflict-scope have in common. */
struct target_lists {
	struct prefix_list *prefix;
	struct range_list *port;
	struct protocol_list *protocol;
	struct text_list *fqdn, *uri, *alias;
};
struct target_lists mitigation_targets(struct mitigation *m);
struct target_lists conflict_targets(struct conflict *c);

/* "heartbeat-interval" and so on. */
const char *sigconf_param_name(enum sigconf_param p);
/* True for ack-timeout and ack-random-factor, which are decimal64. */
bool sigconf_param_decimal(enum sigconf_param p);
/* "bytes-dropped" and so on. */
const char *counter_name(enum counter c);

#endif
