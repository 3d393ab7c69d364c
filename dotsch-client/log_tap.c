/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "log_tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/line.h"

struct log_tap {
	int read, real;
	struct line_in *in;
	void (*line)(void *arg, const char *text);
	void *arg;
};

static void came(void *arg, char *text, size_t len)
{
	struct log_tap *t = arg;
	(void)len;
	t->line(t->arg, text);
}

static void too_long(void *arg, unsigned long number)
{
	(void)arg;
	(void)number;
}

static void ended(void *arg, int error)
{
	(void)arg;
	(void)error;
}

static void put_back(struct log_tap *t)
{
	if (t->real >= 0) {
		dup2(t->real, STDERR_FILENO);
		close(t->real);
	}
	line_in_free(t->in);
}

/* Non-blocking at both ends: this process reads what it writes, so a full pipe drops log lines rather than stop everything. */
struct log_tap *log_tap_open(struct loop *l, void (*line)(void *arg, const char *text), void *arg)
{
	static const struct line_in_ops ops = { .line = came, .too_long = too_long, .end = ended };
	int ends[2];
	struct log_tap *t = isatty(STDERR_FILENO) ? calloc(1, sizeof *t) : NULL;
	if (!t || pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
		free(t);
		return NULL;
	}
	*t = (struct log_tap){ .read = ends[0], .real = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3), .line = line, .arg = arg };
	t->in = t->real >= 0 ? line_in_new(l, ends[0], &ops, t) : NULL;
	bool taken = t->in && dup2(ends[1], STDERR_FILENO) >= 0;
	close(ends[1]);
	if (taken)
		return t;
	put_back(t);
	close(ends[0]);
	free(t);
	return NULL;
}

void log_tap_close(struct log_tap *t)
{
	char rest[4096];
	ssize_t n;
	if (!t)
		return;
	put_back(t);
	while ((n = read(t->read, rest, sizeof rest)) > 0)
		if (write(STDERR_FILENO, rest, (size_t)n) != n)
			break;
	close(t->read);
	free(t);
}
