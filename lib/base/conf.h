/* SPDX-License-Identifier: GPL-3.0-or-later */
/* conf - configuration files: the one door to libConfuse; the same format in all four programs (dotsch.conf(5)). */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/reason.h"

enum conf_type {
	CONF_END,
	CONF_STRING,         /* name = "text" */
	CONF_LIST,           /* name = {"a", "b"}; name += {"c"} adds */
	CONF_INT,            /* name = 4647 */
	CONF_BOOL,           /* name = true */
	CONF_DURATION,       /* name = "90s", kept in seconds */
	CONF_SECTION,        /* name { … }, at most one */
	CONF_TITLED,         /* name "title" { … }, any number; titles are unique */
};

/* A table of what a section may hold, ended by CONF_END. Static data. */
struct conf_key {
	const char *name;
	enum conf_type type;
	const char *fallback;            /* as text ("30s", "4647", "true"); NULL: absent unless given. A CONF_LIST has none */
	int64_t min, max;                /* CONF_INT and CONF_DURATION; both 0 = no check but >= 0 */
	const struct conf_key *keys;     /* of a section */
};

struct conf;          /* the whole file */
struct conf_section;  /* one section of it, the file's top level included; lives as long as the conf */

/* Reads and checks the file: unknown options, wrong types and values out of range are refused with file, line and what would be right.
   NULL with *why. conf_free takes NULL. */
struct conf *conf_load(const char *path, const struct conf_key *keys, struct reason *why);
void conf_free(struct conf *c);
const struct conf_section *conf_top(const struct conf *c);

/* Access by a name of the table (anything else is our own bug, and asserted). */
bool conf_has(const struct conf_section *s, const char *name);                      /* given in the file, or has a fallback */
const char *conf_string(const struct conf_section *s, const char *name);            /* NULL when absent */
int64_t conf_int(const struct conf_section *s, const char *name);                   /* CONF_INT, CONF_DURATION; 0 when absent */
bool conf_bool(const struct conf_section *s, const char *name);
size_t conf_count(const struct conf_section *s, const char *name);                  /* entries of a list, sections of that name */
const char *conf_item(const struct conf_section *s, const char *name, size_t i);    /* of a list */
const struct conf_section *conf_sub(const struct conf_section *s, const char *name, size_t i);   /* NULL past the end */
const char *conf_title(const struct conf_section *s);

/* The configuration as understood, for -n: every key with its value; values of names that end in "key" or "secret" are not shown. */
void conf_print(const struct conf *c, FILE *out);

/* A secret of a file: refused unless it is a regular file readable by its owner (and its group) only. Trailing newline removed. Returns the length
   (<= cap), or -1 with *why. The caller wipes it (explicit_bzero). */
long conf_read_secret(const char *path, void *out, size_t cap, struct reason *why);

#endif
