/* SPDX-License-Identifier: GPL-3.0-or-later */
/* snapshot - a table as a file that is mapped and checked, not parsed: made once by `dotsch-map compile`, taken up in milliseconds. */
#ifndef MAP_SNAPSHOT_H
#define MAP_SNAPSHOT_H

#include "base/reason.h"
#include "table.h"

/* Writes it beside `path`, then moves it into place; mode 0600, since it holds personal data. 0, or -1 with *why. */
int snapshot_write(const struct table *t, const char *path, struct reason *why);
/* Maps the file and checks all of it: version, sizes, checksum, and every number that points somewhere. copy: for long use, independent of the file, which
   somebody may write anew in place. NULL with *why. */
struct table *snapshot_open(const char *path, bool copy, struct reason *why);
/* The same for bytes in memory (aligned to eight), which must outlive the table. */
struct table *snapshot_parse(const void *data, size_t len, struct reason *why);
/* Writes the checksum into bytes that are otherwise complete; len >= 16. */
void snapshot_seal(void *data, size_t len);

#endif
