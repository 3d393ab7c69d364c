/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pipeline.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/line.h"
#include "base/log.h"
#include "child.h"
#include "dots/envelope.h"

#define RESTART_FIRST_MS 1000
#define RESTART_MAX_MS 60000
#define STEADY_MS 60000              /* after this long a death counts as the first again */

struct pipeline {
	struct loop *loop;
	char *command;
	const struct pipeline_ops *ops;
	void *arg;
	pid_t pid;                   /* its process group too; 0 = not running */
	int pidfd, in, out;          /* our ends: its stdout, its stdin */
	struct loop_fd exit;
	struct line_in *lines;
	struct line_out *writer;
	struct loop_timer restart;
	int64_t started;
	int pause_ms;
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* The end we write to. */
static void disconnect_writer(struct pipeline *p)
{
	line_out_free(p->writer);
	p->writer = NULL;
	close_fd(&p->out);
}

static void disconnect_reader(struct pipeline *p)
{
	line_in_free(p->lines);
	p->lines = NULL;
	close_fd(&p->in);
}

static void disconnect(struct pipeline *p)
{
	loop_del(p->loop, &p->exit);
	close_fd(&p->pidfd);
	p->pid = 0;
	disconnect_writer(p);
	disconnect_reader(p);
}

static void pace_restart(struct pipeline *p)
{
	if (loop_now(p->loop) - p->started >= STEADY_MS)
		p->pause_ms = RESTART_FIRST_MS;
	loop_timer_set(p->loop, &p->restart, p->pause_ms);
	p->pause_ms = p->pause_ms * 2 > RESTART_MAX_MS ? RESTART_MAX_MS : p->pause_ms * 2;
}

/* The shell has ended: what is left of its process group goes with it. */
static void on_exit_cb(void *arg, uint32_t events)
{
	struct pipeline *p = arg;
	int status = 0;
	pid_t pid = p->pid;

	(void)events;
	if (waitpid(pid, &status, WNOHANG) != pid)
		return;
	kill(-pid, SIGTERM);
	if (WIFSIGNALED(status))
		log_error("the pipeline was killed by signal %d; it is started again in %d s", WTERMSIG(status), p->pause_ms / 1000);
	else
		log_error("the pipeline ended with status %d; it is started again in %d s", WEXITSTATUS(status), p->pause_ms / 1000);
	/* Its last words may still be on the way: the reader stays until their end, or the restart. */
	loop_del(p->loop, &p->exit);
	close_fd(&p->pidfd);
	p->pid = 0;
	disconnect_writer(p);
	pace_restart(p);
}

static void on_line(void *arg, char *text, size_t len)
{
	struct pipeline *p = arg;

	p->ops->line(p->arg, text, len);
}

static void on_too_long(void *arg, unsigned long number)
{
	struct pipeline *p = arg;

	p->ops->too_long(p->arg, number);
}

/* Nothing more will come back; it may go on reading all the same. */
static void on_end(void *arg, int error)
{
	(void)error;
	disconnect_reader(arg);
}

static int connect_ends(struct pipeline *p)
{
	static const struct line_in_ops in_ops = { .line = on_line, .too_long = on_too_long, .end = on_end };

	if (loop_add(p->loop, &p->exit, p->pidfd, EPOLLIN, on_exit_cb, p) != 0)
		return -1;
	p->lines = line_in_new(p->loop, p->in, &in_ops, p);
	p->writer = line_out_new(p->loop, p->out);
	return p->lines != NULL && p->writer != NULL ? 0 : -1;
}

static int start(struct pipeline *p)
{
	int down[2] = { -1, -1 }, up[2] = { -1, -1 }, rc;

	if (pipe2(down, O_CLOEXEC) != 0 || pipe2(up, O_CLOEXEC) != 0)
		rc = errno;
	else
		rc = child_start(p->command, down[0], up[1], &p->pid, &p->pidfd);
	close_fd(&down[0]);
	close_fd(&up[1]);
	p->out = down[1];
	p->in = up[0];
	p->started = loop_now(p->loop);
	if (rc == 0) {
		if (connect_ends(p) == 0)
			return 0;
		rc = errno;
		kill(-p->pid, SIGKILL);
		waitpid(p->pid, NULL, 0);
	}
	disconnect(p);
	errno = rc;
	return -1;
}

static void on_restart(void *arg)
{
	struct pipeline *p = arg;

	disconnect(p);
	if (start(p) != 0) {
		log_error("the pipeline cannot be started: %s", strerror(errno));
		pace_restart(p);
	}
}

struct pipeline *pipeline_new(struct loop *l, const char *command, const struct pipeline_ops *ops, void *arg)
{
	struct pipeline *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	*p = (struct pipeline){ .loop = l, .ops = ops, .arg = arg, .pidfd = -1, .in = -1, .out = -1, .pause_ms = RESTART_FIRST_MS };
	loop_timer_init(&p->restart, on_restart, p);
	p->command = strdup(command);
	if (p->command != NULL && start(p) == 0)
		return p;
	free(p->command);
	free(p);
	return NULL;
}

bool pipeline_write(struct pipeline *p, json_t *line)
{
	if (p->writer == NULL) {
		json_decref(line);
		return false;
	}
	return envelope_send(p->writer, line);
}

size_t pipeline_pending(const struct pipeline *p)
{
	return p->writer != NULL ? line_out_pending(p->writer) : 0;
}

void pipeline_free(struct pipeline *p, int timeout_ms)
{
	struct pollfd gone;

	if (p == NULL)
		return;
	loop_timer_stop(p->loop, &p->restart);
	if (p->pid > 0) {
		pid_t pid = p->pid;

		line_out_flush(p->writer, timeout_ms);
		disconnect_writer(p);
		gone = (struct pollfd){ .fd = p->pidfd, .events = POLLIN };
		if (poll(&gone, 1, timeout_ms) != 1)
			kill(-pid, SIGTERM);
		if (poll(&gone, 1, timeout_ms) != 1)
			kill(-pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	disconnect(p);
	free(p->command);
	free(p);
}
