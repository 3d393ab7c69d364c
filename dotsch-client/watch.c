/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/when.h"
#include "text.h"

#define BAR_CELLS 10
#define BAR_LEAST 4
#define STATUS_CELLS 25             /* "accepted, not blocked yet" */
#define PEER_CELLS 24

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
static void bar(struct buf *out, unsigned width, uint64_t value, uint64_t most)
{
	static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	unsigned parts = most ? (unsigned)(value * width * 8 / most) : 0, cells = 0;
	if (value && !parts)
		parts = 1;
	for (; parts >= 8; parts -= 8, cells++)
		buf_text(out, "█");
	if (parts) {
		buf_text(out, eighths[parts]);
		cells++;
	}
	buf_printf(out, "%*s", (int)(width - cells), "");
}

/* What each column gets of the terminal's width. */
struct layout { unsigned peer, source, target, status, bar; };

#define FIXED (10 + 6 + 9 + 6)          /* the mid, the rate, the time left, and what divides the columns */

static unsigned grow(unsigned *column, size_t to, unsigned spare)
{
	unsigned more = to > *column ? (unsigned)to - *column : 0;
	if (more > spare)
		more = spare;
	*column += more;
	return spare - more;
}

/* An IPv4 address has its room on a terminal of 80 columns; what there is more goes to the words, the bar, and then to what is longer. */
static struct layout layout_for(const struct watch *w, unsigned columns)
{
	struct layout l = { .peer = 8, .source = 15, .target = 15, .status = 10 };
	size_t peer = 0, source = 0, target = 0;
	for (size_t i = 0; i < w->n; i++) {
		char text[64];
		size_t len = json_string_length(json_object_get(w->v[i], "peer"));
		peer = len > peer ? len : peer;
		first_of(json_object_get(scope_of(w->v[i]), "ietf-dots-call-home:source-prefix"), text, sizeof text);
		source = strlen(text) > source ? strlen(text) : source;
		first_of(json_object_get(scope_of(w->v[i]), "target-prefix"), text, sizeof text);
		target = strlen(text) > target ? strlen(text) : target;
	}
	unsigned needed = FIXED + l.peer + l.source + l.target + l.status, spare = columns > needed ? columns - needed : 0;
	spare = grow(&l.status, STATUS_CELLS, spare);
	if (spare > BAR_LEAST) {
		l.bar = spare > BAR_CELLS ? BAR_CELLS : spare - 1;
		spare -= l.bar + 1;
	}
	spare = grow(&l.source, source, spare);
	spare = grow(&l.target, target, spare);
	grow(&l.peer, peer > PEER_CELLS ? PEER_CELLS : peer, spare);
	return l;
}

/* Text in `width` cells: what is cut says so, since half an address is another one. */
static void cell(struct buf *out, const char *text, unsigned width)
{
	size_t cells = 0, fits = 0;
	for (const char *p = text; *p; p++) {
		if (((unsigned char)*p & 0xc0) == 0x80)
			continue;
		if (cells == width - 1)
			fits = (size_t)(p - text);
		cells++;
	}
	if (cells > width)
		buf_printf(out, "%.*s…", (int)fits, text);
	else
		buf_printf(out, "%s%*s", text, (int)(width - cells), "");
}

static void row(const json_t *line, uint64_t most, const struct layout *l, bool colours, struct buf *out)
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
	cell(out, peer ? peer : "", l->peer);
	buf_printf(out, " %10" JSON_INTEGER_FORMAT " ", json_integer_value(json_object_get(line, "mid")));
	cell(out, source, l->source);
	buf_text(out, " ");
	cell(out, target, l->target);
	buf_text(out, " ");
	if (colours)
		buf_printf(out, "\033[%sm", colour);
	cell(out, status, l->status);
	buf_printf(out, "%s %6s ", colours ? "\033[0m" : "", text_count(dropped(line), count));
	if (l->bar) {
		bar(out, l->bar, dropped(line), most);
		buf_text(out, " ");
	}
	buf_printf(out, "%9s", life);
}

void watch_paint(const struct watch *w, unsigned rows, unsigned columns, bool colours, struct buf *out)
{
	/* The last column stays free: a terminal's cursor stands on what is written there, and would clear it with the rest of the row. */
	const struct layout l = layout_for(w, columns ? columns - 1 : 0);
	uint64_t most = 0;
	unsigned shown = 0, room = rows > 4 ? rows - 4 : 1;
	for (size_t i = 0; i < w->n; i++)
		if (dropped(w->v[i]) > most)
			most = dropped(w->v[i]);
	buf_text(out, colours ? "\033[1m" : "");
	buf_printf(out, "%-*s %10s %-*s %-*s %-*s ", (int)l.peer, "PEER", "MID", (int)l.source, "SOURCE", (int)l.target, "TARGET", (int)l.status, "STATUS");
	buf_printf(out, "%6s %-*.*s%9s%s\033[K\r\n", "PKT/S", l.bar ? (int)l.bar + 1 : 0, (int)l.bar, "DROPPED", "LEFT", colours ? "\033[0m" : "");
	for (size_t i = 0; i < w->n && shown < room; i++, shown++) {
		row(w->v[i], most, &l, colours, out);
		buf_text(out, "\033[K\r\n");
	}
	if (w->n > shown)
		buf_printf(out, "… and %zu more\033[K\r\n", w->n - shown);
	if (!w->n)
		buf_text(out, "no requests\033[K\r\n");
}
