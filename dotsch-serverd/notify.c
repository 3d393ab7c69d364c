/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "child.h"

struct run { struct notify *notify; struct loop_fd exit; pid_t pid; int pidfd; };

struct notify {
	struct loop *loop;
	char *command;
	struct run runs[NOTIFY_MAX];
};

struct notify *notify_new(struct loop *l, const char *command)
{
	struct notify *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return NULL;
	n->loop = l;
	n->command = strdup(command);
	if (n->command != NULL)
		return n;
	free(n);
	return NULL;
}

static void finish(struct run *r)
{
	loop_del(r->notify->loop, &r->exit);
	close(r->pidfd);
	r->pid = 0;
}

void notify_free(struct notify *n)
{
	if (n == NULL)
		return;
	for (size_t i = 0; i < NOTIFY_MAX; i++)
		if (n->runs[i].pid > 0)
			finish(&n->runs[i]);
	free(n->command);
	free(n);
}

static void on_exit_cb(void *arg, uint32_t events)
{
	struct run *r = arg;
	int status = 0;

	(void)events;
	if (waitpid(r->pid, &status, WNOHANG) != r->pid)
		return;
	if (status != 0)
		log_warning("--notify: the command failed");
	finish(r);
}

/* The whole line is in the pipe before the command starts: one that fits takes no waiting. */
static int fill(int fd, const char *text, size_t len)
{
	ssize_t n;

	fcntl(fd, F_SETPIPE_SZ, 1 << 20);
	n = write(fd, text, len);
	if (n == (ssize_t)len && write(fd, "\n", 1) == 1)
		return 0;
	return n < 0 ? errno : EMSGSIZE;
}

static void start(struct run *r, const char *text, size_t len)
{
	int fds[2], rc;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) {
		log_error("--notify: %s", strerror(errno));
		return;
	}
	rc = fill(fds[1], text, len);
	close(fds[1]);
	if (rc == 0) {
		fcntl(fds[0], F_SETFL, 0);
		rc = child_start(r->notify->command, 0, fds[0], -1, &r->pid, &r->pidfd);
	}
	close(fds[0]);
	if (rc != 0)
		log_error("--notify: %s", strerror(rc));
	else if (loop_add(r->notify->loop, &r->exit, r->pidfd, EPOLLIN, on_exit_cb, r) != 0)
		finish(r);
}

void notify_tell(struct notify *n, const json_t *line)
{
	size_t len;
	char *text = json_line_format(line, &len);

	for (size_t i = 0; i < NOTIFY_MAX && text != NULL; i++)
		if (n->runs[i].pid == 0) {
			n->runs[i].notify = n;
			start(&n->runs[i], text, len);
			free(text);
			return;
		}
	log_warning("--notify: %d commands still run; an event is not told", NOTIFY_MAX);
	free(text);
}
