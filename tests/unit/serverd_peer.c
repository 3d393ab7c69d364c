/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "serverd_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dots/cbor.h"

static const uint8_t key[16] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };

static int look_up(void *arg, const char *identity, uint8_t out[TLS_PSK_MAX], size_t *len, char owner[254])
{
	(void)arg;
	if (strcmp(identity, "cpe-0001") != 0)
		return -1;
	memcpy(out, key, sizeof(key));
	*len = sizeof(key);
	snprintf(owner, 254, "cpe-0001");
	return 0;
}

static void on_request(void *arg, struct session *s, struct incoming *in)
{
	const struct response r = { .code = CODE(4, 4), .max_age = -1, .payload = (const uint8_t *)"none here", .payload_len = 9 };

	(void)arg;
	(void)s;
	incoming_respond(in, &r);
}

static void on_render(void *arg, struct session *s, const struct message *registered, struct response *out, struct buf *payload)
{
	(void)arg;
	(void)s;
	(void)registered;
	(void)payload;
	out->code = CODE(4, 4);
}

static void on_down(void *arg, struct session *s, const char *why, bool orderly, bool lost)
{
	struct serverd_peer *p = arg;

	(void)why;
	(void)lost;
	if (p->session == s)
		p->session = NULL;
	p->observation = NULL;
	p->downs++;
	p->orderly = orderly;
}

static const struct session_handler handler = { .request = on_request, .render = on_render, .down = on_down };

static void on_established(void *arg, struct channel *c)
{
	struct serverd_peer *p = arg;

	/* A killed router leaves a session that nobody tells the end of. */
	session_close(p->session, false);
	p->observation = NULL;
	p->channel = c;
	p->session = NULL;
	if (p->raw != NULL)
		channel_own(c, p->raw, p->raw_arg);
	else
		p->session = session_new(p->loop, c, ROLE_CLIENT, &handler, p);
	p->sessions++;
}

static uint16_t free_port(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	close(fd);
	return ntohs(sa.sin_port);
}

static void write_conf(struct serverd_peer *p, const char *name, const char *identity, const char *scope, const char *extra)
{
	FILE *f = fopen(p->conf, "w");

	assert_non_null(f);
	fprintf(f, "terminating-time = \"0s\"\nstate = \"%s\"\nprovider \"%s\" {\naddress = {\"127.0.0.1\"}\nport = %u\ntransport = {%s%s%s}\n"
	    "psk-identity = \"%s\"\npsk-key = \"00112233445566778899aabbccddeeff\"\nscope = {\"%s\"}\n%s\n}\n",
	    p->state, name, p->port, p->udp ? "\"udp\"" : "", p->udp && p->tcp ? "," : "", p->tcp ? "\"tcp\"" : "", identity, scope, extra);
	fclose(f);
}

void peer_reload(struct serverd_peer *p, const char *name, const char *identity, const char *scope, const char *extra)
{
	write_conf(p, name, identity, scope, extra);
	assert_int_equal(kill(p->pid, SIGHUP), 0);
}

void peer_open(struct serverd_peer *p, bool udp, bool tcp, const char *extra)
{
	static const struct listen_ops ops = { .established = on_established };
	static const char *const here[] = { "127.0.0.1", "127.0.0.2" };
	struct tls_config tls = { .server = true, .psk_lookup = look_up };
	struct listen_config listen = { .addresses = here, .n_addresses = 2, .udp = udp, .tcp = tcp };
	struct reason why;

	memset(p, 0, sizeof(*p));
	signal(SIGPIPE, SIG_IGN);
	snprintf(p->dir, sizeof(p->dir), "/tmp/dotsch-serverd-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->conf, sizeof(p->conf), "%s/serverd.conf", p->dir);
	snprintf(p->state, sizeof(p->state), "%s/db", p->dir);
	snprintf(p->socket, sizeof(p->socket), "%s/socket", p->dir);
	p->loop = loop_new();
	p->bundle = tls_bundle_new(&tls, &why);
	assert_non_null(p->bundle);
	listen.bundle = p->bundle;
	/* A port that is free now may be taken a moment later, or be in use by UDP: other tests run beside. */
	for (int tries = 0; tries < 20 && p->listen == NULL; tries++) {
		listen.port = p->port = free_port();
		p->listen = listen_new(p->loop, &listen, &ops, p, &why);
	}
	assert_non_null(p->listen);
	p->udp = udp;
	p->tcp = tcp;
	write_conf(p, "isp", "cpe-0001", "10.20.0.0/16", extra);
}

void peer_close(struct serverd_peer *p)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char path[128];

	if (p->pid > 0)
		peer_stop(p, SIGKILL);
	session_close(p->session, false);
	if (p->raw != NULL && p->channel != NULL)
		channel_close(p->channel, false);
	listen_free(p->listen);
	tls_bundle_unref(p->bundle);
	loop_free(p->loop);
	buf_free(&p->payload);
	buf_free(&p->notified);
	for (size_t i = 0; i < p->n_lines; i++)
		free(p->lines[i]);
	unlink(p->conf);
	unlink(p->socket);
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s%s", p->state, ends[i]);
		unlink(path);
	}
	rmdir(p->dir);
}

static void on_line(void *arg, char *text, size_t len)
{
	struct serverd_peer *p = arg;

	(void)len;
	if (p->n_lines < PEER_LINES)
		p->lines[p->n_lines++] = strdup(text);
}

static void on_long(void *arg, unsigned long number)
{
	(void)arg;
	(void)number;
}

static void on_end(void *arg, int error)
{
	(void)arg;
	(void)error;
}

static void run_child(struct serverd_peer *p, const char *pipeline, int in, int out)
{
	const char *top = getenv("top_builddir");
	char path[600];

	/* It does not outlive a test that fails. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (p->file_limit > 0)
		setrlimit(RLIMIT_FSIZE, &(struct rlimit){ .rlim_cur = p->file_limit, .rlim_max = p->file_limit });
	snprintf(path, sizeof(path), "%s/dotsch-serverd/dotsch-serverd", top != NULL ? top : ".");
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	if (p->notify != NULL)
		execl(path, path, "-q", "-c", p->conf, "-s", p->socket, "--notify", p->notify, (char *)NULL);
	else if (pipeline != NULL)
		execl(path, path, "-q", "-c", p->conf, "-s", p->socket, "--exec", pipeline, (char *)NULL);
	else
		execl(path, path, "-q", "-c", p->conf, "-s", p->socket, (char *)NULL);
	_exit(127);
}

void peer_start(struct serverd_peer *p, const char *pipeline)
{
	static const struct line_in_ops ops = { .line = on_line, .too_long = on_long, .end = on_end };
	unsigned sessions = p->sessions;
	int down[2], up[2];

	assert_int_equal(pipe2(down, O_CLOEXEC), 0);
	assert_int_equal(pipe2(up, O_CLOEXEC), 0);
	p->pid = fork();
	assert_true(p->pid >= 0);
	if (p->pid == 0)
		run_child(p, pipeline, down[0], up[1]);
	close(down[0]);
	close(up[1]);
	p->in = down[1];
	p->out = up[0];
	p->writer = line_out_new(p->loop, p->in);
	p->reader = line_in_new(p->loop, p->out, &ops, p);
	peer_until(p, &p->sessions, sessions + 1);
}

int peer_stop(struct serverd_peer *p, int signal)
{
	int status = 0;
	unsigned downs = p->downs;

	kill(p->pid, signal);
	/* Its last words and its close_notify are read; a killed one has none. */
	if (signal != SIGKILL)
		peer_until(p, &p->downs, downs + 1);
	waitpid(p->pid, &status, 0);
	for (int i = 0; i < 10; i++)
		loop_step(p->loop, 0);
	p->pid = 0;
	line_in_free(p->reader);
	line_out_free(p->writer);
	close(p->in);
	close(p->out);
	return status;
}

void peer_step(struct serverd_peer *p)
{
	loop_step(p->loop, 50);
}

void peer_until(struct serverd_peer *p, const unsigned *counter, unsigned n)
{
	int64_t end = loop_now(p->loop) + PEER_WAIT_MS;

	while (*counter < n && loop_now(p->loop) < end)
		peer_step(p);
	if (*counter < n)
		fail_msg("waited in vain");
}

static void keep_answer(struct buf *to, const struct response *r)
{
	buf_reset(to);
	buf_put(to, r->payload, r->payload_len);
}

static void on_answer(void *arg, struct exchange *x, enum exchange_event event, const struct response *r)
{
	struct serverd_peer *p = arg;

	(void)x;
	p->answered = true;
	p->code = event == EXCHANGE_RESPONSE ? r->code : 0;
	p->max_age = event == EXCHANGE_RESPONSE ? r->max_age : -1;
	if (event == EXCHANGE_RESPONSE)
		keep_answer(&p->payload, r);
}

static void on_notified(void *arg, struct exchange *x, enum exchange_event event, const struct response *r)
{
	struct serverd_peer *p = arg;

	(void)x;
	if (event != EXCHANGE_RESPONSE) {
		p->observation = NULL;
		return;
	}
	p->notifications++;
	p->notified_code = r->code;
	keep_answer(&p->notified, r);
	if (r->code >> 5 != 2)
		p->observation = NULL;
}

static struct exchange *send_request(struct serverd_peer *p, uint8_t method, const char *path, const struct body *body, int observe, exchange_fn *fn)
{
	const char *segments[MESSAGE_MAX_SEGMENTS] = { ".well-known", "dots" };
	struct request r = { .method = method, .path = segments, .n_path = 2, .observe = observe, .timeout_s = 15, .confirmable = strncmp(path, "config", 6) == 0 };
	struct exchange *x;
	struct buf payload = { 0 };
	char text[200];

	snprintf(text, sizeof(text), "%s", path);
	for (char *s = strtok(text, "/"); s != NULL; s = strtok(NULL, "/"))
		segments[r.n_path++] = s;
	if (body != NULL)
		dots_cbor_encode(body, &payload);
	r.payload = payload.data;
	r.payload_len = payload.len;
	x = p->session != NULL ? session_request(p->session, &r, fn, p, NULL) : NULL;
	buf_free(&payload);
	return x;
}

uint8_t peer_request(struct serverd_peer *p, uint8_t method, const char *path, const struct body *body)
{
	int64_t end = loop_now(p->loop) + PEER_WAIT_MS;

	p->answered = false;
	p->code = 0;
	buf_reset(&p->payload);
	if (send_request(p, method, path, body, -1, on_answer) == NULL)
		return 0;
	while (!p->answered && loop_now(p->loop) < end)
		peer_step(p);
	return p->code;
}

uint8_t peer_put(struct serverd_peer *p, unsigned mid, const char *target, const char *source, int64_t lifetime)
{
	struct mitigation m;
	struct body b = { .kind = BODY_MITIGATION_SCOPE, .scope = &m, .n_scope = 1 };
	struct prefix prefix;
	char path[100];
	uint8_t code;

	mitigation_init(&m);
	assert_int_equal(prefix_parse(target, true, &prefix), 0);
	prefix_list_add(&m.target_prefix, &prefix);
	assert_int_equal(prefix_parse(source, true, &prefix), 0);
	prefix_list_add(&m.source_prefix, &prefix);
	m.lifetime = lifetime;
	snprintf(path, sizeof(path), "mitigate/cuid=" PEER_CUID "/mid=%u", mid);
	code = peer_request(p, METHOD_PUT, path, &b);
	mitigation_free(&m);
	return code;
}

void peer_observe(struct serverd_peer *p, const char *path)
{
	p->notifications = 0;
	p->observation = send_request(p, METHOD_GET, path, NULL, 0, on_notified);
	assert_non_null(p->observation);
	peer_until(p, &p->notifications, 1);
}

void peer_body(const struct buf *payload, struct body *out)
{
	assert_int_equal(dots_cbor_decode(payload->data, payload->len, BODY_RESPONSE, out, NULL), 0);
	assert_true(out->kind == BODY_MITIGATION_SCOPE && out->n_scope >= 1);
}

const char *peer_line(struct serverd_peer *p, const char *type)
{
	int64_t end = loop_now(p->loop) + PEER_WAIT_MS;
	char start[100];

	snprintf(start, sizeof(start), "{\"type\":\"%s\",", type);
	for (;;) {
		while (p->next_line < p->n_lines) {
			const char *text = p->lines[p->next_line++];

			if (strncmp(text, start, strlen(start)) == 0)
				return text;
		}
		if (loop_now(p->loop) >= end)
			fail_msg("no %s line came", type);
		peer_step(p);
	}
}

void peer_say(struct serverd_peer *p, const char *line)
{
	assert_true(line_out_write(p->writer, line, strlen(line)));
}
