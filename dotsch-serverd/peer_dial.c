/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "peer_private.h"

#include "base/log.h"

#define ATTEMPT_DELAY_MS 250
#define ATTEMPT_DELAY_ATTACK_MS 100  /* RFC 9132, 4.3 */
#define RETRY_MIN_S 60
#define FIRST_RETRY_S 1              /* before there has been a session: whoever of the two starts first waits for the other */

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

static int dial_with(struct peer *p, struct tls_bundle *bundle, struct reason *why)
{
	const struct dial_config config = config_of(p, bundle);

	p->dial = dial_new(server_loop(p->server), &config, &peer_dial_ops, p);
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
	if (p->dial != NULL) {
		const struct dial_config d = config_of(p, bundle);

		ok = dial_change(p->dial, &d);
	} else {
		ok = dial_with(p, bundle, &why) == 0;
	}
	if (!ok)
		log_error("%s: out of memory; the provider is dialled as before", config->name);
}
