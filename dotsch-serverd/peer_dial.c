/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "peer_private.h"

#include <string.h>

#include "base/log.h"

#define ATTEMPT_DELAY_MS 250
#define ATTEMPT_DELAY_ATTACK_MS 100  /* RFC 9132, 4.3 */
#define RETRY_MIN_S 60
#define SILENT_HEARTBEATS 3          /* unanswered in a row before a second way is tried beside the first */
#define PARALLEL_MIN_MS 60000        /* RFC 9132, 4.7: not more often than this */
#define AFTER_CLOSE_MS 10000         /* a provider that restarts is not called by all its routers in the same moment */
#define FIRST_RETRY_S 1              /* before there has been a session: whoever of the two starts first waits for the other */

/* The provider's key, raw or of its certificate. */
static int is_pinned(void *arg, struct identity *id)
{
	const struct peer_config *c = arg;

	for (size_t i = 0; i < c->n_spkis; i++)
		if (memcmp(c->spkis[i], id->spki, sizeof(*c->spkis)) == 0)
			return 0;
	return -1;
}

struct tls_bundle *peer_credentials(const struct peer *p, const struct peer_config *c, struct reason *why)
{
	struct tls_config tls = {
		.psk_identity = c->psk_identity,
		.psk_key = c->psk_key_len > 0 ? c->psk_key : NULL,
		.psk_key_len = c->psk_key_len,
		.certificate_file = c->certificate_file,
		.key_file = c->key_file,
		.ca_file = c->ca_file,
		.crl_file = c->crl_file,
	};
	const struct text_list *names = &c->server_names;

	/* Read during a handshake only, and no handshake outlives its configuration. */
	tls.arg = (void *)(uintptr_t)c;
	if (c->n_spkis > 0)
		tls.peer_lookup = is_pinned;

	/* Elsewhere it is the name of the redirection that is checked. */
	if (p->elsewhere.name != NULL && c->certificate_file != NULL) {
		tls.server_name = p->elsewhere.name;
	} else if (names->n > 0) {
		tls.server_name = names->v[0];
		tls.other_names = (const char *const *)names->v + 1;
		tls.n_other_names = names->n - 1;
	}

	return tls_bundle_new(&tls, why);
}

static struct dial_config config_of(const struct peer *p, struct tls_bundle *bundle)
{
	const struct text_list *hosts = p->elsewhere.name != NULL ? &p->elsewhere.hosts : &p->config->addresses;

	return (struct dial_config){
		.hosts = (const char *const *)hosts->v,
		.n_hosts = hosts->n,
		.port = p->config->port,
		.udp = p->config->udp,
		.tcp = p->config->tcp,
		.bundle = bundle,
		.attempt_delay_ms = p->mitigating ? ATTEMPT_DELAY_ATTACK_MS : ATTEMPT_DELAY_MS,
		.retry_s = p->config->retry_s,
		.retry_min_s = RETRY_MIN_S,
		.first_retry_s = p->met ? 0 : FIRST_RETRY_S,
	};
}

static int64_t random_ms(uint32_t max)
{
	uint32_t r;

	tls_random(&r, sizeof(r));
	return r % max;
}

static void on_again(void *arg)
{
	struct peer *p = arg;

	if (peer_session(p) == NULL && p->dial != NULL)
		dial_again(p->dial);
}

/* A session that is replaced is closed by us and ends without this. */
void peer_dialled_down(struct peer_session *ps, bool orderly)
{
	struct peer *p = ps->peer;

	peer_session_end(ps, false);
	if (peer_session(p) != NULL)
		return;
	if (p->elsewhere.name != NULL && p->elsewhere.ttl == 0)
		peer_move_home(p);     /* for that session only */
	else if (orderly)
		loop_timer_set(server_loop(p->server), &p->again, random_ms(AFTER_CLOSE_MS));
	else if (p->dial != NULL)
		dial_again(p->dial);
}

void peer_dialled_silent(struct peer_session *ps, unsigned unanswered)
{
	struct peer *p = ps->peer;
	int64_t now = loop_now(server_loop(p->server));

	if (unanswered < SILENT_HEARTBEATS || now - p->parallel_at < PARALLEL_MIN_MS)
		return;
	p->parallel_at = now;
	log_warning("%s: %u heartbeats without an answer; another session is tried beside this one", p->config->name, unanswered);
	dial_again(p->dial);
}

static void on_established(void *arg, struct channel *c)
{
	struct peer *p = arg;
	struct peer_session *ps;

	server_guard(p->server, &c->remote);
	ps = peer_session_new(p, c);
	if (ps == NULL)
		return;
	p->met = true;
	p->parallel_at = ps->up_at - PARALLEL_MIN_MS;
	while (ps->next != NULL)
		peer_session_end(ps->next, true);
}

static void on_failed(void *arg, const char *why, unsigned next_s)
{
	struct peer *p = arg;
	json_t *line;

	log_error("%s: no session: %s; tried again in %u s", p->config->name, why, next_s);
	if (peer_session(p) != NULL)
		return;              /* an attempt beside a session that still stands */
	if (p->elsewhere.name != NULL)
		peer_move_home(p);     /* nobody there */
	line = peer_event(p, "unreachable");
	json_put_string(line, "reason", why);
	json_put_int(line, "retry", next_s);
	server_say(p->server, line);
}

static const struct dial_ops dial_ops = { .established = on_established, .failed = on_failed };

void peer_dial_init(struct peer *p)
{
	loop_timer_init(&p->again, on_again, p);
}

void peer_dial_stop(struct peer *p)
{
	loop_timer_stop(server_loop(p->server), &p->again);
	dial_free(p->dial);
	redirect_free(&p->elsewhere);
}

static int dial_with(struct peer *p, struct tls_bundle *bundle, struct reason *why)
{
	const struct dial_config config = config_of(p, bundle);

	p->dial = dial_new(server_loop(p->server), &config, &dial_ops, p);
	return p->dial != NULL ? 0 : reason_set(why, 0, "provider", "", "%s: out of memory", p->config->name);
}

int peer_dial(struct peer *p, struct reason *why)
{
	struct tls_bundle *bundle = peer_credentials(p, p->config, why);
	int rc = bundle != NULL ? dial_with(p, bundle, why) : -1;

	tls_bundle_unref(bundle);
	return rc;
}

void peer_change(struct peer *p, const struct peer_config *config, struct tls_bundle *bundle)
{
	struct reason why;
	bool ok;

	p->config = config;
	if (config->channel == CHANNEL_BASE)
		return;
	if (p->dial != NULL) {
		const struct dial_config d = config_of(p, bundle);

		ok = dial_change(p->dial, &d);
	} else {
		ok = dial_with(p, bundle, &why) == 0;
	}
	if (!ok)
		log_error("%s: out of memory; the provider is dialled as before", config->name);
}
