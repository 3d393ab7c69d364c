/* SPDX-License-Identifier: GPL-3.0-or-later */
/* psk - which pre-shared keys are taken, by either side, wherever they are written down. */
#ifndef LINK_PSK_H
#define LINK_PSK_H

#include "base/reason.h"
#include "link/tls.h"

/* Less than 128 bits can be guessed from one recorded handshake (RFC 9257, 6). */
#define TLS_PSK_MIN 16

/* Hexadecimal digits as a key. 0, or -1 with *why about `field`, which never shows the value. */
int psk_from_hex(const char *digits, size_t len, const char *field, uint8_t key[TLS_PSK_MAX], size_t *key_len, struct reason *why);

#endif
