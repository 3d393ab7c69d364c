/* SPDX-License-Identifier: GPL-3.0-or-later */
/* settings_private - the sections of serverd.conf, for settings*.c alone. */
#ifndef SERVERD_SETTINGS_PRIVATE_H
#define SERVERD_SETTINGS_PRIVATE_H

#include "settings.h"

extern const struct conf_key settings_provider_keys[];

/* One of two words. 0 or 1, or -1 with *why. */
int settings_word(const struct conf_section *s, const char *name, const char *zero, const char *one, struct reason *why);
/* 0, or -1 with *why; settings_peer_free in both cases. */
int settings_read_provider(const struct conf_section *s, struct peer_config *p, struct reason *why);
void settings_peer_free(struct peer_config *p);      /* its contents; wipes the key */

#endif
