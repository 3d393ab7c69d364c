/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dots/json.h"

#include <assert.h>
#include <string.h>

#include "base/limits.h"
#include "dots/json_parts.h"

static const char *const containers[] = {
	[BODY_MITIGATION_SCOPE] = DOTS_JSON_SCOPE, [BODY_SIGNAL_CONFIG] = DOTS_JSON_CONFIG, [BODY_REDIRECTED_SIGNAL] = DOTS_JSON_REDIRECT,
	[BODY_HEARTBEAT] = DOTS_JSON_HEARTBEAT,
};
#define KINDS (sizeof containers / sizeof *containers)

static int read_scopes(const json_t *container, struct body *b, struct reason *why)
{
	json_t *list;
	int got = json_get_container(container, "scope", JSON_ARRAY, &list, why);
	if (got < 0)
		return json_section(why, SECTION_REQUEST);
	if (!got || !json_array_size(list))
		return reason_set(why, REASON_BAD_REQUEST, "scope", SECTION_REQUEST, "is %s", got ? "an empty list" : "missing in mitigation-scope");
	if (json_array_size(list) > DOTS_MAX_SCOPES)
		return reason_set(why, REASON_BAD_REQUEST, "scope", SECTION_REQUEST, "has %zu entries, at most %d are allowed", json_array_size(list), DOTS_MAX_SCOPES);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *entry = json_array_get(list, i);
		struct mitigation *m = body_add_scope(b);
		if (!m)
			return field_memory((struct field){ "scope", "" }, why);
		if (!json_is_object(entry))
			return reason_set(why, REASON_BAD_REQUEST, "scope", SECTION_REQUEST, "holds something that is not an object");
		if (json_read_mitigation(entry, m, why) < 0)
			return -1;
	}
	return 0;
}

static int read_heartbeat(const json_t *container, struct body *b, struct reason *why)
{
	int got = json_get_bool(container, "peer-hb-status", &b->peer_hb_status, why);
	if (!got)
		return reason_set(why, REASON_BAD_REQUEST, "peer-hb-status", SECTION_HEARTBEAT, "is missing");
	return got < 0 ? json_section(why, SECTION_HEARTBEAT) : 0;
}

static int read_container(const json_t *container, struct body *b, struct reason *why)
{
	switch (b->kind) {
	case BODY_MITIGATION_SCOPE:
		return read_scopes(container, b, why);
	case BODY_SIGNAL_CONFIG:
		return json_read_config(container, &b->config, why);
	case BODY_REDIRECTED_SIGNAL:
		return json_read_redirect(container, &b->redirect, why);
	case BODY_HEARTBEAT:
		return read_heartbeat(container, b, why);
	case BODY_EMPTY:
		break;
	}
	return 0;
}

int dots_json_read(const json_t *line, struct body *out, struct reason *why)
{
	body_init(out);
	json_t *found = NULL;
	for (size_t kind = 1; kind < KINDS; kind++) {
		json_t *container;
		int got = json_get_container(line, containers[kind], JSON_OBJECT, &container, why);
		if (got < 0) {
			out->kind = BODY_EMPTY;
			return json_section(why, SECTION_JSON);
		}
		if (!got)
			continue;
		if (found) {
			reason_set(why, REASON_BAD_REQUEST, containers[kind], SECTION_JSON, "stands beside %s; a line carries one DOTS container",
			    containers[out->kind]);
			out->kind = BODY_EMPTY;
			return -1;
		}
		found = container;
		out->kind = (enum body_kind)kind;
	}
	if (read_container(found, out, why) == 0)
		return 0;
	body_free(out);
	return -1;
}

static json_t *write_scopes(const struct body *b)
{
	json_t *o = json_object(), *list = json_array();
	for (size_t i = 0; i < b->n_scope; i++)
		json_array_append_new(list, json_write_mitigation(&b->scope[i]));
	json_put(o, "scope", list);
	return o;
}

void dots_json_write(const struct body *body, json_t *line)
{
	json_t *o = NULL;
	switch (body->kind) {
	case BODY_EMPTY:
		return;
	case BODY_MITIGATION_SCOPE:
		o = write_scopes(body);
		break;
	case BODY_SIGNAL_CONFIG:
		o = json_write_config(&body->config);
		break;
	case BODY_REDIRECTED_SIGNAL:
		o = json_write_redirect(&body->redirect);
		break;
	case BODY_HEARTBEAT:
		json_put(o = json_object(), "peer-hb-status", json_boolean(body->peer_hb_status));
		break;
	}
	json_put(line, containers[body->kind], o);
}

void dots_json_write_mitigation(const struct mitigation *m, json_t *line)
{
	json_t *container = json_object_get(line, DOTS_JSON_SCOPE), *entry = json_write_mitigation(m);
	if (!json_is_object(container))
		json_put(line, DOTS_JSON_SCOPE, container = json_object());
	json_t *list = json_object_get(container, "scope"), *old = json_array_get(list, 0), *value;
	const char *name;
	if (json_array_size(list) == 1)
		json_object_foreach(old, name, value)
			if (!json_mitigation_member(name))
				json_put(entry, name, json_incref(value));
	json_t *scope = json_array();
	json_array_append_new(scope, entry);
	json_put(container, "scope", scope);
}
