/* SPDX-License-Identifier: GPL-3.0-or-later */
/* unite - two requests as one: every source, port and protocol of either towards every target of either. */
#ifndef CLIENT_UNITE_H
#define CLIENT_UNITE_H

#include "dots/mitigation.h"

/* Adds what `m` names to what *to names. 0, or -1 when out of memory: then *to is neither the one nor the other. */
int unite(struct mitigation *to, const struct mitigation *m);

#endif
