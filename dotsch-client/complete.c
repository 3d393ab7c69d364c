/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "complete.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"

int complete_split(char *text, char **words)
{
	int n = 0;
	char *to = text;
	for (char *p = text; *p && n < COMPLETE_WORDS_MAX;) {
		while (*p == ' ' || *p == '\t')
			p++;
		if (!*p)
			break;
		words[n++] = to;
		char quote = 0;
		for (; *p && (quote || (*p != ' ' && *p != '\t')); p++) {
			if (quote ? *p == quote : *p == '"' || *p == '\'')
				quote = quote ? 0 : *p;
			else
				*to++ = *p;
		}
		if (*p)
			p++;
		*to++ = '\0';
	}
	return n;
}

/* "--to" and "to" are the same option. */
static const char *plain(const char *word)
{
	return strncmp(word, "--", 2) ? word : word + 2;
}

void complete_begin(struct completion *c, const char *line, size_t start)
{
	char *copy = strndup(line, start), *words[COMPLETE_WORDS_MAX], what;
	const char *option;
	int n = copy ? complete_split(copy, words) : 0;
	*c = (struct completion){ .set = 'o' };
	snprintf(c->command, sizeof c->command, "%s", n ? words[0] : "");
	if (!n || (n == 1 && !strcmp(words[0], "help")))
		c->set = 'c';
	else if (n == 1 && words_operand(words[0]))
		c->set = words_operand(words[0]);
	for (size_t i = 0; n > 1 && (option = words_option(words[0], i, &what)); i++)
		if (!strcmp(option, plain(words[n - 1])) && what != 's')
			c->set = what == 'v' ? 0 : what;
	free(copy);
}

static const char *candidate(const struct completion *c, size_t i, const struct names *peers, const struct names *mids)
{
	static const char *const more[] = { "help", "quit" };
	static const char *const actions[2][3] = { { "get", "set", "delete" }, { "add", "set", "remove" } };
	char what;
	size_t n = 0;
	switch (c->set) {
	case 'c':
		while (words_command(n))
			n++;
		return i < n ? words_command(i) : i - n < 2 ? more[i - n] : NULL;
	case 'o': return words_option(c->command, i, &what);
	case 'a': return i < 3 ? actions[!strcmp(c->command, "peer")][i] : NULL;
	case 'p': return i < peers->n ? peers->v[i] : NULL;
	case 'm': return i < mids->n ? mids->v[i] : NULL;
	default: return NULL;
	}
}

char *complete_next(struct completion *c, const char *text, const struct names *peers, const struct names *mids)
{
	const char *name, *bare = c->set == 'o' ? plain(text) : text;
	while ((name = candidate(c, c->next, peers, mids))) {
		char *out = NULL;
		c->next++;
		if (!strncmp(name, bare, strlen(bare)))
			return asprintf(&out, "%s%s", bare == text ? "" : "--", name) < 0 ? NULL : out;
	}
	return NULL;
}
