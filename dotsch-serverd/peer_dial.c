/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "peer_private.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"

#define ATTEMPT_DELAY_MS 250
#define ATTEMPT_DELAY_ATTACK_MS 100  /* RFC 9132, 4.3 */
#define RETRY_MIN_S 60
#define SILENT_HEARTBEATS 3          /* unanswered in a row before a second way is tried beside the first */
#define PARALLEL_MIN_MS 60000        /* RFC 9132, 4.7: not more often than this */
/* A provider that restarts is not called by all its routers in the same moment, and not before it can be back: what fails is tried again in minutes only. */
#define AFTER_END_MIN_MS 2000
#define AFTER_END_MS 10000
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

/* Credentials for one that carries this name; NULL: one of the configured names. */
static struct tls_bundle *credentials(const struct peer_config *c, const char *name, const char *service, struct reason *why)
{
	struct tls_config tls = {
		.psk_identity = c->psk_identity,
		.psk_key = c->psk_key_len > 0 ? c->psk_key : NULL,
		.psk_key_len = c->psk_key_len,
		.certificate_file = c->certificate_file,
		.key_file = c->key_file,
		.ca_file = c->ca_file,
		.crl_file = c->crl_file,
		.server_name = name,
		.service_name = service,
		/* Read during a handshake only, and no handshake outlives its configuration. */
		.arg = (void *)(uintptr_t)c,
		.peer_lookup = c->n_spkis > 0 ? is_pinned : NULL,
	};
	const struct text_list *names = &c->server_names;

	if (name == NULL && names->n > 0) {
		tls.server_name = names->v[0];
		tls.other_names = (const char *const *)names->v + 1;
		tls.n_other_names = names->n - 1;
	}
	return tls_bundle_new(&tls, why);
}

static bool is_within(const char *name, const char *domain)
{
	size_t n = strlen(name), len = strlen(domain);

	return n >= len && strcasecmp(name + n - len, domain) == 0 && (n == len || name[n - len - 1] == '.');
}

/* What a service names may have been forged on the way: it is believed as far as it stays within the domain that is configured; else the certificate has
   to be the domain's own, by its name or for its service (RFC 6125, 6.2.1 and 6.5). */
static struct tls_bundle *discovered(const struct peer_config *c, const char *target, struct reason *why)
{
	char service[300];

	if (c->certificate_file == NULL || c->server_names.n > 0)
		return credentials(c, NULL, NULL, why);
	snprintf(service, sizeof(service), DOTS_CALL_HOME_SERVICE ".%s", c->domain);
	return credentials(c, target != NULL && is_within(target, c->domain) ? target : c->domain, service, why);
}

struct tls_bundle *peer_credentials(const struct peer *p, const struct peer_config *c, struct reason *why)
{
	/* Elsewhere it is the name of the redirection that is checked. */
	if (p->elsewhere.name != NULL && c->certificate_file != NULL)
		return credentials(c, p->elsewhere.name, NULL, why);
	return c->addresses.n == 0 && c->domain != NULL ? discovered(c, NULL, why) : credentials(c, NULL, NULL, why);
}

int peer_check(const struct peer_config *config, struct reason *why)
{
	struct tls_bundle *b = NULL;

	if (config->channel == CHANNEL_BASE)
		return 0;
	b = config->addresses.n == 0 && config->domain != NULL ? discovered(config, NULL, why) : credentials(config, NULL, NULL, why);
	tls_bundle_unref(b);
	return b != NULL ? 0 : -1;
}

static struct tls_bundle *on_target(void *arg, const char *name)
{
	const struct peer *p = arg;
	struct reason why;
	struct tls_bundle *b = discovered(p->config, name, &why);

	if (b == NULL)
		log_error("%s: %s: %s", p->config->name, name, why.text);
	return b;
}

static unsigned attempt_delay(const struct peer *p)
{
	return p->mitigating ? ATTEMPT_DELAY_ATTACK_MS : ATTEMPT_DELAY_MS;
}

void peer_dial_hurry(struct peer *p)
{
	if (p->dial != NULL)
		dial_attempt_delay(p->dial, attempt_delay(p));
}

static struct dial_config config_of(const struct peer *p, struct tls_bundle *bundle)
{
	const struct text_list *hosts = p->elsewhere.name != NULL ? &p->elsewhere.hosts : &p->config->addresses;

	return (struct dial_config){
		.hosts = (const char *const *)hosts->v,
		.n_hosts = hosts->n,
		.service = DOTS_CALL_HOME_SERVICE,
		.domain = hosts->n == 0 ? p->config->domain : NULL,
		.port = p->config->port,
		.udp = p->config->udp,
		.tcp = p->config->tcp,
		.bundle = bundle,
		.attempt_delay_ms = attempt_delay(p),
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

/* A session that is replaced is closed by us and ends without this. lost: by silence, so a way that answers is looked for at once. */
void peer_dialled_down(struct peer_session *ps, bool lost)
{
	struct peer *p = ps->peer;

	peer_session_end(ps, false);
	if (peer_session(p) != NULL)
		return;
	if (p->elsewhere.name != NULL && p->elsewhere.ttl == 0)
		peer_move_home(p);     /* for that session only */
	else if (!lost)
		loop_timer_set(server_loop(p->server), &p->again, AFTER_END_MIN_MS + random_ms(AFTER_END_MS - AFTER_END_MIN_MS));
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
	struct prefix address;
	uint16_t port;

	server_guard(p->server, &c->remote);
	if (sockaddr_prefix(&c->remote, &address, &port) == 0)
		redirect_arrive(&p->places, p->elsewhere.name, &address, loop_now(server_loop(p->server)));
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
	snprintf(p->why, sizeof(p->why), "%s", why);
	p->next_at = loop_now(server_loop(p->server)) + next_s * INT64_C(1000);
	if (p->elsewhere.name != NULL)
		peer_move_home(p);     /* nobody there */
	line = peer_event(p, "unreachable");
	json_put_string(line, "reason", why);
	json_put_int(line, "retry", next_s);
	server_say(p->server, line);
}

static const struct dial_ops dial_ops = { .established = on_established, .failed = on_failed, .target = on_target };

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
