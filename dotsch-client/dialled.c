/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dialled.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "callhome.h"
#include "link/dial.h"
#include "tell.h"

#define ATTEMPT_DELAY_MS 250
#define ATTEMPT_DELAY_ATTACK_MS 100  /* RFC 9132, 4.3 */
#define RETRY_S 300                  /* RFC 9132, 4.7: SHOULD, and MUST */
#define RETRY_MIN_S 60
#define FIRST_RETRY_S 1              /* before there has been a session: whoever of the two starts first waits for the other */
#define MET_MS 300000                /* a redirection to a server that we talked to within five minutes is ignored (RFC 9132, 4.6) */
#define MET_MAX 8
#define FOREVER 4294967295LL         /* Max-Age of a redirection without an end */
#define AGAIN_MIN_MS 1000            /* a server that has gone may be one that starts anew: not at once, and not all clients in step */
#define AGAIN_MS 10000
#define RETURN_RETRY_MS 10000        /* while the return waits for the end of an attack */

struct met { char name[NAME_MAX_BYTES + 1]; int64_t at; };

struct dialled {
	struct router *router;
	struct dial *dial;
	bool had_session;
	/* Where a redirection has led; name NULL = we are with the server of the entry. */
	char *name;
	struct prefix_list records;
	int64_t ttl_s;
	struct loop_timer move, home, again;
	struct met met[MET_MAX];             /* whom we left, and when; the oldest is overwritten */
	unsigned next_met;
	uint8_t spki[32];
	bool pinned;
};

static int64_t now(const struct dialled *d)
{
	return loop_now(d->router->agent->loop);
}

static int pinned_key(void *arg, struct identity *id)
{
	return memcmp(arg, id->spki, sizeof id->spki) == 0 ? 0 : -1;
}

/* spki outlives the bundle. name: the server to expect instead of the entry's, NULL = that one. */
static struct tls_bundle *credentials(const struct config *config, const struct peer *p, const char *name, uint8_t *spki, struct reason *why)
{
	const struct peer_server *s = p->server;
	struct tls_config tls = { .priority = config->priority };
	if (p->psk_identity) {
		tls.psk_identity = p->psk_identity;
		tls.psk_key = p->psk_key;
		tls.psk_key_len = p->psk_key_len;
		return tls_bundle_new(&tls, why);
	}
	tls.key_file = config->key_file;
	if (p->spki) {
		tls.peer_lookup = pinned_key;
		tls.arg = spki;
	}
	/* Without a name its raw public key is pinned, and ours is one, too (RFC 7250). */
	if (s->server_name) {
		tls.server_name = name ? name : s->server_name;
		tls.certificate_file = config->certificate_file;
		tls.ca_file = config->ca_file;
		tls.crl_file = config->crl_file;
	}
	return tls_bundle_new(&tls, why);
}

static int name_peer(const struct peer *p, struct reason *why)
{
	char text[PEER_NAME_MAX + 2 + sizeof why->text];
	snprintf(text, sizeof text, "%s: %s", p->name, why->text);
	snprintf(why->text, sizeof why->text, "%.*s", (int)sizeof why->text - 1, text);
	return -1;
}

int dialled_check(const struct config *config, const struct peers *peers, struct reason *why)
{
	uint8_t spki[32];
	for (size_t i = 0; i < peers_places(peers); i++) {
		const struct peer *p = peers_at(peers, i);
		if (!p || !p->server)
			continue;
		struct tls_bundle *bundle = credentials(config, p, NULL, spki, why);
		if (!bundle)
			return name_peer(p, why);
		tls_bundle_unref(bundle);
	}
	return 0;
}

static void established(void *arg, struct channel *c)
{
	struct dialled *d = arg;
	d->had_session = true;
	snprintf(c->peer.owner, sizeof c->peer.owner, "%s", d->router->name);
	callhome_up(d->router, c);
}

static void failed(void *arg, const char *text, unsigned next_s)
{
	struct dialled *d = arg;
	struct router *r = d->router;
	char why[600];
	if (r->session) {
		log_warning("%s: no further session beside the one there is: %s", r->name, text);
		return;
	}
	snprintf(why, sizeof why, "%.500s; tried again in %u s", text, next_s);
	tell_session(r->agent, "unreachable", r->name, NULL, why);
	/* Nobody is where we were sent to. */
	if (d->name)
		loop_timer_set(r->agent->loop, &d->home, 0);
}

static const struct dial_ops ops = { .established = established, .failed = failed };

/* The addresses of a redirection, or else its name. Strings live in `texts`. */
static size_t hosts_of(const struct dialled *d, const char **hosts, size_t max, char (*texts)[PREFIX_TEXT_MAX])
{
	size_t n = 0;
	for (; n < d->records.n && n < max; n++)
		hosts[n] = addr_format(&d->records.v[n], texts[n]);
	if (!n)
		hosts[n++] = d->name;
	return n;
}

static unsigned attempt_delay(const struct router *r)
{
	return r->active ? ATTEMPT_DELAY_ATTACK_MS : ATTEMPT_DELAY_MS;
}

void dialled_hurry(struct router *r)
{
	if (r->dialled && r->dialled->dial)
		dial_attempt_delay(r->dialled->dial, attempt_delay(r));
}

/* Begins to dial, or changes what is dialled. */
static int dial(struct dialled *d, struct reason *why)
{
	struct router *r = d->router;
	const struct peer_server *s = r->peer->server;
	const char *hosts[16];
	char texts[16][PREFIX_TEXT_MAX];
	struct tls_bundle *bundle = credentials(&r->agent->config, r->peer, d->name, d->spki, why);
	if (!bundle)
		return name_peer(r->peer, why);
	struct dial_config config = {
		.hosts = (const char *const *)s->addresses, .n_hosts = s->n_addresses, .port = s->port, .udp = s->udp, .tcp = s->tcp, .bundle = bundle,
		.attempt_delay_ms = attempt_delay(r), .retry_s = RETRY_S, .retry_min_s = RETRY_MIN_S,
		.first_retry_s = d->had_session ? 0 : FIRST_RETRY_S,
	};
	if (d->name) {
		config.n_hosts = hosts_of(d, hosts, 16, texts);
		config.hosts = hosts;
	}
	bool ok = d->dial ? dial_change(d->dial, &config) : (d->dial = dial_new(r->agent->loop, &config, &ops, d)) != NULL;
	tls_bundle_unref(bundle);
	return ok ? 0 : reason_set(why, REASON_BAD_REQUEST, "", "", "%s: out of memory", r->name);
}

/* From one server to another: a session with the one is nothing to the other. */
static void change_server(struct dialled *d, const char *why_text)
{
	struct router *r = d->router;
	struct reason why;
	callhome_hang_up(r, why_text);
	dial_free(d->dial);
	d->dial = NULL;
	if (dial(d, &why) < 0)
		log_error("%s", why.text);
}

/* The name that a redirection to where we are would have. */
static void leave(struct dialled *d)
{
	const struct peer_server *s = d->router->peer->server;
	struct met *m = &d->met[d->next_met++ % MET_MAX];
	snprintf(m->name, sizeof m->name, "%s", d->name ? d->name : s->server_name ? s->server_name : s->addresses[0]);
	m->at = now(d);
}

static void forget_redirection(struct dialled *d)
{
	free(d->name);
	d->name = NULL;
	prefix_list_free(&d->records);
}

static void go_home(void *arg)
{
	struct dialled *d = arg;
	if (!d->name)
		return;
	/* Not while there is an attack (RFC 9132, 4.6), as long as somebody answers. */
	if (d->router->active && d->router->session) {
		loop_timer_set(d->router->agent->loop, &d->home, RETURN_RETRY_MS);
		return;
	}
	leave(d);
	forget_redirection(d);
	change_server(d, "the redirection is over");
}

static void move(void *arg)
{
	struct dialled *d = arg;
	char why[NAME_MAX_BYTES + 40];
	snprintf(why, sizeof why, "redirected to %s", d->name);
	change_server(d, why);
	if (d->ttl_s && d->ttl_s < FOREVER)
		loop_timer_set(d->router->agent->loop, &d->home, d->ttl_s * 1000);
	else
		loop_timer_stop(d->router->agent->loop, &d->home);
}

static bool met_lately(const struct dialled *d, const char *name)
{
	for (size_t i = 0; i < MET_MAX; i++)
		if (d->met[i].at && now(d) - d->met[i].at < MET_MS && !strcasecmp(d->met[i].name, name))
			return true;
	const struct peer_server *s = d->router->peer->server;
	return !strcasecmp(d->name ? d->name : s->server_name ? s->server_name : s->addresses[0], name);
}

bool dialled_redirected(struct router *r, const struct redirect *to, int64_t max_age)
{
	struct dialled *d = r->dialled;
	struct prefix_list records = { 0 };
	if (!d || !to->alt_server || met_lately(d, to->alt_server)) {
		log_info("%s: a redirection to %s was ignored", r->name, to->alt_server ? to->alt_server : "nobody");
		return false;
	}
	char *name = strdup(to->alt_server);
	for (size_t i = 0; name && i < to->alt_server_record.n; i++)
		if (prefix_list_add(&records, &to->alt_server_record.v[i]) < 0)
			break;
	if (!name)
		return false;
	leave(d);
	forget_redirection(d);
	d->name = name;
	d->records = records;
	d->ttl_s = max_age;
	/* Not under the feet of the exchange that has just been answered. */
	loop_timer_set(r->agent->loop, &d->move, 0);
	return true;
}

static int64_t random_ms(uint32_t max)
{
	uint32_t n;
	tls_random(&n, sizeof n);
	return n % max;
}

void dialled_again(struct router *r)
{
	struct dialled *d = r->dialled;
	if (!d)
		return;
	if (d->name && !d->ttl_s)
		loop_timer_set(r->agent->loop, &d->home, 0);     /* for that session only */
	else if (d->dial)
		loop_timer_set(r->agent->loop, &d->again, AGAIN_MIN_MS + (r->active ? 0 : random_ms(AGAIN_MS - AGAIN_MIN_MS)));
}

static void again(void *arg)
{
	struct dialled *d = arg;
	if (d->dial && !d->router->session)
		dial_again(d->dial);
}

void dialled_beside(struct router *r)
{
	if (r->dialled && r->dialled->dial)
		dial_again(r->dialled->dial);
}

void dialled_start(struct agent *a, struct peer *p)
{
	struct reason why;
	struct router *r = p->server ? router_of(a, p) : NULL;
	if (!r)
		return;
	struct dialled *d = r->dialled ? r->dialled : calloc(1, sizeof *d);
	if (!d)
		abort();
	if (!r->dialled) {
		r->dialled = d;
		d->router = r;
		loop_timer_init(&d->move, move, d);
		loop_timer_init(&d->home, go_home, d);
		loop_timer_init(&d->again, again, d);
	}
	if (p->spki)
		memcpy(d->spki, p->spki, sizeof d->spki);
	if (dial(d, &why) < 0)
		tell_session(a, "unreachable", r->name, NULL, why.text);
}

void dialled_start_all(struct agent *a)
{
	for (size_t i = 0; i < peers_places(a->peers); i++) {
		struct peer *p = peers_at(a->peers, i);
		if (p && p->server)
			dialled_start(a, p);
	}
}

void dialled_stop(struct router *r)
{
	struct dialled *d = r->dialled;
	if (!d)
		return;
	r->dialled = NULL;
	loop_timer_stop(r->agent->loop, &d->move);
	loop_timer_stop(r->agent->loop, &d->home);
	loop_timer_stop(r->agent->loop, &d->again);
	dial_free(d->dial);
	forget_redirection(d);
	free(d);
}
