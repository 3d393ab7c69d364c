/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pair.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_request(void *arg, struct session *s, struct incoming *in)
{
	struct side *me = arg;
	me->requests++;
	*me->path = '\0';
	for (size_t i = 0; i < in->message.n_path; i++)
		snprintf(me->path + strlen(me->path), sizeof me->path - strlen(me->path), "%s%s", i ? "/" : "", in->message.path[i]);
	if (me->close_on_request) {
		me->s = NULL;
		session_close(s, true);
	}
	if (me->defer) {
		assert(me->n_deferred < DEFERRED_MAX);
		me->deferred[me->n_deferred++] = in;
		return;
	}
	me->answer.payload = me->body.data;
	me->answer.payload_len = me->body.len;
	incoming_respond(in, &me->answer);
}

static void on_render(void *arg, struct session *s, const struct message *registered, struct response *out, struct buf *payload)
{
	struct side *me = arg;
	(void)s;
	assert(registered->code == METHOD_GET && registered->n_path);
	me->renders++;
	*out = me->answer;
	buf_put(payload, me->body.data, me->body.len);
}

static void on_down(void *arg, struct session *s, const char *why, bool orderly, bool lost)
{
	struct side *me = arg;
	assert(s == me->s);
	me->s = NULL;
	me->downs++;
	me->orderly = orderly;
	me->lost = lost;
	snprintf(me->why, sizeof me->why, "%s", why);
}

static void on_silent(void *arg, struct session *s, unsigned unanswered)
{
	struct side *me = arg;
	(void)s;
	me->silences++;
	me->unanswered = unanswered;
}

const struct session_handler pair_handler = { .request = on_request, .render = on_render, .down = on_down, .silent = on_silent };

static void on_event(void *arg, struct exchange *x, enum exchange_event event, const struct response *r)
{
	struct side *me = arg;
	me->events[event]++;
	assert((event == EXCHANGE_RESPONSE) == (r != NULL));
	if (r) {
		me->code = r->code;
		me->dots_cbor = r->dots_cbor;
		me->observe = r->observe;
		buf_reset(&me->got);
		buf_put(&me->got, r->payload, r->payload_len);
	}
	if (me->cancel_in_callback)
		exchange_cancel(x);
	if (me->close_in_callback && me->s) {
		struct session *s = me->s;
		me->s = NULL;
		session_close(s, true);
	}
}

void pair_open(struct pair *p, enum transport t)
{
	memset(p, 0, sizeof *p);
	p->w = wire_new(t);
	for (int i = LEFT; i <= RIGHT; i++) {
		struct side *me = &p->side[i];
		me->answer = (struct response){ .code = CODE(2, 5), .dots_cbor = true, .max_age = -1 };
		me->s = session_new(p->w->loop, p->w->end[i], i == LEFT ? ROLE_CLIENT : ROLE_SERVER, &pair_handler, me);
		assert(me->s);
	}
	if (t == TRANSPORT_TCP)
		wire_run(p->w, 100);
}

void pair_close(struct pair *p)
{
	for (int i = LEFT; i <= RIGHT; i++) {
		struct side *me = &p->side[i];
		session_close(me->s, true);
		for (unsigned k = 0; k < me->n_deferred; k++)
			incoming_respond(me->deferred[k], &me->answer);
		buf_free(&me->body);
		buf_free(&me->got);
	}
	wire_free(p->w);
}

struct exchange *pair_ask(struct pair *p, uint8_t method, const char *path, const char *payload, bool confirmable, int observe)
{
	char text[256];
	const char *segments[MESSAGE_MAX_SEGMENTS];
	struct request r = { .method = method, .confirmable = confirmable, .path = segments, .observe = observe, .payload = (const uint8_t *)payload,
		.payload_len = payload ? strlen(payload) : 0 };
	snprintf(text, sizeof text, "%s", path);
	for (char *save, *t = strtok_r(text, "/", &save); t; t = strtok_r(NULL, "/", &save))
		segments[r.n_path++] = t;
	return session_request(p->side[LEFT].s, &r, on_event, &p->side[LEFT], NULL);
}

static bool all(void *arg, const struct message *registered)
{
	(void)arg;
	return registered->n_path > 0;
}

void pair_notify(struct pair *p)
{
	session_notify(p->side[RIGHT].s, all, NULL);
}

void pair_body(struct pair *p, size_t len, char fill)
{
	struct buf *b = &p->side[RIGHT].body;
	buf_reset(b);
	for (size_t i = 0; i < len; i++)
		buf_u8(b, (uint8_t)(fill + i % 7));
}
