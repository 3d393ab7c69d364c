/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "follow.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define SETTLE_MS 20         /* a writer makes several events */

struct watched { int wd; char *name; };

struct follow {
	struct loop *loop;
	struct loop_fd fd;
	struct loop_timer settle;
	void (*cb)(void *arg);
	void *arg;
	struct watched *v;
	size_t n;
};

static bool is_watched(const struct follow *f, const struct inotify_event *e)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].wd == e->wd && e->len && !strcmp(f->v[i].name, e->name))
			return true;
	return e->mask & IN_Q_OVERFLOW;
}

static void on_events(void *arg, uint32_t events)
{
	struct follow *f = arg;
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	(void)events;
	ssize_t n = read(f->fd.fd, buf, sizeof buf);
	for (char *p = buf; n > 0 && p < buf + n;) {
		const struct inotify_event *e = (const struct inotify_event *)p;
		if (is_watched(f, e))
			loop_timer_set(f->loop, &f->settle, SETTLE_MS);
		p += sizeof *e + e->len;
	}
}

static void on_settled(void *arg)
{
	struct follow *f = arg;
	f->cb(f->arg);
}

struct follow *follow_new(struct loop *l, void (*cb)(void *arg), void *arg)
{
	struct follow *f = calloc(1, sizeof *f);
	if (!f)
		return NULL;
	f->loop = l;
	f->cb = cb;
	f->arg = arg;
	loop_timer_init(&f->settle, on_settled, f);
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (fd < 0 || loop_add(l, &f->fd, fd, EPOLLIN, on_events, f) < 0) {
		if (fd >= 0)
			close(fd);
		free(f);
		return NULL;
	}
	return f;
}

void follow_free(struct follow *f)
{
	if (!f)
		return;
	loop_del(f->loop, &f->fd);
	loop_timer_stop(f->loop, &f->settle);
	close(f->fd.fd);
	for (size_t i = 0; i < f->n; i++)
		free(f->v[i].name);
	free(f->v);
	free(f);
}

int follow_add(struct follow *f, const char *path)
{
	char *folder = strdup(path), *file = strdup(path);
	struct watched *v = realloc(f->v, (f->n + 1) * sizeof *v);
	int wd = -1;
	if (v)
		f->v = v;
	if (folder && file && v)
		wd = inotify_add_watch(f->fd.fd, dirname(folder), IN_CLOSE_WRITE | IN_MOVED_TO);
	char *name = wd >= 0 ? strdup(basename(file)) : NULL;
	int error = errno;
	if (name)
		f->v[f->n++] = (struct watched){ wd, name };
	free(folder);
	free(file);
	errno = error;
	return name ? 0 : -1;
}
