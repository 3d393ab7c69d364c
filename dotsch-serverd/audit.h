/* SPDX-License-Identifier: GPL-3.0-or-later */
/* audit - who asked for what, who decided, and what was dropped in the end: lines that are kept in the store. */
#ifndef SERVERD_AUDIT_H
#define SERVERD_AUDIT_H

#include "outcome.h"

/* Adds {"type":"audit","time":…,"event":…,"peer":…,"cuid":…,"mid":…,"by":…,…} to the outcome. event: requested, replaced, accepted, rejected, fired, armed, ended.
   by: the provider, "policy", who decided, or the cause of the end. The line carries the request, what was dropped so far, and the device. note may be NULL. */
void audit_note(struct outcome *o, const struct record *r, const char *event, const char *by, const char *note);

#endif
