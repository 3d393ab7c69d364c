/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whom dotsch-serverd calls, when it gives a session up and what it does then (RFC 9066, 5.2.1): the server and its providers in one process, over real
   sockets, under a clock that the test moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/when.h"
#include "dots/cbor.h"
#include "dotsch-serverd/peer_private.h"
#include "link/listen.h"

#define CUID "JsS3O6jh2HfM8ypzxXQUQQ"
#define BOUND_MS 20000

static int64_t jumped, stopped_at;
int64_t __real_when_boot_ms(void);
int64_t __wrap_when_boot_ms(void);

int64_t __wrap_when_boot_ms(void)
{
	return (stopped_at ? stopped_at : __real_when_boot_ms()) + jumped;
}

/* From here on the clock is moved by the test alone: what is measured does not depend on how fast the machine is. */
static void stop_the_clock(void)
{
	stopped_at = __real_when_boot_ms();
}

/* What the next random number is; -1 = any. */
static int64_t chosen = -1;
void __real_tls_random(void *to, size_t len);
void __wrap_tls_random(void *to, size_t len);

void __wrap_tls_random(void *to, size_t len)
{
	const uint32_t r = (uint32_t)chosen;
	if (chosen >= 0 && len == sizeof r)
		memcpy(to, &r, sizeof r);
	else
		__real_tls_random(to, len);
}

struct provider {
	struct loop *loop;
	bool tcp;
	struct listen *listen;
	struct tls_bundle *bundle;
	const char *address;
	uint16_t port;
	struct session *session;
	unsigned ups, downs, resumed, notifications;
	uint8_t code;
	bool answered, observing;
};

static struct world {
	struct loop *loop;
	struct provider isp, other;
	struct settings *settings;
	struct server *server;
	char conf[64], state[80];
	const char *transports, *addresses;  /* of every provider; addresses NULL = its own */
	int out;                             /* stdout of the test, while serverd has it */
} w;

static int look_up(void *arg, const char *identity, uint8_t out[TLS_PSK_MAX], size_t *len, char owner[254])
{
	(void)arg;
	memset(out, 0x11, *len = 16);
	snprintf(owner, 254, "%s", identity);
	return 0;
}

static void no_request(void *arg, struct session *s, struct incoming *in)
{
	const struct response r = { .code = CODE(4, 4), .max_age = -1 };
	(void)arg, (void)s;
	incoming_respond(in, &r);
}

static void on_down(void *arg, struct session *s, const char *why, bool orderly, bool lost)
{
	struct provider *p = arg;
	(void)why, (void)orderly, (void)lost;
	p->downs++;
	if (p->session == s)
		p->session = NULL;
}

static void established(void *arg, struct channel *c)
{
	static const struct session_handler handler = { .request = no_request, .down = on_down };
	struct provider *p = arg;
	p->ups++;
	p->resumed += c->resumed;
	session_close(p->session, false);
	p->session = session_new(p->loop, c, ROLE_CLIENT, &handler, p);
}

static void be_there(struct provider *p)
{
	static const struct listen_ops ops = { .established = established };
	struct listen_config c = { .addresses = &p->address, .n_addresses = 1, .udp = true, .tcp = p->tcp, .bundle = p->bundle, .port = p->port };
	struct reason why;
	for (int i = 0; i < 20 && !p->listen; i++) {
		struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		socklen_t len = sizeof sa;
		int fd = socket(AF_INET, SOCK_DGRAM, 0);
		if (!p->port && bind(fd, (struct sockaddr *)&sa, sizeof sa) == 0 && getsockname(fd, (struct sockaddr *)&sa, &len) == 0)
			c.port = ntohs(sa.sin_port);
		close(fd);
		p->listen = listen_new(p->loop, &c, &ops, p, &why);
	}
	assert_non_null(p->listen);
	p->port = c.port;
}

static void be_gone(struct provider *p)
{
	session_close(p->session, false);
	p->session = NULL;
	listen_free(p->listen);
	p->listen = NULL;
}

static void provider_open(struct provider *p, const char *address, uint16_t port)
{
	static const struct tls_config tls = { .server = true, .psk_lookup = look_up };
	struct reason why;
	*p = (struct provider){ .loop = w.loop, .address = address, .port = port };
	p->bundle = tls_bundle_new(&tls, &why);
	assert_non_null(p->bundle);
	be_there(p);
}

/* Real time passes: for what goes over sockets. */
static void until(const unsigned *counter, unsigned n)
{
	for (int64_t end = __real_when_boot_ms() + BOUND_MS; *counter < n && __real_when_boot_ms() < end;)
		loop_step(w.loop, 20);
	assert_true(*counter >= n);
}

/* The clock goes on by so many seconds; at each step there is time for answers. */
static void pass(unsigned seconds)
{
	for (unsigned i = 0; i < seconds; i++) {
		jumped += 1000;
		for (int k = 0; k < 6; k++)    /* loopback delivers at once */
			loop_step(w.loop, 0);
	}
}

static void serve(unsigned n_providers, const char *extra)
{
	struct reason why;
	const struct provider *const all[] = { &w.isp, &w.other };
	static const char *const names[] = { "isp", "other" };
	FILE *f = fopen(w.conf, "w");
	assert_non_null(f);
	for (unsigned i = 0; i < n_providers; i++)
		fprintf(f, "provider \"%s\" {\naddress = {%s%s%s}\nport = %u\ntransport = {%s}\npsk-identity = \"cpe-%u\"\npsk-key = \"11111111111111111111111111111111\"\n"
		    "scope = {\"10.20.%u.0/24\"}\nconsent = \"auto\"\n%s}\n", names[i], w.addresses ? "" : "\"",
		    w.addresses ? w.addresses : all[i]->address, w.addresses ? "" : "\"", all[i]->port, w.transports, i, i, extra);
	fclose(f);
	w.settings = settings_load(w.conf, &why);
	if (!w.settings)
		fail_msg("%s", why.text);
	const struct server_options options = { .pipeline = NULL };
	w.server = server_new(w.loop, w.settings, &options, &why);
	assert_non_null(w.server);
}

static int open_world(void **state)
{
	int null[2];
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	memset(&w, 0, sizeof w);
	jumped = stopped_at = 0;
	w.transports = "\"udp\"";
	w.loop = loop_new();
	snprintf(w.conf, sizeof w.conf, "/tmp/test_conform_calls.%d", (int)getpid());
	provider_open(&w.isp, "127.0.0.1", 0);
	provider_open(&w.other, "127.0.0.2", w.isp.port);
	/* The server's ring is stdin and stdout. */
	w.out = dup(1);
	if (pipe2(null, O_CLOEXEC) < 0)
		return -1;
	dup2(null[0], 0);
	close(null[0]);
	close(null[1]);
	int sink = open("/dev/null", O_WRONLY | O_CLOEXEC);
	dup2(sink, 1);
	close(sink);
	return 0;
}

static int close_world(void **state)
{
	(void)state;
	server_free(w.server, 0);
	dup2(w.out, 1);
	close(w.out);
	settings_free(w.settings);
	struct provider *const all[] = { &w.isp, &w.other };
	for (int i = 0; i < 2; i++) {
		be_gone(all[i]);
		tls_bundle_unref(all[i]->bundle);
	}
	loop_free(w.loop);
	unlink(w.conf);
	unlink(w.state);
	return 0;
}

static void answered(void *arg, struct exchange *x, enum exchange_event event, const struct response *r)
{
	struct provider *p = arg;
	(void)x;
	p->answered = true;
	p->code = event == EXCHANGE_RESPONSE ? r->code : 0;
}

static void noticed(void *arg, struct exchange *x, enum exchange_event event, const struct response *r)
{
	struct provider *p = arg;
	if (!p->observing)
		answered(arg, x, event, r);
	p->observing = true;
	p->notifications += event == EXCHANGE_RESPONSE;
}

static uint8_t exchange(struct provider *p, const struct request *r)
{
	struct reason why;
	p->answered = false;
	assert_non_null(session_request(p->session, r, r->observe == 0 ? noticed : answered, p, &why));
	for (int64_t end = __real_when_boot_ms() + BOUND_MS; !p->answered && __real_when_boot_ms() < end;)
		loop_step(w.loop, 20);
	return p->code;
}

static uint8_t ask_raw(struct provider *p, uint8_t method, const char *resource, const char *more, const uint8_t *body, size_t len)
{
	const char *const path[] = { ".well-known", "dots", resource, more };
	const struct request r = { .method = method, .confirmable = true, .path = path, .n_path = more ? 4 : 3, .observe = -1, .payload = body, .payload_len = len };
	return exchange(p, &r);
}

static uint8_t ask(struct provider *p, uint8_t method, unsigned mid, const char *source, int observe)
{
	char text[20];
	const char *const path[] = { ".well-known", "dots", "mitigate", "cuid=" CUID, text };
	struct buf payload = { 0 };
	snprintf(text, sizeof text, "mid=%u", mid);
	if (source) {
		struct body b;
		struct prefix x;
		body_init(&b);
		b.kind = BODY_MITIGATION_SCOPE;
		struct mitigation *m = body_add_scope(&b);
		m->lifetime = 3600;
		assert_int_equal(prefix_parse("203.0.113.9/32", false, &x), 0);
		prefix_list_add(&m->target_prefix, &x);
		assert_int_equal(prefix_parse(source, false, &x), 0);
		prefix_list_add(&m->source_prefix, &x);
		dots_cbor_encode(&b, &payload);
		body_free(&b);
	}
	const struct request r = { .method = method, .path = path, .n_path = 5, .observe = observe, .payload = payload.data, .payload_len = payload.len };
	uint8_t code = exchange(p, &r);
	buf_free(&payload);
	return code;
}

/* How the link to the provider stands, as an owner reads it. */
static bool is_up(size_t provider)
{
	json_t *line = server_session(w.server, provider);
	bool up = !strcmp(json_string_value(json_object_get(line, "event")), "up");
	json_decref(line);
	return up;
}

static void until_up(size_t provider, bool up)
{
	for (int64_t end = __real_when_boot_ms() + BOUND_MS; is_up(provider) != up && __real_when_boot_ms() < end;)
		loop_step(w.loop, 20);
	assert_int_equal(is_up(provider), up);
}

/* CH-01: one session with each provider, all at once, each with its own domain; the end of one leaves the other alone. */
static void ch_01_one_session_with_each_provider(void **state)
{
	(void)state;
	serve(2, "");
	until(&w.isp.ups, 1);
	until(&w.other.ups, 1);
	pass(120);
	assert_int_equal(w.isp.ups, 1);
	assert_int_equal(w.other.ups, 1);
	assert_int_equal(ask(&w.isp, METHOD_PUT, 7, "10.20.0.1/32", -1), CODE(2, 1));
	assert_int_equal(ask(&w.other, METHOD_PUT, 7, "10.20.1.1/32", -1), CODE(2, 1));
	assert_int_equal(ask(&w.other, METHOD_PUT, 8, "10.20.0.1/32", -1), CODE(4, 0));
	be_gone(&w.isp);
	pass(400);
	assert_true(is_up(1));
	assert_int_equal(w.other.downs, 0);
	assert_int_equal(ask(&w.other, METHOD_GET, 7, NULL, -1), CODE(2, 5));
}

/* CH-02: in quiet times, as soon as it runs; nobody has to ask for it. */
static void ch_02_calls_home_in_quiet_times(void **state)
{
	(void)state;
	serve(1, "");
	until_up(0, true);
	until(&w.isp.ups, 1);
	assert_non_null(w.isp.session);
}

/* The provider falls silent: it is there, knows nothing of the session any more, and says so to nobody. */
static void falls_silent(struct provider *p)
{
	session_close(p->session, false);
	p->session = NULL;
}

/* CH-12: nothing at all for three intervals of 30 s. Until then it is kept; then it is lost, and a new session is made by resumption. */
static void ch_12_silence_ends_the_session_which_is_resumed(void **state)
{
	/* mitigating and idle: missing-hb-allowed 3 */
	static const uint8_t three[] = { 0xa1, 0x18, 0x1e, 0xa2, 0x18, 0x20, 0xa1, 0x18, 0x25, 0xa1, 0x18, 0x24, 0x03, 0x18, 0x2c, 0xa1, 0x18, 0x25, 0xa1, 0x18, 0x24, 0x03 };
	(void)state;
	serve(1, "");
	until(&w.isp.ups, 1);
	pass(100);
	assert_int_equal(ask_raw(&w.isp, METHOD_PUT, "config", "sid=1", three, sizeof three), CODE(2, 1));
	falls_silent(&w.isp);
	pass(85);
	assert_int_equal(w.isp.ups, 1);
	assert_true(is_up(0));
	pass(10);
	until(&w.isp.ups, 2);
	assert_int_equal(w.isp.resumed, 1);
	until_up(0, true);
	/* What was negotiated went with the session: the defaults, and so 450 s (RFC 9132, 4.5). */
	assert_int_equal(ask_raw(&w.isp, METHOD_GET, "config", "sid=1", NULL, 0), CODE(4, 4));
}

/* A provider that forgot the session does not wait for 450 s: after three heartbeats without an answer another one is tried beside it, and takes its place. */
static void ch_12_second_way_after_three_heartbeats(void **state)
{
	(void)state;
	serve(1, "");
	until(&w.isp.ups, 1);
	assert_int_equal(ask(&w.isp, METHOD_PUT, 7, "10.20.0.1/32", -1), CODE(2, 1));
	pass(6);                               /* the early heartbeat is answered */
	falls_silent(&w.isp);
	pass(115);
	assert_int_equal(w.isp.ups, 1);
	pass(10);
	until(&w.isp.ups, 2);
	assert_int_equal(w.isp.resumed, 1);
	assert_int_equal(ask(&w.isp, METHOD_GET, 7, NULL, -1), CODE(2, 5));
	pass(400);
	assert_int_equal(w.isp.ups, 2);
	assert_true(is_up(0));
}

/* CH-11b: its heartbeats go unanswered for far longer than 450 s, but requests arrive: the session is kept, and no other is lost for it. */
static int no_answers(struct provider *p, unsigned seconds)
{
	int answered_requests = 0;
	for (unsigned i = 0; i < seconds; i += 100) {
		pass(100);
		answered_requests += ask(p, METHOD_GET, 7, NULL, -1) == CODE(4, 4);
	}
	return answered_requests;
}

static void ch_11b_requests_keep_the_session(void **state)
{
	(void)state;
	serve(1, "");
	until(&w.isp.ups, 1);
	assert_int_equal(no_answers(&w.isp, 1000), 10);
	assert_int_equal(w.isp.ups, 1);
	assert_int_equal(w.isp.downs, 0);
}

/* After an orderly end the provider is called again within 10 s, and not all routers in one moment. */
static void orderly_end_is_followed_by_a_call_within_10_s(void **state)
{
	(void)state;
	serve(1, "");
	until(&w.isp.ups, 1);
	for (unsigned i = 2; i <= 4; i++) {
		pass(60);            /* not before: RFC 9132, 4.7 */
		session_close(w.isp.session, true);
		w.isp.session = NULL;
		until_up(0, false);
		pass(11);
		until(&w.isp.ups, i);
		until_up(0, true);
	}
}

/* The moment within the 10 s is drawn: here 2, 6 and 9.999 s. Not before, since a provider that restarts is not back at once, and the next call would
   be minutes later. */
static void orderly_end_is_followed_by_a_call_at_random(void **state)
{
	static const unsigned drawn[] = { 0, 4000, 7999 };
	(void)state;
	serve(1, "");
	until(&w.isp.ups, 1);
	for (unsigned i = 0; i < 3; i++) {
		pass(60);
		chosen = drawn[i];
		session_close(w.isp.session, true);
		w.isp.session = NULL;
		until_up(0, false);
		chosen = -1;
		pass((2000 + drawn[i]) / 1001);
		for (int k = 0; k < 5; k++)
			loop_step(w.loop, 20);
		assert_int_equal(w.isp.ups, i + 1);
		pass(2);
		until(&w.isp.ups, i + 2);
		until_up(0, true);
	}
}

/* A provider that died: the connection breaks, and for a second nobody listens. It is called once it is back. */
static void broken_connection_is_followed_by_a_call_within_10_s(void **state)
{
	(void)state;
	be_gone(&w.isp);
	w.isp.tcp = true;
	be_there(&w.isp);
	w.transports = "\"tcp\"";
	serve(1, "");
	until(&w.isp.ups, 1);
	for (unsigned i = 2; i <= 3; i++) {
		pass(60);
		be_gone(&w.isp);
		until_up(0, false);
		pass(1);
		be_there(&w.isp);
		pass(10);
		until(&w.isp.ups, i);
		until_up(0, true);
	}
}

static bool repeats(void)
{
	return loop_timer_armed(&server_peer(w.server, "isp")->repeat);
}

/* Left alone for a year: no wake-ups but for heartbeats while nothing is mitigated. */
static void idle_session_repeats_no_status(void **state)
{
	(void)state;
	serve(1, "");
	until(&w.isp.ups, 1);
	assert_false(repeats());
	assert_int_equal(ask(&w.isp, METHOD_PUT, 7, "10.20.0.1/32", -1), CODE(2, 1));
	assert_true(repeats());
	pass(40);
	assert_true(repeats());
	assert_int_equal(ask(&w.isp, METHOD_DELETE, 7, NULL, -1), CODE(2, 2));
	assert_true(repeats());
	pass(150);
	assert_false(repeats());
	/* A session that comes while something is mitigated has it from the start. */
	assert_int_equal(ask(&w.isp, METHOD_PUT, 8, "10.20.0.1/32", -1), CODE(2, 1));
	session_close(w.isp.session, true);
	w.isp.session = NULL;
	be_gone(&w.isp);
	until_up(0, false);
	pass(60);
	assert_false(repeats());
	be_there(&w.isp);
	pass(330);
	until(&w.isp.ups, 2);
	until_up(0, true);
	assert_true(repeats());
}

/* RFC 9132, 4.4.2.1: also without a change, since notifications can be lost; never faster than one per 3 s. */
static void notifies_now_and_then_while_active(void **state)
{
	(void)state;
	serve(1, "");
	until(&w.isp.ups, 1);
	assert_int_equal(ask(&w.isp, METHOD_PUT, 7, "10.20.0.1/32", -1), CODE(2, 1));
	assert_int_equal(ask(&w.isp, METHOD_GET, 7, NULL, 0), CODE(2, 5));
	w.isp.notifications = 0;
	pass(305);
	assert_in_range(w.isp.notifications, 9, 11);
	assert_int_equal(ask(&w.isp, METHOD_DELETE, 7, NULL, -1), CODE(2, 2));
	pass(150);
	w.isp.notifications = 0;
	pass(300);
	assert_int_equal(w.isp.notifications, 0);
}

/* alt-ch-client 127.0.0.2, ttl 600 */
static const uint8_t elsewhere[] = { 0xa1, 0x18, 0x2e, 0xa2, 0x19, 0x80, 0x05, 0x69, '1', '2', '7', '.', '0', '.', '0', '.', '2', 0x19, 0x80, 0x07, 0x19, 0x02, 0x58 };

/* RFC 9066, 5.2.2: elsewhere for the ttl, then home again. */
static void redirection_ends_with_its_ttl(void **state)
{
	(void)state;
	serve(1, "");
	until(&w.isp.ups, 1);
	assert_int_equal(ask_raw(&w.isp, METHOD_PUT, "redirect", NULL, elsewhere, sizeof elsewhere), CODE(2, 1));
	pass(1);
	until(&w.other.ups, 1);
	until(&w.isp.downs, 1);
	pass(580);
	assert_int_equal(w.isp.ups, 1);
	pass(30);
	until(&w.isp.ups, 2);
	until(&w.other.downs, 1);
}

/* … but not while there is a mitigation. */
static void redirection_outlasts_an_attack(void **state)
{
	(void)state;
	serve(1, "");
	until(&w.isp.ups, 1);
	assert_int_equal(ask(&w.isp, METHOD_PUT, 7, "10.20.0.1/32", -1), CODE(2, 1));
	assert_int_equal(ask_raw(&w.isp, METHOD_PUT, "redirect", NULL, elsewhere, sizeof elsewhere), CODE(2, 1));
	pass(1);
	until(&w.other.ups, 1);
	pass(900);
	assert_int_equal(w.isp.ups, 1);
	assert_int_equal(w.other.downs, 0);
	assert_int_equal(ask(&w.other, METHOD_DELETE, 7, NULL, -1), CODE(2, 2));
	pass(150);
	until(&w.isp.ups, 2);
}

/* Nobody where it was sent: home again, at once. */
static void redirection_to_nobody_leads_home(void **state)
{
	(void)state;
	serve(1, "");
	until(&w.isp.ups, 1);
	be_gone(&w.other);
	assert_int_equal(ask_raw(&w.isp, METHOD_PUT, "redirect", NULL, elsewhere, sizeof elsewhere), CODE(2, 1));
	pass(30);
	until(&w.isp.ups, 2);
	until_up(0, true);
}

static void start_base(void)
{
	struct reason why;
	const struct server_options options = { .pipeline = NULL };
	w.server = server_new(w.loop, w.settings, &options, &why);
	if (!w.server)
		fail_msg("%s", why.text);
}

/* The status of the prepared request; the client says whether its channel stands before the server goes. */
static enum dots_status prepared_and_restarted(enum presence before, unsigned seconds)
{
	/* 203.0.113.9/32, lifetime 3600, trigger-mitigation false */
	static const uint8_t body[] = { 0xa1, 0x01, 0xa1, 0x02, 0x81, 0xa3, 0x06, 0x81, 0x6e, '2', '0', '3', '.', '0', '.', '1', '1', '3', '.', '9', '/', '3', '2', 0x0e,
		0x19, 0x0e, 0x10, 0x18, 0x2d, 0xf4 };
	struct requester who = { .peer = &w.settings->peers[0], .credential = "psk:ent-1" };
	struct outcome o;
	struct message m;
	start_base();
	message_init(&m);
	m.code = METHOD_PUT;
	m.content_format = CONTENT_FORMAT_DOTS_CBOR;
	m.path[0] = (char *)".well-known";
	m.path[1] = (char *)"dots";
	m.path[2] = (char *)"mitigate";
	m.path[3] = (char *)"cuid=" CUID;
	m.path[4] = (char *)"mid=7";
	m.n_path = 5;
	m.payload = (uint8_t *)body;
	m.payload_len = sizeof body;
	outcome_init(&o);
	resource_request(server_core(w.server), &who, &m, server_moment(w.server), &o);
	assert_int_equal(o.reply.code, CODE(2, 1));
	server_submit(w.server, &o, NULL);
	server_signal(w.server, who.peer, who.credential, before);
	server_free(w.server, 0);
	start_base();
	pass(seconds);
	enum dots_status s = life_status(&ledger_find(&server_core(w.server)->ledger, "ent", CUID, 7)->life);
	server_free(w.server, 0);
	w.server = NULL;
	unlink(w.state);
	return s;
}

/* The channel of a client that does not call again after a restart is lost, unless it had been closed in good order (RFC 9132, 4.4.1 and 4.7). */
static void prepared_request_is_fired_after_a_restart(void **state)
{
	struct reason why;
	(void)state;
	snprintf(w.state, sizeof w.state, "%s.state", w.conf);
	FILE *f = fopen(w.conf, "w");
	assert_non_null(f);
	fprintf(f, "state = \"%s\"\nlisten { address = {\"127.0.0.1\"} port = %u }\nclient \"ent\" {\npsk-identity = {\"ent-1\"}\n"
	    "psk-key = {\"11111111111111111111111111111111\"}\ntarget-scope = {\"203.0.113.0/24\"}\n}\n", w.state, w.isp.port + 1);
	fclose(f);
	w.settings = settings_load(w.conf, &why);
	if (!w.settings)
		fail_msg("%s", why.text);
	assert_int_equal(prepared_and_restarted(PRESENCE_HERE, 449), STATUS_SIGNAL_LOSS);
	assert_int_equal(prepared_and_restarted(PRESENCE_HERE, 451), STATUS_IN_PROGRESS);
	assert_int_equal(prepared_and_restarted(PRESENCE_LEFT, 900), STATUS_SIGNAL_LOSS);
}

/* A place where nobody answers, and when it was called first. */
struct hole {
	int family, type, fd, taken;
	int64_t called;
};

static void dig(struct hole *h, int family, int type, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	const int on = 1;
	*h = (struct hole){ family, type, socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), -1, 0 };
	assert_true(h->fd >= 0);
	setsockopt(h->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	assert_int_equal(family == AF_INET ? bind(h->fd, (struct sockaddr *)&in, sizeof in) : bind(h->fd, (struct sockaddr *)&in6, sizeof in6), 0);
	assert_true(type == SOCK_DGRAM || listen(h->fd, 8) == 0);
}

static void fill(struct hole *h)
{
	close(h->fd);
	if (h->taken >= 0)
		close(h->taken);
}

/* Until each of them was called, at most for so many seconds of the clock. */
static void until_called(struct hole *v, size_t n, unsigned seconds)
{
	for (unsigned i = 0; i < seconds * 100; i++) {
		size_t called = 0;
		jumped += 10;
		for (int k = 0; k < 6; k++)
			loop_step(w.loop, 0);
		for (size_t k = 0; k < n; k++) {
			char data[2000];
			int got = v[k].type == SOCK_DGRAM ? (int)recv(v[k].fd, data, sizeof data, 0) : accept4(v[k].fd, NULL, NULL, SOCK_CLOEXEC);
			if (got >= 0 && v[k].type == SOCK_STREAM)
				v[k].taken = got;
			if (got >= 0 && !v[k].called)
				v[k].called = when_boot_ms();
			called += v[k].called != 0;
		}
		if (called == n)
			return;
	}
	fail_msg("not all of them were called");
}

/* RFC 9132, 4.3: UDP/IPv6, UDP/IPv4, TCP/IPv6, TCP/IPv4, whatever the order of the configuration, 250 ms apart. */
static void happy_eyeballs_in_its_order_CH_07(void **state)
{
	static const struct { int family, type; } order[] = { { AF_INET6, SOCK_DGRAM }, { AF_INET, SOCK_DGRAM }, { AF_INET6, SOCK_STREAM }, { AF_INET, SOCK_STREAM } };
	struct hole holes[4];
	(void)state;
	be_gone(&w.isp);
	for (int i = 0; i < 4; i++)
		dig(&holes[i], order[i].family, order[i].type, w.isp.port);
	w.transports = "\"tcp\", \"udp\"";
	w.addresses = "\"127.0.0.1\", \"::1\"";
	stop_the_clock();
	serve(1, "");
	until_called(holes, 4, 3);
	for (int i = 1; i < 4; i++)
		assert_in_range(holes[i].called - holes[i - 1].called, 240, 300);
	for (int i = 0; i < 4; i++)
		fill(&holes[i]);
}

/* … and 100 ms during an attack. */
static void happy_eyeballs_hurry_during_an_attack(void **state)
{
	struct hole holes[2];
	(void)state;
	w.transports = "\"udp\", \"tcp\"";
	serve(1, "");
	until(&w.isp.ups, 1);
	assert_int_equal(ask(&w.isp, METHOD_PUT, 7, "10.20.0.1/32", -1), CODE(2, 1));
	pass(6);
	be_gone(&w.isp);
	dig(&holes[0], AF_INET, SOCK_DGRAM, w.isp.port);
	dig(&holes[1], AF_INET, SOCK_STREAM, w.isp.port);
	pass(100);
	stop_the_clock();
	/* Heartbeats go into the first hole, too: what is called is told by the second one. */
	uint8_t d[2000];
	while (recv(holes[0].fd, d, sizeof d, 0) >= 0)
		;
	for (unsigned i = 0; i < 4000 && !holes[0].called; i++) {
		jumped += 10;
		for (int k = 0; k < 6; k++)
			loop_step(w.loop, 0);
		if (recv(holes[0].fd, d, sizeof d, 0) > 0 && d[0] == 22)      /* a handshake record */
			holes[0].called = when_boot_ms();
	}
	assert_true(holes[0].called);
	until_called(&holes[1], 1, 3);
	assert_in_range(holes[1].called - holes[0].called, 90, 150);
	fill(&holes[0]);
	fill(&holes[1]);
}

/* On the way between the two: every datagram arrives twice. */
static struct relay {
	int inside, outside;
	struct loop_fd in, out;
	struct sockaddr_in router;
	socklen_t router_len;
} relay;

static void from_router(void *arg, uint32_t events)
{
	uint8_t d[2000];
	(void)arg, (void)events;
	relay.router_len = sizeof relay.router;
	ssize_t n = recvfrom(relay.inside, d, sizeof d, 0, (struct sockaddr *)&relay.router, &relay.router_len);
	for (int i = 0; n > 0 && i < 2; i++)
		assert_int_equal(send(relay.outside, d, (size_t)n, 0), n);
}

static void from_provider(void *arg, uint32_t events)
{
	uint8_t d[2000];
	(void)arg, (void)events;
	ssize_t n = recv(relay.outside, d, sizeof d, 0);
	for (int i = 0; n > 0 && i < 2; i++)
		assert_int_equal(sendto(relay.inside, d, (size_t)n, 0, (struct sockaddr *)&relay.router, relay.router_len), n);
}

/* RFC 9132, 7.1: a record that comes again is no second message. */
static void replayed_records_are_dropped(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof in;
	struct session_stats before, after;
	(void)state;
	relay.inside = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	relay.outside = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(relay.inside, (struct sockaddr *)&in, sizeof in), 0);
	in.sin_port = htons(w.isp.port);
	assert_int_equal(connect(relay.outside, (struct sockaddr *)&in, sizeof in), 0);
	assert_int_equal(loop_add(w.loop, &relay.in, relay.inside, EPOLLIN, from_router, NULL), 0);
	assert_int_equal(loop_add(w.loop, &relay.out, relay.outside, EPOLLIN, from_provider, NULL), 0);
	assert_int_equal(getsockname(relay.inside, (struct sockaddr *)&in, &len), 0);
	w.isp.port = ntohs(in.sin_port);
	serve(1, "");
	until(&w.isp.ups, 1);
	until_up(0, true);
	session_stats(w.isp.session, &before);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(ask(&w.isp, METHOD_GET, i, NULL, -1), CODE(4, 4));
	for (int i = 0; i < 20; i++)
		loop_step(w.loop, 0);
	session_stats(w.isp.session, &after);
	assert_int_equal(after.rx - before.rx, 10);
	loop_del(w.loop, &relay.in);
	loop_del(w.loop, &relay.out);
	close(relay.inside);
	close(relay.outside);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
	const struct CMUnitTest tests[] = {
		T(ch_01_one_session_with_each_provider), T(ch_02_calls_home_in_quiet_times), T(ch_11b_requests_keep_the_session),
		T(ch_12_silence_ends_the_session_which_is_resumed), T(ch_12_second_way_after_three_heartbeats), T(orderly_end_is_followed_by_a_call_within_10_s),
		T(orderly_end_is_followed_by_a_call_at_random), T(broken_connection_is_followed_by_a_call_within_10_s), T(idle_session_repeats_no_status),
		T(notifies_now_and_then_while_active), T(redirection_ends_with_its_ttl), T(redirection_outlasts_an_attack), T(redirection_to_nobody_leads_home), T(prepared_request_is_fired_after_a_restart),
		T(happy_eyeballs_in_its_order_CH_07), T(happy_eyeballs_hurry_during_an_attack),
		T(replayed_records_are_dropped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
