/* SPDX-License-Identifier: GPL-3.0-or-later */
/* resource - one request of a peer: which resource, which method, and the answer. Knows no session: tests call it with a message of their own. */
#ifndef SERVERD_RESOURCE_H
#define SERVERD_RESOURCE_H

#include "core.h"
#include "redirect.h"
#include "sigconfig.h"

void resource_request(struct core *core, const struct requester *who, const struct message *m, struct moment at, struct outcome *o);
/* The state of an observed resource for a notification; `registered` is the request that asked for it. */
void resource_render(struct core *core, const struct requester *who, const struct message *registered, struct moment at, struct reply *out);

/* Does the registered request look at this mitigation? */
struct observed { const char *cuid; uint32_t mid; };
bool resource_observes_mitigation(void *observed, const struct message *registered);
bool resource_observes_config(void *unused, const struct message *registered);

#endif
