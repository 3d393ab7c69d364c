/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fuzz_session - one session whose peer, program and clock all do what the input says: nothing crashes, leaks, or stays after the end. Needs
   -Wl,--wrap=when_boot_ms,--wrap=session_random: the same input always runs the same. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "link/session.h"

#define MAX_LIVE 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int64_t __wrap_when_boot_ms(void);
uint64_t __wrap_session_random(void);

static int64_t fake_now;
static uint64_t fake_random;

int64_t __wrap_when_boot_ms(void)
{
	return fake_now;
}

uint64_t __wrap_session_random(void)
{
	return fake_random += 0x9e3779b97f4a7c15u;
}

/* What the input drives. */
static struct {
	struct channel channel;
	struct session *s;
	struct cursor in;
	struct exchange *live[MAX_LIVE];
	struct incoming *pending[MAX_LIVE];
	struct message last;                 /* our last message with a token or a Message ID, for answers that fit */
	bool channel_open, refuses;
	uint8_t body[5000];
	size_t body_len;
} f;

static bool fake_send(struct channel *c, const uint8_t *data, size_t len)
{
	struct message m;
	struct reason why;
	bool header_ok;
	assert(f.channel_open);
	if (message_parse(c->transport, data, len, &m, &header_ok, &why) < 0)
		abort();
	message_copy(&f.last, &m);
	return !f.refuses;
}

static void fake_close(struct channel *c, bool notify)
{
	(void)c, (void)notify;
	assert(f.channel_open);
	f.channel_open = false;
}

static void remember(void **list, void *p)
{
	for (int i = 0; i < MAX_LIVE; i++)
		if (!list[i]) {
			list[i] = p;
			return;
		}
}

static void on_event(void *arg, struct exchange *x, enum exchange_event event, const struct response *r)
{
	(void)arg;
	assert((event == EXCHANGE_RESPONSE) == (r != NULL));
	bool goes_on = r && r->observe;
	assert(!goes_on || r->code >> 5 == 2);
	if (r && r->payload_len) {
		volatile uint8_t touch = r->payload[0] ^ r->payload[r->payload_len - 1];
		(void)touch;
	}
	uint8_t what = cursor_u8(&f.in);
	for (int i = 0; i < MAX_LIVE; i++)
		if (f.live[i] == x && (!goes_on || what == 'c'))
			f.live[i] = NULL;
	if (what == 'c')
		exchange_cancel(x);
	if (what == 'q' && f.s && event != EXCHANGE_CLOSED) {
		struct session *s = f.s;
		f.s = NULL;
		session_close(s, true);
	}
}

static void answer(struct incoming *in)
{
	uint8_t what = cursor_u8(&f.in);
	static const uint8_t codes[] = { CODE(2, 5), CODE(2, 4), CODE(4, 4), CODE(2, 1), 0, CODE(5, 3), CODE(2, 5), CODE(2, 5) };
	const struct response r = { .code = codes[what & 7], .dots_cbor = what & 8, .max_age = what & 16 ? 30 : -1, .observe = what & 32,
		.payload = f.body, .payload_len = f.body_len };
	incoming_respond(in, &r);
}

static void on_request(void *arg, struct session *s, struct incoming *in)
{
	(void)arg, (void)s;
	uint8_t what = cursor_u8(&f.in);
	if (what == 'q') {
		f.s = NULL;
		session_close(s, false);
	}
	if (what < 100) {
		for (int i = 0; i < MAX_LIVE; i++)
			if (!f.pending[i]) {
				f.pending[i] = in;
				return;
			}
	}
	answer(in);
}

static void on_render(void *arg, struct session *s, const struct message *registered, struct response *out, struct buf *payload)
{
	(void)arg, (void)registered;
	uint8_t what = cursor_u8(&f.in);
	*out = (struct response){ .code = what & 1 ? CODE(2, 5) : what & 2 ? CODE(4, 4) : CODE(2, 5), .dots_cbor = true, .max_age = -1 };
	buf_put(payload, f.body, f.body_len);
	if (what == 'q') {
		f.s = NULL;
		session_close(s, false);
	}
}

static void on_down(void *arg, struct session *s, const char *why, bool orderly, bool lost)
{
	(void)arg, (void)orderly, (void)lost;
	assert(s == f.s && why);
	f.s = NULL;
}

static void on_silent(void *arg, struct session *s, unsigned unanswered)
{
	(void)arg, (void)unanswered;
	if (cursor_u8(&f.in) == 'q') {
		f.s = NULL;
		session_close(s, false);
	}
}

static void deliver(const uint8_t *data, size_t len)
{
	uint8_t *exact = malloc(len ? len : 1);
	if (len)
		memcpy(exact, data, len);
	if (f.channel_open)
		f.channel.ops->message(f.channel.arg, exact, len);
	free(exact);
}

/* An answer to our last message: its token and Message ID, the rest from the input. */
static void deliver_answer(void)
{
	struct buf out = { 0 };
	uint8_t what = cursor_u8(&f.in);
	struct message m;
	message_init(&m);
	m.type = what & 3;
	m.code = what & 4 ? CODE(2, 5) : m.type == MESSAGE_RST ? 0 : cursor_u8(&f.in);
	m.id = what & 8 ? f.last.id : cursor_u8(&f.in);
	memcpy(m.token, f.last.token, m.token_len = m.code ? f.last.token_len : 0);
	if (m.code && what & 16)
		m.observe = cursor_u8(&f.in);
	if (m.code && what & 32) {
		uint8_t b = cursor_u8(&f.in);
		m.block2 = (struct block){ .present = true, .more = b & 1, .num = b >> 1 & 7, .szx = b >> 4 & 1 };
		m.payload = f.body;
		m.payload_len = b & 1 ? (size_t)16 << m.block2.szx : b >> 5;
		m.etag_len = 1;
		m.etag[0] = what & 64 ? 'e' : b;
	}
	if (m.code && what & 128)
		m.content_format = CONTENT_FORMAT_DOTS_CBOR;
	message_build(f.channel.transport, &m, &out);
	deliver(out.data, out.len);
	buf_free(&out);
}

static void request(void)
{
	static const char *const path[] = { ".well-known", "dots", "m" };
	uint8_t what = cursor_u8(&f.in);
	static const uint8_t methods[] = { METHOD_GET, METHOD_PUT, METHOD_GET, METHOD_DELETE };
	const struct request r = { .method = methods[what & 3], .confirmable = what & 4, .path = path, .n_path = 1 + (what >> 3 & 1) * 2,
		.observe = what & 16 ? 0 : -1, .payload = f.body, .payload_len = what & 32 ? f.body_len : 0, .timeout_s = what & 64 ? 5 : 0 };
	struct reason why;
	struct exchange *x = session_request(f.s, &r, on_event, NULL, &why);
	remember((void **)f.live, x);
}

static bool match(void *arg, const struct message *registered)
{
	(void)arg;
	return registered->n_path != 3;
}

static void beat(void)
{
	uint8_t what = cursor_u8(&f.in);
	const struct heartbeat_config hb = { .interval_s = what & 63, .missing_allowed = 3, .after_peer = what & 64, .lose = what & 128 };
	session_heartbeat(f.s, &hb);
}

static void step(struct loop *l)
{
	uint8_t op = cursor_u8(&f.in), arg;
	switch (op % 12) {
	case 0: {
		size_t len = cursor_u8(&f.in);
		if (len > f.in.left)
			len = f.in.left;
		deliver(cursor_take(&f.in, len), len);
		return;
	}
	case 1:
		deliver_answer();
		return;
	case 2:
		request();
		return;
	case 3:
		fake_now += (int64_t)cursor_u8(&f.in) * 200;
		loop_step(l, 0);
		return;
	case 4:
		session_notify(f.s, match, NULL);
		return;
	case 5:
		beat();
		return;
	case 6:
		arg = cursor_u8(&f.in) % MAX_LIVE;
		if (f.pending[arg]) {
			struct incoming *in = f.pending[arg];
			f.pending[arg] = NULL;
			answer(in);
		}
		return;
	case 7:
		arg = cursor_u8(&f.in) % MAX_LIVE;
		exchange_cancel(f.live[arg]);
		f.live[arg] = NULL;
		return;
	case 8:
		f.body_len = (size_t)cursor_u8(&f.in) * 19;
		return;
	case 9:
		f.refuses = cursor_u8(&f.in) & 1;
		return;
	case 10:
		if (cursor_u8(&f.in) == 'x') {
			f.channel_open = false;
			f.channel.ops->closed(f.channel.arg, "broken", false);
		}
		return;
	default:
		deliver((const uint8_t *)"\x30\xe1\x22\x04\x80", 5);
		return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct channel_vtable vtable = { .send = fake_send, .close = fake_close };
	static const struct session_handler handler = { .request = on_request, .render = on_render, .down = on_down, .silent = on_silent };
	memset(&f, 0, offsetof(typeof(f), body));
	memset(f.body, 'b', sizeof f.body);
	f.body_len = 10;
	fake_now = 1000;
	fake_random = 1;
	f.in = cursor_of(data, size);
	struct loop *l = loop_new();
	assert(l);
	f.channel.vtable = &vtable;
	f.channel.transport = cursor_u8(&f.in) & 1 ? TRANSPORT_TCP : TRANSPORT_UDP;
	f.channel_open = true;
	f.s = session_new(l, &f.channel, ROLE_SERVER, &handler, NULL);
	while (f.s && !f.in.failed && f.in.left)
		step(l);
	if (f.s) {
		struct session *s = f.s;
		f.s = NULL;
		session_close(s, true);
	}
	for (int i = 0; i < MAX_LIVE; i++)
		if (f.pending[i])
			answer(f.pending[i]);
	assert(!f.channel_open);
	fake_now += 1000000;
	for (int i = 0; i < 10; i++)
		loop_step(l, 0);             /* a timer left behind would fire into freed memory */
	loop_free(l);
	return 0;
}
