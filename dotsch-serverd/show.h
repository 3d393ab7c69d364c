/* SPDX-License-Identifier: GPL-3.0-or-later */
/* show - the lines of a running serverd as text for people. */
#ifndef SERVERD_SHOW_H
#define SERVERD_SHOW_H

#include "base/buf.h"
#include "base/json.h"

/* Appends the line as one or two lines of text; "" for those that say nothing to a person. */
void show_line(const json_t *line, struct buf *out);

#endif
