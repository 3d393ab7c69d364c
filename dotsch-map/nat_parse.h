/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nat_parse - the state of one NAT document being read, shared by its structure (nat_json.c) and its values (nat_values.c). */
#ifndef MAP_NAT_PARSE_H
#define MAP_NAT_PARSE_H

#include "nat_json.h"
#include "nat_key.h"

#define MAX_DEPTH 48         /* the deepest table has 10 levels */
#define TEXT_ROOM 128

struct frame { uint8_t key; bool array; const char *name; uint32_t count; };

struct event { struct nat_mapping m; bool t0, t1, ext, in, lo, hi, port, any; };

struct nat_json {
	struct nat_builder *b;
	void *yajl;
	uint32_t source, instance;           /* instance: the row of the one being read, NONE32 outside of any */
	uint32_t implicit;                   /* the row for tables that come without one */
	struct frame stack[MAX_DEPTH];
	int depth;
	unsigned skip;                       /* open containers of a member that means nothing to us */
	enum nat_key key;                    /* the last name seen */
	const char *name;
	uint64_t offset;                     /* of the chunk being read */
	bool found, refused, errors, end_port;
	struct reason why;
	struct nat_mapping m;
	bool has_external, has_internal;
	struct nat_rule rule;                /* NAT64, EAM, NPTv6, MAP or deterministic, while its object is open */
	bool rule_in, rule_out, rule_offset;
	struct nat_rule restriction;         /* the port set of the policy being read */
	bool restrict_start, restrict_end, restrict_psid;
	size_t first_pool;                   /* of that policy */
	size_t first_rule;                   /* the first of those a NAT64 prefix made */
	struct nat_binding binding;
	bool binding_v4, binding_v6;
	struct event event;
	char message[TEXT_ROOM];
};

enum nat_key nat_here(const struct nat_json *p);      /* the name the innermost open object stands under */
enum nat_key nat_parent(const struct nat_json *p);    /* and the object around it */
/* Keeps the reason, with the path. Always 0, which makes the parser stop. */
int nat_refuse(struct nat_json *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The mapping's ports that stand under this name, and whether it has them. */
struct range *nat_ports(struct nat_json *p, enum nat_key key, bool **has);
/* The row of the instance being read; tables that come without one get a row of their own. */
uint32_t nat_instance_of(struct nat_json *p);
/* The value of p->key in nat_here(). 1 goes on, 0 stops. */
int nat_text(struct nat_json *p, const char *text, size_t len);
int nat_number(struct nat_json *p, const char *text, size_t len);
int nat_boolean(struct nat_json *p, bool value);

#endif
