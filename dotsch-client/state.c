/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/when.h"

#define MID_BLOCK 1024                       /* reserved at a time: one write to the disk for so many requests */
#define MID_RESTART 3221225471u              /* RFC 9132, 4.4.1: three quarters of 2^32 - 1 */

struct state {
	char *path;                          /* NULL = nothing is kept */
	uint32_t next, reserved;             /* mids below `reserved` may be given out */
	char cuid[CUID_MAX_BYTES + 1];
};

/* Temporary file, fsync, rename, fsync of the folder: the file is the old one or the new one at any moment. */
static int write_durably(const char *path, const char *text, size_t len)
{
	char *temp = NULL;
	if (asprintf(&temp, "%s.new", path) < 0)
		return -1;
	int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int result = fd >= 0 && write(fd, text, len) == (ssize_t)len && fsync(fd) == 0 ? 0 : -1;
	if (fd >= 0 && close(fd) < 0)
		result = -1;
	if (result == 0)
		result = rename(temp, path);
	free(temp);
	if (result < 0)
		return -1;
	const char *slash = strrchr(path, '/');
	char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
	int dir = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	result = dir >= 0 ? fsync(dir) : -1;
	if (dir >= 0)
		close(dir);
	free(folder);
	return result;
}

static int save(const struct state *s, uint32_t reserved, const char *cuid, struct reason *why)
{
	if (!s->path)
		return 0;
	json_t *o = json_object();
	json_put_int(o, "mid", reserved);
	json_put_string(o, "cuid", *cuid ? cuid : NULL);
	size_t len;
	char *text = json_line_format(o, &len);
	json_decref(o);
	int result = text ? write_durably(s->path, text, len) : -1;
	free(text);
	return result < 0 ? reason_set(why, REASON_BAD_REQUEST, "state", "", "%s: %s", s->path, strerror(errno)) : 0;
}

static int load(struct state *s, struct reason *why)
{
	char text[1024];
	FILE *f = fopen(s->path, "re");
	if (!f && errno == ENOENT)
		return 0;
	if (!f)
		return reason_set(why, REASON_BAD_REQUEST, "state", "", "%s: %s", s->path, strerror(errno));
	size_t len = fread(text, 1, sizeof text, f);
	fclose(f);
	struct reason inner = { 0 };
	uint64_t mid = 0;
	const char *cuid = NULL;
	json_t *o = json_line_parse(text, len, &inner);
	if (!o || json_get_u64(o, "mid", UINT32_MAX, &mid, &inner) != 1 || json_get_string(o, "cuid", CUID_MAX_BYTES, &cuid, &inner) < 0) {
		json_decref(o);
		return reason_set(why, REASON_BAD_REQUEST, "state", "", "%s is not a state file of dotsch-client: %s", s->path, inner.text);
	}
	s->next = s->reserved = (uint32_t)mid;
	snprintf(s->cuid, sizeof s->cuid, "%s", cuid ? cuid : "");
	json_decref(o);
	return 0;
}

static int reserve(struct state *s, struct reason *why)
{
	if (s->next == UINT32_MAX)
		return reason_set(why, REASON_BAD_REQUEST, "mid", "RFC 9132, 4.4.1", "all numbers are used up; they start again when no mitigation is active");
	uint32_t upto = s->next > UINT32_MAX - MID_BLOCK ? UINT32_MAX : s->next + MID_BLOCK;
	if (save(s, upto, s->cuid, why) < 0)
		return -1;
	s->reserved = upto;
	return 0;
}

struct state *state_open(const char *path, struct reason *why)
{
	struct state *s = calloc(1, sizeof *s);
	if (!s)
		abort();
	s->next = s->reserved = (uint32_t)(when_wall_ms() / 1000);
	if (!path)
		return s;
	s->next = s->reserved = 1;   /* 0 is legal, but to some it looks like none */
	s->path = strdup(path);
	/* The first block is taken now: no request waits for the disk. */
	if (!s->path || load(s, why) < 0 || reserve(s, why) < 0) {
		state_close(s);
		return NULL;
	}
	return s;
}

void state_close(struct state *s)
{
	if (!s)
		return;
	if (s->next != s->reserved)
		save(s, s->next, s->cuid, NULL);   /* gives the rest of the block back; without it the numbers are only skipped */
	free(s->path);
	free(s);
}

int state_next_mid(struct state *s, uint32_t *mid, struct reason *why)
{
	if (s->next == s->reserved && reserve(s, why) < 0)
		return -1;
	*mid = s->next++;
	return 0;
}

void state_idle(struct state *s)
{
	if (s->next < MID_RESTART || save(s, MID_BLOCK, s->cuid, NULL) < 0)
		return;
	s->next = 0;
	s->reserved = MID_BLOCK;
}

const char *state_cuid(const struct state *s)
{
	return s->cuid;
}

int state_set_cuid(struct state *s, const char *cuid, struct reason *why)
{
	if (save(s, s->reserved, cuid, why) < 0)
		return -1;
	snprintf(s->cuid, sizeof s->cuid, "%s", cuid);
	return 0;
}
