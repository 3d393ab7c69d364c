/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json_parts - what the files of the JSON codec share. */
#ifndef DOTS_JSON_PARTS_H
#define DOTS_JSON_PARTS_H

#include "base/json.h"
#include "dots/body.h"
#include "dots/field.h"
#include "dots/label.h"

#define CALL_HOME_PREFIX "ietf-dots-call-home:"

/* Lists: absent leaves *out alone; 0, or -1 with *why. Empty lists are refused (RFC 9132, 4.4.1). f.name is the member's name. */
int json_read_prefixes(const json_t *object, struct field f, struct prefix_list *out, struct reason *why);
int json_read_addresses(const json_t *object, struct field f, struct prefix_list *out, struct reason *why);
int json_read_texts(const json_t *object, struct field f, size_t max, struct text_list *out, struct reason *why);
/* 1 present, 0 absent, -1 with *why. */
int json_read_u32(const json_t *object, struct field f, uint32_t *out, struct reason *why);
int json_read_list(const json_t *object, struct field f, json_t **out, struct reason *why);
/* A member of RFC 9066 stands under its name with or without the module's prefix; once. Returns the name to read it by; NULL with *why when both stand there. */
const char *json_call_home_name(const json_t *object, const char *prefixed, struct reason *why);
/* Puts the section into a reason that base/json set. Returns -1. */
int json_section(struct reason *why, const char *section);

int json_read_mitigation(const json_t *entry, struct mitigation *m, struct reason *why);
int json_read_config(const json_t *container, struct sigconf *c, struct reason *why);
int json_read_redirect(const json_t *container, struct redirect *r, struct reason *why);

/* Sets nothing for an empty list. */
void json_put_prefixes(json_t *object, const char *name, const struct prefix_list *l, bool with_length);
json_t *json_write_mitigation(const struct mitigation *m);
json_t *json_write_config(const struct sigconf *c);
json_t *json_write_redirect(const struct redirect *r);
/* True for the members that json_write_mitigation may set, and their forms without prefix. */
bool json_mitigation_member(const char *name);

#endif
