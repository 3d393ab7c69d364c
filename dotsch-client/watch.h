/* SPDX-License-Identifier: GPL-3.0-or-later */
/* watch - the live table of all requests on a terminal: peer, mid, target, source, status, dropped/s with a bar, lifetime. */
#ifndef CLIENT_WATCH_H
#define CLIENT_WATCH_H

#include "base/buf.h"
#include "base/json.h"

/* The rows collected since watch_begin; each line is referenced. */
struct watch { json_t **v; size_t n, cap; };

void watch_add(struct watch *w, const json_t *request);
void watch_clear(struct watch *w);
/* Appends one screen of so many rows and columns; newest first, what does not fit is counted. */
void watch_paint(const struct watch *w, unsigned rows, unsigned columns, bool colours, struct buf *out);

#endif
