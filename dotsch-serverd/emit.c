/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "emit.h"

#include "dots/envelope.h"
#include "dots/json.h"

static json_t *about(const char *type, const struct record *r)
{
	json_t *line = envelope_new(type);

	json_put_string(line, "peer", r->client->provider);
	json_put_string(line, "cuid", r->client->cuid);
	json_put_int(line, "mid", r->m.mid);
	return line;
}

json_t *emit_mitigate(const struct record *r, int64_t now)
{
	json_t *line = about("mitigate", r);
	struct mitigation asked = r->m;      /* a shallow view: what was asked, with what is left of its lifetime */

	json_put_string(line, "consent", r->life.pending ? "pending" : "given");
	/* A refresh keeps the resolution it has: a flow that is dropped leaves no conntrack entry to look up again. */
	if (r->hosts != NULL)
		json_put(line, "hosts", json_incref(r->hosts));
	if (r->certainty[0] != '\0')
		json_put_string(line, "certainty", r->certainty);
	asked.has_mid = asked.has_start = asked.has_conflict = false;
	asked.has_counters = 0;
	asked.status = STATUS_NONE;
	asked.attack_status = ATTACK_STATUS_NONE;
	asked.lifetime = life_left(&r->life, now);
	dots_json_write_mitigation(&asked, line);
	return line;
}

json_t *emit_withdraw(const struct record *r, const char *cause)
{
	json_t *line = about("withdraw", r);

	json_put_string(line, "cause", cause);
	return line;
}

json_t *emit_sync(const char *event)
{
	json_t *line = envelope_new("sync");

	json_put_string(line, "event", event);
	return line;
}
