/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "follow.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define SETTLE_MS 20         /* a writer makes several events */

/* Of a file that is a link, what the link leads to now is watched as well; it has the same path. */
struct watched { int wd; char *name, *path; bool target; };

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


/* The folder is let go with the last name in it. */
static void forget(struct follow *f, size_t i)
{
	int wd = f->v[i].wd;
	bool used = false;
	free(f->v[i].name);
	free(f->v[i].path);
	f->v[i] = f->v[--f->n];
	for (size_t k = 0; k < f->n; k++)
		used |= f->v[k].wd == wd;
	if (!used)
		inotify_rm_watch(f->fd.fd, wd);
}

/* Watches the folder of `at` for its name. 0, or -1 with errno. */
static int watch(struct follow *f, const char *path, const char *at, bool target)
{
	char *folder = strdup(at), *file = strdup(at), *kept = strdup(path);
	struct watched *v = realloc(f->v, (f->n + 1) * sizeof *v);
	int wd = -1;
	if (v)
		f->v = v;
	if (folder && file && kept && v)
		wd = inotify_add_watch(f->fd.fd, dirname(folder), IN_CLOSE_WRITE | IN_MOVED_TO);
	char *name = wd >= 0 ? strdup(basename(file)) : NULL;
	int error = errno;
	if (name)
		f->v[f->n++] = (struct watched){ wd, name, kept, target };
	else
		free(kept);
	free(folder);
	free(file);
	errno = error;
	return name ? 0 : -1;
}

static void follow_target(struct follow *f, const char *path)
{
	struct stat st;
	char *at = lstat(path, &st) == 0 && S_ISLNK(st.st_mode) ? realpath(path, NULL) : NULL;
	/* A link to nowhere becomes one to a file by being replaced. */
	if (at)
		watch(f, path, at, true);
	free(at);
}

static void follow_targets(struct follow *f)
{
	for (size_t i = f->n; i-- > 0;)
		if (f->v[i].target)
			forget(f, i);
	for (size_t i = 0, n = f->n; i < n; i++)
		follow_target(f, f->v[i].path);
}

static void on_settled(void *arg)
{
	struct follow *f = arg;
	/* Before the files are read: what is written meanwhile is not missed. */
	follow_targets(f);
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
	while (f->n)
		forget(f, f->n - 1);
	close(f->fd.fd);
	free(f->v);
	free(f);
}

int follow_add(struct follow *f, const char *path)
{
	if (watch(f, path, path, false) < 0)
		return -1;
	follow_target(f, path);
	return 0;
}
