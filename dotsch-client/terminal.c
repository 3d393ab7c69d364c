/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "terminal.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/cli.h"
#include "command.h"
#include "repl.h"

struct terminal {
	struct console base;     /* first: a console is cast back */
	struct repl *repl;
};

static void write_line(struct console *c, const json_t *line, const char *text, size_t len)
{
	(void)text;
	(void)len;
	struct terminal *t = (struct terminal *)c;
	if (t->repl)
		repl_show(t->repl, line);
}

static void finished(struct console *c, int status)
{
	(void)c;
	(void)status;
}

static void submit(void *arg, char *text, size_t len)
{
	struct terminal *t = arg;
	command_line(t->base.agent, &t->base, text, len);
}

static void quit(void *arg)
{
	struct terminal *t = arg;
	loop_stop(t->base.agent->loop, EXIT_DONE);
}

struct terminal *terminal_open(struct agent *a, bool json)
{
	static const struct repl_ops ops = { .submit = submit, .quit = quit };
	struct terminal *t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	t->base = (struct console){ .write = write_line, .finished = finished, .wait_s = -1 };
	console_add(a, &t->base);
	t->repl = repl_open(a->loop, cli_colours(STDOUT_FILENO), json, &ops, t);
	if (t->repl)
		return t;
	terminal_close(t);
	return NULL;
}

struct repl *terminal_repl(struct terminal *t)
{
	return t->repl;
}

void terminal_close(struct terminal *t)
{
	if (!t)
		return;
	struct repl *r = t->repl;
	t->repl = NULL;
	repl_close(r);
	console_remove(&t->base);
	free(t);
}
