/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pipeline.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/line.h"
#include "base/log.h"
#include "child.h"
#include "dots/envelope.h"
#include "stages.h"

#define RESTART_FIRST_MS 1000
#define RESTART_MAX_MS 60000
#define STEADY_MS 60000              /* after this long a death counts as the first again */

/* One program of it. */
struct stage {
	struct pipeline *pipeline;
	struct loop_fd exit;
	pid_t pid;                   /* 0 = ended, and reaped */
	int pidfd;
};

struct pipeline {
	struct loop *loop;
	char *command;               /* cut into the programs' own */
	char *words[STAGES_MAX];
	const struct pipeline_ops *ops;
	void *arg;
	struct stage stages[STAGES_MAX];
	size_t n;
	pid_t group;                 /* their process group, that of the first; 0 = none has been started */
	int in, out;                 /* our ends: the last one's stdout, the first one's stdin */
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

static bool reap(struct stage *s, int options, int *status)
{
	if (waitpid(s->pid, status, options) != s->pid)
		return false;
	loop_del(s->pipeline->loop, &s->exit);
	close_fd(&s->pidfd);
	s->pid = 0;
	return true;
}

static bool any_left(const struct pipeline *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->stages[i].pid > 0)
			return true;
	return false;
}

/* Nothing of it is left after this. The group exists as long as one of them has not been reaped. */
static void disconnect(struct pipeline *p)
{
	if (p->group > 0 && any_left(p))
		kill(-p->group, SIGKILL);
	for (size_t i = 0; i < p->n; i++)
		if (p->stages[i].pid > 0)
			reap(&p->stages[i], 0, NULL);
	p->group = 0;
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

static void tell_end(const struct pipeline *p, const char *program, int status)
{
	program += strspn(program, " \t");
	if (WIFSIGNALED(status))
		log_error("the pipeline is started again in %d s: killed by signal %d: %s", p->pause_ms / 1000, WTERMSIG(status), program);
	else
		log_error("the pipeline is started again in %d s: ended with status %d: %s", p->pause_ms / 1000, WEXITSTATUS(status), program);
}

/* Without one of its programs it is no pipeline any more. Those before it find their input ended, and those behind it too: they have until the restart
   to say their last words. */
static void on_exit_cb(void *arg, uint32_t events)
{
	struct stage *s = arg;
	struct pipeline *p = s->pipeline;
	int status = 0;

	(void)events;
	if (!reap(s, WNOHANG, &status) || p->writer == NULL)
		return;
	tell_end(p, p->words[s - p->stages], status);
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

	for (size_t i = 0; i < p->n; i++)
		if (loop_add(p->loop, &p->stages[i].exit, p->stages[i].pidfd, EPOLLIN, on_exit_cb, &p->stages[i]) != 0)
			return -1;
	p->lines = line_in_new(p->loop, p->in, &in_ops, p);
	p->writer = line_out_new(p->loop, p->out);
	return p->lines != NULL && p->writer != NULL ? 0 : -1;
}

/* Each with a pipe behind it; *in is what it reads, and then what the next one does. 0, or an errno value. */
static int start_stage(struct pipeline *p, size_t i, int *in)
{
	struct stage *s = &p->stages[i];
	int behind[2], rc;

	if (pipe2(behind, O_CLOEXEC) != 0)
		return errno;
	rc = child_start(p->words[i], p->group, *in, behind[1], &s->pid, &s->pidfd);
	close(behind[1]);
	close(*in);
	*in = behind[0];
	if (rc == 0 && p->group == 0)
		p->group = s->pid;
	return rc;
}

static int start(struct pipeline *p)
{
	int before[2], rc = 0;

	p->started = loop_now(p->loop);
	if (pipe2(before, O_CLOEXEC) != 0)
		return -1;
	p->out = before[1];
	p->in = before[0];
	for (size_t i = 0; i < p->n && rc == 0; i++)
		rc = start_stage(p, i, &p->in);
	if (rc == 0 && connect_ends(p) == 0)
		return 0;
	rc = rc != 0 ? rc : errno;
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
	*p = (struct pipeline){ .loop = l, .ops = ops, .arg = arg, .in = -1, .out = -1, .pause_ms = RESTART_FIRST_MS };
	for (size_t i = 0; i < STAGES_MAX; i++)
		p->stages[i] = (struct stage){ .pipeline = p, .pidfd = -1 };
	loop_timer_init(&p->restart, on_restart, p);
	p->command = strdup(command);
	if (p->command != NULL) {
		p->n = stages_split(p->command, p->words);
		if (start(p) == 0)
			return p;
	}
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

/* The loop's clock stands still meanwhile. */
static int64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

/* Until all have ended by themselves, at most so long. */
static void wait_all(struct pipeline *p, int timeout_ms)
{
	int64_t until = clock_ms() + timeout_ms;

	for (size_t i = 0; i < p->n; i++) {
		struct pollfd gone = { .fd = p->stages[i].pidfd, .events = POLLIN };
		int64_t left = until - clock_ms();

		if (p->stages[i].pid > 0 && poll(&gone, 1, left > 0 ? (int)left : 0) == 1)
			reap(&p->stages[i], 0, NULL);
	}
}

void pipeline_free(struct pipeline *p, int timeout_ms)
{
	if (p == NULL)
		return;
	loop_timer_stop(p->loop, &p->restart);
	if (p->writer != NULL)
		line_out_flush(p->writer, timeout_ms);
	disconnect_writer(p);
	wait_all(p, timeout_ms);
	if (any_left(p)) {
		kill(-p->group, SIGTERM);
		wait_all(p, timeout_ms);
	}
	disconnect(p);
	free(p->command);
	free(p);
}
