/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "request_command.h"

#include <string.h>

#include "dots/json.h"
#include "inquiry.h"
#include "mitigations.h"
#include "times.h"

#define UNFINISHED_MAX 20   /* told one by one; of the others only how many there are */

static const char *const states[] = {
	[ENTRY_WAITING] = "waiting", [ENTRY_ASKING] = "asking", [ENTRY_ACTIVE] = "active", [ENTRY_LEAVING] = "leaving", [ENTRY_LEFT] = "over",
};

json_t *request_line(const struct entry *e)
{
	struct mitigation m = e->asked;      /* borrowed */
	json_t *line = envelope_new("request");
	json_put_string(line, "ref", *e->ref ? e->ref : NULL);
	json_put_string(line, "peer", e->router->name);
	json_put_string(line, "cuid", e->router->cuid);
	json_put_int(line, "mid", e->leader ? e->leader->mid : e->mid);
	json_put_string(line, "state", states[e->state]);
	json_put(line, "connected", json_boolean(e->router->session != NULL));
	json_put(line, "keep", json_boolean(e->keep));
	json_put_string(line, "status", dots_status_label(e->status));
	m.lifetime = entry_seconds_left(e);
	m.status = e->status;
	m.has_counters = e->has_counters;
	memcpy(m.counters, e->counters, sizeof m.counters);
	json_put_int(line, "lifetime", m.lifetime);
	dots_json_write_mitigation(&m, line);
	return line;
}

json_t *requests_unfinished(const struct agent *a, const struct console *c)
{
	json_t *array = json_array();
	unsigned more = 0;
	for (const struct router *r = a->routers; r; r = r->next)
		for (const struct entry *e = r->entries; e; e = e->next) {
			if (!e->owed || e->console != c)
				continue;
			if (json_array_size(array) < UNFINISHED_MAX)
				json_array_append_new(array, request_line(e));
			else
				more++;
		}
	if (json_array_size(array) < UNFINISHED_MAX)
		inquiry_unfinished(a, c, array);
	if (more)
		json_array_append_new(array, json_pack("{s:i}", "more", (int)more));
	return array;
}

int requests_command(struct agent *a, struct console *c, const struct envelope *line, struct reason *why)
{
	unsigned listed = 0;
	(void)why;
	for (const struct router *r = a->routers; r; r = r->next)
		for (const struct entry *e = r->entries; e; e = e->next)
			if (line->type == LINE_WATCH || e->state == ENTRY_WAITING || (e->state == ENTRY_LEAVING && !r->session)) {
				console_tell(c, request_line(e));
				listed++;
			}
	json_t *sum = envelope_new("requests");
	json_put_string(sum, "ref", line->ref);
	if (line->type == LINE_PENDING)
		json_put_int(sum, "waiting", listed);
	json_put_int(sum, "requests", (int64_t)requests_count(a->requests));
	console_tell(c, sum);
	return 0;
}
