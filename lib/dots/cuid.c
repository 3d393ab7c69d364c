/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dots/cuid.h"

#include "base/buf.h"

void cuid_from_digest(const unsigned char sha256[32], char out[CUID_DERIVED_LEN + 1])
{
	base64url_encode(sha256, 16, out);
}
