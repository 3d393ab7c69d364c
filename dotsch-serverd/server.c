/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/line.h"
#include "base/log.h"
#include "base/when.h"
#include "command.h"
#include "consent.h"
#include "control.h"
#include "dots/envelope.h"
#include "emit.h"
#include "feedback.h"
#include "keep.h"
#include "listener.h"
#include "mitigate.h"
#include "notify.h"
#include "pipeline.h"
#include "preset.h"
#include "peer.h"
#include "interface.h"

#define COMMITS_MAX 4096             /* answers that wait for the disk; past it new requests are told to wait */

struct loop *server_loop(const struct server *s)
{
	return s->loop;
}

struct core *server_core(struct server *s)
{
	return &s->core;
}

struct moment server_moment(const struct server *s)
{
	return (struct moment){ .now = loop_now(s->loop), .wall = when_wall_ms() };
}

struct store *server_store(const struct server *s)
{
	return s->store;
}

size_t server_peers(const struct server *s)
{
	return s->n_peers;
}

json_t *server_session(const struct server *s, size_t peer)
{
	return peer_describe(s->peers[peer]);
}

struct peer *server_peer(const struct server *s, const char *name)
{
	for (size_t i = 0; i < s->n_peers; i++)
		if (strcmp(peer_settings(s->peers[i])->name, name) == 0)
			return s->peers[i];
	return NULL;
}

void server_say(struct server *s, json_t *line)
{
	if (s->control != NULL)
		control_tell(s->control, line);
	if (s->notify != NULL && strcmp(json_string_value(json_object_get(line, "type")), "session") == 0)
		notify_tell(s->notify, line);
	if (!envelope_send(s->out, line))
		log_debug("stdout took no line");
}

static void guard(struct server *s, const struct prefix *host)
{
	for (size_t i = 0; i < s->core.guarded.n; i++)
		if (prefix_equal(&s->core.guarded.v[i], host))
			return;
	prefix_list_add(&s->core.guarded, host);
}

void server_guard(struct server *s, const struct sockaddr_storage *remote)
{
	struct prefix host;
	uint16_t port;

	if (sockaddr_prefix(remote, &host, &port) == 0)
		guard(s, &host);
}

/* Half of the bound: what is under way still fits. */
static bool has_room(void *arg)
{
	const struct server *s = arg;

	return (s->pipeline != NULL ? pipeline_pending(s->pipeline) : line_out_pending(s->out)) < LINE_OUT_MAX / 2 &&
	    (s->store == NULL || store_pending(s->store) < COMMITS_MAX);
}

static void send_lines(struct server *s, json_t *lines)
{
	for (size_t i = 0; i < json_array_size(lines); i++) {
		json_t *line = json_incref(json_array_get(lines, i));

		/* Whoever does not take it now asks with `sync` when he is back. */
		if (!(s->pipeline != NULL ? pipeline_write(s->pipeline, line) : envelope_send(s->out, line)))
			log_warning("the ring took no line; it gets everything again when it asks");
	}
}

static void arm(struct server *s)
{
	int64_t wait = s->core.ledger.next_due - loop_now(s->loop);

	if (s->core.ledger.next_due == LEDGER_NEVER)
		loop_timer_stop(s->loop, &s->due);
	else
		loop_timer_set(s->loop, &s->due, wait > 0 ? wait : 0);
}

static void tell_observers(struct server *s, const struct outcome *o)
{
	for (size_t i = 0; i < o->n_effects; i++) {
		const struct effect *e = &o->effects[i];

		struct peer *p = e->kind != EFFECT_HOSTS ? server_peer(s, e->client->peer) : NULL;

		if (p != NULL)
			peer_mitigation_changed(p, e->client->cuid, e->mid);
	}
}

static void answer(struct incoming *in, const struct reply *r)
{
	struct response out = {
		.code = r->code, .dots_cbor = r->dots_cbor, .max_age = r->max_age, .observe = r->observe, .payload = r->payload.data, .payload_len = r->payload.len,
	};

	incoming_respond(in, &out);
}

/* Those who are attached see what waits for them, and what has changed. */
static void tell_owner(struct server *s, const struct outcome *o)
{
	for (size_t i = 0; i < o->n_effects && (s->control != NULL || s->notify != NULL); i++) {
		const struct effect *e = &o->effects[i];
		const struct record *r = client_find(e->client, e->mid);
		json_t *line = r != NULL ? command_describe(r, loop_now(s->loop)) : NULL;

		if (line != NULL && s->control != NULL)
			control_tell(s->control, line);
		/* What begins, what is decided, and the device once it is known: not each status. */
		if (line != NULL && s->notify != NULL && (e->kind == EFFECT_ADDED || e->kind == EFFECT_HOSTS || r->life.phase == PHASE_REJECTED))
			notify_tell(s->notify, line);
		json_decref(line);
	}
}

/* It is safe, or need not be. */
static void fulfil(struct server *s, struct outcome *o, struct incoming *in)
{
	send_lines(s, o->lines);
	if (in != NULL)
		answer(in, &o->reply);
	tell_observers(s, o);
	tell_owner(s, o);
	arm(s);
	outcome_free(o);
}

/* An answer that waits for its commit. */
struct commit { struct server *server; struct outcome o; struct incoming *in; };

/* The ring may have heard of the change by a `sync` meanwhile: it is told how things stand. */
static void take_back(struct server *s, struct outcome *o)
{
	outcome_undo(o, &s->core.ledger);
	for (size_t i = 0; i < o->n_effects; i++) {
		struct record *r = client_find(o->effects[i].client, o->effects[i].mid);

		if (r != NULL && life_live(&r->life))
			outcome_line(o, emit_mitigate(r, loop_now(s->loop)));
		else
			outcome_line(o, emit_withdraw_of(o->effects[i].client, o->effects[i].mid, "expired"));
	}
	reply_unavailable(&o->reply, RETRY_BUSY_S, "the state cannot be written");
}

static void on_committed(void *arg, bool ok, const char *why)
{
	struct commit *c = arg;

	if (!ok) {
		log_error("state: %s", why);
		/* What happened by itself has happened; what was asked for is refused. */
		if (c->in != NULL)
			take_back(c->server, &c->o);
		unsaved_add(&c->server->unsaved, &c->o, c->in != NULL);
	}
	fulfil(c->server, &c->o, c->in);
	free(c);
}

void server_submit(struct server *s, struct outcome *o, struct incoming *in)
{
	struct commit *c = NULL;
	struct store_txn *t = NULL;

	if (s->store == NULL || !keep_wanted(o)) {
		fulfil(s, o, in);
		return;
	}
	c = malloc(sizeof(*c));
	t = c != NULL ? store_begin(s->store) : NULL;
	if (t == NULL) {
		free(c);
		if (in != NULL)
			take_back(s, o);
		fulfil(s, o, in);
		return;
	}
	*c = (struct commit){ .server = s, .o = *o, .in = in };
	outcome_init(o);
	keep_add(t, &c->o, server_moment(s));
	store_commit(t, on_committed, c);
	arm(s);
}

struct due { struct server *server; struct moment at; struct outcome o; };

static void one_due(void *arg, struct record *r)
{
	struct due *d = arg;

	mitigate_due(&d->server->core, r, d->at, &d->o);
}

static void on_due(void *arg)
{
	struct due d = { .server = arg, .at = server_moment(arg) };

	outcome_init(&d.o);
	ledger_run(&d.server->core.ledger, d.at.now, one_due, &d);
	server_submit(d.server, &d.o, NULL);
}

void server_signal(struct server *s, const struct peer_config *peer, const char *credential, enum presence presence)
{
	struct outcome o;

	outcome_init(&o);
	preset_signal(&s->core, peer, credential, presence, server_moment(s), &o);
	server_submit(s, &o, NULL);
}

static void on_line(void *arg, char *text, size_t len)
{
	struct server *s = arg;
	struct outcome o;
	json_t *error;

	if (line_blank(text, len))
		return;
	outcome_init(&o);
	error = feedback_line(&s->core, text, len, server_moment(s), &o);
	if (error != NULL) {
		const char *field = json_string_value(json_object_get(error, "field"));

		log_warning("a line was refused: %s%s%s", field != NULL ? field : "", field != NULL ? ": " : "", json_string_value(json_object_get(error, "reason")));
		server_say(s, error);
	}
	server_submit(s, &o, NULL);
}

static void on_too_long(void *arg, unsigned long number)
{
	struct reason why;

	reason_set(&why, REASON_BAD_REQUEST, "", "", "line %lu is longer than %zu bytes", number, LINE_MAX_BYTES);
	log_warning("%s", why.text);
	server_say(arg, envelope_error(&why, NULL));
}

/* The end of stdin ends no serverd. */
static void on_end(void *arg, int error)
{
	(void)arg;
	if (error != 0)
		log_warning("stdin: %s", strerror(error));
}

static int open_ring(struct server *s, const char *command, struct reason *why)
{
	static const struct line_in_ops in_ops = { .line = on_line, .too_long = on_too_long, .end = on_end };
	static const struct pipeline_ops pipe_ops = { .line = on_line, .too_long = on_too_long };

	s->out = line_out_new(s->loop, STDOUT_FILENO);
	if (s->out == NULL)
		return reason_set(why, 0, "stdout", "", "%s", strerror(errno));
	s->in = line_in_new(s->loop, STDIN_FILENO, &in_ops, s);
	if (s->in == NULL)
		return reason_set(why, 0, "stdin", "", "%s", strerror(errno));
	if (command == NULL)
		return 0;
	s->pipeline = pipeline_new(s->loop, command, &pipe_ops, s);
	return s->pipeline != NULL ? 0 : reason_set(why, 0, "exec", "", "cannot be started: %s", strerror(errno));
}

/* Configured addresses, before anything is dialled; what a name resolves to follows with its session. */
void server_guard_configured(struct server *s, const struct settings *settings)
{
	struct prefix_list resolvers = { NULL, 0 };
	struct prefix p;

	consent_resolvers("/etc/resolv.conf", &resolvers);
	for (size_t i = 0; i < resolvers.n; i++)
		guard(s, &resolvers.v[i]);
	prefix_list_free(&resolvers);
	for (size_t i = 0; i < settings->n_peers; i++)
		for (size_t j = 0; j < settings->peers[i].addresses.n; j++)
			if (addr_parse(settings->peers[i].addresses.v[j], &p) == 0)
				guard(s, &p);
}

/* What was active goes into the ring again, as one round of `sync`. */
static int open_state(struct server *s, struct reason *why)
{
	struct outcome o;

	if (s->core.settings->state == NULL)
		return 0;
	s->store = keep_open(s->loop, s->core.settings->state, why);
	if (s->store == NULL || keep_load(s->store, &s->core, server_moment(s), why) != 0)
		return -1;
	outcome_init(&o);
	feedback_sync(&s->core, server_moment(s), &o);
	server_submit(s, &o, NULL);
	return 0;
}

void server_read_scopes(struct server *s)
{
	for (size_t i = 0; i < s->n_peers; i++)
		peer_scope(s->peers[i], s->interfaces);
}

static void on_scope(void *arg)
{
	server_read_scopes(arg);
}

int server_open_scope(struct server *s, const struct settings *settings, struct reason *why)
{
	for (size_t i = 0; i < settings->n_peers; i++)
		if (settings->peers[i].scope_interfaces.n > 0 && s->interfaces == NULL) {
			s->interfaces = interfaces_new(s->loop, on_scope, s, why);
			if (s->interfaces == NULL)
				return -1;
		}
	return 0;
}

static int open_peers(struct server *s, struct reason *why)
{
	if (s->core.settings->has_listen && (s->listener = listener_new(s, s->core.settings, why)) == NULL)
		return -1;
	s->peers = calloc(s->core.settings->n_peers, sizeof(*s->peers));
	if (s->peers == NULL)
		return reason_set(why, 0, "", "", "out of memory");
	for (size_t i = 0; i < s->core.settings->n_peers; i++) {
		struct peer *p = peer_new(s, &s->core.settings->peers[i], why);

		if (p == NULL)
			return -1;
		s->peers[s->n_peers++] = p;
		peer_scope(p, s->interfaces);
	}
	return 0;
}

struct server *server_new(struct loop *l, const struct settings *settings, const struct server_options *options, struct reason *why)
{
	struct server *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		reason_set(why, 0, "", "", "out of memory");
		return NULL;
	}
	s->loop = l;
	s->core.settings = settings;
	s->core.room = has_room;
	s->core.arg = s;
	ledger_init(&s->core.ledger);
	loop_timer_init(&s->due, on_due, s);
	unsaved_init(&s->unsaved, s);
	server_guard_configured(s, settings);
	if (options->notify != NULL && (s->notify = notify_new(l, options->notify)) == NULL) {
		reason_set(why, 0, "", "", "out of memory");
		server_free(s, 0);
		return NULL;
	}
	if (options->socket != NULL) {
		s->control = control_new(s, options->socket, why);
		if (s->control == NULL) {
			server_free(s, 0);
			return NULL;
		}
	}
	if (open_ring(s, options->pipeline, why) != 0 || open_state(s, why) != 0 || server_open_scope(s, settings, why) != 0 || open_peers(s, why) != 0) {
		server_free(s, 0);
		return NULL;
	}
	return s;
}

void server_free(struct server *s, int timeout_ms)
{
	if (s == NULL)
		return;
	if (s->store != NULL)
		unsaved_write(&s->unsaved);
	store_close(s->store);       /* answers what it commits, over sessions that still stand */
	s->store = NULL;
	unsaved_free(&s->unsaved);
	for (size_t i = 0; i < s->n_peers; i++)
		peer_free(s->peers[i], true);
	listener_free(s->listener);
	free(s->peers);
	control_free(s->control);
	notify_free(s->notify);
	interfaces_free(s->interfaces);
	loop_timer_stop(s->loop, &s->due);
	pipeline_free(s->pipeline, timeout_ms);
	if (s->out != NULL)
		line_out_flush(s->out, timeout_ms);
	line_in_free(s->in);
	line_out_free(s->out);
	ledger_free(&s->core.ledger);
	prefix_list_free(&s->core.guarded);
	free(s);
}
