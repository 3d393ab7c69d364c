/* SPDX-License-Identifier: GPL-3.0-or-later */
/* path - Uri-Path and Uri-Query of a DOTS request: the resource, cuid, mid or sid, and the c= filter (RFC 9132, 4.4 to 4.5). */
#ifndef SERVERD_PATH_H
#define SERVERD_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"
#include "link/message.h"

enum resource { RESOURCE_MITIGATE, RESOURCE_CONFIG, RESOURCE_REDIRECT };
enum content { CONTENT_ALL, CONTENT_CONFIG, CONTENT_NON_CONFIG };   /* c=a, c=c, c=n */

struct target {
	enum resource resource;
	const char *cuid;            /* points into the message; NULL = absent */
	bool has_mid, has_sid;
	uint32_t mid, sid;
	enum content content;
};

/* Which identifiers must be there is the resource's business; their form, order and place are checked here. 0, or -1 with *why:
   4.04 for no resource of ours, 4.00 for the rest. */
int path_parse(const struct message *m, struct target *out, struct reason *why);

#endif
