/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

const struct words_command words_commands[] = {
	{ "pending", "", "requests that wait for your decision" },
	{ "show", "[[PEER/]MID]", "all mitigations, or one" },
	{ "accept", "[PEER/]MID [HOST]", "let a request be enforced; HOST is the one device, when several were found" },
	{ "reject", "[PEER/]MID", "the traffic is legitimate: refuse the request, and what is like it" },
	{ "withdraw", "[PEER/]MID", "end a mitigation; the provider cannot ask for it again for a while" },
	{ "sessions", "", "the links to the providers" },
	{ "audit", "[LINES]", "who asked for what, who decided, what was dropped" },
	{ NULL, NULL, NULL },
};

static int number(const char *text, uint32_t *out)
{
	char *end;
	unsigned long v;

	if (*text < '0' || *text > '9' || strlen(text) > 10)
		return -1;
	v = strtoul(text, &end, 10);
	if (*end != '\0' || v > UINT32_MAX)
		return -1;
	*out = (uint32_t)v;
	return 0;
}

static void put_part(json_t *line, const char *name, const char *from, const char *to)
{
	char text[PEER_NAME_MAX + CUID_MAX_BYTES + 1];

	snprintf(text, sizeof(text), "%.*s", (int)(to - from), from);
	json_put_string(line, name, text);
}

/* "7", "isp/7", or "isp/CUID/7". */
static int subject(json_t *line, const char *word, struct reason *why)
{
	const char *last = strrchr(word, '/'), *mid = last != NULL ? last + 1 : word, *first = strchr(word, '/');
	uint32_t v;

	if (number(mid, &v) != 0)
		return reason_set(why, 0, "mid", "", "\"%s\": must be a number, PEER/NUMBER or PEER/CUID/NUMBER", word);
	if (last != NULL && (size_t)(last - word) > PEER_NAME_MAX + CUID_MAX_BYTES)
		return reason_set(why, 0, "peer", "", "the name is too long");
	if (first != NULL)
		put_part(line, "peer", word, first);
	if (first != last)
		put_part(line, "cuid", first + 1, last);
	json_put_int(line, "mid", v);
	return 0;
}

static int arguments(json_t *line, const char *name, char *const *words, size_t n, struct reason *why)
{
	bool decides = strcmp(name, "accept") == 0 || strcmp(name, "reject") == 0, ends = strcmp(name, "withdraw") == 0;
	uint32_t limit;

	if ((decides || ends) && n == 0)
		return reason_set(why, 0, "mid", "", "missing: which mitigation?");
	if (n > (strcmp(name, "accept") == 0 ? 2u : strcmp(name, "pending") == 0 || strcmp(name, "sessions") == 0 ? 0u : 1u))
		return reason_set(why, 0, name, "", "too many words: \"%s\"", words[n - 1]);
	json_put_string(line, "type", decides ? "decision" : name);
	if (decides)
		json_put_string(line, "decision", name);
	if (strcmp(name, "audit") == 0 && n == 1) {
		if (number(words[0], &limit) != 0)
			return reason_set(why, 0, "audit", "", "\"%s\": must be a number of lines", words[0]);
		json_put_int(line, "limit", limit);
		return 0;
	}
	if (n > 1)
		json_put_string(line, "host", words[1]);
	return n > 0 ? subject(line, words[0], why) : 0;
}

json_t *words_line(char *const *words, size_t n, struct reason *why)
{
	for (const struct words_command *c = words_commands; n > 0 && c->name != NULL; c++) {
		json_t *line;

		if (strcmp(c->name, words[0]) != 0)
			continue;
		line = json_object();
		if (line == NULL)
			abort();
		if (arguments(line, c->name, words + 1, n - 1, why) == 0)
			return line;
		json_decref(line);
		return NULL;
	}
	reason_set(why, 0, "command", "", "\"%s\": there are pending, show, accept, reject, withdraw, sessions and audit", n > 0 ? words[0] : "");
	return NULL;
}
