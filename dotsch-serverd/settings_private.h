/* SPDX-License-Identifier: GPL-3.0-or-later */
/* settings_private - the sections of serverd.conf, for settings*.c alone. */
#ifndef SERVERD_SETTINGS_PRIVATE_H
#define SERVERD_SETTINGS_PRIVATE_H

#include "settings.h"

extern const struct conf_key settings_provider_keys[], settings_client_keys[], settings_listen_keys[];

/* One of two words. 0 or 1, or -1 with *why. */
int settings_word(const struct conf_section *s, const char *name, const char *zero, const char *one, struct reason *why);
/* Prefixes and texts of a list. 0, or -1 with *why. */
int settings_prefixes(const struct conf_section *s, const char *name, struct prefix_list *out, struct reason *why);
int settings_texts(const struct conf_section *s, const char *name, struct text_list *out, struct reason *why);
/* Names of hosts; or, with addresses, those as well. */
int settings_hosts(const struct conf_section *s, const char *name, bool addresses, struct text_list *out, struct reason *why);

int settings_transports(const struct conf_section *s, bool *udp, bool *tcp, struct reason *why);
int settings_spkis(const struct conf_section *s, const char *name, struct peer_config *p, struct reason *why);
/* A pre-shared key as hexadecimal digits, in a file of its own (path) or as they are: one of the two is NULL. */
int settings_psk(const char *digits, const char *path, uint8_t key[TLS_PSK_MAX], size_t *len, struct reason *why);
/* What is granted, and what is legitimate: the same for providers and clients. */
int settings_limits(const struct conf_section *s, struct peer_config *p, struct reason *why);

/* The owner's policy: for everybody, for a peer, for some of its sources; what a section does not say stays as it is. */
#define SETTINGS_POLICY_KEYS \
	{ .name = "consent", .type = CONF_STRING }, \
	{ .name = "ask-above", .type = CONF_INT, .min = 0, .max = 32 }, \
	{ .name = "ask-above-ipv6", .type = CONF_INT, .min = 0, .max = 128 }, \
	{ .name = "consent-time", .type = CONF_DURATION, .min = 0, .max = 604800 }, \
	{ .name = "consent-default", .type = CONF_STRING }
int settings_read_policy(const struct conf_section *s, struct policy *p, struct reason *why);
extern const struct conf_key settings_policy_keys[];         /* of a section policy "NAME" { … } */
/* Those sections; p->policy has been read. */
int settings_read_policies(const struct conf_section *s, struct peer_config *p, struct reason *why);

/* 0, or -1 with *why; settings_peer_free in both cases. general: the policy for everybody. */
int settings_read_provider(const struct conf_section *s, const struct policy *general, struct peer_config *p, struct reason *why);
int settings_read_client(const struct conf_section *s, const struct policy *general, struct peer_config *p, struct reason *why);
void settings_peer_free(struct peer_config *p);      /* its contents; wipes the keys */
int settings_read_listen(const struct conf_section *s, struct listen_settings *l, struct reason *why);
void settings_listen_free(struct listen_settings *l);

#endif
