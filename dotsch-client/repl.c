/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "repl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <readline/history.h>
#include <readline/readline.h>

#include "base/buf.h"
#include "complete.h"
#include "help.h"
#include "log_tap.h"
#include "names.h"
#include "text.h"
#include "watch.h"
#include "words.h"

#define PROMPT "dotsch> "
#define HISTORY_LINES 1000
#define HELD_MAX 500                 /* lines kept while the table has the screen */
#define WATCH_MS 1000
#define OWN_REF "repl#names"         /* answers to what the prompt itself asks; never shown */

struct repl {
	struct loop *loop;
	struct loop_fd fd;
	struct loop_timer refresh;
	const struct repl_ops *ops;
	void *arg;
	bool colours, json, prompting, done;
	struct names peers, mids;
	char *history;
	/* The live table. */
	bool watching;
	struct watch table;
	struct termios cooked;
	char *held[HELD_MAX];
	size_t n_held;
	struct log_tap *log;                 /* or the log would tear the typed line; NULL = it goes elsewhere */
};

/* readline has no argument for its callbacks, and one terminal. */
static struct repl *the_repl;

static void out_text(const char *text)
{
	fputs(text, stdout);
	fflush(stdout);
}

void repl_say(struct repl *r, const char *text)
{
	if (r->watching) {
		if (r->n_held < HELD_MAX && (r->held[r->n_held] = strdup(text)))
			r->n_held++;
		return;
	}
	/* The typed line is taken away, the text written, and the line put back with its cursor. */
	if (r->prompting)
		rl_clear_visible_line();
	fputs(text, stdout);
	fputc('\n', stdout);
	fflush(stdout);
	if (r->prompting) {
		rl_on_new_line();
		rl_redisplay();
	}
}

/* --- The live table --- */

static void submit_text(struct repl *r, const char *text)
{
	char *copy = strdup(text);
	if (copy)
		r->ops->submit(r->arg, copy, strlen(copy));
	free(copy);
}

static void watch_ask(void *arg)
{
	struct repl *r = arg;
	submit_text(r, "{\"type\":\"watch\",\"ref\":\"" OWN_REF "\"}");
	loop_timer_set(r->loop, &r->refresh, WATCH_MS);
}

static void watch_begin(struct repl *r)
{
	struct termios raw;
	tcgetattr(STDIN_FILENO, &r->cooked);
	raw = r->cooked;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	r->watching = true;
	out_text("\033[?1049h\033[?25l\033[?7l\033[H\033[2J");   /* a row that is too long is cut, not wrapped */
	watch_ask(r);
}

static void watch_end(struct repl *r)
{
	if (!r->watching)
		return;
	r->watching = false;
	loop_timer_stop(r->loop, &r->refresh);
	watch_clear(&r->table);
	out_text("\033[?7h\033[?25h\033[?1049l");
	tcsetattr(STDIN_FILENO, TCSANOW, &r->cooked);
	for (size_t i = 0; i < r->n_held; i++) {
		fputs(r->held[i], stdout);
		fputc('\n', stdout);
		free(r->held[i]);
	}
	r->n_held = 0;
	fflush(stdout);
}

static void watch_screen(struct repl *r)
{
	struct winsize size = { .ws_row = 24, .ws_col = 120 };
	struct buf out = { 0 };
	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	buf_text(&out, "\033[H");
	watch_paint(&r->table, size.ws_row, size.ws_col, r->colours, &out);
	buf_text(&out, "\033[J\r\nany key: back to the prompt");
	if (!out.failed)
		fwrite(out.data, 1, out.len, stdout);
	fflush(stdout);
	buf_free(&out);
	watch_clear(&r->table);
}

/* --- Lines of the agent --- */

void repl_show(struct repl *r, const json_t *line)
{
	const char *ref = json_string_value(json_object_get(line, "ref")), *type = json_string_value(json_object_get(line, "type"));
	bool request = type && !strcmp(type, "request");
	names_learn(line, &r->peers, &r->mids);
	if (r->watching && request) {
		watch_add(&r->table, line);
		return;
	}
	if (ref && !strcmp(ref, OWN_REF)) {
		if (r->watching && type && !strcmp(type, "requests"))
			watch_screen(r);
		return;
	}
	struct buf out = { 0 };
	char *json = r->json ? json_line_format(line, NULL) : NULL;
	if (json)
		buf_text(&out, json);
	else
		text_of_line(line, r->colours, &out);
	free(json);
	bool some = out.len > 0;
	buf_u8(&out, '\0');
	if (some && !out.failed)
		repl_say(r, (char *)out.data);
	buf_free(&out);
}

/* --- Commands --- */

static void help(struct repl *r, const char *command)
{
	struct buf out = { 0 };
	help_text(command, &out);
	if (!out.failed)
		repl_say(r, (char *)out.data);
	buf_free(&out);
}

static void run_words(struct repl *r, char *line)
{
	char *words[COMPLETE_WORDS_MAX];
	int n = complete_split(line, words);
	struct words out;
	struct reason why = { 0 };
	if (!n)
		return;
	if (!strcmp(words[0], "quit") || !strcmp(words[0], "exit")) {
		r->done = true;
	} else if (!strcmp(words[0], "help") || !strcmp(words[0], "?")) {
		help(r, n > 1 ? words[1] : NULL);
	} else if (!strcmp(words[0], "watch")) {
		watch_begin(r);
	} else if (words_parse(n, words, &out, &why) < 0) {
		repl_say(r, words_why(&why));
	} else {
		char *text = json_line_format(out.line, NULL);
		json_decref(out.line);
		if (text)
			r->ops->submit(r->arg, text, strlen(text));
		free(text);
	}
}

static void remember(struct repl *r, const char *line)
{
	HIST_ENTRY *last = history_length ? history_get(history_base + history_length - 1) : NULL;
	/* Keys do not go into a file. */
	if (strstr(line, "psk-key") || (last && !strcmp(last->line, line)))
		return;
	add_history(line);
	if (r->history)
		append_history(1, r->history);
}

static void line_typed(char *line)
{
	struct repl *r = the_repl;
	r->prompting = false;
	rl_callback_handler_remove();
	if (!line) {
		out_text("\n");
		r->done = true;
	} else if (line[strspn(line, " \t")]) {
		char *start = line + strspn(line, " \t");
		remember(r, line);
		if (*start == '{')
			r->ops->submit(r->arg, start, strlen(start));
		else
			run_words(r, start);
	}
	free(line);
}

static void prompt_again(struct repl *r)
{
	if (r->done || r->watching || r->prompting)
		return;
	r->prompting = true;
	rl_callback_handler_install(PROMPT, line_typed);
}

/* --- Completion and help while typing --- */

static struct completion completion;

static char *generate(const char *text, int state)
{
	if (!state)
		completion.next = 0;
	return complete_next(&completion, text, &the_repl->peers, &the_repl->mids);
}

static char **completions(const char *text, int start, int end)
{
	(void)end;
	rl_attempted_completion_over = 1;    /* never file names */
	complete_begin(&completion, rl_line_buffer, (size_t)start);
	return rl_completion_matches(text, generate);
}

static int explain(int count, int key)
{
	struct completion c;
	(void)count;
	(void)key;
	complete_begin(&c, rl_line_buffer, (size_t)rl_end);
	help(the_repl, c.command);
	return 0;
}

/* --- The terminal --- */

static void readable(void *arg, uint32_t events)
{
	struct repl *r = arg;
	(void)events;
	if (r->watching) {
		char keys[64];
		if (read(STDIN_FILENO, keys, sizeof keys) <= 0)
			r->done = true;
		watch_end(r);
	} else {
		rl_callback_read_char();
	}
	prompt_again(r);
	if (r->done) {
		loop_del(r->loop, &r->fd);
		r->ops->quit(r->arg);
	}
}

static void log_line(void *arg, const char *text)
{
	repl_say(arg, text);
}

void repl_resized(struct repl *r)
{
	if (r->prompting)
		rl_resize_terminal();
}

void repl_interrupt(struct repl *r)
{
	if (r->watching) {
		watch_end(r);
		prompt_again(r);
	} else if (r->prompting) {
		out_text("^C\n");
		rl_replace_line("", 1);
		rl_on_new_line();
		rl_redisplay();
	}
}

static char *history_file(void)
{
	const char *home = getenv("HOME");
	char *path = NULL;
	return home && *home == '/' && asprintf(&path, "%s/.dotsch_client_history", home) >= 0 ? path : NULL;
}

struct repl *repl_open(struct loop *l, bool colours, bool json, const struct repl_ops *ops, void *arg)
{
	struct repl *r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	*r = (struct repl){ .loop = l, .ops = ops, .arg = arg, .colours = colours, .json = json, .history = history_file() };
	the_repl = r;
	loop_timer_init(&r->refresh, watch_ask, r);
	rl_readline_name = "dotsch";
	rl_catch_signals = 0;                /* they come through the loop */
	rl_catch_sigwinch = 0;
	rl_attempted_completion_function = completions;
	rl_completer_word_break_characters = (char *)(uintptr_t)" \t";
	rl_initialize();
	rl_bind_key('?', explain);
	using_history();
	stifle_history(HISTORY_LINES);
	if (r->history && access(r->history, F_OK) < 0) {
		FILE *f = fopen(r->history, "ae");
		if (f)
			fclose(f);
	}
	if (r->history)
		read_history(r->history);
	if (loop_add(l, &r->fd, STDIN_FILENO, EPOLLIN, readable, r) < 0) {
		repl_close(r);
		return NULL;
	}
	r->log = log_tap_open(l, log_line, r);
	prompt_again(r);
	submit_text(r, "{\"type\":\"peers\",\"ref\":\"" OWN_REF "\",\"connected\":true,\"limit\":1000}");
	return r;
}

void repl_close(struct repl *r)
{
	if (!r)
		return;
	watch_end(r);
	loop_del(r->loop, &r->fd);
	loop_timer_stop(r->loop, &r->refresh);
	if (r->prompting) {
		rl_clear_visible_line();
		rl_callback_handler_remove();
		fflush(stdout);
	}
	log_tap_close(r->log);
	if (r->history)
		history_truncate_file(r->history, HISTORY_LINES);
	clear_history();
	names_clear(&r->peers);
	names_clear(&r->mids);
	free(r->history);
	the_repl = NULL;
	free(r);
}
