/* SPDX-License-Identifier: GPL-3.0-or-later */
/* config - client.conf as dotsch-client understands it. */
#ifndef CLIENT_CONFIG_H
#define CLIENT_CONFIG_H

#include <stdio.h>

#include "base/conf.h"
#include "dots/mitigation.h"
#include "dots/sigconf.h"
#include "link/tls.h"

#define CALL_HOME_PORT 4647   /* the draft's own suggestion; RFC 9066 assigns none */

struct config {
	struct conf *conf;
	const char **addresses;              /* strings belong to conf */
	size_t n_addresses;
	uint16_t port;
	bool udp, tcp;
	unsigned max_half_open, max_rate;    /* 0 = the link layer's own default */
	unsigned penalty_after, penalty_s;   /* failed handshakes that shut an address out (0: none does), and for how long */
	const char *cuid, *priority;         /* NULL = not given */
	/* Owned; a relative name counts from the configuration file's folder. NULL = not given. */
	char *peers_file, *psk_database, *state, *certificate_file, *key_file, *ca_file, *crl_file, *ticket_key_file;
	struct prefix_list external;         /* CGN pools, never sources (CH-35) */
	struct prefix_list shared;           /* addresses that several customers share by their ports (CH-38) */
	bool auto_withdraw;                  /* status 3 (attack stopped) ends a request by itself */
	struct sigconf wanted;               /* what is negotiated after each call home; current values only */
};

#define INSTANCE_MAX 32
/* Letters, digits, '-', '_' and '.', not at the beginning. */
bool config_instance_ok(const char *name);
/* The text with each %i replaced by the instance; the caller frees it. NULL: it has one, and instance is NULL. */
char *config_expand(const char *text, const char *instance);

/* With %i in names of files replaced by the instance, which may be NULL. */
int config_load_as(const char *path, const char *instance, struct config *out, struct reason *why);
/* Fills *out, which config_free empties in any case. 0, or -1 with *why. */
int config_load(const char *path, struct config *out, struct reason *why);
void config_free(struct config *c);
/* The credentials' part. Strings are borrowed from c; look-ups and arg are the caller's to add. */
void config_tls(const struct config *c, struct tls_config *out);

#endif
