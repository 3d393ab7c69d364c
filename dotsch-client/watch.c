/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/when.h"
#include "text.h"

#define BAR_CELLS 10

void watch_add(struct watch *w, const json_t *request)
{
	if (w->n == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 64;
		json_t **v = realloc(w->v, cap * sizeof(json_t *));
		if (!v)
			return;
		w->v = v;
		w->cap = cap;
	}
	w->v[w->n++] = json_incref((json_t *)(uintptr_t)request);
}

void watch_clear(struct watch *w)
{
	for (size_t i = 0; i < w->n; i++)
		json_decref(w->v[i]);
	free(w->v);
	*w = (struct watch){ 0 };
}

static const json_t *scope_of(const json_t *line)
{
	return json_array_get(json_object_get(json_object_get(line, "ietf-dots-signal-channel:mitigation-scope"), "scope"), 0);
}

static uint64_t dropped(const json_t *line)
{
	const char *text = json_string_value(json_object_get(scope_of(line), "pps-dropped"));
	return text ? strtoull(text, NULL, 10) : 0;
}

/* "100.64.8.21/32 +2": the first of a list, and how many more. */
static void first_of(const json_t *array, char *out, size_t cap)
{
	const char *text = json_string_value(json_array_get(array, 0));
	size_t n = json_array_size(array), len = text ? strlen(text) : 0;
	/* A host is a host; its /32 only takes room. */
	if (len > 3 && !strcmp(text + len - 3, "/32"))
		len -= 3;
	else if (len > 4 && !strcmp(text + len - 4, "/128"))
		len -= 4;
	snprintf(out, cap, n > 1 ? "%.*s +%zu" : "%.*s", (int)len, text ? text : "", n - 1);
}

/* Eighths of a cell, so that a small bar still tells differences. */
static void bar(struct buf *out, uint64_t value, uint64_t most)
{
	static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	unsigned parts = most ? (unsigned)(value * BAR_CELLS * 8 / most) : 0, cells = 0;
	if (value && !parts)
		parts = 1;
	for (; parts >= 8; parts -= 8, cells++)
		buf_text(out, "█");
	if (parts) {
		buf_text(out, eighths[parts]);
		cells++;
	}
	buf_printf(out, "%*s", BAR_CELLS - (int)cells, "");
}

static void row(const json_t *line, uint64_t most, unsigned width, bool colours, struct buf *out)
{
	char source[64], target[64], count[16], life[WHEN_TEXT_MAX] = "no end";
	const json_t *s = scope_of(line);
	const char *peer = json_string_value(json_object_get(line, "peer")), *colour;
	int64_t left = json_integer_value(json_object_get(line, "lifetime"));
	const char *status = text_standing(line, &colour);
	first_of(json_object_get(s, "ietf-dots-call-home:source-prefix"), source, sizeof source);
	first_of(json_object_get(s, "target-prefix"), target, sizeof target);
	if (left >= 0)
		duration_format(left, life);
	buf_printf(out, "%-*.*s %10" JSON_INTEGER_FORMAT "  ", (int)width, (int)width, peer ? peer : "", json_integer_value(json_object_get(line, "mid")));
	buf_printf(out, "%-18.18s %-18.18s ", source, target);
	buf_printf(out, colours ? "\033[%sm%-25.25s\033[0m " : "%.0s%-25.25s ", colour, status);
	buf_printf(out, "%6s ", text_count(dropped(line), count));
	bar(out, dropped(line), most);
	buf_printf(out, " %9s", life);
}

void watch_paint(const struct watch *w, unsigned rows, unsigned columns, bool colours, struct buf *out)
{
	uint64_t most = 0;
	unsigned shown = 0, room = rows > 4 ? rows - 4 : 1, fixed = 11 + 2 + 19 + 19 + 26 + 7 + BAR_CELLS + 10, width = 10;
	if (columns > fixed + width)
		width = columns - fixed > 24 ? 24 : columns - fixed;
	for (size_t i = 0; i < w->n; i++)
		if (dropped(w->v[i]) > most)
			most = dropped(w->v[i]);
	buf_text(out, colours ? "\033[1m" : "");
	buf_printf(out, "%-*s %10s  %-18s %-18s %-25s ", (int)width, "PEER", "MID", "SOURCE", "TARGET", "STATUS");
	buf_printf(out, "%6s %-*s %9s%s\r\n", "PKT/S", BAR_CELLS, "DROPPED", "LEFT", colours ? "\033[0m" : "");
	for (size_t i = 0; i < w->n && shown < room; i++, shown++) {
		row(w->v[i], most, width, colours, out);
		buf_text(out, "\033[K\r\n");
	}
	if (w->n > shown)
		buf_printf(out, "… and %zu more\033[K\r\n", w->n - shown);
	if (!w->n)
		buf_text(out, "no requests\033[K\r\n");
}
