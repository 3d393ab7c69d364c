/* SPDX-License-Identifier: GPL-3.0-or-later */
/* map_case - what the tests of dotsch-map share: tables out of text, and one line through the rewriting. */
#ifndef TEST_MAP_CASE_H
#define TEST_MAP_CASE_H

#include "base/json.h"
#include "builder.h"
#include "rewrite.h"

/* The table in `text`, fed in steps of `step` bytes (0 = at once), captured at that wall time. NULL with *why. */
struct table *case_table(const char *text, size_t len, size_t step, int64_t captured, struct reason *why);
/* The lines that become of one; a JSON array. A line that passes as it is gives ["pass"]. */
json_t *case_rewrite(const struct nat *nat, const struct rewrite_rules *rules, const char *line, int64_t now);
char *case_read_file(const char *name, size_t *len);   /* from tests/golden; the caller frees */

#endif
