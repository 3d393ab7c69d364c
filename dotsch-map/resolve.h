/* SPDX-License-Identifier: GPL-3.0-or-later */
/* resolve - one external address and port in, the inside hosts that could be meant out, with certainty. Pure: the tables and the time are arguments. */
#ifndef MAP_RESOLVE_H
#define MAP_RESOLVE_H

#include "certainty.h"
#include "dots/mitigation.h"
#include "table.h"

#define RESOLVE_MAX_HOSTS 1024        /* a /24 of a CGN has tens of thousands behind it: nobody reads or wants more */
#define RESOLVE_MAX_PORTS 4096        /* inside port ranges kept of one host */

struct nat {                          /* all that is loaded */
	struct table **tables;
	size_t n;
};

struct nat_query {
	struct prefix ext;            /* an address, or a prefix */
	int proto;                    /* -1 = any */
	bool has_port;
	struct range port;            /* one port when lower == upper */
	/* The attack's targets, for NATs that reuse a port per destination; may be empty. Borrowed. */
	const struct prefix_list *targets;
	const struct range_list *target_ports;
	int64_t attack;               /* wall ms */
};

struct inside_port { struct range range; uint8_t proto; uint32_t life; };

/* One host that could be meant. */
struct candidate {
	struct prefix host;           /* shorter than an address when the table only knows a block of hosts */
	bool has_subscriber;
	struct prefix subscriber;     /* B4 or CE, IPv6 */
	struct inside_port *ports;    /* owned by the answer; the inside ports of those asked for */
	size_t n_ports, cap_ports;
	bool some_without_ports;      /* a part of the asked ports is known to be the host's, but not which inside port it is */
	enum certainty certainty;
	const struct table *table;
	uint32_t instance;            /* row in table->instances */
	bool has_entry;
	uint32_t entry;               /* the table's own index of (the first of) its entries */
	uint32_t entries;             /* how many of them spoke for it */
	bool covers;                  /* one of them is for all ports of the address */
	bool port_required;           /* MAP, lw4o6: an address is shared by port sets (CH-38) */
	bool other_target;            /* its NAT changes the destination as well */
	const char *ruled_out;        /* why it is not the answer, static text; NULL = it may be */
	/* Ranking, for resolve itself. */
	uint32_t rank;
	int64_t before, after;        /* captures around the attack that hold it; 0 = none */
};

struct answer {
	struct candidate *v;          /* the possible ones first, then those ruled out */
	size_t n, possible;
	size_t cap;
	bool truncated;               /* there were more than RESOLVE_MAX_HOSTS */
	bool known;                   /* the address stands in a table, a pool or a rule at all */
	bool needs_port;              /* a shared address was asked for without a port (CH-38) */
	bool nobodys_port;            /* the port belongs to no port set */
	enum certainty certainty;     /* of the answer as a whole: ambiguous when several are possible, none when nobody is */
};

/* Fills *out, whose earlier content goes (zero-initialise it once, and answer_free() it at the end). 0, or -1 out of memory. */
int resolve(const struct nat *nat, const struct nat_query *q, struct answer *out);
void answer_reset(struct answer *a);      /* empties it, keeping the memory for the next question */
void answer_free(struct answer *a);

#endif
