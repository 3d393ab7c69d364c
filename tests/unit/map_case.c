/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "map_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nat_json.h"

struct table *case_table(const char *text, size_t len, size_t step, int64_t captured, struct reason *why)
{
	struct nat_builder b;
	builder_init(&b);
	struct nat_json *p = nat_json_new(&b, builder_source(&b, "test", captured, CAPTURED_GIVEN));
	int status = 0;
	for (size_t at = 0; at < len && status == 0; at += step ? step : len)
		status = nat_json_feed(p, text + at, step && at + step < len ? step : len - at, why);
	if (status == 0)
		status = nat_json_end(p, why);
	nat_json_free(p);
	if (status == 0)
		return builder_finish(&b, why);
	builder_free(&b);
	return NULL;
}

static void collect(void *arg, json_t *line)
{
	json_array_append_new(arg, line);
}

json_t *case_rewrite(const struct nat *nat, const struct rewrite_rules *rules, const char *line, int64_t now)
{
	struct envelope e;
	struct reason why;
	json_t *out = json_array();
	if (envelope_parse(line, strlen(line), &e, &why) < 0)
		json_array_append_new(out, envelope_error(&why, &e));
	else if (!rewrite(nat, rules, &e, now, collect, out))
		json_array_append_new(out, json_string("pass"));
	envelope_free(&e);
	return out;
}

char *case_read_file(const char *name, size_t *len)
{
	char path[512];
	const char *top = getenv("top_srcdir");
	snprintf(path, sizeof path, "%s/tests/golden/%s", top ? top : ".", name);
	FILE *f = fopen(path, "re");
	if (!f)
		return NULL;
	char *text = NULL;
	size_t n = 0, cap = 0;
	do {
		cap = cap * 2 + 4096;
		text = realloc(text, cap + 1);
		n += fread(text + n, 1, cap - n, f);
	} while (n == cap);
	fclose(f);
	text[n] = '\0';
	if (len)
		*len = n;
	return text;
}
