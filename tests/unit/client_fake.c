/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "client_fake.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../dotsch-client/callhome.h"
#include "../../dotsch-client/command.h"
#include "base/log.h"
#include "dots/cbor.h"
#include "link/tls.h"

/* --- In place of sockets and GnuTLS --- */

struct dialling dialling;
struct listen { int unused; };
struct tls_bundle { int unused; };
static struct listen the_listen;
static struct tls_bundle the_bundle;

struct listen *listen_new(struct loop *l, const struct listen_config *config, const struct listen_ops *ops, void *arg, struct reason *why)
{
	(void)l, (void)config, (void)ops, (void)arg, (void)why;
	return &the_listen;
}

void listen_set_bundle(struct listen *l, struct tls_bundle *b)
{
	(void)l, (void)b;
}

void listen_free(struct listen *l)
{
	(void)l;
}

struct tls_bundle *tls_bundle_new(const struct tls_config *config, struct reason *why)
{
	(void)why;
	snprintf(dialling.server_name, sizeof dialling.server_name, "%s", !config->server && config->server_name ? config->server_name : "");
	return &the_bundle;
}

void tls_bundle_unref(struct tls_bundle *b)
{
	(void)b;
}

bool tls_bundle_spki(const struct tls_bundle *b, uint8_t sha256[32])
{
	(void)b;
	memset(sha256, 7, 32);
	return true;
}

void tls_sha256(const void *data, size_t len, uint8_t out[32])
{
	memset(out, 0, 32);
	memcpy(out, data, len < 32 ? len : 32);
}

/* Dialling: what is called is noted, and the test says how it ends. */
struct dial { int unused; };
static struct dial the_dial;

static void note_dial(const struct dial_config *config)
{
	dialling.config = *config;
	snprintf(dialling.host, sizeof dialling.host, "%s", config->n_hosts ? config->hosts[0] : "");
}

struct dial *dial_new(struct loop *l, const struct dial_config *config, const struct dial_ops *ops, void *arg)
{
	(void)l;
	note_dial(config);
	dialling.ops = *ops;
	dialling.arg = arg;
	dialling.begun++;
	return &the_dial;
}

bool dial_change(struct dial *d, const struct dial_config *config)
{
	(void)d;
	note_dial(config);
	dialling.changed++;
	return true;
}

void dial_again(struct dial *d)
{
	(void)d;
	dialling.again++;
}

void dial_attempt_delay(struct dial *d, unsigned ms)
{
	(void)d;
	dialling.config.attempt_delay_ms = ms;
}

void dial_free(struct dial *d)
{
	dialling.ended += d != NULL;
}

void tls_random(void *out, size_t len)
{
	memset(out, 9, len);
}

/* --- The router --- */

static void respond_body(struct incoming *in, uint8_t code, const struct body *body, int64_t max_age, bool observe)
{
	struct buf payload = { 0 };
	dots_cbor_encode(body, &payload);
	struct response r = { .code = code, .dots_cbor = true, .max_age = max_age, .observe = observe, .payload = payload.data, .payload_len = payload.len };
	incoming_respond(in, &r);
	buf_free(&payload);
}

static void state_body(struct scripted *r, uint32_t mid, struct body *body)
{
	body_init(body);
	body->kind = BODY_MITIGATION_SCOPE;
	struct mitigation *m = body_add_scope(body);
	m->has_mid = true;
	m->mid = mid;
	m->lifetime = r->granted ? r->granted : r->put.lifetime;
	m->status = r->status;
}

static uint32_t mid_of(const struct message *m)
{
	return m->n_path > 4 ? (uint32_t)strtoul(m->path[4] + 4, NULL, 10) : 0;
}

static void tell_conflict(const struct scripted *r, struct mitigation *m)
{
	m->has_conflict = true;
	m->conflict = (struct conflict){
		.cause = r->cause, .has_retry_timer = r->retry_timer != 0, .retry_timer = r->retry_timer, .has_mid = r->conflict_mid != 0, .mid = r->conflict_mid,
	};
}

static void put_came(struct scripted *r, struct incoming *in)
{
	struct body body, answer;
	struct reason why;
	r->n_puts++;
	assert(dots_cbor_decode(in->message.payload, in->message.payload_len, BODY_REQUEST, &body, &why) == 0 && body.n_scope == 1);
	snprintf(r->cuid, sizeof r->cuid, "%s", in->message.path[3] + 5);
	r->mid = mid_of(&in->message);
	mitigation_free(&r->put);
	r->put = body.scope[0];
	mitigation_init(&body.scope[0]);
	body_free(&body);
	r->sources_seen += (unsigned)r->put.source_prefix.n;
	uint8_t code = r->answer ? r->answer : CODE(2, 1);
	if (!r->first_mid || !r->known)
		r->first_mid = r->mid;
	state_body(r, r->mid, &answer);
	if (code == CODE(2, 1)) {
		r->known = true;
		r->status = STATUS_IN_PROGRESS;
		answer.scope[0].status = r->status;
	} else if (r->redirect) {
		body_free(&answer);
		body_init(&answer);
		answer.kind = BODY_REDIRECTED_SIGNAL;
		answer.redirect.alt_server = strdup("other.example");
	} else if (r->cause) {
		answer.scope[0].lifetime = LIFETIME_ABSENT;
		answer.scope[0].status = STATUS_NONE;
		tell_conflict(r, &answer.scope[0]);
	}
	if (r->answers_left && !--r->answers_left)
		r->answer = 0;
	if (code == CODE(5, 3) && !r->redirect) {
		struct response busy = { .code = code, .max_age = r->max_age, .payload = (const uint8_t *)"busy", .payload_len = 4 };
		incoming_respond(in, &busy);
	} else {
		respond_body(in, code, &answer, code == CODE(5, 3) ? r->max_age : -1, false);
	}
	body_free(&answer);
}

static void config_answer(struct scripted *r, struct incoming *in)
{
	struct body body;
	body_init(&body);
	body.kind = BODY_SIGNAL_CONFIG;
	sigconf_defaults(&body.config);
	if (r->heartbeat_interval) {
		body.config.idle.p[SIGCONF_HEARTBEAT_INTERVAL].current = r->heartbeat_interval;
		body.config.mitigating.p[SIGCONF_HEARTBEAT_INTERVAL].current = r->mitigating_interval ? r->mitigating_interval : r->heartbeat_interval;
	}
	if (r->missing_hb_allowed)
		body.config.idle.p[SIGCONF_MISSING_HB_ALLOWED].current = r->missing_hb_allowed;
	respond_body(in, CODE(2, 5), &body, r->config_max_age ? r->config_max_age : 3600 * 24, false);
	body_free(&body);
}

static void request(void *arg, struct session *s, struct incoming *in)
{
	struct scripted *r = arg;
	struct body body;
	struct response gone = { .code = CODE(4, 4), .max_age = -1, .payload = (const uint8_t *)"none", .payload_len = 4 };
	(void)s;
	if (!strcmp(in->message.path[2], "config") && in->message.code == METHOD_PUT) {
		struct response made = { .code = r->config_code ? r->config_code : CODE(2, 1), .max_age = -1 };
		struct reason why;
		assert(dots_cbor_decode(in->message.payload, in->message.payload_len, BODY_REQUEST, &body, &why) == 0 && body.kind == BODY_SIGNAL_CONFIG);
		r->config_puts++;
		r->wished = body.config;
		body_free(&body);
		incoming_respond(in, &made);
	} else if (!strcmp(in->message.path[2], "config") && r->knows_no_sid && in->message.n_path > 3) {
		incoming_respond(in, &gone);
	} else if (!strcmp(in->message.path[2], "config")) {
		config_answer(r, in);
	} else if (in->message.code == METHOD_PUT) {
		put_came(r, in);
	} else if (in->message.code == METHOD_DELETE) {
		struct response done = { .code = CODE(2, 2), .max_age = -1 };
		r->n_deletes++;
		r->status = STATUS_CLIENT_WITHDRAWN;
		incoming_respond(in, &done);
	} else if (!r->known || r->denies || mid_of(&in->message) > r->mid || mid_of(&in->message) < r->first_mid) {
		incoming_respond(in, &gone);
	} else {
		state_body(r, mid_of(&in->message), &body);
		respond_body(in, CODE(2, 5), &body, -1, in->message.observe == 0);
		body_free(&body);
	}
}

static void render(void *arg, struct session *s, const struct message *registered, struct response *out, struct buf *payload)
{
	struct scripted *r = arg;
	struct body body;
	uint8_t raw[100];
	(void)s;
	state_body(r, mid_of(registered), &body);
	if (r->tells_conflict)
		tell_conflict(r, &body.scope[0]);
	if (r->raw)
		buf_put(payload, raw, (size_t)hex_decode(r->raw, strlen(r->raw), raw, sizeof raw));
	else
		dots_cbor_encode(&body, payload);
	body_free(&body);
	*out = (struct response){ .code = CODE(2, 5), .dots_cbor = true, .max_age = -1 };
}

static void down(void *arg, struct session *s, const char *why, bool orderly, bool lost)
{
	(void)s, (void)why, (void)orderly, (void)lost;
	((struct scripted *)arg)->session = NULL;
}

static const struct session_handler router_handler = { .request = request, .render = render, .down = down };

static bool all(void *arg, const struct message *registered)
{
	(void)arg, (void)registered;
	return true;
}

void router_status_quietly(struct lab *l, enum dots_status status)
{
	l->router.status = status;
}

void router_status(struct lab *l, enum dots_status status)
{
	l->router.status = status;
	session_notify(l->router.session, all, NULL);
}

/* --- The agent and its console --- */

static void keep_line(struct console *c, const json_t *line, const char *text, size_t len)
{
	struct lab *l = (struct lab *)((char *)c - offsetof(struct lab, console));
	assert(strlen(text) == len && l->n_lines < LAB_LINES);
	/* Every line says what it is, then when. */
	assert(!strncmp(text, "{\"type\":\"", 9) && strstr(text, "\",\"time\":\"") == strchr(text + 9, '"'));
	l->lines[l->n_lines++] = json_deep_copy(line);
}

static void finished(struct console *c, int status)
{
	struct lab *l = (struct lab *)((char *)c - offsetof(struct lab, console));
	l->finished++;
	l->status = status;
}

static void put_file(const struct lab *l, const char *name, const char *text)
{
	char path[128];
	snprintf(path, sizeof path, "%s/%s", l->folder, name);
	FILE *f = fopen(path, "w");
	assert(f);
	fputs(text, f);
	fclose(f);
	chmod(path, 0600);
}

static void start(struct lab *l)
{
	static char path[128];
	struct reason why = { 0 };
	snprintf(path, sizeof path, "%s/client.conf", l->folder);
	if (agent_open(&l->agent, l->wire->loop, path, false, &why) < 0) {
		fprintf(stderr, "%s\n", why.text);
		abort();
	}
	l->console = (struct console){ .write = keep_line, .finished = finished, .wait_s = -1 };
	console_add(&l->agent, &l->console);
}

/* The writer of the state is a thread of its own. */
static void settle(void *arg)
{
	struct lab *l = arg;
	for (int i = 0; i < 20000 && l->agent.state && state_pending(l->agent.state); i++)
		loop_step(l->wire->loop, 1);
}

int lab_setup(void **state)
{
	struct lab *l = calloc(1, sizeof *l);
	log_init("test", LOG_LEVEL_ERROR);
	snprintf(l->folder, sizeof l->folder, "/tmp/test_client.XXXXXX");
	assert(mkdtemp(l->folder));
	put_file(l, "client.conf", "listen { address = {\"127.0.0.1\"} }\npeers-file = \"peers.jsonl\"\nstate = \"client.db\"\nexternal-addresses = {\"198.51.100.0/26\"}\n"
	         "shared-addresses = {\"192.0.0.0/29\"}\nauto-withdraw = true\nmitigating { heartbeat-interval = 999 missing-hb-allowed = 15 }\nidle { heartbeat-interval = 60 }\n");
	put_file(l, "peers.jsonl", "{\"name\":\"cpe-0001\",\"psk-identity\":\"cpe-0001\",\"psk-key\":\"00000000000000000000000000000001\",\"domain\":[\"100.64.8.21/32\",\"2001:db8:8::/48\"]}\n"
	         "{\"name\":\"cpe-0002\",\"psk-identity\":\"cpe-0002\",\"psk-key\":\"00000000000000000000000000000002\",\"domain\":[\"100.64.8.22/32\"]}\n");
	l->wire = wire_new(TRANSPORT_UDP);
	mitigation_init(&l->router.put);
	dialling = (struct dialling){ 0 };
	l->wire->settle = settle;
	l->wire->settle_arg = l;
	start(l);
	*state = l;
	return 0;
}

int lab_teardown(void **state)
{
	struct lab *l = *state;
	static const char *const files[] = { "client.conf", "peers.jsonl", "client.db", "client.db-wal", "client.db-shm", "client.db.lock" };
	char path[128];
	console_remove(&l->console);
	agent_close(&l->agent);
	session_close(l->router.session, false);
	lab_forget(l);
	mitigation_free(&l->router.put);
	wire_free(l->wire);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		snprintf(path, sizeof path, "%s/%s", l->folder, files[i]);
		unlink(path);
	}
	rmdir(l->folder);
	free(l);
	return 0;
}

void lab_restart_with(struct lab *l, void (*change)(const struct lab *l, uint32_t number), uint32_t number)
{
	console_remove(&l->console);
	agent_close(&l->agent);
	if (change)
		change(l, number);
	start(l);
}

void lab_restart(struct lab *l)
{
	lab_restart_with(l, NULL, 0);
}

void lab_connect(struct lab *l)
{
	struct channel *c = l->wire->end[LEFT];
	c->peer.kind = IDENTITY_PSK;
	snprintf(c->peer.name, sizeof c->peer.name, "cpe-0001");
	snprintf(c->peer.owner, sizeof c->peer.owner, "cpe-0001");
	l->router.session = session_new(l->wire->loop, l->wire->end[RIGHT], ROLE_SERVER, &router_handler, &l->router);
	callhome_ops.established(&l->agent, c);
	lab_run(l, 10);
}

void lab_answer_dial(struct lab *l)
{
	if (l->router.session)
		session_close(l->router.session, false);
	if (!l->wire->end[LEFT] || !l->wire->end[RIGHT])
		wire_renew(l->wire);
	struct channel *c = l->wire->end[LEFT];
	c->call_out = true;
	l->router.session = session_new(l->wire->loop, l->wire->end[RIGHT], ROLE_SERVER, &router_handler, &l->router);
	dialling.ops.established(dialling.arg, c);
	lab_run(l, 10);
}

void lab_reconnect(struct lab *l)
{
	session_close(l->router.session, false);
	wire_renew(l->wire);
	lab_connect(l);
}

void lab_run(struct lab *l, int64_t ms)
{
	wire_run(l->wire, ms);
}

void lab_say(struct lab *l, const char *line)
{
	lab_say_only(l, line);
	settle(l);
}

void lab_say_only(struct lab *l, const char *line)
{
	char *copy = strdup(line);
	command_line(&l->agent, &l->console, copy, strlen(copy));
	free(copy);
}

void lab_forget(struct lab *l)
{
	while (l->n_lines)
		json_decref(l->lines[--l->n_lines]);
}

const json_t *lab_find(const struct lab *l, const char *type, const char *member, const char *part)
{
	for (size_t i = l->n_lines; i-- > 0;) {
		const char *t = json_string_value(json_object_get(l->lines[i], "type")), *v = member ? json_string_value(json_object_get(l->lines[i], member)) : "";
		if (!strcmp(t, type) && (!member || (v && strstr(v, part))))
			return l->lines[i];
	}
	return NULL;
}

const json_t *lab_last(const struct lab *l, const char *type)
{
	return lab_find(l, type, NULL, NULL);
}

bool lab_saw(const struct lab *l, const char *type, const char *member, const char *part)
{
	if (lab_find(l, type, member, part))
		return true;
	for (size_t i = 0; i < l->n_lines; i++) {
		char *text = json_dumps(l->lines[i], JSON_COMPACT);
		fprintf(stderr, "# %s\n", text);
		free(text);
	}
	return false;
}
