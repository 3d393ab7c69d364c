/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pipe.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cli.h"
#include "base/limits.h"
#include "base/line.h"
#include "base/log.h"
#include "command.h"
#include "dots/envelope.h"
#include "text.h"

#define FLUSH_MS 2000
#define PENDING_PAUSE (LINE_OUT_MAX / 4)     /* nobody reads the answers: no further commands until they are out */

struct pipe_console {
	struct console base;     /* first: a console is cast back */
	struct loop *loop;
	struct line_in *in;
	struct line_out *out;
	struct pipe_options options;
	bool lost_told;
};

static void write_line(struct console *c, const json_t *line, const char *text, size_t len)
{
	struct pipe_console *s = (struct pipe_console *)c;
	struct buf human = { 0 };
	bool ok;
	if (s->options.text) {
		text_of_line(line, s->options.colours, &human);
		ok = human.failed || !human.len || line_out_write(s->out, (char *)human.data, human.len);
		buf_free(&human);
	} else {
		ok = line_out_write(s->out, text, len);
	}
	if (!ok && !line_out_broken(s->out) && !s->lost_told) {
		s->lost_told = true;
		log_error("nobody reads standard output: lines are lost");
	}
	if (s->in && line_out_pending(s->out) > PENDING_PAUSE)
		line_in_pause(s->in, true);
}

static void drained(void *arg)
{
	struct pipe_console *s = arg;
	if (line_out_broken(s->out) && !s->options.service) {
		log_error("standard output: %s", strerror(line_out_error(s->out)));
		loop_stop(s->loop, EXIT_TROUBLE);
	}
	s->lost_told = false;
	if (s->in)
		line_in_pause(s->in, false);
}

static void finished(struct console *c, int status)
{
	text_tell_unfinished(c->unfinished);
	loop_stop(((struct pipe_console *)c)->loop, status);
}

static void line_came(void *arg, char *text, size_t len)
{
	struct pipe_console *s = arg;
	command_line(s->base.agent, &s->base, text, len);
}

static void line_too_long(void *arg, unsigned long number)
{
	struct pipe_console *s = arg;
	struct reason why;
	reason_set(&why, REASON_BAD_REQUEST, "", "dotsch-lines(5)", "line %lu is longer than 8 MiB", number);
	console_error(&s->base, envelope_error(&why, NULL));
}

static void input_ended(void *arg, int error)
{
	struct pipe_console *s = arg;
	if (error)
		log_error("standard input: %s", strerror(error));
	line_in_free(s->in);
	s->in = NULL;
	if (!s->options.service)
		console_end(&s->base);
}

static const struct line_in_ops in_ops = { .line = line_came, .too_long = line_too_long, .end = input_ended };

struct pipe_console *pipe_open(struct agent *a, const struct pipe_options *options)
{
	struct pipe_console *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	*s = (struct pipe_console){ .loop = a->loop, .options = *options };
	s->base = (struct console){ .write = write_line, .finished = finished, .wait_s = options->wait_s, .own_only = options->command != NULL };
	if (!(s->out = line_out_new(a->loop, STDOUT_FILENO))) {
		free(s);
		return NULL;
	}
	line_out_on_drain(s->out, drained, s);
	console_add(a, &s->base);
	return s;
}

void pipe_start(struct pipe_console *s)
{
	if (s->options.command) {
		command_line(s->base.agent, &s->base, s->options.command, strlen(s->options.command));
		console_end(&s->base);
		return;
	}
	s->in = line_in_new(s->loop, STDIN_FILENO, &in_ops, s);
	if (!s->in) {
		log_error("standard input cannot be read");
		console_end(&s->base);
	}
}

void pipe_close(struct pipe_console *s)
{
	if (!s)
		return;
	console_remove(&s->base);
	line_in_free(s->in);
	line_out_flush(s->out, FLUSH_MS);
	line_out_free(s->out);
	free(s);
}
