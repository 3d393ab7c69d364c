/* SPDX-License-Identifier: GPL-3.0-or-later */
/* uri - the Uri-Path of each DOTS resource, in its right order (RFC 9132, 4.4 to 4.7). */
#ifndef CLIENT_URI_H
#define CLIENT_URI_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

#include "base/limits.h"

struct uri {
	const char *path[5];
	size_t n;
	char cuid[CUID_MAX_BYTES + 6], number[16];
};

static inline void uri_start(struct uri *u, const char *resource)
{
	u->path[0] = ".well-known";
	u->path[1] = "dots";
	u->path[2] = resource;
	u->n = 3;
}

static inline void uri_cuid(struct uri *u, const char *cuid)
{
	snprintf(u->cuid, sizeof u->cuid, "cuid=%s", cuid);
	u->path[u->n++] = u->cuid;
}

/* name: "mid" or "sid" */
static inline void uri_number(struct uri *u, const char *name, uint32_t number)
{
	snprintf(u->number, sizeof u->number, "%s=%" PRIu32, name, number);
	u->path[u->n++] = u->number;
}

/* mitigate, with cuid and mid: one request. */
static inline void uri_mitigation(struct uri *u, const char *cuid, uint32_t mid)
{
	uri_start(u, "mitigate");
	uri_cuid(u, cuid);
	uri_number(u, "mid", mid);
}

#endif
