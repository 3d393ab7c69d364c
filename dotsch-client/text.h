/* SPDX-License-Identifier: GPL-3.0-or-later */
/* text - one line of ours as a person reads it. */
#ifndef CLIENT_TEXT_H
#define CLIENT_TEXT_H

#include "base/buf.h"
#include "base/json.h"

/* Appends it without a line feed; nothing at all for what is of no interest to people. */
void text_of_line(const json_t *line, bool colours, struct buf *out);
/* How a `request` line stands, in words; *colour is the terminal's colour for it. */
const char *text_standing(const json_t *request, const char **colour);
/* On standard error: what was still open when the time of --wait was over, out of an array of such lines. NULL: nothing. */
void text_tell_unfinished(const json_t *requests);
/* "1.2k", "35M": a count for people. Returns out. */
char *text_count(uint64_t n, char out[16]);

#endif
