/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "callhome.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "dialled.h"
#include "inquiry.h"
#include "send.h"
#include "tell.h"

#define CONFIG_AGE_S 60              /* RFC 9132, 4.5.4: without a Max-Age the configuration is asked for every 60 s */
#define CONFIG_FOREVER 4294967295LL

/* RFC 9132, 4.5: how a CON of ours is repeated. */
static void set_transmission(struct router *r)
{
	const struct sigconf_set *set = r->active ? &r->config.mitigating : &r->config.idle;
	const struct transmission_config t = {
		.ack_timeout_ms = set->p[SIGCONF_ACK_TIMEOUT].current * 10, .random_percent = set->p[SIGCONF_ACK_RANDOM_FACTOR].current,
		.max_retransmit = set->p[SIGCONF_MAX_RETRANSMIT].current,
	};
	/* What a peer tells is bounded before it steers our timers. */
	if (t.ack_timeout_ms && t.ack_timeout_ms <= 600000 && t.random_percent >= 100 && t.random_percent <= 1000 && t.max_retransmit < 32)
		session_transmission(r->session, &t);
}

void callhome_heartbeat(struct router *r)
{
	if (!r->session)
		return;
	const struct sigconf_set *set = r->active ? &r->config.mitigating : &r->config.idle;
	struct heartbeat_config h = {
		.interval_s = set->p[SIGCONF_HEARTBEAT_INTERVAL].current,
		.missing_allowed = set->p[SIGCONF_MISSING_HB_ALLOWED].current,
		.after_peer = !r->dialled,   /* CH-10; towards a base server it is the other side that may */
		.early = r->dialled,
		/* CH-11a: a saturated uplink is silent, and is what we are here for. Towards a base server the same while an attack is on (RFC 9132, 4.7). */
		.lose = r->dialled && !r->active,
	};
	session_heartbeat(r->session, &h);
	set_transmission(r);
}

static void take_set(struct sigconf_set *to, const struct sigconf_set *from)
{
	for (int i = 0; i < SIGCONF_PARAMS; i++)
		if (from->p[i].has_current)
			to->p[i] = from->p[i];
}

/* What of our wishes differs from what is in force, and lies within what the peer offers; a wish out of bounds is drawn to the bound. */
static bool wish_set(struct sigconf_set *out, const struct sigconf_set *wanted, const struct sigconf_set *offered)
{
	bool any = false;
	*out = (struct sigconf_set){ 0 };
	for (int i = 0; i < SIGCONF_PARAMS; i++) {
		const struct sigconf_value *o = &offered->p[i];
		if (!wanted->p[i].has_current)
			continue;
		uint32_t v = wanted->p[i].current;
		v = o->has_max && v > o->max ? o->max : o->has_min && v < o->min ? o->min : v;
		if (o->has_current && o->current == v)
			continue;
		out->p[i].has_current = any = true;
		out->p[i].current = v;
	}
	return any;
}

static bool is_reliable(const struct router *r)
{
	return session_channel(r->session)->transport == TRANSPORT_TCP;
}

/* After each call home (CH-09). Once a session: what was negotiated is what the next GET shows. */
static void negotiate(struct router *r, const struct sigconf *offered)
{
	struct sigconf wanted = r->agent->config.wanted;
	struct body body;
	struct reason why;
	if (r->negotiated)
		return;
	r->negotiated = true;
	if (is_reliable(r))
		sigconf_reliable(&wanted);
	body_init(&body);
	body.kind = BODY_SIGNAL_CONFIG;
	body.config.has_mitigating = wanted.has_mitigating && wish_set(&body.config.mitigating, &wanted.mitigating, &offered->mitigating);
	body.config.has_idle = wanted.has_idle && wish_set(&body.config.idle, &wanted.idle, &offered->idle);
	if ((body.config.has_mitigating || body.config.has_idle) && callhome_set_config(r, NULL, NULL, false, 0, &body, &why) < 0)
		log_warning("%s: its configuration could not be negotiated: %s", r->name, why.text);
}

static void config_came(struct router *r, const struct response *response, const struct body *body)
{
	int64_t age = response->max_age >= 0 ? response->max_age : CONFIG_AGE_S;
	if (response->code >> 5 == 2 && body->kind == BODY_SIGNAL_CONFIG) {
		struct sigconf told = body->config;
		if (is_reliable(r))
			sigconf_reliable(&told);
		if (told.has_mitigating)
			take_set(&r->config.mitigating, &told.mitigating);
		if (told.has_idle)
			take_set(&r->config.idle, &told.idle);
		callhome_heartbeat(r);
		negotiate(r, &told);
	}
	if (response->code == CODE(4, 4))
		r->has_sid = false;
	if (age < CONFIG_FOREVER && age > 0)
		loop_timer_set(r->agent->loop, &r->config_timer, age > 10 ? age * 900 : age * 1000);
}

/* By the sid, which keeps what was negotiated from running out; during an attack not at all (RFC 9132, 4.5.2). */
static void config_again(void *arg)
{
	struct router *r = arg;
	struct reason why;
	if (!r->session)
		return;
	struct inquiry_request q = { .method = "GET", .resource = "config", .with_sid = r->has_sid, .number = r->sid, .answered = config_came };
	if (r->active || inquiry_send(r, &q, &why) < 0)
		loop_timer_set(r->agent->loop, &r->config_timer, CONFIG_AGE_S * 1000);
}

int callhome_get_config(struct router *r, struct console *asked, const char *ref, struct reason *why)
{
	struct inquiry_request q = { .asked = asked, .ref = ref, .method = "GET", .resource = "config", .answered = config_came };
	return inquiry_send(r, &q, why);
}

static void config_set(struct router *r, const struct response *response, const struct body *body)
{
	struct reason why;
	(void)body;
	if (response->code >> 5 == 2) {
		r->has_sid = true;
		r->sid = r->sid_asked;
	}
	/* After a 4.22 the bounds are worth a look, too (RFC 9132, 4.5.2). */
	if ((response->code >> 5 == 2 || response->code == CODE(4, 22)) && callhome_get_config(r, NULL, NULL, &why) < 0)
		log_warning("%s: its configuration could not be asked for: %s", r->name, why.text);
}

int callhome_set_config(struct router *r, struct console *asked, const char *ref, bool has_sid, uint32_t sid, const struct body *values, struct reason *why)
{
	const char *field = r->session && is_reliable(r) ? sigconf_unreliable(&values->config) : NULL;
	if (field)
		return reason_set(why, REASON_BAD_REQUEST, field, "RFC 9132, 4.5", "is not negotiated over TCP, by which %s is connected", r->name);
	/* One rising sequence serves both: a sid must rise over restarts, as a mid must. */
	if (!has_sid && state_next_mid(r->agent->state, &sid, why) < 0)
		return -1;
	struct inquiry_request q = { .asked = asked, .ref = ref, .method = "PUT", .resource = "config", .with_sid = true, .number = sid, .body = values,
		                     .answered = config_set };
	r->sid_asked = sid;
	return inquiry_send(r, &q, why);
}

static void peer_request(void *arg, struct session *s, struct incoming *in)
{
	struct reason why;
	(void)arg;
	(void)s;
	/* A Call Home client serves heartbeats only. */
	reason_set(&why, CODE(4, 4), "", "RFC 9066, 4", "this is a Call Home DOTS client: it has no such resource");
	incoming_refuse(in, &why);
}

static void peer_render(void *arg, struct session *s, const struct message *registered, struct response *out, struct buf *payload)
{
	(void)arg;
	(void)s;
	(void)registered;
	(void)payload;
	*out = (struct response){ .code = CODE(4, 4), .max_age = -1 };
}

static void session_over(struct router *r)
{
	r->session = NULL;
	r->silent = false;
	if (r->peer)
		peers_called(r->agent->peers, r->peer, NULL);
	r->agent->sessions--;
	loop_timer_stop(r->agent->loop, &r->config_timer);
}

static void peer_down(void *arg, struct session *s, const char *why, bool orderly, bool lost)
{
	struct router *r = arg;
	char text[300];
	snprintf(text, sizeof text, "%s%s", why ? why : "the session is over", lost ? " (nothing was heard)" : orderly ? " (closed in good order)" : "");
	if (r->session != s)
		return;
	tell_session(r->agent, "down", r->name, session_channel(s), text);
	session_over(r);
	dialled_again(r);
}

static void peer_silent(void *arg, struct session *s, unsigned unanswered)
{
	struct router *r = arg;
	const struct sigconf_set *set = r->active ? &r->config.mitigating : &r->config.idle;
	char text[100];
	if (unanswered && !r->silent && unanswered >= set->p[SIGCONF_MISSING_HB_ALLOWED].current) {
		r->silent = true;
		snprintf(text, sizeof text, "%u heartbeats without an answer; the session is kept", unanswered);
		tell_session(r->agent, "silent", r->name, session_channel(s), text);
		dialled_beside(r);
	} else if (!unanswered && r->silent) {
		r->silent = false;
		tell_session(r->agent, "heard", r->name, session_channel(s), "it answers again");
	}
}

static const struct session_handler handler = { .request = peer_request, .render = peer_render, .down = peer_down, .silent = peer_silent };

void callhome_hang_up(struct router *r, const char *why)
{
	struct session *s = r->session;
	if (!s)
		return;
	tell_session(r->agent, "down", r->name, session_channel(s), why);
	session_over(r);
	session_close(s, true);
}

void callhome_place(struct router *r)
{
	if (r->session && r->peer && !peers_called(r->agent->peers, r->peer, &r->calls_from))
		log_error("%s: out of memory: requests about the address it calls from do not find it", r->name);
}

static bool all_within(const struct prefix_list *sources, const struct prefix_list *domain)
{
	for (size_t i = 0; i < sources->n; i++) {
		bool in = false;
		for (size_t j = 0; j < domain->n; j++)
			in |= prefix_contains(&domain->v[j], &sources->v[i]);
		if (!in)
			return false;
	}
	return true;
}

/* Behind DS-Lite it is the subscriber's address that tells whose the sources are. */
static bool is_its_own(const struct entry *e, const struct prefix_list *domain)
{
	const struct prefix_list subscriber = { .v = (struct prefix *)(uintptr_t)&e->subscriber, .n = 1 };
	return all_within(e->subscriber.family ? &subscriber : &e->asked.source_prefix, domain);
}

/* CH-15: its entry names another domain than before, or it calls from another address. What was asked about the old one would now concern somebody else. */
static void drop_moved(struct router *r)
{
	struct prefix_list domain;
	if (!r->peer || r->peer->server || peer_domain(r->peer, &domain) < 0)
		return;
	for (struct entry *e = r->entries, *next; e; e = next) {
		next = e->next;
		if (e->unknown || e->state > ENTRY_ACTIVE || is_its_own(e, &domain))
			continue;
		tell_word(e, TOLD_REFUSED, "its source is not %s's any more, whose domain%s has changed", r->name, r->peer->session_address ? " or address" : "");
		entry_paid(e, false);
		entry_withdraw(e);
	}
	prefix_list_free(&domain);
}

static void waiting_out(struct router *r)
{
	for (struct entry *e = r->entries, *next; e; e = next) {
		next = e->next;
		entry_session_up(e);
	}
}

void callhome_up(struct router *r, struct channel *c)
{
	struct agent *a = r->agent;
	struct reason why;
	if (r->session) {
		char address[64], text[120];
		snprintf(text, sizeof text, r->dialled ? "there is another session with %s: the newest one counts" :
		         "the same credential called from %s: the newest session counts", sockaddr_format(&c->remote, address));
		callhome_hang_up(r, text);
	}
	r->session = session_new(a->loop, c, ROLE_CLIENT, &handler, r);
	if (!r->session) {
		log_error("%s: out of memory for its session", r->name);
		return;
	}
	a->sessions++;
	tell_session(a, "up", r->name, c, NULL);
	r->negotiated = r->has_sid = false;
	if (sockaddr_prefix(&c->remote, &r->calls_from, NULL) == 0)
		callhome_place(r);
	drop_moved(r);
	/* What is asked for goes first: an attack is on. */
	waiting_out(r);
	sigconf_defaults(&r->config);
	loop_timer_init(&r->config_timer, config_again, r);
	callhome_heartbeat(r);
	if (callhome_get_config(r, NULL, NULL, &why) < 0)
		log_warning("%s: its configuration could not be asked for: %s", r->name, why.text);
}

static void established(void *arg, struct channel *c)
{
	struct agent *a = arg;
	struct peer *p = peers_by_name(a->peers, c->peer.owner);
	struct router *r = p ? router_of(a, p) : NULL;
	if (r) {
		callhome_up(r, c);
		return;
	}
	tell_refused(a, &c->remote, c->transport, c->peer.name, "it is no peer of ours any more");
	channel_close(c, true);
}

static void refused(void *arg, const struct sockaddr_storage *remote, enum transport transport, const char *identity, const char *why)
{
	tell_refused(arg, remote, transport, identity, why);
}

static void penalised(void *arg, const struct sockaddr_storage *remote, enum transport transport, const char *why)
{
	tell_penalised(arg, remote, transport, why);
}

const struct listen_ops callhome_ops = { .established = established, .refused = refused, .penalised = penalised };
