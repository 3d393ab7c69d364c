/* SPDX-License-Identifier: GPL-3.0-or-later */
/* transport - a listener and a dialler in one process and one loop, for the transport's tests. */
#ifndef TESTS_TRANSPORT_H
#define TESTS_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "link/dial.h"
#include "link/listen.h"
#include "link/tls.h"

/* One end of a channel, and what it has heard. */
struct end {
	struct channel *channel;
	unsigned ups, downs, messages;
	bool orderly, echo, resumed;
	char why[512], peer[256], owner[256];
	enum identity_kind kind;
	uint8_t last[70000];
	size_t last_len;
};

struct rig {
	struct loop *loop;
	struct listen *listen;
	struct dial *dial;
	struct tls_bundle *server, *client;
	uint16_t port;
	struct end router, provider;             /* the newest channel of each side */
	struct end older;                        /* the provider's channel before that */
	unsigned failed, refused, penalised;
	char failed_why[1300], refused_why[600], refused_identity[256], penalised_why[600];
	enum transport refused_transport;
	bool unknown;                            /* the look-ups know nobody any more */
	uint8_t key[16];                         /* what the look-up gives */
	unsigned max_half_open, max_rate, penalty_after;   /* for rig_listen */
	bool redial;                             /* dial_again when the router's channel ends */
};

extern const uint8_t test_key[16];

/* A look-up that knows "cpe-0001". arg is the rig. */
int rig_psk(void *arg, const char *identity, uint8_t key[TLS_PSK_MAX], size_t *key_len, char owner[254]);
/* A look-up that takes every certificate and raw key. arg is the rig. */
int rig_peer(void *arg, struct identity *id);

void rig_init(struct rig *r);
void rig_listen(struct rig *r, const char *address, bool udp, bool tcp);   /* makes a PSK bundle when r->server is NULL; address NULL: 127.0.0.1 and ::1 */
void rig_dial_service(struct rig *r, const char *service, const char *domain, struct tls_bundle *(*target)(void *arg, const char *name));
void rig_dial(struct rig *r, const char *host, bool udp, bool tcp);        /* makes a PSK bundle when r->client is NULL */
void rig_dial_paced(struct rig *r, const char *host, unsigned retry_min_s);   /* UDP, with a least time between two calls */
struct tls_bundle *rig_psk_client(const char *identity, const uint8_t *key, size_t len);
/* Runs the loop until *counter reaches n, at most 10 s; false when it does not. */
bool rig_until(struct rig *r, const unsigned *counter, unsigned n);
void rig_run(struct rig *r, int ms);             /* lets everything happen for a while */
void rig_done(struct rig *r);
unsigned rig_half_open(const struct rig *r);
bool rig_exchange(struct rig *r);                /* a message each way */
int rig_knock(const struct rig *r);              /* a TCP connection to the listener that says nothing yet */
bool rig_up(struct rig *r, unsigned n);          /* until both ends have had n channels */
/* Listener and dialler on loopback, and a session by pre-shared key between them. */
void rig_psk_session(struct rig *r, bool udp, bool tcp);

#define assert_says(text, part) do { if (!strstr(text, part)) fail_msg("\"%s\" does not say \"%s\"", text, part); } while (0)

#endif
