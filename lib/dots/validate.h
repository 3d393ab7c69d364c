/* SPDX-License-Identifier: GPL-3.0-or-later */
/* validate - the checks of one mitigation request, pure: no I/O, everything it needs is an argument (RFC 9132, 4.4.1; RFC 9066, 5.3.1; CH-13 to CH-27). */
#ifndef DOTS_VALIDATE_H
#define DOTS_VALIDATE_H

#include "base/reason.h"
#include "dots/mitigation.h"

struct validate_rules {
	bool call_home;                      /* target-prefix and source-prefix are mandatory, trigger-mitigation=false is refused (CH-19, CH-20, CH-23, CH-24) */
	bool with_lifetime;                  /* lifetime is mandatory (a PUT; not an efficacy update) */
	const struct prefix_list *domain;    /* every source must lie in one of them (CH-15, CH-25); NULL = not checked */
	/* Call Home: non-routable targets that are allowed all the same by policy (CH-26); NULL = none. Base: the client's own domain, in which every target
	   must lie; NULL = not checked. */
	const struct prefix_list *targets;
	const struct text_list *names;       /* base: the client's own domain names, with all below them; NULL = not checked */
	const struct text_list *aliases;     /* known alias names; NULL = none are known */
	bool any_alias;                      /* a client's view: the server knows its aliases */
	const struct prefix_list *external;  /* CGN pools that must not be sources (CH-35); NULL = not checked */
};

/* The request as a whole: mandatory attributes, prefixes of protocol.md §10 (CH-13, CH-14), ranges, duplicates, families, scope. Server-only attributes are
   refused (4.00). 0, or -1 with *why: code, field, section, value. */
int validate_request(const struct mitigation *m, const struct validate_rules *rules, struct reason *why);
/* One cuid of a Uri-Path or line: 1..CUID_MAX_BYTES printable UTF-8 without '/' or control characters. */
int validate_cuid(const char *cuid, struct reason *why);
/* "mid=" or "sid=" text: decimal, no sign, no leading zeros but "0", 0..2^32-1. name is "mid" or "sid". */
int validate_number(const char *name, const char *text, uint32_t *out, struct reason *why);

#endif
