/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "stages.h"

#include <stdbool.h>
#include <string.h>

/* Past the quoted text or the escaped character that begins at s; NULL when it does not end. */
static char *skip_quoted(char *s)
{
	char quote = *s++;

	if (quote == '\\')
		return *s != '\0' ? s + 1 : NULL;
	while (*s != quote) {
		if (*s == '\0' || (quote == '"' && (*s == '`' || (*s == '$' && s[1] == '('))))
			return NULL;
		if (quote == '"' && *s == '\\' && s[1] != '\0')
			s++;
		s++;
	}
	return s + 1;
}

/* The next bar, the end, or NULL: something that only the shell understands. */
static char *next_bar(char *s)
{
	char before = ' ';

	while (s != NULL && *s != '\0' && *s != '|') {
		char c = *s;

		if (strchr("'\"\\", c) != NULL) {
			s = skip_quoted(s);
		} else if (c == '&' ? before != '>' && before != '<' : strchr(";(){}`\n#!", c) != NULL || (c == '<' && s[1] == '<')) {
			return NULL;
		} else {
			s++;
		}
		before = c;
	}
	return s != NULL && *s == '|' && before == '>' ? NULL : s;       /* ">|" is no bar */
}

static bool empty(const char *s)
{
	return s[strspn(s, " \t")] == '\0';
}

size_t stages_split(char *command, char *stages[STAGES_MAX])
{
	char *bars[STAGES_MAX], *s = command;
	size_t n = 0;

	stages[0] = command;
	while ((s = next_bar(s)) != NULL && *s == '|' && n < STAGES_MAX - 1) {
		/* "||" and "|&" are others. */
		if (s[1] == '|' || s[1] == '&')
			return 1;
		bars[n++] = s++;
	}
	if (s == NULL || *s != '\0')
		return 1;
	for (size_t i = 0; i < n; i++) {
		*bars[i] = '\0';
		stages[i + 1] = bars[i] + 1;
	}
	/* A syntax error is the shell's to tell. */
	for (size_t i = 0; i <= n; i++)
		if (empty(stages[i])) {
			for (size_t j = 0; j < n; j++)
				*bars[j] = '|';
			return 1;
		}
	return n + 1;
}
