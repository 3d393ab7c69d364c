/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/service.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Best effort: a manager that is gone does not stop the service. */
static void tell(const struct service *s, const char *state)
{
	if (s->fd >= 0 && send(s->fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
}

static int manager(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	if (!path || !*path || strlen(path) >= sizeof un.sun_path)
		return -1;
	memcpy(un.sun_path, path, strlen(path));
	if (*path == '@')
		un.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&un, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* WATCHDOG_USEC is for the process that WATCHDOG_PID names, if any. */
static int64_t watchdog_period(const char *usec, const char *pid)
{
	if (!usec || (pid && strtoll(pid, NULL, 10) != getpid()))
		return 0;
	long long whole = strtoll(usec, NULL, 10);
	return whole <= 0 ? 0 : whole < 4000 ? 1 : whole / 2000;
}

static void on_alive(void *arg)
{
	struct service *s = arg;
	tell(s, "WATCHDOG=1");
	loop_timer_set(s->loop, &s->alive, s->period_ms);
}

void service_open(struct service *s, struct loop *l)
{
	*s = (struct service){ .loop = l, .fd = manager(getenv("NOTIFY_SOCKET")) };
	loop_timer_init(&s->alive, on_alive, s);
	if (s->fd >= 0)
		s->period_ms = watchdog_period(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

int service_run(struct service *s)
{
	tell(s, "READY=1");
	if (s->period_ms)
		loop_timer_set(s->loop, &s->alive, s->period_ms);
	int status = loop_run(s->loop);
	loop_timer_stop(s->loop, &s->alive);
	tell(s, "STOPPING=1");
	return status;
}

void service_close(struct service *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}
