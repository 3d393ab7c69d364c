/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "emit.h"

#include "dots/envelope.h"
#include "dots/json.h"

static json_t *about(const char *type, const struct client *c, uint32_t mid)
{
	json_t *line = envelope_new(type);

	json_put_string(line, "peer", c->peer);
	json_put_string(line, "cuid", c->cuid);
	json_put_int(line, "mid", mid);
	return line;
}

json_t *emit_mitigate(const struct record *r, int64_t now)
{
	json_t *line = about("mitigate", r->client, r->m.mid);
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
	return emit_withdraw_of(r->client, r->m.mid, cause);
}

json_t *emit_withdraw_of(const struct client *c, uint32_t mid, const char *cause)
{
	json_t *line = about("withdraw", c, mid);

	json_put_string(line, "cause", cause);
	return line;
}

json_t *emit_sync(const char *event)
{
	json_t *line = envelope_new("sync");

	json_put_string(line, "event", event);
	return line;
}
