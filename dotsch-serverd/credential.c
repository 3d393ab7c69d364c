/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "credential.h"

#include <ctype.h>
#include <stdio.h>

const char *credential_text(const struct identity *id, char out[CREDENTIAL_TEXT_MAX])
{
	static const char *const kinds[] = { [IDENTITY_NONE] = "none:", [IDENTITY_PSK] = "psk:", [IDENTITY_X509] = "certificate:", [IDENTITY_RAWPK] = "raw-key:" };
	int n = snprintf(out, CREDENTIAL_TEXT_MAX, "%s%s", kinds[id->kind], id->name);

	for (size_t i = 0; i < sizeof(id->spki) && id->kind == IDENTITY_RAWPK; i++)
		n += snprintf(out + n, (size_t)(CREDENTIAL_TEXT_MAX - n), "%02x", id->spki[i]);
	/* DNS names do not depend on case. */
	for (char *c = out; *c != '\0' && id->kind == IDENTITY_X509; c++)
		*c = (char)tolower((unsigned char)*c);
	return out;
}
