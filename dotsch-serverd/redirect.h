/* SPDX-License-Identifier: GPL-3.0-or-later */
/* redirect - a provider sends this router to another of its listeners (RFC 9066, 5.2.2). */
#ifndef SERVERD_REDIRECT_H
#define SERVERD_REDIRECT_H

#include "dots/mitigation.h"
#include "link/message.h"
#include "reply.h"

#define REDIRECT_FOREVER 4294967295u
#define REDIRECT_PAUSE_S 300         /* a second redirection within this time is refused: two listeners could play ball */

struct redirection {
	char *name;                  /* alt-ch-client: what its certificate has to carry; NULL = none */
	struct text_list hosts;      /* its addresses, or its name when none were given */
	uint32_t ttl;                /* seconds; 0 = for this session only, REDIRECT_FOREVER */
};

void redirect_init(struct redirection *r);
void redirect_free(struct redirection *r);   /* NULL allowed; leaves it as after init */
/* Answers a PUT: 2.01 and *out filled in, or a refusal and *out empty. since_s: seconds since the last redirection, -1 = never. */
void redirect_request(const struct message *m, int64_t since_s, struct redirection *out, struct reply *reply);

#endif
