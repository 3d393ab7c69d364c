/* SPDX-License-Identifier: GPL-3.0-or-later */
/* consent - the owner's say: policy at once, or a decision later (RFC 9066, 5.3.1; CH-29 to CH-33, CH-46 to CH-48). */
#ifndef SERVERD_CONSENT_H
#define SERVERD_CONSENT_H

#include "core.h"

enum verdict { VERDICT_ACCEPT, VERDICT_ASK, VERDICT_LEGITIMATE };

/* Pure. why (may be NULL) gets a short text for the owner: why he is asked. */
enum verdict consent_judge(const struct peer_config *p, const struct prefix_list *guarded, const struct mitigation *m, const char **why);

/* The owner decides about r. who: he, for the audit trail; NULL = the policy. host: the one host he names, NULL = as resolved.
   Lines and effects go into *o. False when there was nothing to decide (it is over). */
bool consent_accept(struct core *core, struct record *r, const char *host, const char *who, struct moment at, struct outcome *o);
bool consent_reject(struct core *core, struct record *r, const char *note, const char *who, struct moment at, struct outcome *o);

/* May he name this host? Of several that were found it has to be one; else any address. 0, or -1 with *why. */
int consent_host(const struct record *r, const char *host, struct reason *why);

/* Until when a question that is asked now waits for the owner; LEDGER_NEVER = as long as the request lives. p: NULL allowed. */
int64_t consent_until(const struct peer_config *p, const struct mitigation *m, int64_t now);

/* Reads "nameserver ADDRESS" lines of a resolv.conf into *out. */
void consent_resolvers(const char *path, struct prefix_list *out);

#endif
