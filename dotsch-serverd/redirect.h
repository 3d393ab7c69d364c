/* SPDX-License-Identifier: GPL-3.0-or-later */
/* redirect - a provider sends this router to another of its listeners (RFC 9066, 5.2.2). */
#ifndef SERVERD_REDIRECT_H
#define SERVERD_REDIRECT_H

#include "base/limits.h"
#include "core.h"
#include "dots/mitigation.h"
#include "link/message.h"
#include "reply.h"

#define REDIRECT_FOREVER 4294967295u
#define REDIRECT_MET_S 300           /* nobody sends us to whom we have talked to within this time: two listeners could play ball (RFC 9132, 4.6) */
#define REDIRECT_MET_MAX 8           /* nor on more often than this within it: more of them could, too */

struct redirection {
	char *name;                  /* alt-ch-client: what its certificate has to carry; NULL = none */
	struct text_list hosts;      /* its addresses, or its name when none were given */
	uint32_t ttl;                /* seconds; 0 = for this session only, REDIRECT_FOREVER */
};

/* A listener of the provider. One name can stand for many, so its address counts, too. */
struct redirect_place {
	char name[NAME_MAX_BYTES + 1];       /* "" = where the router was told to call */
	struct prefix address;
	int64_t at;                          /* ms; 0 = none */
};

struct redirect_met {
	struct redirect_place here;
	struct redirect_place left[REDIRECT_MET_MAX];        /* when we did; the oldest is overwritten */
	unsigned next;
};

/* A session stands there (name NULL: where the router was told to call), and: we leave for another place. */
void redirect_arrive(struct redirect_met *met, const char *name, const struct prefix *address, int64_t now);
void redirect_leave(struct redirect_met *met, int64_t now);

void redirect_init(struct redirection *r);
void redirect_free(struct redirection *r);   /* NULL allowed; leaves it as after init */
/* Answers a PUT: 2.01 and who->redirection filled in, or a refusal and that empty. */
void redirect_request(const struct message *m, const struct requester *who, int64_t now, struct reply *reply);

#endif
