/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json - the one door to jansson: how lines are parsed and written, and typed access with reasons. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"

/* One JSON object: duplicates refused, depth bounded (JSON_MAX_DEPTH), nothing behind it. NULL with *why (4.00, byte offset in the text). Caller json_decref()s. */
json_t *json_line_parse(const char *text, size_t len, struct reason *why);
/* Compact, one line, members in their order. malloc()ed, caller frees; NULL when out of memory. *len may be NULL. */
char *json_line_format(const json_t *object, size_t *len);

/* Typed members. Absent: returns 0 and leaves *out. Present and right: 1. Wrong type or range: -1 with *why naming the field.
   json_get_u64 takes a number or a decimal string (RFC 7951 writes 64-bit values as strings). Strings stay owned by the object and hold no NUL. */
int json_get_string(const json_t *object, const char *name, size_t max, const char **out, struct reason *why);
int json_get_u64(const json_t *object, const char *name, uint64_t max, uint64_t *out, struct reason *why);
int json_get_i64(const json_t *object, const char *name, int64_t min, int64_t max, int64_t *out, struct reason *why);
int json_get_bool(const json_t *object, const char *name, bool *out, struct reason *why);
/* type_of: JSON_ARRAY or JSON_OBJECT; *out is borrowed. */
int json_get_container(const json_t *object, const char *name, json_type type_of, json_t **out, struct reason *why);

/* Sets members, taking the new value's reference; a NULL value (out of memory) aborts the program: it is our own line. */
void json_put(json_t *object, const char *name, json_t *value);
void json_put_string(json_t *object, const char *name, const char *value);   /* NULL: nothing is set; what is no UTF-8 becomes '?' */
void json_put_u64_string(json_t *object, const char *name, uint64_t value);  /* RFC 7951, 6.1 */
void json_put_int(json_t *object, const char *name, int64_t value);

#endif
