/* SPDX-License-Identifier: GPL-3.0-or-later */
/* json - DOTS bodies as RFC 7951 JSON, the DOTS content of every line (dotsch-lines(5)). */
#ifndef DOTS_JSON_H
#define DOTS_JSON_H

#include "base/json.h"
#include "dots/body.h"

#define DOTS_JSON_SCOPE "ietf-dots-signal-channel:mitigation-scope"
#define DOTS_JSON_CONFIG "ietf-dots-signal-channel:signal-config"
#define DOTS_JSON_REDIRECT "ietf-dots-signal-channel:redirected-signal"
#define DOTS_JSON_HEARTBEAT "ietf-dots-signal-channel:heartbeat"

/* Reads the one DOTS container of `line` (other members are left alone) into *out (initialised by it). None of them: BODY_EMPTY. Enumerations as labels or
   integers, 64-bit values as strings or numbers, prefixes with or without a length (a bare address is a host). source-* with and without the module prefix. Unknown
   members are ignored. 0, or -1 with *why naming the member. */
int dots_json_read(const json_t *line, struct body *out, struct reason *why);
/* Sets the container of body->kind in `line`, replacing what stood there. */
void dots_json_write(const struct body *body, json_t *line);
/* The same for one mitigation as the only scope. Unknown members of an existing single scope entry stay (filters leave unknown members unharmed). */
void dots_json_write_mitigation(const struct mitigation *m, json_t *line);

/* Labels of enumerations; NULL / 0 when unknown. */
const char *dots_status_label(enum dots_status s);
enum dots_status dots_status_of(const char *label);
const char *conflict_cause_label(enum conflict_cause c);
const char *conflict_status_label(enum conflict_status c);

#endif
