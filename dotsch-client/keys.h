/* SPDX-License-Identifier: GPL-3.0-or-later */
/* keys - pre-shared keys out of a SQLite table that belongs to the provider's own provisioning: psk(identity, key), read at each handshake. */
#ifndef CLIENT_KEYS_H
#define CLIENT_KEYS_H

#include "base/reason.h"
#include "link/tls.h"

struct keys;
struct keys *keys_open(const char *path, struct reason *why);   /* NULL with *why: no such file or table */
void keys_close(struct keys *k);                                /* NULL allowed */
/* 0; -1: there is none; TLS_PSK_LATER, which is logged: the table cannot be read just now, or what stands there is no key. */
int keys_find(struct keys *k, const char *identity, uint8_t key[TLS_PSK_MAX], size_t *len);

#endif
