/* SPDX-License-Identifier: GPL-3.0-or-later */
/* tell - the lines that dotsch-client writes: status, response, session (dotsch-lines(5)). */
#ifndef CLIENT_TELL_H
#define CLIENT_TELL_H

#include "dots/body.h"
#include "link/session.h"
#include "mitigations.h"

/* Words of our own beside the DOTS status labels. */
#define TOLD_WAITING "waiting"           /* not sent yet, or to be sent again */
#define TOLD_UNANSWERED "unanswered"     /* sent, no answer; it is repeated */
#define TOLD_REFUSED "refused"           /* not in force, and will not be */
#define TOLD_EXPIRED "expired"           /* its lifetime ended before it came into force */
#define TOLD_WITHDRAWN "withdrawn"       /* taken back before it was sent */

/* A status line of our own making: one of the words above, and why. */
void tell_word(struct entry *e, const char *word, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The state that the peer told; reason may be NULL. */
void tell_state(struct entry *e, const struct mitigation *m, const char *reason);

/* An answer of the peer. asked, ref, cuid may be NULL; mid < 0 = none. Decodes the payload into *body (initialised by it; empty when it holds none, or a bad one). */
struct answer {
	struct agent *agent;
	struct console *asked;
	const char *peer, *ref, *cuid, *method, *resource, *warning;
	unsigned part, parts;
	int64_t mid;
	const struct response *response;
};
void tell_answer(const struct answer *a, struct body *body);
/* The same for a request of the table. */
void tell_entry_answer(struct entry *e, const char *method, const struct response *r, struct body *body);

/* {"type":"session","event":…}: c and why may be NULL. */
void tell_session(struct agent *a, const char *event, const char *peer, const struct channel *c, const char *why);
void tell_refused(struct agent *a, const struct sockaddr_storage *remote, enum transport transport, const char *identity, const char *why);
/* CH-45: that address is left out for a while. */
void tell_penalised(struct agent *a, const struct sockaddr_storage *remote, enum transport transport, const char *why);

const char *conflict_cause_words(enum conflict_cause cause);
/* "overlapping targets with mid 7 …": the conflict for people. Returns out. */
const char *conflict_words(const struct conflict *c, char *out, size_t cap);

#endif
