/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/line.h"
#include "base/log.h"
#include "command.h"
#include "dots/envelope.h"
#include "server.h"

#define PAUSE_MS 500                 /* without descriptors or memory: level-triggered accepting would spin */

struct visitor {
	struct control *control;
	struct visitor *next, **link;
	int fd, out_fd;              /* two descriptors of one socket: reading and writing wait for themselves */
	struct line_in *in;
	struct line_out *out;
	struct loop_timer gone;      /* freed from the loop, not from under its own callbacks */
	char who[48];
};

struct control {
	struct server *server;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int fd;
	struct loop_fd listener;
	struct loop_timer pause;
	struct visitor *visitors;
	unsigned n;
};

static void visitor_free(struct visitor *v)
{
	*v->link = v->next;
	if (v->next != NULL)
		v->next->link = v->link;
	v->control->n--;
	loop_timer_stop(server_loop(v->control->server), &v->gone);
	line_in_free(v->in);
	line_out_free(v->out);
	if (v->out_fd >= 0)
		close(v->out_fd);
	close(v->fd);
	free(v);
}

static void on_gone(void *arg)
{
	visitor_free(arg);
}

static void leave(struct visitor *v)
{
	loop_timer_set(server_loop(v->control->server), &v->gone, 0);
}

/* One who does not read is not waited for. */
static void answer(void *arg, json_t *line)
{
	struct visitor *v = arg;

	if (!envelope_send(v->out, line))
		leave(v);
}

static void on_line(void *arg, char *text, size_t len)
{
	struct visitor *v = arg;
	struct command_reply reply = { .line = answer, .arg = v };

	command_run(v->control->server, v->who, text, len, &reply);
}

static void on_too_long(void *arg, unsigned long number)
{
	(void)number;
	leave(arg);
}

static void on_drained(void *arg)
{
	leave(arg);
}

/* The other side has said all it wanted; what is still to be told to it goes out first. */
static void on_end(void *arg, int error)
{
	struct visitor *v = arg;

	if (error != 0 || line_out_pending(v->out) == 0)
		leave(v);
	else
		line_out_on_drain(v->out, on_drained, v);
}

static void name_visitor(struct visitor *v)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(v->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0)
		snprintf(v->who, sizeof(v->who), "uid %u", (unsigned)cred.uid);
	else
		snprintf(v->who, sizeof(v->who), "unknown");
}

static void on_pause_over(void *arg)
{
	struct control *c = arg;

	loop_mod(server_loop(c->server), &c->listener, EPOLLIN);
}

static void on_visitor(void *arg, uint32_t events)
{
	static const struct line_in_ops ops = { .line = on_line, .too_long = on_too_long, .end = on_end };
	struct control *c = arg;
	int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct visitor *v;

	(void)events;
	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
		loop_mod(server_loop(c->server), &c->listener, 0);
		loop_timer_set(server_loop(c->server), &c->pause, PAUSE_MS);
	}
	if (fd < 0)
		return;
	v = c->n < CONTROL_MAX ? calloc(1, sizeof(*v)) : NULL;
	if (v == NULL) {
		close(fd);
		return;
	}
	v->control = c;
	v->fd = fd;
	v->out_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	v->next = c->visitors;
	v->link = &c->visitors;
	if (v->next != NULL)
		v->next->link = &v->next;
	c->visitors = v;
	c->n++;
	loop_timer_init(&v->gone, on_gone, v);
	name_visitor(v);
	if (v->out_fd >= 0)
		v->out = line_out_new(server_loop(c->server), v->out_fd);
	if (v->out != NULL)
		v->in = line_in_new(server_loop(c->server), v->fd, &ops, v);
	if (v->in == NULL)
		visitor_free(v);
}

static int address(const char *path, struct sockaddr_un *out, struct reason *why)
{
	memset(out, 0, sizeof(*out));
	out->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(out->sun_path))
		return reason_set(why, 0, "socket", "", "longer than %zu bytes: %s", sizeof(out->sun_path) - 1, path);
	memcpy(out->sun_path, path, strlen(path) + 1);
	return 0;
}

int control_connect(const char *path, struct reason *why)
{
	struct sockaddr_un sa;
	int fd;

	if (address(path, &sa, why) != 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
		return fd;
	reason_set(why, 0, "socket", "", "%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* A socket file of a serverd that is gone is in the way; one that answers is not ours to take. */
static int make_way(const char *path, struct reason *why)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) != 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return reason_set(why, 0, "socket", "", "%s: is there and is no socket", path);
	fd = control_connect(path, NULL);
	if (fd >= 0) {
		close(fd);
		return reason_set(why, 0, "socket", "", "%s: another serverd answers there; attach to it with -s alone", path);
	}
	unlink(path);
	return 0;
}

static int bind_socket(struct control *c, struct reason *why)
{
	struct sockaddr_un sa;
	mode_t mask;
	int rc;

	if (address(c->path, &sa, why) != 0 || make_way(c->path, why) != 0)
		return -1;
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return reason_set(why, 0, "socket", "", "%s", strerror(errno));
	mask = umask(0117);
	rc = bind(c->fd, (struct sockaddr *)&sa, sizeof(sa));
	umask(mask);
	if (rc != 0 || listen(c->fd, CONTROL_MAX) != 0)
		return reason_set(why, 0, "socket", "", "%s: %s", c->path, strerror(errno));
	return 0;
}

struct control *control_new(struct server *s, const char *path, struct reason *why)
{
	struct control *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		reason_set(why, 0, "", "", "out of memory");
		return NULL;
	}
	c->server = s;
	c->fd = -1;
	loop_timer_init(&c->pause, on_pause_over, c);
	snprintf(c->path, sizeof(c->path), "%s", path);
	if (strcmp(c->path, path) != 0)
		reason_set(why, 0, "socket", "", "the path is too long: %s", path);
	else if (bind_socket(c, why) == 0) {
		if (loop_add(server_loop(s), &c->listener, c->fd, EPOLLIN, on_visitor, c) == 0)
			return c;
		reason_set(why, 0, "socket", "", "%s", strerror(errno));
		unlink(c->path);
	}
	if (c->fd >= 0)
		close(c->fd);
	free(c);
	return NULL;
}

void control_free(struct control *c)
{
	if (c == NULL)
		return;
	while (c->visitors != NULL)
		visitor_free(c->visitors);
	loop_timer_stop(server_loop(c->server), &c->pause);
	loop_del(server_loop(c->server), &c->listener);
	close(c->fd);
	unlink(c->path);
	free(c);
}

void control_tell(struct control *c, const json_t *line)
{
	size_t len;
	char *text = c->visitors != NULL ? json_line_format(line, &len) : NULL;

	for (struct visitor *v = c->visitors; v != NULL && text != NULL; v = v->next)
		if (!line_out_write(v->out, text, len))
			leave(v);
	free(text);
}
