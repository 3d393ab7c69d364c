/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "command.h"

#include <string.h>

#include "ask.h"
#include "base/host.h"
#include "base/line.h"
#include "callhome.h"
#include "dots/envelope.h"
#include "dots/json.h"
#include "hold.h"
#include "inquiry.h"
#include "merge.h"
#include "mitigations.h"
#include "notice.h"
#include "origin.h"
#include "peer_command.h"
#include "request_command.h"
#include "send.h"
#include "times.h"

static const char *peer_name(const struct envelope *line)
{
	return line->to ? line->to : line->peer;
}

/* The router of `to` or `peer`. NULL with *why. */
static struct router *named_router(struct agent *a, const struct envelope *line, struct reason *why)
{
	const char *name = peer_name(line);
	struct router *r = name ? router_by_name(a, name) : NULL;
	if (r)
		return r;
	if (!name)
		reason_set(why, REASON_BAD_REQUEST, "to", "", "say which peer is meant");
	else if (peers_by_name(a->peers, name))
		reason_set(why, REASON_BAD_REQUEST, "to", "", "%s is not connected", name);
	else
		reason_set(why, REASON_BAD_REQUEST, "to", "", "there is no peer %s", name);
	return NULL;
}

static void claim(struct entry *e, struct console *c)
{
	entry_paid(e, true);
	e->console = c;
	e->owed = c != NULL;
	e->await_block = false;
	console_owe(c);
}

/* Where nothing is sent, or its answer is a status, who asked is told how the request stands. */
static void tell_request(const struct entry *e, struct console *c, const struct envelope *line)
{
	json_t *about = request_line(e);
	json_put_string(about, "ref", line->ref ? line->ref : *e->ref ? e->ref : NULL);
	if (c)
		console_tell(c, about);
	else
		json_decref(about);
}

static int withdraw(struct entry *e, struct console *c, const struct envelope *line, struct reason *why)
{
	(void)why;
	if (e->state == ENTRY_LEAVING || e->state == ENTRY_LEFT) {
		tell_request(e, c, line);
		return 0;
	}
	/* A mid is all that the peer has under it, a ref is what was asked for. */
	if (line->has_mid)
		merge_dissolve(e);
	claim(e, c);
	entry_withdraw(e);
	return 0;
}

static int refresh(struct entry *e, struct console *c, const struct envelope *line, struct reason *why)
{
	int64_t lifetime = e->asked.lifetime;
	if (line->body.kind == BODY_MITIGATION_SCOPE && line->body.n_scope && line->body.scope[0].lifetime != LIFETIME_ABSENT)
		lifetime = line->body.scope[0].lifetime;
	if (json_get_i64(line->json, "lifetime", -1, LIFETIME_MAX, &lifetime, why) < 0)
		return -1;
	if (lifetime == 0)
		return reason_set(why, REASON_BAD_REQUEST, "lifetime", "RFC 9132, 4.4.1", "0 is no lifetime; withdraw ends a mitigation");
	if (e->state > ENTRY_ACTIVE)
		return reason_set(why, REASON_BAD_REQUEST, "mid", "", "mid %u is over, so there is nothing to refresh", e->mid);
	if (e->state == ENTRY_ACTIVE && hold_check(merge_leader(e), why) < 0)
		return -1;
	e->asked.lifetime = lifetime;
	entry_lifetime(e, lifetime);
	if (e->state == ENTRY_WAITING) {
		/* Nothing is sent: what waits does so for the new time. */
		tell_request(e, c, line);
		return 0;
	}
	claim(e, c);
	entry_refresh(e, ATTACK_STATUS_NONE);
	return 0;
}

static int efficacy(struct entry *e, struct console *c, const struct envelope *line, struct reason *why)
{
	enum attack_status attack = line->body.kind == BODY_MITIGATION_SCOPE && line->body.n_scope ? line->body.scope[0].attack_status : ATTACK_STATUS_NONE;
	const char *word = NULL;
	if (json_get_string(line->json, "attack-status", 64, &word, why) < 0)
		return -1;
	if (word)
		attack = !strcmp(word, "under-attack") ? ATTACK_UNDER_ATTACK : !strcmp(word, "attack-successfully-mitigated") ? ATTACK_SUCCESSFULLY_MITIGATED : ATTACK_STATUS_NONE;
	if (attack == ATTACK_STATUS_NONE)
		return reason_set(why, REASON_BAD_REQUEST, "attack-status", "RFC 9132, 4.4.3", "must be under-attack or attack-successfully-mitigated");
	if (e->state == ENTRY_ACTIVE && hold_check(merge_leader(e), why) < 0)
		return -1;
	if (e->state != ENTRY_ACTIVE || !e->router->session)
		return reason_set(why, REASON_BAD_REQUEST, "mid", "", "mid %u is not in force at a connected peer", e->mid);
	claim(e, c);
	entry_refresh(e, attack);
	return 0;
}

static int query_entry(struct entry *e, struct console *c, const struct envelope *line, struct reason *why)
{
	const char *content = NULL;
	if (json_get_string(line->json, "content", 1, &content, why) < 0)
		return -1;
	struct inquiry_request q = { .asked = c, .ref = e->ref, .method = "GET", .resource = "mitigate", .with_cuid = true, .with_mid = true, .number = merge_leader(e)->mid,
		                     .content = content ? *content : 0 };
	return inquiry_send(e->router, &q, why);
}

static int observe(struct entry *e, struct console *c, const struct envelope *line, struct reason *why)
{
	(void)why;
	e->console = e->owed ? e->console : c;
	merge_leader(e)->observe_off = false;
	notice_start(merge_leader(e));
	tell_request(e, c, line);
	return 0;
}

static int unobserve(struct entry *e, struct console *c, const struct envelope *line, struct reason *why)
{
	(void)why;
	notice_stop(merge_leader(e));
	tell_request(e, c, line);
	return 0;
}

typedef int entry_command(struct entry *e, struct console *c, const struct envelope *line, struct reason *why);

/* Every request that the line names by its ref, or the one of its mid. 1 = done, 0 = none is known, -1 with *why. */
static int each_named(struct agent *a, struct console *c, const struct envelope *line, entry_command *command, struct reason *why)
{
	if (line->has_mid) {
		bool several;
		const char *name = peer_name(line);
		struct router *r = name ? router_by_name(a, name) : NULL;
		struct entry *e = name && !r ? NULL : requests_by_mid(a->requests, r, line->mid, &several);
		if (e && several)
			return reason_set(why, REASON_BAD_REQUEST, "mid", "", "several peers have mid %u: say which one is meant", line->mid);
		return !e ? 0 : command(e, c, line, why) < 0 ? -1 : 1;
	}
	if (!line->ref)
		return reason_set(why, REASON_BAD_REQUEST, "ref", "", "name the request by its ref, or by its mid");
	int found = 0;
	for (struct entry *e = requests_by_ref(a->requests, line->ref), *next; e; e = next) {
		next = requests_next_ref(e);
		if (peer_name(line) && strcmp(peer_name(line), e->router->name))
			continue;
		if (command(e, c, line, why) < 0)
			return -1;
		found = 1;
	}
	return found;
}

static int not_known(const struct envelope *line, struct reason *why)
{
	if (line->has_mid)
		return reason_set(why, REASON_BAD_REQUEST, "mid", "", "no request with mid %u is known", line->mid);
	return reason_set(why, REASON_BAD_REQUEST, "ref", "", "no request with ref %s is known", line->ref);
}

static int on_entries(struct agent *a, struct console *c, const struct envelope *line, entry_command *command, struct reason *why)
{
	int found = each_named(a, c, line, command, why);
	return found ? found : not_known(line, why);
}

/* A mid of a former run is the peer's to judge. */
static int do_withdraw(struct agent *a, struct console *c, const struct envelope *line, struct reason *why)
{
	int found = each_named(a, c, line, withdraw, why);
	if (found || !line->has_mid || !peer_name(line))
		return found ? found : not_known(line, why);
	struct router *r = named_router(a, line, why);
	struct inquiry_request q = { .asked = c, .ref = line->ref, .method = "DELETE", .resource = "mitigate", .with_cuid = true, .with_mid = true, .number = line->mid };
	return r ? inquiry_send(r, &q, why) : -1;
}

static int do_query(struct agent *a, struct console *c, const struct envelope *line, struct reason *why)
{
	const char *content = NULL;
	if (json_get_string(line->json, "content", 1, &content, why) < 0)
		return -1;
	if (content && !strchr("cna", *content))
		return reason_set(why, REASON_BAD_REQUEST, "content", "RFC 9132, 4.4.2", "must be c (configuration), n (state) or a (all)");
	if (line->has_mid || line->ref) {
		int found = each_named(a, c, line, query_entry, why);
		if (found || !peer_name(line))
			return found ? found : not_known(line, why);
	}
	struct router *r = named_router(a, line, why);
	struct inquiry_request q = { .asked = c, .ref = line->ref, .method = "GET", .resource = "mitigate", .with_cuid = true, .with_mid = line->has_mid,
		                     .number = line->mid, .content = content ? *content : 0 };
	return r ? inquiry_send(r, &q, why) : -1;
}

static int do_observe(struct agent *a, struct console *c, const struct envelope *line, struct reason *why)
{
	int found = each_named(a, c, line, observe, why);
	if (found || !line->has_mid || !peer_name(line))
		return found ? found : not_known(line, why);
	struct router *r = named_router(a, line, why);
	if (!r)
		return -1;
	struct mitigation nothing;
	mitigation_init(&nothing);
	nothing.lifetime = LIFETIME_INDEFINITE;      /* the peer's first word tells it */
	struct entry *e = entry_new(r, line->mid, line->ref, &nothing);
	if (!e)
		return reason_set(why, REASON_BAD_REQUEST, "", "", "out of memory");
	e->state = ENTRY_ACTIVE;
	e->unknown = e->sent = true;
	e->console = c;
	entry_in_force(e, true);
	notice_start(e);
	tell_request(e, c, line);
	return 1;
}

static int do_config(struct agent *a, struct console *c, const struct envelope *line, struct reason *why)
{
	const char *action = "get";
	uint64_t sid = 0;
	int has_sid;
	struct router *r = named_router(a, line, why);
	if (!r || json_get_string(line->json, "action", 16, &action, why) < 0 || (has_sid = json_get_u64(line->json, "sid", UINT32_MAX, &sid, why)) < 0)
		return -1;
	struct inquiry_request q = { .asked = c, .ref = line->ref, .method = "GET", .resource = "config", .with_sid = has_sid > 0, .number = (uint32_t)sid };
	if (!strcmp(action, "get"))
		return has_sid ? inquiry_send(r, &q, why) : callhome_get_config(r, c, line->ref, why);
	if (!strcmp(action, "delete"))
		q.method = "DELETE";
	else if (strcmp(action, "set"))
		return reason_set(why, REASON_BAD_REQUEST, "action", "", "must be get, set or delete");
	else if (line->body.kind != BODY_SIGNAL_CONFIG)
		return reason_set(why, REASON_BAD_REQUEST, DOTS_JSON_CONFIG, "RFC 9132, 4.5.2", "a set needs the values");
	else
		return callhome_set_config(r, c, line->ref, has_sid > 0, (uint32_t)sid, &line->body, why);
	return inquiry_send(r, &q, why);
}

static int do_redirect(struct agent *a, struct console *c, const struct envelope *line, struct reason *why)
{
	struct router *r = named_router(a, line, why);
	const char *fault;
	uint32_t mid;
	if (!r)
		return -1;
	if (r->dialled)
		return reason_set(why, REASON_BAD_REQUEST, "to", "RFC 9066, 5.2.2", "%s is a base server: it sends us elsewhere, not we it", r->name);
	if (line->body.kind != BODY_REDIRECTED_SIGNAL || !line->body.redirect.alt_ch_client)
		return reason_set(why, REASON_BAD_REQUEST, "alt-ch-client", "RFC 9066, 5.2.2", "a redirect needs alt-ch-client, the name of the other client");
	/* No name server knows another one, and the router would be lost until its back-off ends. */
	if ((fault = host_name_fault(line->body.redirect.alt_ch_client)))
		return reason_set(why, REASON_BAD_REQUEST, "alt-ch-client", "RFC 9066, 5.2.2", "%s is not the name of a host: %s", line->body.redirect.alt_ch_client, fault);
	if (state_next_mid(a->state, &mid, why) < 0)
		return -1;
	struct inquiry_request q = { .asked = c, .ref = line->ref, .method = "PUT", .resource = "redirect", .with_cuid = true, .with_mid = true, .number = mid,
		                     .body = &line->body };
	return inquiry_send(r, &q, why);
}

static int dispatch(struct agent *a, struct console *c, struct envelope *line, struct reason *why)
{
	switch (line->type) {
	case LINE_MITIGATE:
		ask_mitigate(a, c, line);
		return 0;
	case LINE_WITHDRAW: return do_withdraw(a, c, line, why);
	case LINE_REFRESH: return on_entries(a, c, line, refresh, why);
	case LINE_EFFICACY: return on_entries(a, c, line, efficacy, why);
	case LINE_QUERY: return do_query(a, c, line, why);
	case LINE_OBSERVE: return do_observe(a, c, line, why);
	case LINE_UNOBSERVE: return on_entries(a, c, line, unobserve, why);
	case LINE_CONFIG: return do_config(a, c, line, why);
	case LINE_REDIRECT: return do_redirect(a, c, line, why);
	case LINE_PEERS: return peers_command(a, c, line, why);
	case LINE_PEER: return peer_command(a, c, line, why);
	case LINE_PENDING:
	case LINE_WATCH: return requests_command(a, c, line, why);
	default: return 0;   /* sinks ignore what is not for them (dotsch-lines(5)) */
	}
}

void command_line(struct agent *a, struct console *c, char *text, size_t len)
{
	struct envelope line;
	struct reason why = { 0 };
	char ref[REF_MAX_BYTES + 1];
	if (line_blank(text, len))
		return;
	if (envelope_parse(text, len, &line, &why) < 0 || origin_take(a, &line, ref, &why) < 0 || dispatch(a, c, &line, &why) < 0)
		console_error(c, envelope_error(&why, &line));
	envelope_free(&line);
}
