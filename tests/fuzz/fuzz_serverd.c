/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A provider, a client of the base channel and a ring that say anything, in any order: no request of one client ever overlaps another, the mids stay in order, nothing that is due is
   forgotten, and every refusal says why. The base channel is lost and comes back meanwhile. Input: steps of operation, mid, length (two bytes), payload. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "dotsch-serverd/feedback.h"
#include "dotsch-serverd/mitigate.h"
#include "dotsch-serverd/preset.h"
#include "dotsch-serverd/resource.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OP_PUT, OP_GET, OP_DELETE, OP_EFFICACY, OP_CONFIG, OP_REDIRECT, OP_LINE, OP_TIME, OPS, OP_UNDO = 0x80, OP_ASK = 0x40, OP_BASE = 0x08 };

struct world {
	struct core core;
	struct settings settings;
	struct peer_config peers[2];         /* a provider, and a client of the base channel */
	struct sigconfig config;
	struct redirection elsewhere;
	struct moment at;
	struct outcome o;
};

static void begin(struct world *w)
{
	struct prefix any;

	memset(w, 0, sizeof(*w));
	w->peers[1] = (struct peer_config){ .name = "customer", .channel = CHANNEL_BASE, .max_mitigations = 20, .max_lifetime = 86400 };
	prefix_parse("203.0.113.0/24", false, &any);
	prefix_list_add(&w->peers[1].targets, &any);
	w->peers[0] = (struct peer_config){ .name = "isp", .policy = { .consent_s = 600 }, .max_mitigations = 20, .max_lifetime = 86400, .indefinite = true };
	prefix_parse("10.20.0.0/16", false, &any);
	prefix_list_add(&w->peers[0].scope, &any);
	w->settings = (struct settings){ .terminating_s = 120, .rejected_s = 3600, .peers = w->peers, .n_peers = 2 };
	w->core.settings = &w->settings;
	ledger_init(&w->core.ledger);
	sigconfig_init(&w->config, TRANSPORT_UDP, 60);
	w->at = (struct moment){ .now = 1000, .wall = 1766448000000 };
}

static void end(struct world *w)
{
	ledger_free(&w->core.ledger);
	prefix_list_free(&w->peers[0].scope);
	prefix_list_free(&w->peers[1].targets);
	redirect_free(&w->elsewhere);
}

static void request(struct world *w, const struct peer_config *peer, unsigned op, uint8_t mid, const uint8_t *payload, size_t len)
{
	static const uint8_t methods[] = { METHOD_PUT, METHOD_GET, METHOD_DELETE, METHOD_PUT, METHOD_PUT, METHOD_PUT };
	static const char *const resources[] = { "mitigate", "mitigate", "mitigate", "mitigate", "config", "redirect" };
	struct requester who = { .credential = "psk:cpe", .peer = peer, .domain = &peer->scope, .config = &w->config, .redirection = &w->elsewhere };
	struct message m;
	char number[20];

	message_init(&m);
	snprintf(number, sizeof(number), "%s=%u", op == OP_CONFIG ? "sid" : "mid", mid);
	m.code = methods[op];
	m.path[0] = ".well-known";
	m.path[1] = "dots";
	m.path[2] = resources[op];
	m.n_path = 3;
	if (op != OP_CONFIG)
		m.path[m.n_path++] = mid & 1 ? "cuid=a" : "cuid=b";
	if (op != OP_GET || mid & 2)
		m.path[m.n_path++] = number;
	m.content_format = CONTENT_FORMAT_DOTS_CBOR;
	m.if_match = m.if_match_empty = op == OP_EFFICACY;
	m.payload = payload;
	m.payload_len = len;
	redirect_free(&w->elsewhere);
	resource_request(&w->core, &who, &m, w->at, &w->o);
	assert(w->o.reply.code != 0 || op == OP_EFFICACY);
	assert(w->o.reply.code < CODE(4, 0) || w->o.reply.payload.len > 0);
	assert(!w->o.reply.payload.failed);
}

static void one_due(void *arg, struct record *r)
{
	struct world *w = arg;

	mitigate_due(&w->core, r, w->at, &w->o);
}

static void check(const struct ledger *l, int64_t now)
{
	for (size_t i = 0; i < l->n; i++)
		for (size_t j = 0; j < l->v[i]->n; j++) {
			const struct record *r = l->v[i]->v[j];

			assert(r->life.phase != PHASE_ARMED || preset_is(r));
			assert(r->client == l->v[i] && r->life.due >= l->next_due);
			assert(r->life.due == LEDGER_NEVER || r->life.due > now || l->next_due <= now);
			for (size_t k = 0; k < j; k++) {
				const struct record *s = l->v[i]->v[k];

				assert(s->m.mid < r->m.mid);
				assert(!life_stands(&s->life) || !life_stands(&r->life) || preset_is(s) != preset_is(r) || !client_overlap(l->v[i], &s->m, &r->m));
			}
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_of(data, size);
	struct world w;

	begin(&w);
	while (c.left >= 4) {
		uint8_t op = cursor_u8(&c), mid = cursor_u8(&c);
		size_t len = cursor_be16(&c);
		const uint8_t *payload = cursor_take(&c, len < c.left ? len : c.left);

		len = payload == NULL ? 0 : (size_t)(c.p - payload);
		outcome_init(&w.o);
		struct peer_config *peer = &w.peers[(op & OP_BASE) != 0];
		peer->policy.consent = op & OP_ASK ? CONSENT_ASK : CONSENT_AUTO;
		if ((op & 0x3f) % OPS < OP_LINE) {
			request(&w, peer, (op & 0x3f) % OPS, mid, payload, len);
			if (op & OP_UNDO)
				outcome_undo(&w.o, &w.core.ledger);
		} else if ((op & 0x3f) % OPS == OP_LINE && op & OP_BASE && mid < 2) {
			preset_signal(&w.core, peer, "psk:cpe", mid == 0, w.at, &w.o);
		} else if ((op & 0x3f) % OPS == OP_LINE) {
			json_decref(feedback_line(&w.core, (const char *)payload, len, w.at, &w.o));
		} else {
			w.at.now += mid * INT64_C(10000);
			w.at.wall += mid * INT64_C(10000);
			ledger_run(&w.core.ledger, w.at.now, one_due, &w);
		}
		outcome_free(&w.o);
		check(&w.core.ledger, w.at.now);
	}
	end(&w);
	return 0;
}
