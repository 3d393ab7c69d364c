/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define STEP_MS 10

int64_t __wrap_when_boot_ms(void);

static int64_t fake_now = 1000000;

struct end {
	struct channel c;
	struct wire *wire;
	int side;
};

struct packet {
	struct packet *next;
	int64_t due;
	int to;
	const char *closed;                  /* the end of the channel instead of a message */
	size_t len;
	uint8_t data[];
};

int64_t __wrap_when_boot_ms(void)
{
	return fake_now;
}

int64_t wire_now(void)
{
	return fake_now;
}

static void put_packet(struct wire *w, int to, const void *data, size_t len, int64_t delay, const char *closed)
{
	struct packet *p = malloc(sizeof *p + len), **at = &w->packets;
	assert(p);
	*p = (struct packet){ .due = fake_now + delay, .to = to, .len = len, .closed = closed };
	if (len)
		memcpy(p->data, data, len);
	while (*at && (*at)->due <= p->due)
		at = &(*at)->next;
	p->next = *at;
	*at = p;
}

static bool end_send(struct channel *c, const uint8_t *data, size_t len)
{
	struct end *e = (struct end *)c;
	struct wire *w = e->wire;
	struct reason why;
	bool header_ok;
	if (w->full[e->side])
		return false;
	w->sent = realloc(w->sent, (w->n_sent + 1) * sizeof *w->sent);
	struct sent *s = malloc(sizeof *s);
	assert(w->sent && s);
	w->sent[w->n_sent++] = s;
	*s = (struct sent){ .at = fake_now, .side = e->side, .data = malloc(len + 1), .len = len };
	assert(s->data);
	memcpy(s->data, data, len);
	struct message m;
	int rc = message_parse(w->transport, s->data, len, &m, &header_ok, &why);
	assert(rc == 0);                     /* whatever we send can be read */
	message_copy(&s->m, &m);
	int64_t extra = 0;
	int copies = w->fate ? w->fate(w, e->side, &m, &extra) : 1;
	s->lost = copies == 0;
	for (int i = 0; i < copies; i++)
		put_packet(w, !e->side, data, len, w->delay + extra, NULL);
	return true;
}

static void end_close(struct channel *c, bool notify)
{
	struct end *e = (struct end *)c;
	e->wire->end[e->side] = NULL;
	if (notify)
		put_packet(e->wire, !e->side, NULL, 0, e->wire->delay, "closed by the peer");
	free(e);
}

void wire_renew(struct wire *w)
{
	static const struct channel_vtable vtable = { .send = end_send, .close = end_close };
	while (w->packets) {
		struct packet *p = w->packets;
		w->packets = p->next;
		free(p);
	}
	for (int side = LEFT; side <= RIGHT; side++) {
		struct end *e = calloc(1, sizeof *e);
		assert(e && !w->end[side]);
		e->c.vtable = &vtable;
		e->c.transport = w->transport;
		e->c.call_out = side == RIGHT;
		e->wire = w;
		e->side = side;
		w->end[side] = &e->c;
	}
}

struct wire *wire_new(enum transport t)
{
	struct wire *w = calloc(1, sizeof *w);
	assert(w);
	w->loop = loop_new();
	w->transport = t;
	w->delay = 20;
	wire_renew(w);
	return w;
}

int wire_lose_right(struct wire *w, int side, const struct message *m, int64_t *extra)
{
	(void)w, (void)m, (void)extra;
	return side == LEFT;
}

void wire_forget(struct wire *w)
{
	for (size_t i = 0; i < w->n_sent; i++) {
		free(w->sent[i]->data);
		free(w->sent[i]);
	}
	free(w->sent);
	w->sent = NULL;
	w->n_sent = 0;
}

void wire_free(struct wire *w)
{
	for (int side = LEFT; side <= RIGHT; side++)
		free(w->end[side]);
	while (w->packets) {
		struct packet *p = w->packets;
		w->packets = p->next;
		free(p);
	}
	wire_forget(w);
	loop_free(w->loop);
	free(w);
}

void wire_inject(struct wire *w, int side, const void *data, size_t len)
{
	put_packet(w, side, data, len, 0, NULL);
}

void wire_inject_hex(struct wire *w, int side, const char *hex)
{
	uint8_t bytes[4096];
	long n = hex_decode(hex, strlen(hex), bytes, sizeof bytes);
	assert(n >= 0);
	wire_inject(w, side, bytes, (size_t)n);
}

void wire_break(struct wire *w, int side, const char *why)
{
	put_packet(w, side, NULL, 0, 0, why);
}

static void deliver(struct wire *w, struct packet *p)
{
	struct channel *c = w->end[p->to];
	if (!c || !c->ops)
		return;
	if (p->closed) {
		c->ops->closed(c->arg, p->closed, !strcmp(p->closed, "closed by the peer"));
		w->end[p->to] = NULL;
		free(c);
	} else {
		c->ops->message(c->arg, p->data, p->len);
	}
}

void wire_run(struct wire *w, int64_t ms)
{
	for (int64_t end = fake_now + ms;; fake_now += STEP_MS) {
		loop_step(w->loop, 0);
		if (w->settle)
			w->settle(w->settle_arg);
		while (w->packets && w->packets->due <= fake_now) {
			struct packet *p = w->packets;
			w->packets = p->next;
			deliver(w, p);
			free(p);
		}
		if (fake_now >= end)
			break;
	}
	loop_step(w->loop, 0);
	if (w->settle)
		w->settle(w->settle_arg);
}

size_t wire_count(const struct wire *w, int side, int code)
{
	size_t n = 0;
	for (size_t i = 0; i < w->n_sent; i++)
		n += w->sent[i]->side == side && (code < 0 || w->sent[i]->m.code == code);
	return n;
}

const struct sent *wire_last(const struct wire *w, int side, int code)
{
	for (size_t i = w->n_sent; i-- > 0;)
		if (w->sent[i]->side == side && (code < 0 || w->sent[i]->m.code == code))
			return w->sent[i];
	return NULL;
}
