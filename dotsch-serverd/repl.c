/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "repl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <readline/history.h>
#include <readline/readline.h>

#include "words.h"

#define OFFERS_MAX 64                /* mitigations that completion knows, the newest */

static struct {
	repl_line_fn *fn;
	void *arg;
	char *offers[OFFERS_MAX];
	size_t next;
} repl;

static char *command_name(const char *start, int state)
{
	static size_t i;

	if (state == 0)
		i = 0;
	while (words_commands[i].name != NULL) {
		const char *name = words_commands[i++].name;

		if (strncmp(name, start, strlen(start)) == 0)
			return strdup(name);
	}
	return NULL;
}

static char *offered(const char *start, int state)
{
	static size_t i;

	if (state == 0)
		i = 0;
	while (i < OFFERS_MAX) {
		const char *word = repl.offers[i++];

		if (word != NULL && strncmp(word, start, strlen(start)) == 0)
			return strdup(word);
	}
	return NULL;
}

static char **complete(const char *start, int from, int to)
{
	(void)to;
	rl_attempted_completion_over = 1;
	return rl_completion_matches(start, from == 0 ? command_name : offered);
}

static void on_typed(char *line)
{
	if (line != NULL && *line != '\0')
		add_history(line);
	repl.fn(repl.arg, line);
	free(line);
}

void repl_begin(const char *prompt, repl_line_fn *fn, void *arg)
{
	repl.fn = fn;
	repl.arg = arg;
	rl_readline_name = "dotsch-serverd";
	rl_attempted_completion_function = complete;
	rl_basic_word_break_characters = (char *)" \t";
	rl_callback_handler_install(prompt, on_typed);
}

void repl_end(void)
{
	rl_callback_handler_remove();
	for (size_t i = 0; i < OFFERS_MAX; i++) {
		free(repl.offers[i]);
		repl.offers[i] = NULL;
	}
}

void repl_readable(void)
{
	rl_callback_read_char();
}

void repl_print(const char *text)
{
	rl_clear_visible_line();
	fputs(text, stdout);
	fflush(stdout);
	rl_on_new_line();
	rl_redisplay();
}

void repl_offer(const char *word)
{
	for (size_t i = 0; i < OFFERS_MAX; i++)
		if (repl.offers[i] != NULL && strcmp(repl.offers[i], word) == 0)
			return;
	free(repl.offers[repl.next]);
	repl.offers[repl.next] = strdup(word);
	repl.next = (repl.next + 1) % OFFERS_MAX;
}
