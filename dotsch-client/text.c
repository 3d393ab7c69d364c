/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/log.h"
#include "base/when.h"

#define RED "31"
#define GREEN "32"
#define YELLOW "33"
#define BOLD "1"
#define DIM "2"

struct painter { struct buf *out; bool colours; };

static const char *get(const json_t *line, const char *name)
{
	const char *s = json_string_value(json_object_get(line, name));
	return s ? s : "";
}

static void paint(const struct painter *p, const char *colour, const char *text)
{
	if (p->colours)
		buf_printf(p->out, "\033[%sm%s\033[0m", colour, text);
	else
		buf_text(p->out, text);
}

char *text_count(uint64_t n, char out[16])
{
	static const char units[] = " kMGTPE";
	size_t unit = 0;
	double v = (double)n;
	while (v >= 999.5 && unit + 1 < sizeof units - 1) {
		v /= 1000;
		unit++;
	}
	if (!unit)
		snprintf(out, 16, "%" PRIu64, n);
	else
		snprintf(out, 16, v < 9.95 ? "%.1f%c" : "%.0f%c", v, units[unit]);
	return out;
}

static const json_t *scope_of(const json_t *line)
{
	const json_t *container = json_object_get(line, "ietf-dots-signal-channel:mitigation-scope");
	return json_array_get(json_object_get(container, "scope"), 0);
}

static uint64_t number(const json_t *value)
{
	uint64_t n = 0;
	if (json_is_string(value))
		sscanf(json_string_value(value), "%" SCNu64, &n);
	else if (json_is_integer(value))
		n = (uint64_t)json_integer_value(value);
	return n;
}

/* "cpe-0001 mid 7 (case-17)" */
static void who(const struct painter *p, const json_t *line)
{
	paint(p, BOLD, *get(line, "peer") ? get(line, "peer") : get(line, "name"));
	if (json_object_get(line, "mid"))
		buf_printf(p->out, " mid %" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(line, "mid")));
	if (*get(line, "ref"))
		buf_printf(p->out, " (%s)", get(line, "ref"));
}

static const char *status_colour(const char *status)
{
	if (!strcmp(status, "attack-successfully-mitigated"))
		return GREEN;
	if (!strcmp(status, "refused") || !strcmp(status, "expired") || !strcmp(status, "unanswered") || !strcmp(status, "attack-mitigation-withdrawn"))
		return RED;
	return YELLOW;
}

/* The status for people: the labels are long and all begin alike. */
static const char *status_words(const char *status)
{
	static const char *const words[][2] = {
		{ "attack-mitigation-in-progress", "accepted, not blocked yet" }, { "attack-successfully-mitigated", "blocked" },
		{ "attack-stopped", "the attack has stopped" }, { "attack-exceeded-capability", "too much for the router" },
		{ "dots-client-withdrawn-mitigation", "withdrawn, ending" }, { "attack-mitigation-terminated", "over" },
		{ "attack-mitigation-withdrawn", "ended by the router" },
	};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (!strcmp(words[i][0], status))
			return words[i][1];
	return status;
}

static void tail(const struct painter *p, const json_t *line)
{
	char text[WHEN_TEXT_MAX], count[16];
	const json_t *scope = scope_of(line), *left = json_object_get(line, "lifetime");
	const char *status = get(line, "status");
	if (!strcmp(status, "attack-mitigation-terminated") || !strcmp(status, "attack-mitigation-withdrawn"))
		left = NULL;   /* what is over has no time left */
	if (json_object_get(scope, "pps-dropped"))
		buf_printf(p->out, ", %s packets/s dropped", text_count(number(json_object_get(scope, "pps-dropped")), count));
	if (json_object_get(scope, "pkts-dropped"))
		buf_printf(p->out, ", %s packets in all", text_count(number(json_object_get(scope, "pkts-dropped")), count));
	if (left)
		buf_printf(p->out, ", %s", json_integer_value(left) < 0 ? "no end set" : duration_format(json_integer_value(left), text));
	if (left && json_integer_value(left) >= 0)
		buf_text(p->out, " left");
	if (*get(line, "conflict"))
		buf_printf(p->out, ": %s", get(line, "conflict"));
	if (*get(line, "reason"))
		buf_printf(p->out, ": %s", get(line, "reason"));
}

static void status_line(const struct painter *p, const json_t *line)
{
	const char *status = get(line, "status");
	who(p, line);
	buf_text(p->out, ": ");
	paint(p, status_colour(status), status_words(status));
	tail(p, line);
}

/* An answer with many requests in it: one row each. */
static void scope_rows(const struct painter *p, const json_t *line)
{
	const json_t *scopes = json_object_get(json_object_get(line, "ietf-dots-signal-channel:mitigation-scope"), "scope");
	char count[16], life[WHEN_TEXT_MAX];
	for (size_t i = 0; i < json_array_size(scopes); i++) {
		const json_t *s = json_array_get(scopes, i);
		int64_t left = json_integer_value(json_object_get(s, "lifetime"));
		buf_printf(p->out, "\n  mid %" PRIu64 "  ", number(json_object_get(s, "mid")));
		paint(p, status_colour(get(s, "status")), status_words(get(s, "status")));
		buf_printf(p->out, "  %s  %s packets", left < 0 ? "no end" : duration_format(left, life), text_count(number(json_object_get(s, "pkts-dropped")), count));
		const char *target = json_string_value(json_array_get(json_object_get(s, "target-prefix"), 0));
		const char *source = json_string_value(json_array_get(json_object_get(s, "ietf-dots-call-home:source-prefix"), 0));
		buf_printf(p->out, "  %s → %s", source ? source : "?", target ? target : "?");
	}
}

/* "30" or "2.00"; nothing when it is not there. */
static void config_value(const struct painter *p, const json_t *parameter, const char *before, const char *which, const char *after)
{
	char decimal[40];
	snprintf(decimal, sizeof decimal, "%s-decimal", which);
	const json_t *value = json_object_get(parameter, which);
	const char *text = get(parameter, decimal);
	if (json_is_integer(value))
		buf_printf(p->out, "%s%" JSON_INTEGER_FORMAT "%s", before, json_integer_value(value), after);
	else if (*text)
		buf_printf(p->out, "%s%s%s", before, text, after);
}

/* One row for each set: what is in force, and in which bounds it may be set. */
static void config_rows(const struct painter *p, const json_t *config)
{
	static const char *const sets[][2] = { { "mitigating-config", "mitigating" }, { "idle-config", "idle" } };
	for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
		const char *name, *between = "";
		json_t *parameter;
		if (!json_object_get(config, sets[i][0]))
			continue;
		buf_printf(p->out, "\n  %s: ", sets[i][1]);
		json_object_foreach(json_object_get(config, sets[i][0]), name, parameter) {
			buf_printf(p->out, "%s%s", between, name);
			config_value(p, parameter, " ", "current-value", "");
			config_value(p, parameter, " (", "min-value", " to ");
			config_value(p, parameter, "", "max-value", ")");
			between = ", ";
		}
	}
}

static void response_line(const struct painter *p, const json_t *line)
{
	const char *code = get(line, "code");
	bool many = json_array_size(json_object_get(json_object_get(line, "ietf-dots-signal-channel:mitigation-scope"), "scope")) > 1 || !strcmp(get(line, "method"), "GET");
	who(p, line);
	buf_printf(p->out, ": %s %s: ", get(line, "method"), get(line, "resource"));
	paint(p, *code == '2' ? GREEN : RED, code);
	buf_printf(p->out, " %s", get(line, "text"));
	if (*get(line, "diagnostic"))
		buf_printf(p->out, ": %s", get(line, "diagnostic"));
	if (many && !strcmp(get(line, "resource"), "mitigate")) {
		scope_rows(p, line);
		return;
	}
	if (*get(line, "status"))
		buf_printf(p->out, ", %s", status_words(get(line, "status")));
	tail(p, line);
	if (*get(line, "warning"))
		buf_printf(p->out, "\n  note: %s", get(line, "warning"));
	const json_t *config = json_object_get(line, "ietf-dots-signal-channel:signal-config");
	if (config)
		config_rows(p, config);
}

static void list(const struct painter *p, const json_t *array)
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		const char *item = json_string_value(json_array_get(array, i));
		buf_printf(p->out, "%s%s", i ? ", " : "", item ? item : "?");
	}
}

static void session_line(const struct painter *p, const json_t *line)
{
	const char *event = get(line, "event"), *why = get(line, "why");
	if (!strcmp(event, "listening") && !json_array_size(json_object_get(line, "addresses"))) {
		buf_printf(p->out, "nobody calls home here, so nothing is listened on; %" PRIu64 " base servers are dialled", number(json_object_get(line, "peers")));
		return;
	}
	if (!strcmp(event, "listening")) {
		buf_text(p->out, "listening on ");
		list(p, json_object_get(line, "addresses"));
		buf_printf(p->out, ", port %" PRIu64 " (", number(json_object_get(line, "port")));
		list(p, json_object_get(line, "transports"));
		buf_printf(p->out, "), for %" PRIu64 " peers", number(json_object_get(line, "peers")));
		return;
	}
	if (!strcmp(event, "refused")) {
		paint(p, RED, "refused");
		buf_printf(p->out, " %s over %s", get(line, "address"), get(line, "transport"));
		if (*get(line, "identity"))
			buf_printf(p->out, ", which calls itself %s", get(line, "identity"));
	} else if (!strcmp(event, "penalised")) {
		paint(p, RED, "left out");
		buf_printf(p->out, " %s", get(line, "address"));
	} else if (!strcmp(event, "up")) {
		paint(p, GREEN, "up");
		buf_text(p->out, "      ");
		who(p, line);
		buf_printf(p->out, " %s %s over %s%s", json_is_true(json_object_get(line, "dialled")) ? "was reached at" : "called home from", get(line, "address"), get(line, "transport"),
		           json_is_true(json_object_get(line, "resumed")) ? ", resumed" : "");
	} else {
		paint(p, !strcmp(event, "heard") || !strcmp(event, "reloaded") ? GREEN : RED, event);
		buf_printf(p->out, "%*s", (int)(strlen(event) < 8 ? 8 - strlen(event) : 1), "");
		who(p, line);
	}
	if (*why)
		buf_printf(p->out, ": %s", why);
}

static void error_line(const struct painter *p, const json_t *line)
{
	paint(p, RED, "error");
	if (*get(line, "ref"))
		buf_printf(p->out, " (%s)", get(line, "ref"));
	if (*get(line, "field"))
		buf_printf(p->out, ": %s", get(line, "field"));
	buf_printf(p->out, ": %s", get(line, "reason"));
	if (*get(line, "section"))
		buf_printf(p->out, " (%s)", get(line, "section"));
}

static void peer_row(const struct painter *p, const json_t *line)
{
	bool up = json_is_true(json_object_get(line, "connected"));
	if (json_is_true(json_object_get(line, "removed"))) {
		buf_printf(p->out, "%s was removed", get(line, "name"));
		return;
	}
	buf_printf(p->out, "%-20s ", get(line, "name"));
	paint(p, up ? GREEN : DIM, up ? "connected" : "away     ");
	buf_printf(p->out, "  %-3s  %-24s %4" PRIu64 " active  ", get(line, "transport"), get(line, "address"), number(json_object_get(line, "active")));
	list(p, json_object_get(line, json_object_get(line, "server") ? "server" : "domain"));
}

const char *text_standing(const json_t *request, const char **colour)
{
	const char *state = get(request, "state"), *status = get(request, "status");
	*colour = !strcmp(state, "active") ? status_colour(status) : YELLOW;
	if (!strcmp(state, "waiting"))
		return json_is_true(json_object_get(request, "connected")) ? "waits" : "waits for the router";
	if (!strcmp(state, "leaving"))
		return "being withdrawn";
	return *status ? status_words(status) : !strcmp(state, "asking") ? "asked, no answer yet" : state;
}

static void request_row(const struct painter *p, const json_t *line)
{
	const json_t *s = scope_of(line);
	char life[WHEN_TEXT_MAX];
	int64_t left = json_integer_value(json_object_get(line, "lifetime"));
	const char *target = json_string_value(json_array_get(json_object_get(s, "target-prefix"), 0));
	const char *source = json_string_value(json_array_get(json_object_get(s, "ietf-dots-call-home:source-prefix"), 0));
	const char *colour, *status = text_standing(line, &colour);
	buf_printf(p->out, "%-20s %10" PRIu64 "  %-18s → %-18s  ", get(line, "peer"), number(json_object_get(line, "mid")), source ? source : "?", target ? target : "?");
	paint(p, colour, status);
	buf_printf(p->out, "  %s", left < 0 ? "no end set" : duration_format(left, life));
	if (*get(line, "ref"))
		buf_printf(p->out, "  (%s)", get(line, "ref"));
}

void text_of_line(const json_t *line, bool colours, struct buf *out)
{
	static const struct { const char *type; void (*fn)(const struct painter *p, const json_t *line); } writers[] = {
		{ "status", status_line }, { "response", response_line }, { "session", session_line }, { "error", error_line }, { "peer", peer_row }, { "request", request_row },
	};
	const struct painter p = { out, colours };
	const char *type = get(line, "type");
	for (size_t i = 0; i < sizeof writers / sizeof *writers; i++)
		if (!strcmp(writers[i].type, type)) {
			writers[i].fn(&p, line);
			return;
		}
	if (!strcmp(type, "peers"))
		buf_printf(out, "%" PRIu64 " peers, %" PRIu64 " connected, %" PRIu64 " requests", number(json_object_get(line, "peers")),
		           number(json_object_get(line, "connected")), number(json_object_get(line, "requests")));
	if (strcmp(type, "requests"))
		return;
	uint64_t waiting = number(json_object_get(line, "waiting")), all = number(json_object_get(line, "requests"));
	if (json_object_get(line, "waiting"))
		buf_printf(out, "%" PRIu64 " of %" PRIu64 " requests wait%s", waiting, all, waiting == 1 ? "s" : "");
	else
		buf_printf(out, "%" PRIu64 " request%s", all, all == 1 ? "" : "s");
}

static void tell_unfinished(const json_t *request)
{
	const char *colour, *ref = get(request, "ref"), *left = *ref ? " (" : "", *right = *ref ? ")" : "";
	if (json_object_get(request, "more"))
		log_error("--wait: and %" PRIu64 " more", number(json_object_get(request, "more")));
	else if (json_object_get(request, "method"))
		log_error("--wait: %s %s of %s%s%s%s: no answer yet", get(request, "method"), get(request, "resource"), get(request, "peer"), left, ref, right);
	else
		log_error("--wait: mid %" PRIu64 " of %s%s%s%s: %s", number(json_object_get(request, "mid")), get(request, "peer"), left, ref, right, text_standing(request, &colour));
}

void text_tell_unfinished(const json_t *requests)
{
	for (size_t i = 0; i < json_array_size(requests); i++)
		tell_unfinished(json_array_get(requests, i));
}
