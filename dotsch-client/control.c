/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control.h"

#include <errno.h>
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

#define USERS_MAX 256
#define PAUSE_MS 500             /* without descriptors or memory: level-triggered accepting would spin */
#define PENDING_PAUSE ((size_t)4 << 20)

struct user {
	struct console base;     /* first: a console is cast back */
	struct control *control;
	struct user *next;
	struct line_in *in;
	struct line_out *out;
	struct loop_timer gone;  /* frees it from the loop, never inside a call */
	int fd, out_fd;          /* one for each way: an epoll takes a descriptor once */
	bool closing;
};

struct control {
	struct agent *agent;
	struct loop_fd fd;
	struct loop_timer pause;
	struct user *users;
	unsigned n_users;
	char *path;
};

static void user_free(struct user *u)
{
	struct control *c = u->control;
	for (struct user **p = &c->users; *p; p = &(*p)->next)
		if (*p == u) {
			*p = u->next;
			break;
		}
	c->n_users--;
	console_remove(&u->base);
	loop_timer_stop(c->agent->loop, &u->gone);
	line_in_free(u->in);
	line_out_free(u->out);
	close(u->fd);
	if (u->out_fd >= 0)
		close(u->out_fd);
	free(u);
}

static void user_gone(void *arg)
{
	user_free(arg);
}

static void hang_up(struct user *u)
{
	u->closing = true;
	loop_timer_set(u->control->agent->loop, &u->gone, 0);
}

static void user_write(struct console *c, const json_t *line, const char *text, size_t len)
{
	struct user *u = (struct user *)c;
	(void)line;
	if (u->closing)
		return;
	if (!line_out_write(u->out, text, len)) {
		if (!line_out_broken(u->out))
			log_warning("control socket: a user does not read; hanging up");
		hang_up(u);
	} else if (u->in && line_out_pending(u->out) > PENDING_PAUSE) {
		line_in_pause(u->in, true);
	}
}

static void user_drained(void *arg)
{
	struct user *u = arg;
	if (line_out_broken(u->out) || u->base.over)
		hang_up(u);
	else if (u->in)
		line_in_pause(u->in, false);
}

/* The last line tells the exit code; the connection ends once it has been written. */
static void user_finished(struct console *c, int status)
{
	struct user *u = (struct user *)c;
	json_t *done = envelope_new("done");
	json_put_int(done, "status", status);
	if (c->unfinished)
		json_put(done, "unfinished", json_incref(c->unfinished));
	if (!envelope_send(u->out, done) || !line_out_pending(u->out))
		hang_up(u);
}

/* {"type":"attach","own":true,"wait":60}: how this user wants it. Anything else is a command. */
static bool attach_line(struct user *u, const char *text, size_t len)
{
	struct reason why;
	bool own = false;
	int64_t wait_s = -1;
	if (strncmp(text, "{\"type\":\"attach\"", 16))
		return false;
	json_t *o = json_line_parse(text, len, &why);
	if (!o || json_get_bool(o, "own", &own, &why) < 0 || json_get_i64(o, "wait", 0, UINT32_MAX, &wait_s, &why) < 0)
		console_error(&u->base, envelope_error(&why, NULL));
	u->base.own_only = own;
	u->base.wait_s = wait_s;
	json_decref(o);
	return true;
}

static void user_line(void *arg, char *text, size_t len)
{
	struct user *u = arg;
	if (!u->closing && !attach_line(u, text, len))
		command_line(u->control->agent, &u->base, text, len);
}

static void user_too_long(void *arg, unsigned long number)
{
	struct user *u = arg;
	struct reason why;
	reason_set(&why, REASON_BAD_REQUEST, "", "dotsch-lines(5)", "line %lu is longer than 8 MiB", number);
	console_error(&u->base, envelope_error(&why, NULL));
}

static void user_end(void *arg, int error)
{
	struct user *u = arg;
	line_in_free(u->in);
	u->in = NULL;
	if (error)
		hang_up(u);
	else
		console_end(&u->base);
}

static void accept_again(void *arg)
{
	struct control *c = arg;
	loop_mod(c->agent->loop, &c->fd, EPOLLIN);
}

static void accept_user(void *arg, uint32_t events)
{
	static const struct line_in_ops ops = { .line = user_line, .too_long = user_too_long, .end = user_end };
	struct control *c = arg;
	(void)events;
	int fd = accept4(c->fd.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
		loop_mod(c->agent->loop, &c->fd, 0);
		loop_timer_set(c->agent->loop, &c->pause, PAUSE_MS);
	}
	if (fd < 0)
		return;
	struct user *u = c->n_users < USERS_MAX ? calloc(1, sizeof *u) : NULL;
	if (!u) {
		log_warning("control socket: one more user is turned away; at most %d are served at once", USERS_MAX);
		close(fd);
		return;
	}
	*u = (struct user){ .control = c, .next = c->users, .fd = fd, .out_fd = -1, .base = { .write = user_write, .finished = user_finished, .wait_s = -1 } };
	c->users = u;
	c->n_users++;
	loop_timer_init(&u->gone, user_gone, u);
	u->in = line_in_new(c->agent->loop, fd, &ops, u);
	u->out_fd = u->in ? dup(fd) : -1;
	u->out = u->out_fd >= 0 ? line_out_new(c->agent->loop, u->out_fd) : NULL;
	console_add(c->agent, &u->base);
	if (!u->out) {
		user_free(u);
		return;
	}
	line_out_on_drain(u->out, user_drained, u);
}

/* A file that is left over from a killed agent answers no connection. */
static int take_over(const struct sockaddr_un *address, struct reason *why)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int served = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) == 0;
	int error = errno;
	if (fd >= 0)
		close(fd);
	if (served)
		return reason_set(why, REASON_BAD_REQUEST, "socket", "", "an agent serves %s already: use -s %s without -c to attach to it", address->sun_path, address->sun_path);
	if (error == ECONNREFUSED)
		unlink(address->sun_path);
	return 0;
}

static int bind_it(struct control *c, const char *path, struct reason *why)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof address.sun_path)
		return reason_set(why, REASON_BAD_REQUEST, "socket", "", "too long for a socket's name, at most %zu bytes: %s", sizeof address.sun_path - 1, path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (take_over(&address, why) < 0)
		return -1;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask = umask(0117);
	int bound = fd >= 0 ? bind(fd, (struct sockaddr *)&address, sizeof address) : -1;
	umask(mask);
	if (bound < 0 || listen(fd, 64) < 0 || loop_add(c->agent->loop, &c->fd, fd, EPOLLIN, accept_user, c) < 0) {
		reason_set(why, REASON_BAD_REQUEST, "socket", "", "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	c->path = strdup(path);
	return 0;
}

struct control *control_open(struct agent *a, const char *path, struct reason *why)
{
	struct control *c = calloc(1, sizeof *c);
	if (!c)
		abort();
	c->agent = a;
	loop_timer_init(&c->pause, accept_again, c);
	if (bind_it(c, path, why) == 0)
		return c;
	free(c);
	return NULL;
}

void control_close(struct control *c)
{
	if (!c)
		return;
	while (c->users) {
		line_out_flush(c->users->out, 200);
		user_free(c->users);
	}
	int fd = c->fd.fd;
	loop_timer_stop(c->agent->loop, &c->pause);
	loop_del(c->agent->loop, &c->fd);
	close(fd);
	if (c->path)
		unlink(c->path);
	free(c->path);
	free(c);
}
