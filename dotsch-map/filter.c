/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "filter.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/limits.h"
#include "base/line.h"
#include "base/log.h"
#include "base/service.h"
#include "follow.h"
#include "stage.h"

/* While more than this waits for the reader, no further line is read. */
#define HIGH_WATER ((size_t)1 << 20)

struct filter {
	struct loop *loop;
	struct service service;
	struct line_in *in;
	struct line_out *out;
	struct stage stage;
	struct follow *follow;
	bool ended, held;            /* held: reading is paused until the output has drained */
	int status;
};

static void stop(struct filter *f, int status)
{
	f->status = status;
	loop_stop(f->loop, status);
}

static void gone(struct filter *f)
{
	log_error("standard output: %s", strerror(line_out_error(f->out)));
	stop(f, EXIT_TROUBLE);
}

/* Nothing accepted is dropped: when even the bound of the buffer is reached by what one line became, the reader is waited for. */
static void put(struct filter *f, const char *text, size_t len)
{
	while (!line_out_write(f->out, text, len) && !line_out_broken(f->out) && line_out_pending(f->out))
		line_out_flush(f->out, 1000);
	if (!line_out_broken(f->out) && line_out_pending(f->out) > HIGH_WATER && !f->held) {
		f->held = true;
		line_in_pause(f->in, true);
	}
}

static void emit(void *arg, json_t *line)
{
	size_t len;
	char *text = json_line_format(line, &len);
	json_decref(line);
	if (text)
		put(arg, text, len);
	else
		log_error("out of memory: a line could not be written");
	free(text);
}

static void on_line(void *arg, char *text, size_t len)
{
	struct filter *f = arg;
	struct envelope e;
	struct reason why;
	if (line_blank(text, len))
		return;
	if (envelope_parse(text, len, &e, &why) < 0) {
		emit(f, envelope_error(&why, &e));
	} else {
		if (e.type == LINE_WITHDRAW && f->stage.ops->withdraw)
			f->stage.ops->withdraw(f->stage.arg, &e);
		if (e.type != LINE_MITIGATE || !f->stage.ops->mitigate(f->stage.arg, &e, emit, f))
			put(f, text, len);
	}
	envelope_free(&e);
}

static void on_too_long(void *arg, unsigned long number)
{
	struct reason why;
	reason_set(&why, REASON_BAD_REQUEST, "", "", "line %lu is longer than %zu bytes", number, LINE_MAX_BYTES);
	emit(arg, envelope_error(&why, NULL));
}

static void on_end(void *arg, int error)
{
	struct filter *f = arg;
	f->ended = true;
	if (error)
		log_error("standard input: %s", strerror(error));
	f->status = error ? EXIT_TROUBLE : EXIT_DONE;
	if (!line_out_pending(f->out))
		stop(f, f->status);
}

static void on_drain(void *arg)
{
	struct filter *f = arg;
	if (line_out_broken(f->out)) {
		gone(f);
	} else if (f->ended) {
		stop(f, f->status);
	} else if (f->held) {
		f->held = false;
		line_in_pause(f->in, false);
	}
}

static void on_signal(void *arg, int signal)
{
	struct filter *f = arg;
	if (signal == SIGHUP)
		f->stage.ops->reload(f->stage.arg, true);
	else
		stop(f, EXIT_DONE);
}

static void on_change(void *arg)
{
	struct filter *f = arg;
	f->stage.ops->reload(f->stage.arg, false);
}

/* Files are watched before they are read: what is replaced meanwhile is not missed. */
static bool watch(struct filter *f, const struct options *o)
{
	f->loop = loop_new();
	if (!f->loop || !o->follow)
		return f->loop;
	f->follow = follow_new(f->loop, on_change, f);
	for (size_t i = 0; f->follow && options_file(o, i); i++)
		if (follow_add(f->follow, options_file(o, i)) < 0)
			return false;
	return f->follow;
}

/* After the tables have been read: until then a signal ends the program at once. */
static bool set_up(struct filter *f)
{
	static const struct line_in_ops ops = { .line = on_line, .too_long = on_too_long, .end = on_end };
	static const int signals[] = { SIGHUP, SIGTERM, SIGINT };
	f->out = line_out_new(f->loop, STDOUT_FILENO);
	f->in = f->out ? line_in_new(f->loop, STDIN_FILENO, &ops, f) : NULL;
	if (!f->in || loop_signals(f->loop, signals, sizeof signals / sizeof *signals, on_signal, f) < 0)
		return false;
	line_out_on_drain(f->out, on_drain, f);
	return true;
}

static int run(struct filter *f, const struct options *o)
{
	if (!watch(f, o))
		return log_error("cannot start: %m"), EXIT_TROUBLE;
	if ((o->conntrack ? stage_conntrack(o, &f->stage) : stage_tables(o, &f->stage)) < 0)
		return EXIT_TROUBLE;
	if (!set_up(f))
		return log_error("cannot start: %m"), EXIT_TROUBLE;
	service_open(&f->service, f->loop);
	service_run(&f->service);
	service_close(&f->service);
	if (!line_out_broken(f->out))
		line_out_flush(f->out, 5000);
	return f->status;
}

int filter_run(const struct options *o)
{
	struct filter f = { .status = EXIT_DONE };
	int status = run(&f, o);
	follow_free(f.follow);
	line_in_free(f.in);
	line_out_free(f.out);
	loop_free(f.loop);
	if (f.stage.ops)
		f.stage.ops->close(f.stage.arg);
	return status;
}
