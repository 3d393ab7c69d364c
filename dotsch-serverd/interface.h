/* SPDX-License-Identifier: GPL-3.0-or-later */
/* interface - the addresses of an interface and the prefixes delegated to this router, followed as they change; the one door to rtnetlink. */
#ifndef SERVERD_INTERFACE_H
#define SERVERD_INTERFACE_H

#include "base/loop.h"
#include "base/reason.h"
#include "dots/mitigation.h"

struct interfaces;

/* changed: something about addresses or routes has; read again with interfaces_read. NULL with *why. */
struct interfaces *interfaces_new(struct loop *l, void (*changed)(void *arg), void *arg, struct reason *why);
void interfaces_free(struct interfaces *s);            /* NULL allowed */
/* Appends the global addresses of the interface as hosts, and the delegated prefixes: those with an unreachable route of the main table, which a router
   sets up for what it was given (RFC 7084, WPD-5). An interface that is not there has none. 0, or -1 when the kernel cannot be asked. */
int interfaces_read(struct interfaces *s, const struct text_list *interfaces, struct prefix_list *out);

#endif
