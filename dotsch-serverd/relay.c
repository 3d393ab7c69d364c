/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "relay.h"

#include <stdio.h>
#include <string.h>

#include "consent.h"
#include "dots/json.h"
#include "mitigate.h"

bool relay_is(const struct envelope *e)
{
	return json_is_object(json_object_get(e->json, "origin"));
}

struct record *relay_subject(struct core *core, const struct envelope *e)
{
	const json_t *o = json_object_get(e->json, "origin"), *mid = json_object_get(o, "mid");
	const char *peer = json_string_value(json_object_get(o, "peer")), *cuid = json_string_value(json_object_get(o, "cuid"));
	json_int_t m = json_integer_value(mid);

	return peer != NULL && cuid != NULL && json_is_integer(mid) && m >= 0 && m <= UINT32_MAX ? ledger_find(&core->ledger, peer, cuid, (uint32_t)m) : NULL;
}

static const char *text_of(const struct envelope *e, const char *name)
{
	const char *text = json_string_value(json_object_get(e->json, name));

	return text != NULL ? text : "";
}

static enum conflict_cause cause_of(const struct envelope *e)
{
	return e->body.kind == BODY_MITIGATION_SCOPE && e->body.n_scope > 0 && e->body.scope[0].has_conflict ? e->body.scope[0].conflict.cause : CONFLICT_CAUSE_NONE;
}

/* An answer to the request or to its refresh. After 5.03, and with another cuid, the agent asks again by itself. */
static bool answer_is_no(const struct envelope *e)
{
	const char *code = text_of(e, "code");

	return strcmp(text_of(e, "method"), "PUT") == 0 && strcmp(text_of(e, "resource"), "mitigate") == 0 && (*code == '4' || *code == '5') && strcmp(code, "5.03") != 0 &&
	    cause_of(e) != CONFLICT_CUID_COLLISION;
}

static bool status_is_no(const struct envelope *e)
{
	const char *label = text_of(e, "status");
	enum dots_status s = dots_status_of(label);

	return s == STATUS_WITHDRAWN || s == STATUS_TERMINATED || strcmp(label, "refused") == 0;
}

static bool is_part(const struct envelope *e)
{
	return json_integer_value(json_array_get(json_object_get(e->json, "part"), 1)) > 1;
}

static void say_why(char note[200], const struct envelope *e)
{
	static const char *const members[] = { "conflict", "diagnostic", "reason" };
	const char *why = "";

	for (size_t i = 0; i < sizeof(members) / sizeof(*members) && *why == '\0'; i++)
		why = text_of(e, members[i]);
	snprintf(note, 200, "%.60s: %.130s", e->peer != NULL ? e->peer : "passed on", *why != '\0' ? why : e->type == LINE_RESPONSE ? text_of(e, "code") : text_of(e, "status"));
}

bool relay_refused(struct core *core, struct record *r, const struct envelope *e, struct moment at, struct outcome *o)
{
	char note[200];

	if (!(e->type == LINE_RESPONSE ? answer_is_no(e) : status_is_no(e)))
		return false;
	/* Its client has taken it back already: that the others end it is what was asked for. */
	if (!life_live(&r->life) || r->life.phase == PHASE_TERMINATING)
		return true;
	say_why(note, e);
	if (is_part(e)) {
		snprintf(r->note, sizeof(r->note), "%s", note);
	} else if (cause_of(e) == CONFLICT_LEGITIMATE_TRAFFIC) {
		consent_reject(core, r, note, NULL, at, o);
	} else {
		snprintf(r->note, sizeof(r->note), "%s", note);
		mitigate_finish(core, r, STATUS_WITHDRAWN, "rejected", at, o);
	}
	return true;
}
