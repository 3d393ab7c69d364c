/* SPDX-License-Identifier: GPL-3.0-or-later */
/* wire - two channel ends in one process, joined by a link that drops, doubles and delays as a test says, under a clock that the test moves. Needs
   -Wl,--wrap=when_boot_ms. */
#ifndef TESTS_WIRE_H
#define TESTS_WIRE_H

#include "base/loop.h"
#include "link/channel.h"
#include "link/message.h"

enum { LEFT, RIGHT };

/* What went over the wire, the dropped ones too. */
struct sent {
	int64_t at;
	int side;                            /* who sent it */
	uint8_t *data;
	size_t len;
	struct message m;
	bool lost;
};

struct wire {
	struct loop *loop;
	enum transport transport;
	struct channel *end[2];              /* NULL once closed */
	int64_t delay;                       /* one way, ms */
	/* Says what becomes of a message: 0 is lost, 1 arrives, 2 arrives twice; *extra is more delay. NULL: all arrive. */
	int (*fate)(struct wire *w, int side, const struct message *m, int64_t *extra);
	void *fate_arg;
	/* Called at each step: other threads do not know of the test's clock, so it waits for them. NULL: nobody. */
	void (*settle)(void *arg);
	void *settle_arg;
	bool full[2];                        /* channel_send says no */
	struct packet *packets;
	struct sent **sent;
	size_t n_sent;
};

struct wire *wire_new(enum transport t);
/* Two new ends, once both old ones are closed; what was under way is lost. */
void wire_renew(struct wire *w);
void wire_free(struct wire *w);
/* Lets ms pass in small steps. */
void wire_run(struct wire *w, int64_t ms);
int64_t wire_now(void);
/* Puts raw bytes on the way to `side`, as if its peer had sent them; not in `sent`. */
void wire_inject(struct wire *w, int side, const void *data, size_t len);
void wire_inject_hex(struct wire *w, int side, const char *hex);
/* The channel of `side` breaks down there: its owner is told. */
void wire_break(struct wire *w, int side, const char *why);
/* A fate: what RIGHT sends is lost. */
int wire_lose_right(struct wire *w, int side, const struct message *m, int64_t *extra);
void wire_forget(struct wire *w);        /* empties `sent` */
/* How many messages of this code `side` has sent, and the last of them. code -1: any. */
size_t wire_count(const struct wire *w, int side, int code);
const struct sent *wire_last(const struct wire *w, int side, int code);

#endif
