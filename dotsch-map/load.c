/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/log.h"
#include "base/when.h"
#include "builder.h"
#include "nat_json.h"

#define CHUNK ((size_t)256 << 10)

struct progress { int64_t next; uint64_t done, size; const char *path; bool shown; };

static void show_progress(struct progress *p, size_t mappings)
{
	int64_t now = when_boot_ms();
	if (now < p->next)
		return;
	p->next = now + 200;
	p->shown = true;
	if (p->size)
		fprintf(stderr, "\r%s: %u%%, %zu mappings ", p->path, (unsigned)(p->done * 100 / p->size), mappings);
	else
		fprintf(stderr, "\r%s: %zu mappings ", p->path, mappings);
}

/* A file's age is what tells when it was made, unless somebody says better; a pipe is read as it is made. */
static int64_t capture_time(const struct load_source *s, const struct stat *st, enum captured_how *how)
{
	if (s->has_captured) {
		*how = CAPTURED_GIVEN;
		return s->captured;
	}
	if (!S_ISREG(st->st_mode)) {
		*how = CAPTURED_READ;
		return when_wall_ms();
	}
	*how = CAPTURED_MTIME;
	return (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
}

static int read_all(int fd, struct nat_json *json, struct nat_builder *b, struct progress *p, struct reason *why)
{
	char *chunk = malloc(CHUNK);
	int status = chunk ? 0 : reason_set(why, REASON_BAD_REQUEST, "", "", "out of memory");
	bool terminal = cli_terminal(STDERR_FILENO);
	p->next = when_boot_ms() + 500;
	while (status == 0) {
		ssize_t n = read(fd, chunk, CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			status = reason_set(why, REASON_BAD_REQUEST, "", "", "%s", strerror(errno));
		else if (n == 0)
			break;
		else
			status = nat_json_feed(json, chunk, (size_t)n, why);
		p->done += n > 0 ? (size_t)n : 0;
		if (terminal)
			show_progress(p, b->n_rows);
	}
	if (p->shown)
		fprintf(stderr, "\r\033[K");
	free(chunk);
	return status < 0 ? status : nat_json_end(json, why);
}

static int load_fd(int fd, const struct load_source *s, struct nat_builder *b, struct reason *why)
{
	struct stat st;
	enum captured_how how;
	if (fstat(fd, &st) < 0)
		return reason_set(why, REASON_BAD_REQUEST, "", "", "%s", strerror(errno));
	size_t before = b->n_rows;
	int64_t captured = capture_time(s, &st, &how);
	uint32_t source = builder_source(b, s->path, captured, how);
	b->failed = b->failed || !b->n_sources;
	struct nat_json *json = b->failed ? NULL : nat_json_new(b, source);
	if (!json)
		return reason_set(why, REASON_BAD_REQUEST, "", "", "out of memory");
	struct progress p = { .size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0, .path = s->path };
	int status = read_all(fd, json, b, &p, why);
	nat_json_free(json);
	if (status == 0 && how == CAPTURED_MTIME && b->n_rows > before && !builder_is_event(b, before))
		log_warning("%s: no --captured given, so its modification time counts as the time of the capture", s->path);
	if (status == 0)
		log_info("%s: %zu mappings", s->path, b->n_rows - before);
	return status;
}

static int open_source(const struct load_source *s, bool again, struct reason *why)
{
	struct stat st;
	if (again && stat(s->path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return reason_set(why, REASON_BAD_REQUEST, "", "", "not a regular file, so it cannot be read again; write the table to a file and rename it into place");
	int fd = open(s->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		reason_set(why, REASON_BAD_REQUEST, "", "", "%s", strerror(errno));
	return fd;
}

static int load_one(const struct load_source *s, bool again, struct nat_builder *b, struct reason *why)
{
	bool in = !strcmp(s->path, "-");
	struct reason what = { 0 };
	int fd = in ? STDIN_FILENO : open_source(s, again, &what);
	int status = fd < 0 ? -1 : load_fd(fd, s, b, &what);
	if (fd >= 0 && !in)
		close(fd);
	if (status < 0)
		reason_set(why, what.code, what.field, what.section, "%s: %s", in ? "standard input" : s->path, what.text);
	return status;
}

struct table *load_tables(const struct load_source *sources, size_t n, bool again, struct reason *why)
{
	struct nat_builder b;
	builder_init(&b);
	for (size_t i = 0; i < n; i++)
		if (load_one(&sources[i], again, &b, why) < 0) {
			builder_free(&b);
			return NULL;
		}
	return builder_finish(&b, why);
}
