/* SPDX-License-Identifier: GPL-3.0-or-later */
/* preset - mitigations prepared for the loss of the signal channel: trigger-mitigation false, on the base channel only (RFC 9132, 4.4.1). They are armed
   (status 8), fired when their client is lost, and armed again when the attack is over or another request takes their place. */
#ifndef SERVERD_PRESET_H
#define SERVERD_PRESET_H

#include "core.h"

bool preset_is(const struct record *r);
/* The signal channel to those who use this credential is lost, or there again, or was closed. Recovery stops nothing (RFC 9132, 4.4.4). */
void preset_signal(struct core *core, const struct peer_config *peer, const char *credential, enum presence presence, struct moment at, struct outcome *o);
/* A fired one whose place another request has taken (STATUS_WITHDRAWN), or whose attack has stopped (STATUS_STOPPED): that is told four times (Table 3),
   then it is armed again. cause: of the withdraw line. */
void preset_rearm(struct core *core, struct record *r, enum dots_status last, const char *cause, struct moment at, struct outcome *o);
/* The enforcing side says that the attack is over. */
void preset_stopped(struct core *core, struct record *r, struct moment at, struct outcome *o);
/* The last word of an armed one is due again. */
void preset_due(struct core *core, struct record *r, struct moment at, struct outcome *o);

#endif
