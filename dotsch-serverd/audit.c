/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "audit.h"

#include <string.h>

#include "dots/envelope.h"
#include "dots/json.h"

void audit_note(struct outcome *o, const struct record *r, const char *event, const char *by, const char *note)
{
	json_t *line = envelope_new("audit");
	struct mitigation m = r->m;

	json_put_string(line, "event", event);
	json_put_string(line, "peer", r->client->peer);
	json_put_string(line, "cuid", r->client->cuid);
	json_put_int(line, "mid", r->m.mid);
	json_put_string(line, "by", by);
	if (note != NULL && *note != '\0')
		json_put_string(line, "note", note);
	m.has_mid = false;
	m.attack_status = ATTACK_STATUS_NONE;
	m.has_counters = r->has_counters;
	memcpy(m.counters, r->counters, sizeof(m.counters));
	dots_json_write_mitigation(&m, line);
	if (r->hosts != NULL)
		json_put(line, "hosts", json_incref(r->hosts));
	outcome_audit(o, line);
}
