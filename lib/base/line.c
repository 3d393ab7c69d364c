/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/line.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/when.h"

/* A pipe takes no more at once; checkers of memory look through all that is offered. */
#define WRITE_CHUNK ((size_t)1 << 20)
#define READ_CHUNK ((size_t)64 << 10)

struct line_in {
	struct loop *loop;
	struct loop_fd fd;
	const struct line_in_ops *ops;
	void *arg;
	struct buf buf;
	size_t scanned;          /* bytes of buf known to hold no LF */
	unsigned long number;
	int raw_fd;
	bool skipping, paused, ended, busy, doomed;
	int error;
	struct loop_timer again;  /* delivers what was read before a pause */
};

static void in_destroy(struct line_in *in)
{
	loop_del(in->loop, &in->fd);
	loop_timer_stop(in->loop, &in->again);
	buf_free(&in->buf);
	free(in);
}

void line_in_free(struct line_in *in)
{
	if (!in)
		return;
	if (in->busy)
		in->doomed = true;
	else
		in_destroy(in);
}

unsigned long line_in_number(const struct line_in *in)
{
	return in->number;
}

/* Delivers the lines in the buffer, then the end; false when the reader was freed on the way. */
static bool in_deliver(struct line_in *in)
{
	size_t start = 0;
	in->busy = true;
	while (!in->paused && !in->doomed) {
		uint8_t *from = in->buf.data + start + in->scanned;
		size_t left = in->buf.len - start - in->scanned;
		uint8_t *lf = left ? memchr(from, '\n', left) : NULL;
		if (!lf) {
			in->scanned += left;
			break;
		}
		size_t len = (size_t)(lf - (in->buf.data + start));
		char *text = (char *)in->buf.data + start;
		start += len + 1;
		in->scanned = 0;
		in->number++;
		if (in->skipping || len > LINE_MAX_BYTES) {
			in->skipping = false;
			in->ops->too_long(in->arg, in->number);
			continue;
		}
		*lf = '\0';
		in->ops->line(in->arg, text, len);
	}
	if (!in->doomed) {
		buf_consume(&in->buf, start);
		if (in->buf.len > LINE_MAX_BYTES && in->scanned == in->buf.len) {
			in->skipping = true;
			in->buf.len = in->scanned = 0;
		} else if (in->skipping && in->scanned == in->buf.len) {
			in->buf.len = in->scanned = 0;
		}
	}
	if (!in->doomed && !in->paused && in->ops->lull)
		in->ops->lull(in->arg);
	if (in->ended && !in->paused && !in->doomed) {
		if (in->skipping) {
			in->number++;
			in->ops->too_long(in->arg, in->number);
		} else if (in->buf.len) {
			size_t len = in->buf.len;
			in->buf.len = in->scanned = 0;
			in->number++;
			in->buf.data[len] = '\0';   /* in_ready keeps one byte of room */
			in->ops->line(in->arg, (char *)in->buf.data, len);
			if (!in->doomed && !in->paused && in->ops->lull)
				in->ops->lull(in->arg);
		}
		if (!in->doomed && !in->paused)
			in->ops->end(in->arg, in->error);
	}
	in->busy = false;
	if (in->doomed) {
		in_destroy(in);
		return false;
	}
	return true;
}

static void in_ready(void *arg, uint32_t events)
{
	struct line_in *in = arg;
	(void)events;
	if (!buf_reserve(&in->buf, READ_CHUNK + 1)) {
		in->error = ENOMEM;
		in->ended = true;
	} else {
		ssize_t n = read(in->raw_fd, in->buf.data + in->buf.len, READ_CHUNK);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			in->error = n < 0 ? errno : 0;
			in->ended = true;
		} else {
			in->buf.len += (size_t)n;
		}
	}
	if (in->ended)
		loop_del(in->loop, &in->fd);
	in_deliver(in);
}

static void in_again(void *arg)
{
	in_deliver(arg);
}

bool line_blank(const char *text, size_t len)
{
	return strspn(text, " \t\r") == len;
}

struct line_in *line_in_new(struct loop *l, int fd, const struct line_in_ops *ops, void *arg)
{
	struct line_in *in = calloc(1, sizeof *in);
	if (!in)
		return NULL;
	in->loop = l;
	in->raw_fd = fd;
	in->ops = ops;
	in->arg = arg;
	loop_timer_init(&in->again, in_again, in);
	if (loop_add(l, &in->fd, fd, EPOLLIN, in_ready, in) < 0) {
		free(in);
		return NULL;
	}
	return in;
}

void line_in_pause(struct line_in *in, bool pause)
{
	if (in->paused == pause)
		return;
	in->paused = pause;
	/* Deleted, not masked: epoll reports a hang-up even to a descriptor with no events, and the loop would spin. */
	if (pause)
		loop_del(in->loop, &in->fd);
	else if (!in->ended && loop_add(in->loop, &in->fd, in->raw_fd, EPOLLIN, in_ready, in) < 0) {
		in->ended = true;
		in->error = errno;
	}
	if (!pause)
		loop_timer_set(in->loop, &in->again, 0);
}

struct line_out {
	struct loop *loop;
	struct loop_fd fd;
	struct buf buf;
	size_t sent;            /* bytes of buf already written */
	bool blocking, restore;
	int flags, error, raw_fd;
	void (*drain)(void *arg);
	void *drain_arg;
};

static void out_ready(void *arg, uint32_t events);

struct line_out *line_out_new(struct loop *l, int fd)
{
	struct stat st;
	struct line_out *out = calloc(1, sizeof *out);
	if (!out || fstat(fd, &st) < 0) {
		free(out);
		return NULL;
	}
	out->loop = l;
	out->raw_fd = fd;
	out->blocking = !S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode);
	out->flags = fcntl(fd, F_GETFL);
	if (!out->blocking) {
		out->restore = !(out->flags & O_NONBLOCK);
		if (fcntl(fd, F_SETFL, out->flags | O_NONBLOCK) < 0 || loop_add(l, &out->fd, fd, 0, out_ready, out) < 0) {
			free(out);
			return NULL;
		}
	}
	return out;
}

void line_out_free(struct line_out *out)
{
	if (!out)
		return;
	loop_del(out->loop, &out->fd);
	if (out->restore)
		fcntl(out->raw_fd, F_SETFL, out->flags);
	buf_free(&out->buf);
	free(out);
}

static void out_fail(struct line_out *out, int error)
{
	out->error = error;
	buf_reset(&out->buf);
	out->sent = 0;
	loop_del(out->loop, &out->fd);
	if (out->drain)
		out->drain(out->drain_arg);
}

static void out_push(struct line_out *out)
{
	while (out->sent < out->buf.len) {
		size_t left = out->buf.len - out->sent;
		ssize_t n = write(out->raw_fd, out->buf.data + out->sent, left < WRITE_CHUNK ? left : WRITE_CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			out_fail(out, errno);
			return;
		}
		out->sent += (size_t)n;
	}
	if (out->sent == out->buf.len) {
		buf_reset(&out->buf);
		out->sent = 0;
	} else if (out->sent > out->buf.len / 2) {
		buf_consume(&out->buf, out->sent);   /* at least half is gone, so the move is paid for */
		out->sent = 0;
	}
	if (out->fd.added)
		loop_mod(out->loop, &out->fd, out->buf.len ? EPOLLOUT : 0);
}

static void out_ready(void *arg, uint32_t events)
{
	struct line_out *out = arg;
	if (events & (EPOLLERR | EPOLLHUP) && !(events & EPOLLOUT)) {
		out_fail(out, EPIPE);
		return;
	}
	out_push(out);
	if (!out->error && !out->buf.len && out->drain)
		out->drain(out->drain_arg);
}

bool line_out_write(struct line_out *out, const char *text, size_t len)
{
	if (out->error || line_out_pending(out) + len + 1 > LINE_OUT_MAX || !buf_reserve(&out->buf, len + 1)) {
		out->buf.failed = false;
		return false;
	}
	bool idle = out->buf.len == 0;
	buf_put(&out->buf, text, len);
	buf_u8(&out->buf, '\n');
	if (idle)
		out_push(out);
	return !out->error;
}

size_t line_out_pending(const struct line_out *out)
{
	return out->buf.len - out->sent;
}

bool line_out_broken(const struct line_out *out)
{
	return out->error != 0;
}

int line_out_error(const struct line_out *out)
{
	return out->error;
}

void line_out_on_drain(struct line_out *out, void (*cb)(void *arg), void *arg)
{
	out->drain = cb;
	out->drain_arg = arg;
}

bool line_out_flush(struct line_out *out, int timeout_ms)
{
	int64_t until = when_boot_ms() + timeout_ms;
	while (!out->error && out->buf.len) {
		int64_t left = until - when_boot_ms();
		struct pollfd p = { .fd = out->raw_fd, .events = POLLOUT };
		if (left <= 0 || (poll(&p, 1, (int)left) < 0 && errno != EINTR))
			break;
		out_push(out);
	}
	return !out->error && !out->buf.len;
}
