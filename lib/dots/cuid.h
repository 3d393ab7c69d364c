/* SPDX-License-Identifier: GPL-3.0-or-later */
/* cuid - the client's own identifier out of its credential (RFC 9132, 4.4.1.1). */
#ifndef DOTS_CUID_H
#define DOTS_CUID_H

#include <stddef.h>

#define CUID_DERIVED_LEN 22

/* First 16 bytes of SHA-256 of the input (SPKI in DER, or PSK identity bytes; the caller hashes: link/tls owns the crypto), base64url, no padding. */
void cuid_from_digest(const unsigned char sha256[32], char out[CUID_DERIVED_LEN + 1]);

#endif
