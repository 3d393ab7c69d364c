/* SPDX-License-Identifier: GPL-3.0-or-later */
/* load - NAT tables from files and pipes into one read-only table. */
#ifndef MAP_LOAD_H
#define MAP_LOAD_H

#include "base/reason.h"
#include "table.h"

struct load_source { const char *path; /* "-" = standard input */ bool has_captured; int64_t captured; };

/* Reads all sources. Progress goes to a terminal on standard error. again: not for the first time, so pipes, which
 * would make everybody wait for a writer, are refused. NULL with *why (which names the file); table_free() it. */
struct table *load_tables(const struct load_source *sources, size_t n, bool again, struct reason *why);

#endif
