/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who dials and who asks are two things: both orientations over both transports, with the real transport below (CH-04: all roles but the (D)TLS ones stay). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/when.h"
#include "link/dial.h"
#include "link/listen.h"
#include "link/session.h"

#define BOUND_MS 10000

static const uint8_t key[16] = "0123456789abcdef";

struct end {
	struct world *world;
	enum dots_role role;
	struct session *session;
	bool call_out;               /* as the channel tells */
	int asked;                   /* requests that came in */
	uint8_t answer;              /* code of the answer to ours */
};

struct world {
	struct loop *loop;
	struct end caller, called;
};

static int look_up(void *arg, const char *identity, uint8_t out[TLS_PSK_MAX], size_t *len, char owner[254])
{
	(void)arg;
	memcpy(out, key, sizeof key);
	*len = sizeof key;
	snprintf(owner, 254, "%s", identity);
	return 0;
}

static void on_request(void *arg, struct session *s, struct incoming *in)
{
	struct end *e = arg;
	(void)s;
	const struct response created = { .code = CODE(2, 1), .dots_cbor = true, .max_age = -1, .payload = in->message.payload, .payload_len = in->message.payload_len };
	assert_int_equal(in->message.code, METHOD_PUT);
	e->asked++;
	incoming_respond(in, &created);
}

static void on_render(void *arg, struct session *s, const struct message *registered, struct response *out, struct buf *payload)
{
	(void)arg, (void)s, (void)registered, (void)payload;
	out->code = CODE(4, 4);
}

static void on_down(void *arg, struct session *s, const char *why, bool orderly, bool lost)
{
	struct end *e = arg;
	(void)s, (void)why, (void)orderly, (void)lost;
	e->session = NULL;
}

static const struct session_handler handler = { .request = on_request, .render = on_render, .down = on_down };

static void answered(void *arg, struct exchange *x, enum exchange_event event, const struct response *r)
{
	struct end *e = arg;
	(void)x;
	if (event == EXCHANGE_RESPONSE)
		e->answer = r->code;
}

static void established(void *arg, struct channel *c)
{
	static const char *const path[] = { ".well-known", "dots", "mitigate", "cuid=JsS3O6jh2HfM8ypzxXQUQQ", "mid=7" };
	static const uint8_t body[] = { 0xa1, 0x01, 0xa1, 0x02, 0x81, 0xa1, 0x0e, 0x19, 0x07, 0x08 };
	const struct request put = { .method = METHOD_PUT, .path = path, .n_path = 5, .observe = -1, .payload = body, .payload_len = sizeof body };
	struct end *e = arg;
	e->call_out = c->call_out;
	e->session = session_new(e->world->loop, c, e->role, &handler, e);
	assert_non_null(e->session);
	if (e->role == ROLE_CLIENT)
		assert_non_null(session_request(e->session, &put, answered, e, NULL));
}

static void dial_failed(void *arg, const char *why, unsigned next_s)
{
	(void)arg, (void)next_s;
	fail_msg("%s", why);
}

static void refused(void *arg, const struct sockaddr_storage *remote, enum transport t, const char *identity, const char *why)
{
	(void)arg, (void)remote, (void)t, (void)identity;
	fail_msg("%s", why);
}

static uint16_t free_port(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof in;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	close(fd);
	return ntohs(in.sin_port);
}

static struct tls_bundle *bundle(bool server)
{
	const struct tls_config config = {
		.server = server, .psk_identity = server ? NULL : "cpe-0001", .psk_key = server ? NULL : key, .psk_key_len = server ? 0 : sizeof key,
		.psk_lookup = server ? look_up : NULL,
	};
	struct reason why;
	struct tls_bundle *b = tls_bundle_new(&config, &why);
	if (!b)
		fail_msg("%s", why.text);
	return b;
}

/* The caller has one DOTS role and the called one the other; the client's request has to reach the server and come back answered. */
static void orientation(enum dots_role caller, bool udp)
{
	static const char *const loopback[] = { "127.0.0.1" };
	static const struct listen_ops listen_ops = { .established = established, .refused = refused };
	static const struct dial_ops dial_ops = { .established = established, .failed = dial_failed };
	struct world w = { .loop = loop_new() };
	w.caller = (struct end){ .world = &w, .role = caller };
	w.called = (struct end){ .world = &w, .role = caller == ROLE_CLIENT ? ROLE_SERVER : ROLE_CLIENT };
	struct tls_bundle *listens = bundle(true), *calls = bundle(false);
	uint16_t port = free_port();
	struct reason why;
	const struct listen_config lc = { .addresses = loopback, .n_addresses = 1, .port = port, .udp = udp, .tcp = !udp, .bundle = listens };
	const struct dial_config dc = {
		.hosts = loopback, .n_hosts = 1, .port = port, .udp = udp, .tcp = !udp, .bundle = calls, .attempt_delay_ms = 250, .retry_s = 300, .retry_min_s = 60,
	};
	struct listen *listen = listen_new(w.loop, &lc, &listen_ops, &w.called, &why);
	assert_non_null(listen);
	struct dial *dial = dial_new(w.loop, &dc, &dial_ops, &w.caller);
	assert_non_null(dial);
	struct end *client = caller == ROLE_CLIENT ? &w.caller : &w.called, *server = caller == ROLE_CLIENT ? &w.called : &w.caller;
	for (int64_t until = when_boot_ms() + BOUND_MS; !client->answer && when_boot_ms() < until;)
		loop_step(w.loop, 100);
	assert_int_equal(client->answer, CODE(2, 1));
	assert_int_equal(server->asked, 1);
	assert_int_equal(client->asked, 0);
	assert_true(w.caller.call_out);
	assert_false(w.called.call_out);
	session_close(w.caller.session, true);
	session_close(w.called.session, false);
	dial_free(dial);
	listen_free(listen);
	tls_bundle_unref(listens);
	tls_bundle_unref(calls);
	loop_free(w.loop);
}

static void call_home_over_dtls_CH_04_CH_08(void **state)
{
	(void)state;
	orientation(ROLE_SERVER, true);
}

static void call_home_over_tls_CH_04_CH_08(void **state)
{
	(void)state;
	orientation(ROLE_SERVER, false);
}

static void base_over_dtls_CH_03(void **state)
{
	(void)state;
	orientation(ROLE_CLIENT, true);
}

static void base_over_tls_CH_03(void **state)
{
	(void)state;
	orientation(ROLE_CLIENT, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(call_home_over_dtls_CH_04_CH_08), cmocka_unit_test(call_home_over_tls_CH_04_CH_08),
		cmocka_unit_test(base_over_dtls_CH_03), cmocka_unit_test(base_over_tls_CH_03),
	};
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
