/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "command.h"

#include <string.h>

#include "base/limits.h"
#include "consent.h"
#include "dots/envelope.h"
#include "dots/json.h"
#include "keep.h"
#include "view.h"

#define AUDIT_LINES 100              /* shown when no limit is given */
#define AUDIT_LINES_MAX 10000

struct command {
	struct server *server;
	const char *who;
	const struct command_reply *reply;
	json_t *json;                        /* the line */
	bool pending_only;
	/* The mitigation that is meant, as far as the line says. */
	const char *peer, *cuid;
	bool has_mid;
	uint32_t mid;
	struct record *found;
	size_t n_found;
};

static const char *state_of(const struct record *r)
{
	switch (r->life.phase) {
	case PHASE_ACTIVE:
		return r->life.pending ? "pending" : r->held ? "held" : "active";
	case PHASE_TERMINATING:
		return "terminating";
	case PHASE_REJECTED:
		return "rejected";
	case PHASE_ENDED:
		return "ended";
	case PHASE_ARMED:
		return r->life.pending ? "pending" : "armed";
	case PHASE_INACTIVE:
		return "inactive";
	}
	return "";
}

json_t *command_describe(const struct record *r, int64_t now)
{
	struct mitigation v = view_record(r, CONTENT_ALL, now);
	json_t *line = envelope_new("mitigation");

	json_put_string(line, "peer", r->client->peer);
	json_put_string(line, "cuid", r->client->cuid);
	json_put_int(line, "mid", r->m.mid);
	json_put_string(line, "state", state_of(r));
	if (r->note[0] != '\0')
		json_put_string(line, "note", r->note);
	if (r->hosts != NULL)
		json_put(line, "hosts", json_incref(r->hosts));
	if (r->certainty[0] != '\0')
		json_put_string(line, "certainty", r->certainty);
	dots_json_write_mitigation(&v, line);
	return line;
}

static void say(struct command *c, json_t *line)
{
	const char *ref = json_string_value(json_object_get(c->json, "ref"));

	json_put_string(line, "ref", ref);
	c->reply->line(c->reply->arg, line);
}

static bool meant(const struct command *c, const struct record *r)
{
	return (c->peer == NULL || strcmp(c->peer, r->client->peer) == 0) && (c->cuid == NULL || strcmp(c->cuid, r->client->cuid) == 0) &&
	    (!c->has_mid || c->mid == r->m.mid);
}

static void show_one(void *arg, struct record *r)
{
	struct command *c = arg;

	if (r->life.phase != PHASE_ENDED && meant(c, r) && (!c->pending_only || ((r->life.pending || r->held) && life_stands(&r->life) && r->life.phase != PHASE_TERMINATING)))
		say(c, command_describe(r, server_moment(c->server).now));
}

static void find_one(void *arg, struct record *r)
{
	struct command *c = arg;

	if (r->life.phase == PHASE_ENDED || !meant(c, r))
		return;
	c->found = r;
	c->n_found++;
}

/* All that the line means; one at least, if it names a mid. */
static int find_all(struct command *c, struct reason *why)
{
	ledger_each(&server_core(c->server)->ledger, find_one, c);
	if (c->has_mid && c->n_found == 0)
		return reason_set(why, REASON_BAD_REQUEST, "mid", "", "no such mitigation: %u", c->mid);
	return 0;
}

/* The one mitigation that the line means. */
static int find(struct command *c, struct reason *why)
{
	if (!c->has_mid)
		return reason_set(why, REASON_BAD_REQUEST, "mid", "", "missing: which mitigation?");
	if (find_all(c, why) != 0)
		return -1;
	if (c->n_found > 1)
		return reason_set(why, REASON_BAD_REQUEST, "peer", "", "%zu mitigations have the mid %u: name peer and cuid too, as PEER/CUID/MID", c->n_found, c->mid);
	return 0;
}

/* A rejection by another word: an owner's release is no more undone by the provider than an owner's no. */
static int withdraw(struct command *c, struct reason *why)
{
	struct outcome o;

	if (find(c, why) != 0)
		return -1;
	outcome_init(&o);
	if (!consent_reject(server_core(c->server), c->found, "withdrawn by the owner", c->who, server_moment(c->server), &o)) {
		outcome_free(&o);
		return reason_set(why, REASON_BAD_REQUEST, "mid", "", "%u is over already", c->mid);
	}
	server_submit(c->server, &o, NULL);
	return 0;
}

static int decide(struct command *c, struct reason *why)
{
	const char *word = NULL, *host = NULL;
	struct outcome o;
	bool done;

	if (json_get_string(c->json, "decision", 16, &word, why) < 0 || json_get_string(c->json, "host", PREFIX_TEXT_MAX, &host, why) < 0)
		return -1;
	if (word == NULL || (strcmp(word, "accept") != 0 && strcmp(word, "reject") != 0))
		return reason_set(why, REASON_BAD_REQUEST, "decision", "", "\"%s\": must be \"accept\" or \"reject\"", word != NULL ? word : "");
	if (find(c, why) != 0 || (host != NULL && consent_host(c->found, host, why) != 0))
		return -1;
	outcome_init(&o);
	if (strcmp(word, "accept") == 0)
		done = consent_accept(server_core(c->server), c->found, host, c->who, server_moment(c->server), &o);
	else
		done = consent_reject(server_core(c->server), c->found, "rejected by the owner", c->who, server_moment(c->server), &o);
	if (!done) {
		outcome_free(&o);
		return reason_set(why, REASON_BAD_REQUEST, "mid", "", "%u is over, there is nothing to decide", c->mid);
	}
	server_submit(c->server, &o, NULL);
	return 0;
}

static void audit_line(void *arg, const char *text)
{
	json_t *line = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	if (json_is_object(line))
		say(arg, line);
	else
		json_decref(line);
}

static int audit(struct command *c, struct reason *why)
{
	uint64_t limit = AUDIT_LINES;

	if (json_get_u64(c->json, "limit", AUDIT_LINES_MAX, &limit, why) < 0)
		return -1;
	if (server_store(c->server) == NULL)
		return reason_set(why, REASON_BAD_REQUEST, "state", "", "nothing is kept: the configuration names no state file");
	return keep_audit(server_store(c->server), (unsigned)limit, audit_line, c, why);
}

static int dispatch(struct command *c, const char *type, struct reason *why)
{
	if (strcmp(type, "show") == 0 || strcmp(type, "pending") == 0) {
		if (find_all(c, why) != 0)
			return -1;
		c->pending_only = *type == 'p';
		ledger_each(&server_core(c->server)->ledger, show_one, c);
	} else if (strcmp(type, "decision") == 0) {
		return decide(c, why);
	} else if (strcmp(type, "withdraw") == 0) {
		return withdraw(c, why);
	} else if (strcmp(type, "sessions") == 0) {
		for (size_t i = 0; i < server_peers(c->server); i++)
			say(c, server_session(c->server, i));
	} else if (strcmp(type, "audit") == 0) {
		return audit(c, why);
	} else {
		return reason_set(why, REASON_BAD_REQUEST, "type", "", "\"%s\" is no command; there are show, pending, decision, withdraw, sessions and audit", type);
	}
	return 0;
}

void command_run(struct server *s, const char *who, const char *text, size_t len, const struct command_reply *reply)
{
	struct command c = { .server = s, .who = who, .reply = reply };
	const char *type = NULL;
	struct reason why;
	uint64_t mid;
	int got, rc = -1;

	c.json = json_line_parse(text, len, &why);
	if (c.json != NULL && json_get_string(c.json, "type", 32, &type, &why) >= 0 && json_get_string(c.json, "peer", PEER_NAME_MAX, &c.peer, &why) >= 0 &&
	    json_get_string(c.json, "cuid", CUID_MAX_BYTES, &c.cuid, &why) >= 0 && (got = json_get_u64(c.json, "mid", UINT32_MAX, &mid, &why)) >= 0) {
		c.has_mid = got == 1;
		c.mid = c.has_mid ? (uint32_t)mid : 0;
		rc = dispatch(&c, type != NULL ? type : "", &why);
	}
	say(&c, rc == 0 ? envelope_new("done") : envelope_error(&why, NULL));
	json_decref(c.json);
}
