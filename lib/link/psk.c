/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "link/psk.h"

#include "base/buf.h"

int psk_from_hex(const char *digits, size_t len, const char *field, uint8_t key[TLS_PSK_MAX], size_t *key_len, struct reason *why)
{
	long got = hex_decode(digits, len, key, TLS_PSK_MAX);
	if (got < TLS_PSK_MIN)
		return reason_set(why, REASON_BAD_REQUEST, field, "RFC 9257, 6", "must be %d to %d hexadecimal digits", 2 * TLS_PSK_MIN, 2 * TLS_PSK_MAX);
	*key_len = (size_t)got;
	return 0;
}
