/* SPDX-License-Identifier: GPL-3.0-or-later */
/* request - what a mitigate line says beside its DOTS content (dotsch-lines(5)). */
#ifndef BLOCK_REQUEST_H
#define BLOCK_REQUEST_H

#include "base/json.h"
#include "plan.h"

struct request {
	struct host *hosts;          /* owned */
	size_t n;
	bool has_hosts, pending;
	const char *certainty;       /* the line's; NULL = none */
};

/* Fills *out (initialised by it). 0, or -1 with *why. request_free frees the contents; after a failure there is nothing to free. */
int request_parse(const json_t *line, struct request *out, struct reason *why);
void request_free(struct request *r);
/* "02:00:5e:10:00:01". 0, or -1. */
int mac_parse(const char *text, uint8_t out[6]);

#endif
