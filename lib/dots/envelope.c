/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dots/envelope.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/when.h"
#include "dots/json.h"
#include "dots/json_parts.h"
#include "dots/validate.h"

#define SECTION_LINES "dotsch-lines(5)"

static const char *const type_names[LINE_TYPES] = {
	[LINE_MITIGATE] = "mitigate", [LINE_WITHDRAW] = "withdraw", [LINE_STATUS] = "status", [LINE_SYNC] = "sync", [LINE_DECISION] = "decision",
	[LINE_QUERY] = "query", [LINE_OBSERVE] = "observe", [LINE_UNOBSERVE] = "unobserve", [LINE_REFRESH] = "refresh", [LINE_EFFICACY] = "efficacy",
	[LINE_CONFIG] = "config", [LINE_REDIRECT] = "redirect", [LINE_PEERS] = "peers", [LINE_PEER] = "peer", [LINE_PENDING] = "pending", [LINE_WATCH] = "watch",
	[LINE_RESPONSE] = "response", [LINE_SESSION] = "session", [LINE_ERROR] = "error",
};

static enum line_type type_of(const char *name)
{
	for (unsigned t = 1; t < LINE_TYPES; t++)
		if (!strcmp(type_names[t], name))
			return (enum line_type)t;
	return LINE_UNKNOWN;
}

/* A time as wall milliseconds. */
static int read_time(const json_t *o, const char *name, int64_t *out, struct reason *why)
{
	const char *text;
	int got = json_get_string(o, name, 64, &text, why);
	if (got <= 0)
		return got;
	if (when_parse(text, out) < 0)
		return reason_set(why, REASON_BAD_REQUEST, name, SECTION_LINES, "\"%s\" is not a time such as 2026-11-22T23:28:07.123Z", text);
	return 1;
}

static int read_part(struct envelope *e, struct reason *why)
{
	json_t *list;
	int got = json_get_container(e->json, "part", JSON_ARRAY, &list, why);
	if (got <= 0)
		return got;
	json_int_t part = json_integer_value(json_array_get(list, 0)), parts = json_integer_value(json_array_get(list, 1));
	if (json_array_size(list) != 2 || part < 1 || parts < part || parts > INT32_MAX)
		return reason_set(why, REASON_BAD_REQUEST, "part", SECTION_LINES, "is not [i, n] with 1 <= i <= n");
	e->has_part = true;
	e->part = (unsigned)part;
	e->parts = (unsigned)parts;
	return 1;
}

static int read_members(struct envelope *e, struct reason *why)
{
	uint64_t mid;
	int got;
	if (json_get_string(e->json, "to", PEER_NAME_MAX, &e->to, why) < 0 || json_get_string(e->json, "peer", PEER_NAME_MAX, &e->peer, why) < 0 ||
	    json_get_string(e->json, "subscriber", PREFIX_TEXT_MAX, &e->subscriber, why) < 0 || (got = json_get_u64(e->json, "mid", UINT32_MAX, &mid, why)) < 0)
		return -1;
	e->has_mid = got;
	e->mid = got ? (uint32_t)mid : 0;
	if (read_time(e->json, "time", &e->time, why) < 0 || read_time(e->json, "attack-time", &e->attack_time, why) < 0 || read_part(e, why) < 0)
		return -1;
	const char *cuid = NULL;
	if ((got = json_get_string(e->json, "cuid", TEXT_MAX_BYTES, &cuid, why)) < 0 || (got && validate_cuid(cuid, why) < 0))
		return -1;
	e->cuid = cuid;
	return 0;
}

/* Finds out what the line is. */
static int read_type(struct envelope *e, struct reason *why)
{
	if (json_get_string(e->json, "type", TEXT_MAX_BYTES, &e->type_name, why) < 0)
		return -1;
	if (!e->type_name && !json_object_get(e->json, DOTS_JSON_SCOPE))
		return reason_set(why, REASON_BAD_REQUEST, "type", SECTION_LINES, "is missing, and there is no %s", DOTS_JSON_SCOPE);
	if (!e->type_name)
		e->type_name = type_names[LINE_MITIGATE];
	e->type = type_of(e->type_name);
	return 0;
}

static int check_mitigate(const struct body *b, struct reason *why)
{
	if (b->kind != BODY_MITIGATION_SCOPE)
		return reason_set(why, REASON_BAD_REQUEST, "mitigation-scope", "RFC 9132, 4.4.1", "is missing; a mitigate line carries %s", DOTS_JSON_SCOPE);
	if (b->n_scope != 1)
		return reason_set(why, REASON_BAD_REQUEST, "scope", "RFC 9132, 4.4.1", "has %zu entries; one line asks for one mitigation", b->n_scope);
	return 0;
}

int envelope_parse(const char *text, size_t len, struct envelope *e, struct reason *why)
{
	struct reason scratch;
	if (!why)
		why = &scratch;
	*e = (struct envelope){ .type = LINE_UNKNOWN };
	body_init(&e->body);
	if (!(e->json = json_line_parse(text, len, why)))
		return json_section(why, SECTION_LINES);
	/* First of all, so that every later refusal can echo it. */
	int bad_ref = json_get_string(e->json, "ref", REF_MAX_BYTES, &e->ref, why);
	if (bad_ref < 0 || read_type(e, why) < 0) {
		if (!*why->section)
			json_section(why, SECTION_LINES);
		return -1;
	}
	if (e->type == LINE_UNKNOWN) {
		e->ref = NULL;
		return 0;
	}
	if (e->type == LINE_ERROR) {
		read_members(e, NULL);   /* an error is never answered, so nothing about it is an error */
		return 0;
	}
	if (read_members(e, why) < 0) {
		if (!*why->section)
			json_section(why, SECTION_LINES);
		return -1;
	}
	if (dots_json_read(e->json, &e->body, why) < 0)
		return -1;
	return e->type == LINE_MITIGATE ? check_mitigate(&e->body, why) : 0;
}

void envelope_free(struct envelope *e)
{
	if (!e)
		return;
	body_free(&e->body);
	json_decref(e->json);
	*e = (struct envelope){ .type = LINE_UNKNOWN };
}

int64_t envelope_lifetime_left(const struct envelope *e, size_t i, int64_t wall_ms)
{
	if (e->body.kind != BODY_MITIGATION_SCOPE || i >= e->body.n_scope)
		return 0;
	int64_t lifetime = e->body.scope[i].lifetime;
	if (lifetime <= 0 || !e->time || wall_ms <= e->time)
		return lifetime;
	int64_t passed = (wall_ms - e->time) / 1000;
	return passed < lifetime ? lifetime - passed : 0;
}

json_t *envelope_new(const char *type)
{
	char now[WHEN_TEXT_MAX];
	json_t *line = json_object();
	json_put_string(line, "type", type);
	json_put_string(line, "time", when_format(when_wall_ms(), now));
	return line;
}

json_t *envelope_error(const struct reason *why, const struct envelope *from)
{
	json_t *line = envelope_new("error");
	json_put_string(line, "reason", why->text);
	if (*why->field)
		json_put_string(line, "field", why->field);
	if (*why->section)
		json_put_string(line, "section", why->section);
	if (!from)
		return line;
	json_put_string(line, "ref", from->ref);
	json_put_string(line, "peer", from->peer);
	json_put_string(line, "cuid", from->cuid);
	if (from->has_mid)
		json_put_int(line, "mid", from->mid);
	return line;
}

bool envelope_send(struct line_out *out, json_t *line)
{
	size_t len;
	char *text = json_line_format(line, &len);
	bool taken = text && line_out_write(out, text, len);
	free(text);
	json_decref(line);
	return taken;
}
