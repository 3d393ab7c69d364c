/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "attach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/line.h"
#include "base/log.h"
#include "control.h"
#include "repl.h"
#include "show.h"
#include "words.h"

#define WORDS_MAX 8
#define REF "cli"                    /* our own command's answers among what else is told */

struct attach {
	struct loop *loop;
	int fd, out_fd;
	struct line_in *in;          /* from serverd */
	struct line_out *out;        /* to serverd */
	struct line_in *lines;       /* stdin, when it is a pipe of lines */
	struct loop_fd typed;
	bool command, repl, text;
	unsigned asked, answered;
	bool ended;                  /* stdin is over */
	int status;
};

static bool ask(struct attach *a, json_t *line)
{
	size_t len;
	char *text;
	bool taken;

	json_put_string(line, "ref", REF);
	text = json_line_format(line, &len);
	json_decref(line);
	taken = text != NULL && line_out_write(a->out, text, len);
	free(text);
	a->asked += taken;
	return taken;
}

static void print(struct attach *a, const char *text)
{
	if (a->repl)
		repl_print(text);
	else
		fputs(text, stdout);
}

/* For completion: what can be named. */
static void offer(const json_t *line)
{
	const char *type = json_string_value(json_object_get(line, "type")), *peer = json_string_value(json_object_get(line, "peer"));
	char word[300];

	if (type == NULL || peer == NULL || strcmp(type, "mitigation") != 0)
		return;
	snprintf(word, sizeof(word), "%s/%lld", peer, (long long)json_integer_value(json_object_get(line, "mid")));
	repl_offer(word);
}

/* An answer is over with `done` or `error`. */
static void count_answer(struct attach *a, const json_t *line)
{
	const char *type = json_string_value(json_object_get(line, "type"));

	if (type == NULL || (strcmp(type, "done") != 0 && strcmp(type, "error") != 0))
		return;
	a->answered++;
	if (strcmp(type, "error") == 0)
		a->status = EXIT_REFUSED;
	if (a->answered >= a->asked && !a->repl && (a->command || a->ended))
		loop_stop(a->loop, a->status);
}

static void on_told(void *arg, char *text, size_t len)
{
	struct attach *a = arg;
	struct buf out = { 0 };
	json_t *line = json_line_parse(text, len, NULL);
	const char *ref = json_string_value(json_object_get(line, "ref"));
	bool ours = ref != NULL && strcmp(ref, REF) == 0;

	if (line == NULL)
		return;
	if (a->text)
		show_line(line, &out);
	else
		buf_printf(&out, "%s\n", text);
	buf_u8(&out, 0);
	/* A single command prints its own answer alone; the rest of the world goes on elsewhere. */
	if ((ours || !a->command) && out.len > 1 && !out.failed)
		print(a, (const char *)out.data);
	if (a->repl)
		offer(line);
	if (!a->command || ours)
		count_answer(a, line);
	buf_free(&out);
	json_decref(line);
}

static void on_gone(void *arg, int error)
{
	struct attach *a = arg;

	(void)error;
	if (a->repl)
		repl_print("serverd is gone\n");
	else
		log_error("serverd is gone");
	loop_stop(a->loop, EXIT_TROUBLE);
}

static void on_long(void *arg, unsigned long number)
{
	(void)arg;
	log_error("line %lu is too long", number);
}

static const struct line_in_ops told_ops = { .line = on_told, .too_long = on_long, .end = on_gone };

static void help(struct attach *a)
{
	char text[200];

	for (const struct words_command *c = words_commands; c->name != NULL; c++) {
		snprintf(text, sizeof(text), "  %-9s %-18s %s\n", c->name, c->arguments, c->help);
		print(a, text);
	}
	print(a, "  help, quit\n");
}

static void on_typed(void *arg, char *text)
{
	struct attach *a = arg;
	char *words[WORDS_MAX];
	size_t n = 0;
	struct reason why;
	char said[500];
	json_t *line;

	if (text == NULL) {
		loop_stop(a->loop, EXIT_DONE);
		return;
	}
	for (char *w = strtok(text, " \t"); w != NULL && n < WORDS_MAX; w = strtok(NULL, " \t"))
		words[n++] = w;
	if (n == 0)
		return;
	if (strcmp(words[0], "quit") == 0 || strcmp(words[0], "exit") == 0) {
		loop_stop(a->loop, EXIT_DONE);
	} else if (strcmp(words[0], "help") == 0) {
		help(a);
	} else if ((line = words_line(words, n, &why)) != NULL) {
		ask(a, line);
	} else {
		snprintf(said, sizeof(said), "%s: %s\n", why.field, why.text);
		print(a, said);
	}
}

static void on_key(void *arg, uint32_t events)
{
	(void)arg;
	(void)events;
	repl_readable();
}

/* Lines of a pipe pass as they are: a program knows what it says. */
static void on_piped(void *arg, char *text, size_t len)
{
	struct attach *a = arg;

	if (len > 0 && line_out_write(a->out, text, len))
		a->asked++;
}

static void on_pipe_end(void *arg, int error)
{
	struct attach *a = arg;

	(void)error;
	a->ended = true;
	if (a->answered >= a->asked)
		loop_stop(a->loop, a->status);
}

static int start_input(struct attach *a, char *const *words, size_t n)
{
	static const struct line_in_ops pipe_ops = { .line = on_piped, .too_long = on_long, .end = on_pipe_end };
	struct reason why;
	json_t *line;

	if (a->command) {
		line = words_line(words, n, &why);
		if (line == NULL) {
			cli_usage_error("%s: %s", why.field, why.text);
			return EXIT_USAGE;
		}
		return ask(a, line) ? EXIT_DONE : EXIT_TROUBLE;
	}
	if (a->repl) {
		repl_begin("serverd> ", on_typed, a);
		return loop_add(a->loop, &a->typed, STDIN_FILENO, EPOLLIN, on_key, a) == 0 ? EXIT_DONE : EXIT_TROUBLE;
	}
	a->lines = line_in_new(a->loop, STDIN_FILENO, &pipe_ops, a);
	return a->lines != NULL ? EXIT_DONE : EXIT_TROUBLE;
}

static void detach(struct attach *a)
{
	if (a->repl)
		repl_end();
	loop_del(a->loop, &a->typed);
	line_in_free(a->lines);
	line_in_free(a->in);
	line_out_free(a->out);
	if (a->out_fd >= 0)
		close(a->out_fd);
	close(a->fd);
	loop_free(a->loop);
}

int attach_run(const char *socket, char *const *words, size_t n, bool lines)
{
	struct attach a = { .command = n > 0, .out_fd = -1, .status = EXIT_DONE };
	struct reason why;
	int status = EXIT_TROUBLE;

	a.fd = control_connect(socket, &why);
	if (a.fd < 0) {
		log_error("%s", why.text);
		return EXIT_TROUBLE;
	}
	a.text = !lines && cli_terminal(STDOUT_FILENO);
	a.repl = n == 0 && a.text && cli_terminal(STDIN_FILENO);
	a.loop = loop_new();
	a.out_fd = fcntl(a.fd, F_DUPFD_CLOEXEC, 3);
	if (a.loop != NULL && a.out_fd >= 0) {
		a.out = line_out_new(a.loop, a.out_fd);
		a.in = line_in_new(a.loop, a.fd, &told_ops, &a);
	}
	if (a.in != NULL && a.out != NULL) {
		status = start_input(&a, words, n);
		if (status == EXIT_DONE)
			status = loop_run(a.loop);
	} else {
		log_error("%s", strerror(errno));
	}
	detach(&a);
	return status;
}
