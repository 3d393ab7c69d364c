/* SPDX-License-Identifier: GPL-3.0-or-later */
/* credential - by what a peer proved who it is, as text that outlives a session: one peer may have several, each of a client of its own. */
#ifndef SERVERD_CREDENTIAL_H
#define SERVERD_CREDENTIAL_H

#include "link/channel.h"

#define CREDENTIAL_TEXT_MAX 300

/* "psk:NAME", "certificate:NAME" (a renewed certificate of the same name is the same one), "raw-key:SHA-256 of the SubjectPublicKeyInfo". Returns out. */
const char *credential_text(const struct identity *id, char out[CREDENTIAL_TEXT_MAX]);

#endif
