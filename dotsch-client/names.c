/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void names_add(struct names *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->v[i], name))
			return;
	char *copy = strdup(name);
	if (!copy)
		return;
	if (s->n < NAMES_MAX) {
		s->v[s->n++] = copy;
		return;
	}
	free(s->v[s->next]);
	s->v[s->next] = copy;
	s->next = (s->next + 1) % NAMES_MAX;
}

void names_clear(struct names *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->v[i]);
	*s = (struct names){ 0 };
}

void names_learn(const json_t *line, struct names *peers, struct names *mids)
{
	const char *type = json_string_value(json_object_get(line, "type")), *peer = json_string_value(json_object_get(line, "peer"));
	const char *name = json_string_value(json_object_get(line, "name")), *ref = json_string_value(json_object_get(line, "ref"));
	const json_t *mid = json_object_get(line, "mid");
	char text[24];
	if (!type)
		return;
	if (peer)
		names_add(peers, peer);
	if (name && !strcmp(type, "peer"))
		names_add(peers, name);
	if (!mid)
		return;
	snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, json_integer_value(mid));
	names_add(mids, text);
	if (ref)
		names_add(mids, ref);
}
