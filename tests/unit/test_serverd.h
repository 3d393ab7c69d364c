/* SPDX-License-Identifier: GPL-3.0-or-later */
/* test_serverd - a core without a link for the tests of dotsch-serverd: requests in, codes, bodies and lines out. */
#ifndef TEST_SERVERD_H
#define TEST_SERVERD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dots/cbor.h"
#include "dots/envelope.h"
#include "dots/json.h"
#include "dotsch-serverd/consent.h"
#include "dotsch-serverd/feedback.h"
#include "dotsch-serverd/mitigate.h"
#include "dotsch-serverd/resource.h"

#define CUID "JsS3O6jh2HfM8ypzxXQUQQ"
#define WALL 1766448000000LL

struct fixture {
	struct core core;
	struct settings settings;
	struct peer_config peers[2];
	struct sigconfig config;
	struct redirection elsewhere;
	const char *credential;
	bool redirects;                      /* a 5.03 is expected to name another server */
	struct redirect_met places;
	struct moment at;
	struct outcome last;                 /* of the last request */
	struct message m;
	struct buf payload;
};

static inline void add_prefix(struct prefix_list *l, const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(text, true, &p), 0);
	assert_int_equal(prefix_list_add(l, &p), 0);
}

static inline int setup(void **state)
{
	static const char *const names[] = { "isp", "other" };
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->settings = (struct settings){ .terminating_s = 120, .rejected_s = 3600, .peers = f->peers, .n_peers = 2 };
	for (int i = 0; i < 2; i++) {
		f->peers[i] = (struct peer_config){ .name = names[i], .policy = { .consent = CONSENT_AUTO }, .max_mitigations = 100, .max_lifetime = 86400, .nat_timeout = 240 };
		add_prefix(&f->peers[i].scope, "10.20.0.0/16");
		add_prefix(&f->peers[i].scope, "2001:db8:1::/48");
	}
	f->core.settings = &f->settings;
	ledger_init(&f->core.ledger);
	sigconfig_init(&f->config, TRANSPORT_UDP, 240);
	f->credential = "psk:cpe-0001";
	outcome_init(&f->last);
	f->at = (struct moment){ .now = 1000000, .wall = WALL };
	*state = f;
	return 0;
}

static inline int teardown(void **state)
{
	struct fixture *f = *state;

	outcome_free(&f->last);
	redirect_free(&f->elsewhere);
	ledger_free(&f->core.ledger);
	prefix_list_free(&f->core.guarded);
	for (int i = 0; i < 2; i++) {
		prefix_list_free(&f->peers[i].scope);
		prefix_list_free(&f->peers[i].targets);
		prefix_list_free(&f->peers[i].legitimate_sources);
		prefix_list_free(&f->peers[i].legitimate_targets);
	}
	buf_free(&f->payload);
	free(f);
	return 0;
}

/* A request body: target, source, lifetime. The caller frees it. */
static inline struct mitigation asking(const char *target, const char *source, int64_t lifetime)
{
	struct mitigation m;

	mitigation_init(&m);
	if (target != NULL)
		add_prefix(&m.target_prefix, target);
	if (source != NULL)
		add_prefix(&m.source_prefix, source);
	m.lifetime = lifetime;
	return m;
}

/* The message's path from "mitigate/cuid=…/mid=…"; text is changed in place and has to live as long as the message. */
static inline void set_path(struct message *m, char *text)
{
	m->path[0] = ".well-known";
	m->path[1] = "dots";
	m->n_path = 2;
	for (char *s = strtok(text, "/"); s != NULL; s = strtok(NULL, "/"))
		m->path[m->n_path++] = s;
}

/* Sends a request as provider `who`; the outcome is f->last, and its code is returned. */
static inline uint8_t request(struct fixture *f, int who, uint8_t method, const char *path)
{
	struct requester r = { .peer = &f->peers[who], .domain = &f->peers[who].scope, .credential = f->credential, .config = &f->config, .redirection = &f->elsewhere,
		.met = &f->places };
	char text[300];

	snprintf(text, sizeof(text), "%s", path);
	set_path(&f->m, text);
	f->m.code = method;
	f->m.payload = f->payload.data;
	f->m.payload_len = f->payload.len;
	outcome_free(&f->last);
	redirect_free(&f->elsewhere);
	resource_request(&f->core, &r, &f->m, f->at, &f->last);
	/* Every 4.xx and 5.xx says why; only 4.09 and a redirecting 5.03 say it in CBOR (RFC 9132, 4). */
	if (f->last.reply.code >= CODE(4, 0)) {
		assert_true(f->last.reply.payload.len > 0);
		assert_int_equal(f->last.reply.dots_cbor, f->last.reply.code == CODE_CONFLICT || f->redirects);
	}
	message_init(&f->m);
	buf_reset(&f->payload);
	return f->last.reply.code;
}

static inline void load(struct fixture *f, struct mitigation *m)
{
	struct body b = { .kind = BODY_MITIGATION_SCOPE, .scope = m, .n_scope = 1 };

	message_init(&f->m);
	f->m.content_format = CONTENT_FORMAT_DOTS_CBOR;
	buf_reset(&f->payload);
	dots_cbor_encode(&b, &f->payload);
	mitigation_free(m);
}

static inline uint8_t put(struct fixture *f, unsigned mid, struct mitigation m)
{
	char path[100];

	load(f, &m);
	snprintf(path, sizeof(path), "mitigate/cuid=" CUID "/mid=%u", mid);
	return request(f, 0, METHOD_PUT, path);
}

static inline uint8_t simple(struct fixture *f, uint8_t method, const char *path)
{
	message_init(&f->m);
	buf_reset(&f->payload);
	return request(f, 0, method, path);
}

/* The answer's body. The caller frees it. */
static inline struct body answer(struct fixture *f)
{
	struct body b;
	struct reason why;

	assert_true(f->last.reply.dots_cbor);
	assert_int_equal(dots_cbor_decode(f->last.reply.payload.data, f->last.reply.payload.len, BODY_RESPONSE, &b, &why), 0);
	return b;
}

static inline void assert_diagnostic(struct fixture *f, const char *part)
{
	char text[700];

	snprintf(text, sizeof(text), "%.*s", (int)f->last.reply.payload.len, (const char *)f->last.reply.payload.data);
	if (strstr(text, part) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", part, text);
}

/* The i-th line of the last outcome without its time. Caller frees. */
static inline char *line(struct fixture *f, size_t i)
{
	json_t *l = json_array_get(f->last.lines, i);

	if (l == NULL)
		fail_msg("no line %zu", i);
	assert_non_null(json_object_get(l, "time"));
	json_object_del(l, "time");
	return json_line_format(l, NULL);
}

static inline void assert_line(struct fixture *f, size_t i, const char *want)
{
	char *got = line(f, i);

	assert_string_equal(got, want);
	free(got);
}

static inline size_t n_lines(const struct fixture *f)
{
	return json_array_size(f->last.lines);
}

/* A line from the ring; returns the error text, or "" ; the outcome is f->last. */
static inline const char *feed(struct fixture *f, const char *text)
{
	static char error[400];
	json_t *e;

	outcome_free(&f->last);
	e = feedback_line(&f->core, text, strlen(text), f->at, &f->last);
	snprintf(error, sizeof(error), "%s", e != NULL ? json_string_value(json_object_get(e, "reason")) : "");
	json_decref(e);
	return error;
}

static inline void fixture_due(void *arg, struct record *r)
{
	struct fixture *f = arg;

	mitigate_due(&f->core, r, f->at, &f->last);
}

/* Time passes. */
static inline void advance(struct fixture *f, int64_t seconds)
{
	f->at.now += seconds * 1000;
	f->at.wall += seconds * 1000;
	outcome_free(&f->last);
	ledger_run(&f->core.ledger, f->at.now, fixture_due, f);
}

/* The status in a GET of this mid; 0 when it answers 4.04. */
static inline int64_t lifetime_of(struct fixture *f, unsigned mid)
{
	char path[100];
	struct body b;
	int64_t s;

	snprintf(path, sizeof(path), "mitigate/cuid=" CUID "/mid=%u", mid);
	assert_int_equal(simple(f, METHOD_GET, path), CODE_CONTENT);
	b = answer(f);
	s = b.scope[0].lifetime;
	body_free(&b);
	return s;
}

static inline enum dots_status status_of(struct fixture *f, unsigned mid)
{
	char path[100];
	struct body b;
	enum dots_status s;

	snprintf(path, sizeof(path), "mitigate/cuid=" CUID "/mid=%u", mid);
	if (simple(f, METHOD_GET, path) == CODE_NOT_FOUND)
		return STATUS_NONE;
	b = answer(f);
	s = b.scope[0].status;
	body_free(&b);
	return s;
}

#endif
