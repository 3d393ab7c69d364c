/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "attach.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cli.h"
#include "base/json.h"
#include "base/line.h"
#include "base/log.h"
#include "repl.h"
#include "text.h"

#define FLUSH_MS 2000

struct attached {
	struct loop *loop;
	int fd, out_fd;
	struct line_in *from_agent, *from_user;
	struct line_out *to_agent, *to_user;
	struct repl *repl;
	bool text, colours;
	int status;              /* of the agent's `done` line; -1 = not yet */
};

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof address.sun_path) {
		log_error("%s: too long for a socket's name", path);
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	log_error("%s: %s%s", path, strerror(errno), errno == ENOENT || errno == ECONNREFUSED ? "; is an agent running there (dotsch-client -c FILE -s SOCKET)?" : "");
	if (fd >= 0)
		close(fd);
	return -1;
}

static void show(struct attached *a, const json_t *line, const char *text, size_t len)
{
	struct buf human = { 0 };
	if (a->repl) {
		repl_show(a->repl, line);
	} else if (a->text) {
		text_of_line(line, a->colours, &human);
		if (human.len && !human.failed)
			line_out_write(a->to_user, (char *)human.data, human.len);
		buf_free(&human);
	} else {
		line_out_write(a->to_user, text, len);
	}
}

static void agent_said(void *arg, char *text, size_t len)
{
	struct attached *a = arg;
	struct reason why;
	json_t *line = json_line_parse(text, len, &why);
	const char *type = json_string_value(json_object_get(line, "type"));
	if (type && !strcmp(type, "done")) {
		a->status = (int)json_integer_value(json_object_get(line, "status"));
		text_tell_unfinished(json_object_get(line, "unfinished"));
	} else if (line) {
		show(a, line, text, len);
	}
	json_decref(line);
}

static void agent_too_long(void *arg, unsigned long number)
{
	(void)arg;
	log_warning("line %lu of the agent is too long and was left out", number);
}

static void agent_gone(void *arg, int error)
{
	struct attached *a = arg;
	if (error)
		log_error("the agent: %s", strerror(error));
	else if (a->status < 0)
		log_error("the agent has gone");
	loop_stop(a->loop, a->status < 0 ? EXIT_TROUBLE : a->status);
}

static void user_said(void *arg, char *text, size_t len)
{
	struct attached *a = arg;
	line_out_write(a->to_agent, text, len);
}

static void user_too_long(void *arg, unsigned long number)
{
	(void)arg;
	log_error("line %lu is longer than 8 MiB and was left out", number);
}

/* Half-closed once everything is over: the agent then answers what is open, and says `done`. */
static void no_more(struct attached *a)
{
	line_out_flush(a->to_agent, FLUSH_MS);
	shutdown(a->fd, SHUT_WR);
}

static void user_ended(void *arg, int error)
{
	struct attached *a = arg;
	if (error)
		log_error("standard input: %s", strerror(error));
	no_more(a);
}

static void repl_submits(void *arg, char *text, size_t len)
{
	user_said(arg, text, len);
}

static void repl_quits(void *arg)
{
	struct attached *a = arg;
	loop_stop(a->loop, EXIT_DONE);
}

static void on_signal(void *arg, int signal)
{
	struct attached *a = arg;
	if (signal == SIGWINCH && a->repl)
		repl_resized(a->repl);
	else if (signal == SIGINT && a->repl)
		repl_interrupt(a->repl);
	else if (signal == SIGTERM || signal == SIGINT)
		loop_stop(a->loop, signal == SIGINT ? EXIT_REFUSED : EXIT_DONE);
}

static void say_hello(struct attached *a, const struct attach_options *o)
{
	char hello[100], wait[40] = "";
	if (o->wait_s >= 0)
		snprintf(wait, sizeof wait, ",\"wait\":%" PRId64, o->wait_s);
	int len = snprintf(hello, sizeof hello, "{\"type\":\"attach\",\"own\":%s%s}", o->command ? "true" : "false", wait);
	line_out_write(a->to_agent, hello, (size_t)len);
}

static int begin(struct attached *a, const struct attach_options *o)
{
	static const struct line_in_ops agent_ops = { .line = agent_said, .too_long = agent_too_long, .end = agent_gone };
	static const struct line_in_ops user_ops = { .line = user_said, .too_long = user_too_long, .end = user_ended };
	static const struct repl_ops repl_ops = { .submit = repl_submits, .quit = repl_quits };
	static const int signals[] = { SIGTERM, SIGINT, SIGWINCH };
	a->out_fd = dup(a->fd);
	if (a->out_fd < 0 || loop_signals(a->loop, signals, sizeof signals / sizeof *signals, on_signal, a) < 0 ||
	    !(a->from_agent = line_in_new(a->loop, a->fd, &agent_ops, a)) || !(a->to_agent = line_out_new(a->loop, a->out_fd)))
		return -1;
	say_hello(a, o);
	if (!o->command && cli_terminal(STDIN_FILENO) && cli_terminal(STDOUT_FILENO)) {
		a->repl = repl_open(a->loop, a->colours, o->json, &repl_ops, a);
		return a->repl ? 0 : -1;
	}
	if (!(a->to_user = line_out_new(a->loop, STDOUT_FILENO)))
		return -1;
	if (o->command) {
		line_out_write(a->to_agent, o->command, strlen(o->command));
		no_more(a);
		return 0;
	}
	a->from_user = line_in_new(a->loop, STDIN_FILENO, &user_ops, a);
	return a->from_user ? 0 : -1;
}

int attach_run(const struct attach_options *options)
{
	struct attached a = { .fd = -1, .out_fd = -1, .status = -1, .text = cli_terminal(STDOUT_FILENO) && !options->json, .colours = cli_colours(STDOUT_FILENO) };
	int status = EXIT_TROUBLE;
	if (!(a.loop = loop_new()))
		return EXIT_TROUBLE;
	if ((a.fd = connect_to(options->path)) >= 0) {
		if (begin(&a, options) == 0)
			status = loop_run(a.loop);
		else
			log_error("cannot begin: %s", strerror(errno));
	}
	repl_close(a.repl);
	line_in_free(a.from_user);
	line_in_free(a.from_agent);
	line_out_free(a.to_agent);
	if (a.to_user)
		line_out_flush(a.to_user, FLUSH_MS);
	line_out_free(a.to_user);
	if (a.out_fd >= 0)
		close(a.out_fd);
	if (a.fd >= 0)
		close(a.fd);
	loop_free(a.loop);
	return status;
}
