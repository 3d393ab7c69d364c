/* SPDX-License-Identifier: GPL-3.0-or-later */
/* settings - serverd.conf as structures: the providers, their credentials, their scope and the owner's policy. */
#ifndef SERVERD_SETTINGS_H
#define SERVERD_SETTINGS_H

#include <stdbool.h>
#include <stdio.h>

#include "base/conf.h"
#include "dots/mitigation.h"
#include "link/tls.h"

#define DOTS_CALL_HOME_SERVICE "_dots-call-home"   /* RFC 8973, 5.3 */
#define BASE_PORT 4646                /* RFC 9132, 3 */
#define CALL_HOME_PORT 4647          /* the draft's own suggestion; RFC 9066 leaves it to the two sides */

enum consent_policy { CONSENT_AUTO, CONSENT_ASK };

/* Who dials is the one difference between the two signal channels: we call a provider (RFC 9066), a client calls us (RFC 9132). What a request may be, and
   what the end of a session means, follow from it. */
enum channel_kind { CHANNEL_CALL_HOME, CHANNEL_BASE };

struct psk { const char *identity; uint8_t key[TLS_PSK_MAX]; size_t key_len; };

/* What the owner says beforehand about requests of one peer, or about some of its sources. */
struct policy {
	struct prefix_list source;           /* of a section of its own: what it is about */
	enum consent_policy consent;
	unsigned ask_above, ask_above_6;     /* a source prefix shorter than this is never `auto` */
	unsigned consent_s;                  /* an unanswered question ends after this; 0 = never */
	bool consent_accept;                 /* … with accept instead of reject */
};

/* Strings belong to the file (struct conf) and live as long as the configuration. */
struct peer_config {
	const char *name;
	enum channel_kind channel;
	struct text_list addresses;          /* addresses or names, in the file's order */
	const char *domain;                  /* without addresses: whose services tell them (RFC 8973) */
	uint16_t port;
	bool udp, tcp;
	const char *psk_identity;
	uint8_t psk_key[TLS_PSK_MAX];
	size_t psk_key_len;
	const char *certificate_file, *key_file, *ca_file, *crl_file;
	struct text_list server_names;       /* the certificates it may show, each the name of a client of its own */
	struct prefix_list scope;            /* sources this provider may name (CH-25) */
	struct text_list scope_interfaces;   /* and the addresses of these */
	struct prefix_list targets;          /* Call Home: non-routable targets allowed all the same. Base: the client's own domain */
	struct text_list names;              /* base: and its domain names, with all below them */
	struct policy policy;                /* for all sources … */
	struct policy *policies;             /* … but these: the longest prefix wins */
	size_t n_policies;
	struct prefix_list legitimate_sources, legitimate_targets;   /* known good traffic: 4.09 cause 4 at once (CH-32) */
	unsigned nat_timeout;                /* seconds; the bound of heartbeat-interval (CH-09) */
	unsigned retry_s;                    /* between rounds of dialling (RFC 9132, 4.7) */
	unsigned max_mitigations;            /* of this provider */
	int64_t max_lifetime;                /* seconds; what -1 is granted unless indefinite */
	bool indefinite;
	/* By which credentials a client is known: any of them, each a client of its own to the protocol. */
	struct psk *psks;
	size_t n_psks;
	struct text_list certificate_names;
	uint8_t (*spkis)[32];                /* SHA-256 of the SubjectPublicKeyInfo. Of a provider: the keys it may show */
	size_t n_spkis;
};

enum redirect_policy { REDIRECT_NEVER, REDIRECT_FULL, REDIRECT_ALWAYS };

/* The base signal channel's server. */
struct listen_settings {
	struct text_list addresses;
	uint16_t port;
	bool udp, tcp;
	const char *certificate_file, *key_file, *ca_file, *crl_file, *ticket_key_file;
	unsigned max_half_open;              /* 0 = the library's */
	/* Where clients are sent instead (RFC 9132, 4.6). */
	enum redirect_policy redirect;
	const char *alt_server;
	struct prefix_list alt_records;
	uint32_t alt_ttl;
};

struct settings {
	struct conf *conf;                   /* the file, for -n */
	unsigned terminating_s;              /* active-but-terminating, RFC 9132, 4.4.4 */
	unsigned rejected_s;                 /* how long an owner's rejection stands */
	struct policy policy;                /* for all peers: consent_s and consent_accept */
	const char *state;                   /* NULL: nothing is kept */
	bool has_listen;
	struct listen_settings listen;
	struct peer_config *peers;           /* providers, then clients */
	size_t n_peers;
};

/* NULL with *why naming the file's line, option or secret. settings_free wipes the keys; NULL allowed. */
struct settings *settings_load(const char *path, struct reason *why);
void settings_free(struct settings *c);
const struct peer_config *settings_peer(const struct settings *c, const char *name);   /* NULL: not configured */

#endif
