/* SPDX-License-Identifier: GPL-3.0-or-later */
/* envelope - one line between the programs: its type, who and which mitigation it is about, and the JSON it came from (dotsch-lines(5)). */
#ifndef DOTS_ENVELOPE_H
#define DOTS_ENVELOPE_H

#include "base/json.h"
#include "base/line.h"
#include "dots/body.h"

enum line_type {
	LINE_UNKNOWN, LINE_MITIGATE, LINE_WITHDRAW, LINE_STATUS, LINE_SYNC, LINE_DECISION, LINE_QUERY, LINE_OBSERVE, LINE_UNOBSERVE, LINE_REFRESH,
	LINE_EFFICACY, LINE_CONFIG, LINE_REDIRECT, LINE_PEERS, LINE_PEER, LINE_PENDING, LINE_WATCH, LINE_RESPONSE, LINE_SESSION, LINE_ERROR, LINE_TYPES,
};

struct envelope {
	enum line_type type;
	const char *type_name;               /* as written */
	/* Borrowed from json; NULL when absent. */
	const char *ref, *to, *peer, *cuid, *subscriber;
	bool has_mid;
	uint32_t mid;
	int64_t time, attack_time;           /* wall ms, 0 = absent */
	bool has_part;
	unsigned part, parts;                /* "part":[i,n], from 1 */
	json_t *json;                        /* owned; the whole line */
	struct body body;                    /* of `mitigate` and every other line that carries DOTS content */
};

/* Parses one line. A bare DOTS document (no `type`, but a DOTS container) is `mitigate`. A `lifetime` counts from `time`: what has passed since is taken off by
   envelope_lifetime_left, not here. For LINE_UNKNOWN only json and type_name are filled in: filters pass the text on as it was.
   0, or -1 with *why; then e->ref and e->json hold what could be read, so that the error can echo it. envelope_free in both cases. */
int envelope_parse(const char *text, size_t len, struct envelope *e, struct reason *why);
void envelope_free(struct envelope *e);
/* What is left of body.scope[i].lifetime at wall_ms, given `time`: seconds, LIFETIME_INDEFINITE, or 0 when it has run out. */
int64_t envelope_lifetime_left(const struct envelope *e, size_t i, int64_t wall_ms);

/* A new line: {"type":…,"time":now}. Caller adds members and envelope_send()s or json_decref()s it. */
json_t *envelope_new(const char *type);
/* {"type":"error","time":…,"reason":…,"field":…,"section":…,"ref":…}; ref may be NULL; `from` is the refused line's envelope or NULL (echoes ref, peer, cuid, mid). */
json_t *envelope_error(const struct reason *why, const struct envelope *from);
/* Formats, writes, and json_decref()s. False: not taken (reader gone, or the bound passed). */
bool envelope_send(struct line_out *out, json_t *line);

#endif
